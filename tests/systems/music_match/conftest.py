from __future__ import annotations

import keras
import numpy as np
import pytest

from kavc.systems.music_match.networks import MusicMatch

STREAMS = {"visual": 6, "flow": 5}


def network(streams=None, audio=4, seed=0, **options):
    """A small network none of whose weights is 0."""
    keras.utils.set_random_seed(seed)
    small = {"units": 16, "embedding_dim": 4, "components": 3} | options
    found = MusicMatch(STREAMS if streams is None else streams, audio, **small)
    rng = np.random.default_rng(seed)
    for weight in found.trainable_weights:
        weight.assign(weight + rng.uniform(-0.3, 0.3, weight.shape))
    widths = {name: found.encoders[name].output.shape[-1] for name in found.encoders}
    found.fit_normalization(
        **{name: rng.normal(1, 2, (20, dim)).astype("f4") for name, dim in widths.items()}
    )
    return found


@pytest.fixture
def asked():
    """Inputs of eight judgements."""
    rng = np.random.default_rng(1)
    shapes = {"visual": (3, 6), "flow": (2, 5), "audio_a": (4, 4), "audio_b": (4, 4)}
    return {name: rng.normal(size=(8, *shape)).astype("f4") for name, shape in shapes.items()}


def swapped(inputs):
    """The same, with both tracks in each other's place."""
    return inputs | {"audio_a": inputs["audio_b"], "audio_b": inputs["audio_a"]}
