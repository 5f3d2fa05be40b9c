"""The training step of `parsing_step.py` in eager PyTorch, as published, in a process of its own.

    python benchmarks/parsing_torch.py FOLDER THREADS

FOLDER holds what `parsing_step.py` wrote: options, weights and batches. A line on standard input is
a case and a number of steps: "published" trains on 80 frames a video, whose FC comes before their
mean, "pooled" on means by 8, "check" as "published", with the options of that name. For each line
it prints its CPU seconds so far and the losses of the steps. It needs PyTorch and NumPy alone.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from parsing_torch_networks import HAN, Adversarial, mean_frames
from torch import Tensor
from torch.nn.functional import binary_cross_entropy

EPSILON = 1e-7  # the published clamp


def main() -> None:
    """Trains as many steps as each line says."""
    folder = Path(sys.argv[1])
    torch.set_num_threads(int(sys.argv[2]))
    options = json.loads((folder / "options.json").read_text())
    weights = tensors(folder / "weights.npz")
    batches = [tensors(path) for path in sorted(folder.glob("batch-*.npz"))]
    pooled = [batch | {"visual": mean_frames(batch["visual"])} for batch in batches]
    cases = {
        "published": training(weights, options, batches),
        "pooled": training(weights, options, pooled),
        "check": training(weights, options | options["check"], batches),
    }
    print("ready", flush=True)
    for line in sys.stdin:
        case, steps = line.split()
        losses = [cases[case]() for _ in range(int(steps))]
        print(json.dumps({"cpu": time.process_time(), "losses": losses}), flush=True)


def tensors(path: Path) -> dict[str, Tensor]:
    """Reads the arrays of a file."""
    with np.load(path) as arrays:
        return {name: torch.from_numpy(array) for name, array in arrays.items()}


def training(weights: dict, options: dict, batches: list) -> Callable[[], float]:
    """Returns a function that trains a fresh network on the next batch, and returns the loss."""
    network = (HAN if options["variant"] == "han" else Adversarial)(weights, options["dropout"])
    optimizer = torch.optim.Adam(network.parameters(), lr=options["learning_rate"])
    numbered = enumerate(itertools.cycle(batches))

    def step() -> float:
        number, batch = next(numbered)
        answers = network(batch["audio"], batch["visual"], batch["visual_3d"])
        loss = weak_loss(answers, batch["labels"], options)
        if isinstance(network, Adversarial):
            progress = (number + options["first_step"]) / options["total_steps"]
            strength = 2 / (1 + np.exp(-10 * progress)) - 1
            loss = loss + options["adversarial_weight"] * network.adversary(strength)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def weak_loss(answers: list[Tensor], labels: Tensor, options: dict) -> Tensor:
    """Returns the loss of the video, and those of audio and visual, whose labels are smoothed."""
    video, audio, visual = (answer.clamp(EPSILON, 1 - EPSILON) for answer in answers)
    audio_labels, visual_labels = (
        keep * labels + (1 - keep) / 2 for keep in (options["audio_keep"], options["visual_keep"])
    )
    guided = binary_cross_entropy(audio, audio_labels)
    guided = guided + binary_cross_entropy(visual, visual_labels)
    return binary_cross_entropy(video, labels) + options["guided_weight"] * guided


if __name__ == "__main__":
    main()
