"""How well the modality can be told from a feature: what the adversary is to make impossible.

The discriminator of the training is no judge of that: it is what the encoder has learnt to deceive.
Here classifiers are fitted afresh to the features of a finished network.
"""

from __future__ import annotations

import warnings

import keras
import numpy as np

from kavc.data.store import VideoStore
from kavc.evaluation.table import Column, Table
from kavc.layers.network import Network
from kavc.systems.av_parsing.scoring import asker

SEED = 0  # of which videos are looked at, and of the classifiers
VIDEOS = {"validation": 200, "test": 400}  # at most
HIDDEN = 128  # units, as in the paper's discriminator
PROBES = ("linear", "two layers")
# What the networks have on the way, in this order.
FEATURES = {
    "encoded": "before any attention",
    "self_attended": "after self-attention",
    "joint": "before the pooling",
}


def probe_table(
    network: keras.Model, validation: VideoStore, test: VideoStore, source: str
) -> Table:
    """Accuracy of telling audio segments from visual ones, by the features of a network.

    Args:
        network: of `kavc.systems.av_parsing.networks`.
        validation: videos that the probes are fitted on.
        test: videos that they are asked about.
        source: see `Table`.
    """
    names = [name for name in FEATURES if name in network.features]
    model = Network(
        network.input,
        {name: network.features[name] for name in names},
        config={},
        dtype=network.dtype_policy,
    )
    ask = asker(model)
    fitted, asked = (
        ask(store, some_videos(len(store), VIDEOS[split]))
        for split, store in (("validation", validation), ("test", test))
    )
    rows = [
        (name, FEATURES[name], *(100 * x for x in accuracies(fitted[name], asked[name])))
        for name in names
    ]
    return Table(
        "modality-probes",
        [
            Column("features"),
            Column("where"),
            *(Column(f"accuracy, {name}", ".1f", "%") for name in PROBES),
        ],
        rows,
        caption="How well fresh probes tell the modality of a segment's features; chance is 50 %."
        f" Linear: logistic regression; two layers: {HIDDEN} hidden units; fitted on"
        f" {len(fitted[names[0]])} validation videos, asked about {len(asked[names[0]])} of test",
        source=source,
    )


def some_videos(count: int, most: int) -> np.ndarray:
    """Returns the numbers of at most so many videos, drawn once and for all.

    Example:
        >>> some_videos(3, most=200).tolist(), len(some_videos(1000, most=200))
        ([0, 1, 2], 200)
    """
    return np.sort(np.random.default_rng(SEED).permutation(count)[:most])


def accuracies(fitted: np.ndarray, asked: np.ndarray) -> list[float]:
    """Fits each of `PROBES` to some features, and returns its share of right answers on others.

    Args:
        fitted, asked: (videos, 2, segments, width), audio first. Standardised by the statistics
            of `fitted`.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    (x, y), (asked_x, asked_y) = (_rows(features) for features in (fitted, asked))
    probes = (
        LogisticRegression(max_iter=200),
        MLPClassifier((HIDDEN,), max_iter=30, random_state=SEED),
    )
    found = []
    for probe in probes:
        model = make_pipeline(StandardScaler(), probe)
        with warnings.catch_warnings():  # a limit of iterations is a choice
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(x, y)
        found.append(float(model.score(asked_x, asked_y)))
    return found


def _rows(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns (videos · 2 · segments, width), and which rows are visual."""
    videos, streams, segments, width = features.shape
    is_visual = np.broadcast_to(np.arange(streams)[:, None], (videos, streams, segments))
    return features.reshape(-1, width), is_visual.ravel()
