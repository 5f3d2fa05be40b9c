"""Match scores of one split's pairs, as arrays: what every table and figure is made of."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from kavc import progress
from kavc.data.pairing import Pairs, pairs
from kavc.data.store import VideoStore
from kavc.systems.ti_avc import networks
from kavc.systems.ti_avc.contributions import (
    added,
    channel_groups,
    contribution,
    first_layer,
)
from kavc.systems.ti_avc.videos import gather_pairs

# The pairs of an evaluation do not depend on a run's seed, so that runs can be compared pair by
# pair.
EVALUATION_SEED = 0
BATCH_SIZE = 256


@dataclass(frozen=True)
class Scored:
    """Scores of pairs.

    Args:
        pairs: rows and labels.
        theme: (pairs,) int32. The visual's theme.
        match: (pairs,) float32. Match logits.
        theme_logits: (pairs, themes) float32; None from a network that predicts no theme.

    Example:
        >>> drawn = pairs(np.array([0, 0, 1, 1]), seed=0, epoch=None)
        >>> scored = Scored(drawn, np.zeros(8, np.int32), np.zeros(8, np.float32), None)
        >>> len(scored.pairs), int(scored.pairs.label.sum())
        (8, 4)
    """

    pairs: Pairs
    theme: np.ndarray
    match: np.ndarray
    theme_logits: np.ndarray | None


def evaluation_pairs(store: VideoStore, *, same_theme: bool) -> Pairs:
    """Returns a split's fixed pairs: negatives of any theme (A), or of the same one (B).

    Reference:
        Su et al., 2020, section 5.1, for random negatives.

    Example:
        >>> from kavc.systems.ti_avc.videos import video_store
        >>> one, themes = np.ones(4, np.int32), np.array([0, 0, 1, 1])
        >>> rows = np.zeros((4, 2), np.float32)
        >>> store = video_store(np.array([b"a", b"b", b"c", b"d"]), themes, rows, one, rows, one)
        >>> drawn = evaluation_pairs(store, same_theme=True)
        >>> drawn.label.tolist(), bool((themes[drawn.audio] == themes[drawn.visual]).all())
        ([1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0], True)
    """
    return pairs(
        store.columns["theme"],
        seed=EVALUATION_SEED,
        epoch=None,
        same_theme_share=1.0 if same_theme else 0.0,
        shuffle=False,
    )


def score(
    network: keras.Model, store: VideoStore, drawn: Pairs, max_steps: int | None = None
) -> Scored:
    """Scores pairs with a trained network, in batches of 256."""
    specs = {name: tf.TensorSpec(x.shape, x.dtype, name) for name, x in network.input.items()}
    answer = tf.function(lambda batch: network(batch, training=False), input_signature=[specs])
    parts = []
    for begin in progress.track(range(0, len(drawn), BATCH_SIZE), "scoring", unit="batches"):
        rows = slice(begin, begin + BATCH_SIZE)
        batch = gather_pairs(store, drawn.audio[rows], drawn.visual[rows], max_steps)
        parts.append(answer({name: batch[name] for name in specs}))
    columns = {
        name: np.concatenate([part[name].numpy() for part in parts]).astype(np.float32)
        for name in parts[0]
    }
    return Scored(
        drawn, store.columns["theme"][drawn.visual], columns["match"][:, 0], columns.get("theme")
    )


def measured_contributions(
    network: networks.TiAVC, store: VideoStore, drawn: Pairs, *, kind: str, max_steps: int | None
) -> dict[str, list[dict[str, float]]]:
    """Sums of equation (1) for each batch of positives and of negatives.

    Returns:
        "positives" and "negatives" to one dict of sums a batch.
    """
    joined, kernel = first_layer(network)
    learner = network.theme_learner
    fusion = network.config["fusion"] or {}
    groups = channel_groups(
        learner.visual_network.output.shape[-1],
        learner.audio_network.output.shape[-1],
        network.config["themes"],
        product=fusion.get("interaction") == "product",
        theme_input=fusion.get("theme_input", "conv"),
    )
    sums: dict[str, list[dict[str, float]]] = {}
    for name, label in (("positives", 1), ("negatives", 0)):
        chosen = np.flatnonzero(drawn.label == label)
        begins = range(0, len(chosen), BATCH_SIZE)
        for begin in progress.track(begins, f"contributions of {name}", unit="batches"):
            rows = chosen[begin : begin + BATCH_SIZE]
            batch = gather_pairs(store, drawn.audio[rows], drawn.visual[rows], max_steps)
            x = joined(_fusion_inputs(network, batch), training=False)
            x = keras.ops.convert_to_numpy(keras.ops.cast(x, "float32"))
            # What lies in padded frames is put to zero before the convolution.
            x = x * (np.arange(x.shape[1]) < batch["visual_length"].numpy()[:, None])[..., None]
            sums.setdefault(name, []).append(contribution(x, kernel, groups, kind))
    return sums


def pooled_contributions(sums: dict[str, list[dict[str, float]]]) -> dict[str, dict[str, float]]:
    """Returns the sums over all positives, all negatives, and both.

    Reference:
        Su et al., 2020, table 2.

    Example:
        >>> sums = {"positives": [{"audio": 1.0}, {"audio": 2.0}], "negatives": [{"audio": 4.0}]}
        >>> pooled_contributions(sums)
        {'positives': {'audio': 3.0}, 'negatives': {'audio': 4.0}, 'pooled': {'audio': 7.0}}
    """
    totals = {name: added(parts) for name, parts in sums.items()}
    return totals | {"pooled": added(totals.values())}


def _fusion_inputs(network: networks.TiAVC, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    embedded = networks.embeddings(network.theme_learner, batch)
    logits = network.theme_learner.fusion_network(embedded, training=False)
    predicted = networks.predicted_theme_input(logits, network.config["predicted_theme"])
    true = keras.ops.one_hot(batch["theme"], network.config["themes"], dtype=network.compute_dtype)
    return embedded | {
        "theme_0": keras.ops.cast(predicted, network.compute_dtype),
        "theme_1": true,
    }
