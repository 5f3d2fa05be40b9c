"""The golden arrays of MS-VAE, whose weights have PyTorch's names and layout."""

from __future__ import annotations

import numpy as np
import pytest

from kavc.systems.ms_vae.networks import MSVAE

# Published draws of noise, in the order in which each modality takes them.
DRAWS = {
    "visual": ("v_rec", "v_lat1", "v_lat2"),
    "audio": ("a_rec", "a_lat1", "a_lat2"),
}
SMALL = {
    "latent_dim": 8, "audio_units": (12, 12), "visual_units": (20, 20, 14, 14),
    "decoder_units": (20, 20, 20, None, None),
}  # fmt: skip


def torch_names():
    """Our names of layers to PyTorch's."""
    found = {f"decoder_{at}": f"decoder.lin_lays.{2 * at}" for at in range(6)}
    for encoder, layers in (("visual_encoder", 4), ("audio_encoder", 2)):
        found |= {f"{encoder}_{at}": f"{encoder}.lin_lays.{2 * at}" for at in range(layers)}
        found |= {f"{encoder}_mean": f"{encoder}.mu", f"{encoder}_log_variance": f"{encoder}.var"}
    return found


class Golden(dict):
    """Arrays by key, and what the tests make of them."""

    def network(self, part):
        """A float64 MSVAE with the stored weights: "small", or "full" by their recipe."""
        widths = {} if part == "full" else SMALL
        audio, visual = (self[f"{part}_x_{kind}"].shape[1] for kind in "av")
        network = MSVAE(audio, visual, **widths, dtype="float64")
        weights = self.weights(part)
        for ours, theirs in torch_names().items():
            layer = network.get_layer(ours)
            layer.kernel.assign(weights[f"{theirs}.weight"].T)
            layer.bias.assign(weights[f"{theirs}.bias"])
        return network

    def weights(self, part):
        if part == "small":
            return {key[8:]: np.float64(self[key]) for key in self if key.startswith("small_w/")}
        found, fan_in = {}, 1
        gain, seed = float(self["full_weight_gain"]), int(self["full_weight_seed"])
        names = zip(self["full_param_names"], self["full_param_shapes"], strict=True)
        for at, (name, text) in enumerate(names):
            shape = tuple(map(int, text.strip("(),").split(",")))
            bound = 1.0
            if len(shape) == 2:
                fan_in, bound = shape[1], gain
            bound /= fan_in**0.5
            drawn = np.random.RandomState(seed + at).uniform(-bound, bound, shape)
            found[str(name)] = np.float64(np.float32(drawn))
        return found

    @staticmethod
    def as_torch(network, values):
        """By PyTorch's name, in its layout, what belongs to `trainable_variables`."""
        layers = torch_names()
        found = {}
        for variable, value in zip(network.trainable_variables, values, strict=True):
            layer, kind = variable.path.split("/")[-2:]
            name = f"{layers[layer]}.{'weight' if kind == 'kernel' else 'bias'}"
            found[name] = np.asarray(value).T if kind == "kernel" else np.asarray(value)
        return found

    def inputs(self, part):
        return {
            "audio": np.float64(self[f"{part}_x_a"]),
            "visual": np.float64(self[f"{part}_x_v"]),
        }

    def give_noise(self, network, part):
        """Has a network's sampling take the stored noise, in the published order."""
        for kind, names in DRAWS.items():
            noise = iter(np.float64(self[f"{part}_eps_{name}"]) for name in names)

            def draw(mean, log_variance, noise=noise):
                from keras import ops

                return mean + ops.exp(log_variance / 2) * next(noise)

            network.sampling[kind].draw = draw


@pytest.fixture(scope="session")
def golden(shared):
    with np.load(shared / "golden" / "msvae.npz", allow_pickle=False) as arrays:
        return Golden({name: arrays[name] for name in arrays.files})


@pytest.fixture(scope="session")
def golden_ave(shared):
    with np.load(shared / "golden" / "ave_cml.npz", allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}
