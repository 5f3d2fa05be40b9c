"""The network, loss and optimizer of `embedding_step.py` in eager PyTorch, in a process of its own.

    python benchmarks/embedding_torch.py FOLDER THREADS

FOLDER holds what `embedding_step.py` wrote: options, weights and the batches of an epoch. For each
line on standard input it trains an epoch, and prints its CPU seconds so far and the mean loss.
It needs PyTorch and NumPy alone.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional


def main() -> None:
    """Trains an epoch a line."""
    folder = Path(sys.argv[1])
    torch.set_num_threads(int(sys.argv[2]))
    options = json.loads((folder / "options.json").read_text())
    batches = [tensors(path) for path in sorted(folder.glob("batch-*.npz"))]
    network = Network(folder)
    optimizer = adam(network, options)
    print("ready", flush=True)
    for _ in sys.stdin:
        losses = [step(network, optimizer, batch, options) for batch in batches]
        loss = float(torch.stack(losses).mean())
        print(json.dumps({"cpu": time.process_time(), "loss": loss}), flush=True)


def tensors(path: Path) -> dict[str, torch.Tensor]:
    """Reads the arrays of a file."""
    with np.load(path) as arrays:
        return {name: torch.from_numpy(array) for name, array in arrays.items()}


class Network(nn.Module):
    """Both branches and the classifier, with given weights."""

    def __init__(self, folder: Path):
        super().__init__()
        self.audio, self.visual, self.classifier = (
            dense_layers(folder / f"{name}.npz") for name in ("audio", "visual", "classifier")
        )

    def forward(self, audio: torch.Tensor, visual: torch.Tensor) -> list[torch.Tensor]:
        """Returns both embeddings, of norm 1."""
        return [functional.normalize(self.audio(audio)), functional.normalize(self.visual(visual))]


def dense_layers(path: Path) -> nn.Sequential:
    """Returns dense layers with ReLU between them, from kernels and biases in order."""
    weights = list(tensors(path).values())
    layers: list[nn.Module] = []
    for kernel, bias in zip(weights[::2], weights[1::2], strict=True):
        layer = nn.Linear(*kernel.shape)
        with torch.no_grad():
            layer.weight.copy_(kernel.T)
            layer.bias.copy_(bias)
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def adam(network: nn.Module, options: dict) -> torch.optim.Optimizer:
    """Returns Adam, in its fastest form; only kernels decay."""
    kernels = [each for each in network.parameters() if each.ndim == 2]
    biases = [each for each in network.parameters() if each.ndim == 1]
    groups = [{"params": kernels, "weight_decay": options["l2"]}, {"params": biases}]
    return torch.optim.Adam(groups, lr=options["learning_rate"], eps=1e-7, fused=True)


def step(
    network: Network,
    optimizer: torch.optim.Optimizer,
    batch: dict[str, torch.Tensor],
    options: dict,
) -> torch.Tensor:
    """Trains on one batch; returns the loss."""
    embeddings = network(batch["audio"], batch["visual"])
    cosine = (embeddings[0] * embeddings[1]).sum(dim=-1)
    hinge = functional.relu(cosine - options["margin"])
    loss = torch.where(batch["is_negative"], hinge, 1 - cosine).mean()
    if options["class_weight"]:
        for name, embedding in zip(("audio", "visual"), embeddings, strict=True):
            logits, labels = network.classifier(embedding), batch[f"{name}_labels"].float()
            entropy = functional.binary_cross_entropy_with_logits(logits, labels, reduction="sum")
            loss = loss + options["class_weight"] * entropy / len(labels)
    optimizer.zero_grad()
    loss.backward()
    for each in network.parameters():
        nn.utils.clip_grad_norm_(each, options["clip_norm"])
    optimizer.step()
    return loss.detach()


if __name__ == "__main__":
    main()
