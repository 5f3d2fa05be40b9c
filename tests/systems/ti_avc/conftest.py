"""The golden arrays of Ti-AVC, and networks of their widths that hold their weights."""

from __future__ import annotations

import keras
import numpy as np
import pytest

# Float64: the two implementations behind the arrays agree to 4e-16, and Keras with them; but its
# `ops.tanh` on JAX answers in float32 (3.15).
EXACT = 1e-10 if keras.backend.backend() == "tensorflow" else 1e-6

# Which weights of the arrays the fusion of the theme learner, or of a baseline, holds.
PARTS = {
    "ThemeLearner": "tl", "TiAVC": "tl", "JointTiAVC": "tl", "Baseline1": "b1", "Baseline2": "b2",
}  # fmt: skip


class Golden(dict):
    """Arrays by key, and what the tests make of them."""

    exact = EXACT

    def close(self, actual, key, tolerance=EXACT, where=None):
        """Compares a tensor with an array, where `where` is not 0."""
        where = 1.0 if where is None else where
        np.testing.assert_allclose(
            np.asarray(actual) * where, self[key] * where, tolerance, tolerance, err_msg=key
        )

    def widths(self, part="tl"):
        """Constructor arguments of a network; `part` is "tl", "b1" or "b2"."""
        return {
            "themes": self["w/tl/fc2/bias"].size,
            "audio_dim": self["in/audio"].shape[-1],
            "visual_dim": self["in/visual"].shape[-1],
            "audio": {
                "dense_units": self["w/audio/dense/bias"].size,
                "embedding_dim": self["out/audio/embedding"].shape[-1],
                "attention_options": {"units": self["w/audio/attention/bias"].size},
            },
            "visual": {"embedding_dim": self["w/visual/dense/bias"].size},
            "fusion": {
                "filters": self[f"w/{part}/conv1/bias"].size,
                "units": self[f"w/{part}/fc1/bias"].size,
            },
        }

    def network(self, kind, dtype="float64", **arguments):
        """A network with the golden widths and weights."""
        part = PARTS[kind.__name__]
        if part != "tl":
            arguments = {"doubling": "depth"} | arguments
        network = kind(**self.widths(part) | arguments, dtype=dtype)
        for name, weight in self.weights(network).items():
            value = self[f"w/{name}"]
            # The arrays of kernel size 1 are made of the middle taps.
            weight.assign(value[1:2] if value.ndim == 3 and weight.shape[0] == 1 else value)
        return network

    def weights(self, network):
        """The variables of a network by their names in the arrays, such as "tl/conv1/kernel"."""
        learner = getattr(network, "theme_learner", network)
        parts = {
            "audio": learner.audio_network,
            "visual": learner.visual_network,
            PARTS[type(network).__name__]: learner.fusion_network,
        }
        if learner is not network:
            parts["cl"] = network.correspondence_learner.fusion_network
        return {
            f"{part}/{layer.name}/{weight.name}": weight
            for part, sub in parts.items()
            for layer in sub.layers
            for weight in layer.weights
        }

    def videos(self, audio="in/audio", **more):
        """Inputs of the original videos."""
        names = {"audio": audio, "audio_length": "in/audio_length", "visual": "in/visual"}
        return {name: self[key] for name, key in names.items()} | more

    def pairs(self):
        """Inputs of the pairs: positives, then negatives."""
        audio, visual = self["in/pair_audio"], self["in/pair_visual"]
        return {
            "audio": self["in/audio"][audio],
            "audio_length": self["in/audio_length"][audio],
            "visual": self["in/visual"][visual],
            "theme": self["in/theme"][visual],
        }

    def embedded(self, pairs=True):
        """Inputs of the fusion sub-networks: embeddings of the pairs or of the original videos."""
        videos = np.arange(len(self["in/audio"]))
        audio = self["in/pair_audio"] if pairs else videos
        visual = self["in/pair_visual"] if pairs else videos
        frames = self["in/visual"].shape[1]
        return {
            "audio_embedding": self["out/audio/embedding"][audio],
            "visual_embedding": self["out/visual/embedding"][visual],
            "visual_length": np.full(len(visual), frames),
        }


@pytest.fixture(scope="session")
def golden(shared) -> Golden:
    with np.load(shared / "golden" / "ti_avc.npz") as arrays:
        return Golden(arrays)


@pytest.fixture(scope="session")
def tiny_source(tiny_corpus):
    from kavc.data.source import Source

    return Source("synthetic", tiny_corpus)


@pytest.fixture(scope="session")
def stores(tiny_source):
    """The splits of `tiny_corpus`, read as a training reads them."""
    from kavc.systems.ti_avc.system import TiAVCSystem
    from kavc.systems.ti_avc.videos import load_videos

    system = TiAVCSystem()
    return {
        split: load_videos(system.read(tiny_source, split, system.Config()))
        for split in ("train", "validation", "test")
    }


@pytest.fixture(scope="session")
def small_config(small_options):
    """The config of a small Ti-AVC for `tiny_corpus`."""
    from kavc.systems.ti_avc.config import TiAVCConfig

    return TiAVCConfig(themes=12, visual_dim=32, **small_options)
