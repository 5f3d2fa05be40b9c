"""The training step of MS-VAE in eager PyTorch, in a process of its own; see `ms_vae_step.py`.

    python benchmarks/ms_vae_torch.py FOLDER THREADS

FOLDER holds what `ms_vae_step.py` wrote: options, weights and batches. Each line on standard input
is a case and a number of steps; the answer is the CPU seconds so far and the steps' losses. Cases:

    published   as the published code has it: both halves of the loss encode and draw again, and
                decode what nobody reads; two optimizers step one after the other
    needed      the same loss without what isn't read, and one optimizer
    check       the loss without draws, of the weights as they are; nothing is trained

It needs PyTorch and NumPy alone.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn


def main() -> None:
    """Answers a line at a time."""
    folder = Path(sys.argv[1])
    torch.set_num_threads(int(sys.argv[2]))
    options = json.loads((folder / "options.json").read_text())
    with np.load(folder / "batches.npz") as arrays:
        audio, visual = (torch.from_numpy(arrays[kind]) for kind in ("audio", "visual"))
    batches = itertools.cycle(list(zip(audio, visual, strict=True)))
    network = Network(folder)
    cases = {
        "published": Published(network, options),
        "needed": Needed(network, options),
        "check": lambda batch: network.loss(batch, options, draw=False).detach(),
    }
    print("ready", flush=True)
    for line in sys.stdin:
        case, steps = line.split()
        losses = [cases[case](batch) for batch in itertools.islice(batches, int(steps))]
        answer = {"cpu": time.process_time(), "losses": [float(each) for each in losses]}
        print(json.dumps(answer), flush=True)


class Network(nn.Module):
    """Two encoders and their decoder, with given weights."""

    def __init__(self, folder: Path):
        super().__init__()
        with np.load(folder / "weights.npz") as arrays:
            weights = {name: torch.from_numpy(array) for name, array in arrays.items()}
        self.audio = Encoder(weights, "audio_encoder")
        self.visual = Encoder(weights, "visual_encoder")
        self.decoder = stack(weights, "decoder")

    def loss(self, batch, options, draw=True):
        """The loss of a batch: each modality's error and divergence, and the latents' distance."""
        audio, visual = self.audio(batch[0], draw), self.visual(batch[1], draw)
        pair = torch.cat([batch[1], batch[0]], dim=1)
        halves = [self.half(each, self.decoder(each[0]), pair, options) for each in (audio, visual)]
        apart = [
            self.apart(*(drawn(*each[1:], draw) for each in (audio, visual))) for _ in range(2)
        ]
        return sum(halves) + sum(apart)

    @staticmethod
    def half(coded, generated, pair, options):
        """Error and divergence of one modality."""
        _, mean, log_variance = coded
        kl = -0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())
        return nn.functional.mse_loss(generated, pair) + options["kl_weight"] * kl

    @staticmethod
    def apart(audio, visual):
        """The 2-norm of the whole difference."""
        return torch.dist(audio, visual, 2)


class Encoder(nn.Module):
    """Returns a draw, the mean and the logarithm of the variance."""

    def __init__(self, weights, name):
        super().__init__()
        heads = (f"{name}_mean", f"{name}_log_variance")
        own = {key: value for key, value in weights.items() if not key.startswith(heads)}
        self.stack = stack(own, name)
        self.mean, self.log_variance = (stack(weights, head)[0] for head in heads)

    def forward(self, x, draw=True):
        """See the class."""
        x = self.stack(x)
        mean, log_variance = self.mean(x), self.log_variance(x)
        return drawn(mean, log_variance, draw), mean, log_variance


def drawn(mean, log_variance, draw):
    """Returns a draw of a Gaussian, or its mean."""
    if not draw:
        return mean
    deviation = (log_variance / 2).exp()
    return mean + torch.randn_like(deviation) * deviation


def stack(weights, name):
    """Returns linear layers with ReLU between them, of kernels and biases in order."""
    own = [array for key, array in weights.items() if key.startswith(name)]
    layers: list[nn.Module] = []
    for kernel, bias in zip(own[::2], own[1::2], strict=True):
        layer = nn.Linear(*kernel.shape)
        with torch.no_grad():
            layer.weight.copy_(kernel.T)
            layer.bias.copy_(bias)
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class Published:
    """A step as the published code has it."""

    def __init__(self, network: Network, options: dict):
        self.network, self.options = network, options
        groups = (network.visual, network.decoder), (network.audio, network.decoder)
        self.optimizers = [
            torch.optim.Adam(itertools.chain(*(part.parameters() for part in group)),
                             lr=options["learning_rate"])
            for group in groups
        ]  # fmt: skip

    def __call__(self, batch) -> torch.Tensor:
        """Trains on one batch; returns the loss."""
        network, options = self.network, self.options
        pair = torch.cat([batch[1], batch[0]], dim=1)
        losses = []
        for own, encoder in ((batch[1], network.visual), (batch[0], network.audio)):
            coded = encoder(own)
            half = network.half(coded, network.decoder(coded[0]), pair, options)
            again = network.audio(batch[0])[0], network.visual(batch[1])[0]
            for latent in again:
                network.decoder(latent)
            losses.append(half + network.apart(*again))
        loss = sum(losses)
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        loss.backward()
        for optimizer in self.optimizers:
            optimizer.step()
        return loss.detach()


class Needed:
    """A step with what it needs."""

    def __init__(self, network: Network, options: dict):
        self.network, self.options = network, options
        self.optimizer = torch.optim.Adam(
            network.parameters(), lr=options["learning_rate"], fused=True
        )

    def __call__(self, batch) -> torch.Tensor:
        """Trains on one batch; returns the loss."""
        loss = self.network.loss(batch, self.options)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.detach()


if __name__ == "__main__":
    main()
