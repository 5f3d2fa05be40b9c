from __future__ import annotations

import keras
import numpy as np
import pytest

from kavc.data.comparisons.store import ComparisonStore
from kavc.data.store import VideoStore
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


def judgements(count=40, videos=10, tracks=8, seed=0, preferred=None):
    """A store of judgements of noise, whose answers are drawn, or follow `preferred`."""
    rng = np.random.default_rng(seed)
    video = rng.integers(videos, size=count)
    a = rng.integers(tracks, size=count)
    b = (a + rng.integers(1, tracks, size=count)) % tracks
    answer = rng.integers(2, size=count)
    if preferred is not None:
        answer = np.where(preferred(video, a, b), 0, 1)
    ids = np.array([f"j{n}".encode() for n in range(count)], object)
    seen = {
        name: (rng.normal(size=(videos, dim)).astype("f4"), np.ones(videos, int))
        for name, dim in STREAMS.items()
    }
    sound = (rng.normal(size=(2 * tracks, 4)).astype("f4"), np.full(tracks, 2))
    names = [np.array([f"{kind}{n}".encode() for n in range(size)], object)
             for kind, size in (("v", videos), ("t", tracks))]  # fmt: skip
    return ComparisonStore(
        ids, np.full(count, b"", object), answer, video, a, b,
        VideoStore(names[0], seen), VideoStore(names[1], {"audio": sound}),
    )  # fmt: skip
