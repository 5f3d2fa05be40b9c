"""The golden arrays of HAN, whose weights have PyTorch's names and layout, and networks of them."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from kavc.systems.av_parsing.networks import HAN

BLOCK = "hat_encoder.layers.0."
# Our names of outputs to those of the arrays.
OUTPUTS = {
    "segment_probability": "frame_prob",
    "video_probability": "video_prob",
    "audio_probability": "audio_prob",
    "visual_probability": "visual_prob",
}


def torch_names(network):
    """The variables of a HAN, each with the names of what lies side by side in it.

    Returns:
        list of (variable, names). A matrix is PyTorch's transposed.
    """
    block, pooling = network.get_layer("hybrid"), network.get_layer("mmil_pooling")
    attention = block.attention
    linear = {
        network.get_layer("fc_audio"): ["fc_a"],
        network.get_layer("fc_visual"): ["fc_v"],
        network.get_layer("fc_visual_3d"): ["fc_st"],
        network.get_layer("fc_fusion"): ["fc_fusion"],
        pooling.heads: ["fc_prob", "fc_frame_att", "fc_av_att"],
        attention.own_output: [f"{BLOCK}self_attn.out_proj"],
        attention.other_output: [f"{BLOCK}cm_attn.out_proj"],
        block.hidden: [f"{BLOCK}linear1"],
        block.output_layer: [f"{BLOCK}linear2"],
    }
    attentions = (f"{BLOCK}self_attn", f"{BLOCK}cm_attn")
    found = [
        (attention.projection, [f"{name}.in_proj_weight" for name in attentions]),
        (attention.projection_bias, [f"{name}.in_proj_bias" for name in attentions]),
    ]
    for layer, names in linear.items():
        found.append((layer.kernel, [f"{name}.weight" for name in names]))
        found.append((layer.bias, [f"{name}.bias" for name in names]))
    for name, norm in (("norm1", block.norm_1), ("norm2", block.norm_2)):
        found.append((norm.gamma, [f"{BLOCK}{name}.weight"]))
        found.append((norm.beta, [f"{BLOCK}{name}.bias"]))
    return found


class Golden(dict):
    """Arrays by key, and what the tests make of them."""

    def close(self, actual, key, tolerance):
        np.testing.assert_allclose(actual, self[key], tolerance, tolerance, err_msg=key)

    def outputs_close(self, outputs, part, tolerance):
        """Compares all outputs of a HAN; `part` is "out" or "full/out"."""
        assert outputs.keys() == OUTPUTS.keys()
        for ours, theirs in OUTPUTS.items():
            self.close(keras.ops.convert_to_numpy(outputs[ours]), f"{part}/{theirs}", tolerance)

    @staticmethod
    def assign(network, weights):
        """Gives a HAN the weights of PyTorch's, by name."""
        for variable, names in torch_names(network):
            variable.assign(np.concatenate([weights[name].T for name in names], axis=-1))

    @staticmethod
    def as_torch(network, values):
        """Returns by PyTorch's name, in its layout, what belongs to `trainable_variables`."""
        names_of = {id(variable): names for variable, names in torch_names(network)}
        found = {}
        for variable, value in zip(network.trainable_variables, values, strict=True):
            names = names_of[id(variable)]
            parts = np.split(np.asarray(value), len(names), axis=-1)
            found |= {name: part.T for name, part in zip(names, parts, strict=True)}
        return found

    def small(self, frames_per_segment=8):
        """A float64 HAN of the small widths, with all weights that the arrays hold."""
        widths = (
            self[f"in/{name}"].shape[-1] for name in ("target", "audio", "visual", "visual_st")
        )
        network = HAN(
            *widths,
            frames_per_segment=frames_per_segment,
            dim=self["w/fc_a.bias"].size,
            units=self[f"w/{BLOCK}linear1.bias"].size,
            dropout=0.0,
            dtype="float64",
        )
        self.assign(
            network, {key[2:]: value for key, value in self.items() if key.startswith("w/")}
        )
        return network

    def videos(self, pooled=False):
        """Inputs of the small network; the frames of each second averaged, or all of them."""
        visual = np.float64(self["in/visual"])
        if pooled:
            visual = visual.reshape(len(visual), 10, 8, -1).mean(axis=2)
        return {
            "audio": np.float64(self["in/audio"]),
            "visual": visual,
            "visual_3d": np.float64(self["in/visual_st"]),
        }

    def labels(self):
        """Labels of the small videos."""
        return np.float64(self["in/target"])

    def full(self):
        """Weights by name, inputs and labels of the true width, drawn by the arrays' recipe."""
        rs = np.random.RandomState(8)
        weights = {}
        for name, shape in zip(self["full/names"], self["full/shapes"], strict=True):
            z = rs.standard_normal(tuple(int(n) for n in shape.strip("(),").split(",")))
            is_gain = name.endswith(("norm1.weight", "norm2.weight"))
            scaled = z * z.shape[1] ** -0.5 if z.ndim == 2 else is_gain + 0.1 * z
            weights[str(name)] = scaled.astype("float32")
        inputs = {
            "audio": rs.standard_normal((3, 10, 128)),
            "visual": np.abs(rs.standard_normal((3, 80, 2048))),
            "visual_3d": rs.standard_normal((3, 10, 512)),
        }
        inputs = {name: x.astype("float32") for name, x in inputs.items()}
        return weights, inputs, np.float64(rs.random_sample((3, 25)) < 0.15)


@pytest.fixture(scope="session")
def golden(shared) -> Golden:
    with np.load(shared / "golden" / "han_forward.npz", allow_pickle=False) as arrays:
        return Golden(arrays)


@pytest.fixture(scope="session")
def full(golden):
    """What `Golden.full` draws; not to be changed."""
    return golden.full()
