"""What an exported network answers, in graph, with its inputs checked there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from kavc.data.schema import Field
from kavc.layers.network import LENGTH
from kavc.serving.input_checks import check_batch, check_finite, check_range
from kavc.systems.base import Signature
from kavc.systems.music_match.config import MusicMatchConfig
from kavc.systems.music_match.networks import TRACK, TRACKS, MusicMatch

Answer = Callable[..., dict[str, tf.Tensor]]
MEANT = {
    "visual": "frames, or features of them",
    "flow": "stacks of optical flow, or features of them",
    TRACK: "sound of a track, or features of it",
    TRACKS[0]: "sound of the first track, or features of it",
    TRACKS[1]: "sound of the second track, or features of it",
}
EXAMPLE_ROWS = {TRACK: 5, TRACKS[0]: 5, TRACKS[1]: 5}  # of 0.96 s; of what is seen, one
EXAMPLE_TRACKS = 8


def signatures(network: MusicMatch, config: MusicMatchConfig) -> dict[str, Signature]:
    """Returns what can be asked: which of two, how well one fits, and how well each of many.

    "serving_default" (a video, two tracks), "score" (a video, a track), "embed_track", which makes
    the vector of a track, and "rank" (a video, vectors of many tracks).

    Args:
        network: trained network of any variant.
        config: the config that it was built with.

    Example:
        >>> from kavc.systems.music_match import recipe
        >>> config = MusicMatchConfig(visual_row="6", flow_row="6", audio_row="4", units=8)
        >>> served = signatures(recipe.build(config), config)
        >>> sorted(served), served["embed_track"].outputs["vector"].shape
        (['embed_track', 'rank', 'score', 'serving_default'], (4,))
    """
    seen = list(config.streams)
    width = network.track_network.output.shape[-1]
    vectors = {
        "tracks": Field((None, width), "float32", "vectors of tracks, as embed_track makes them"),
        f"tracks{LENGTH}": Field((), "int32", "number of tracks; 0 for none"),
    }
    example = {
        "tracks": np.random.default_rng(0).normal(size=(1, EXAMPLE_TRACKS, width)).astype("f4"),
        f"tracks{LENGTH}": np.array([EXAMPLE_TRACKS], np.int32),
    }
    return {
        "serving_default": Signature(
            _prefer(network),
            _fields([*seen, *TRACKS], config),
            {"preference": Field((), "float32", "probability that the first track fits better")},
            "Which of two tracks fits the video better?",
            _example([*seen, *TRACKS], config),
        ),
        "score": Signature(
            _score(network, seen),
            _fields([*seen, TRACK], config),
            {"score": Field((), "float32", "the higher, the better")},
            "How well does a track fit the video?",
            _example([*seen, TRACK], config),
        ),
        "embed_track": Signature(
            _embed_track(network),
            _fields([TRACK], config),
            {"vector": Field((width,), "float32", "of the track, for rank")},
            "The vector of a track, to be kept.",
            _example([TRACK], config),
        ),
        "rank": Signature(
            _rank(network, seen),
            _fields(seen, config) | vectors,
            {"scores": Field((None,), "float32", "of each track, the higher the better; else 0")},
            "How well does each of many tracks fit the video?",
            _example(seen, config) | example,
        ),
    }


def _fields(names: Sequence[str], config: MusicMatchConfig) -> dict[str, Field]:
    found = {}
    for name in names:
        row = config.row(TRACK if name in TRACKS else name)
        found[name] = Field((None, *row), "float32", f"{MEANT[name]}; one a row")
        found[name + LENGTH] = Field((), "int32", "number of valid rows; 0 for none")
    return found


def _example(names: Sequence[str], config: MusicMatchConfig) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    found = {}
    for name in names:
        rows, row = EXAMPLE_ROWS.get(name, 1), config.row(TRACK if name in TRACKS else name)
        found[name] = rng.normal(size=(1, rows, *row)).astype(np.float32)
        found[name + LENGTH] = np.array([rows], np.int32)
    return found


def _prefer(network: MusicMatch) -> Answer:
    def prefer(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        given = _checked(inputs)
        logit = network(given, training=False)["preference"][:, 0]
        return _of_rows({"preference": tf.sigmoid(tf.cast(logit, tf.float32))}, inputs)

    return prefer


def _score(network: MusicMatch, seen: Sequence[str]) -> Answer:
    def score(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        given = _checked(inputs)
        track = network.track_network(_of(given, [TRACK]), training=False)
        scores = network.scores(_video(network, given, seen), track[:, tf.newaxis])
        return _of_rows({"score": tf.cast(scores[:, 0], tf.float32)}, inputs)

    return score


def _embed_track(network: MusicMatch) -> Answer:
    def embed_track(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        found = network.track_network(_checked(inputs), training=False)
        return _of_rows({"vector": tf.cast(found, tf.float32)}, inputs)

    return embed_track


def _rank(network: MusicMatch, seen: Sequence[str]) -> Answer:
    def rank(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        given = _checked(inputs)
        vectors = tf.cast(given["tracks"], network.compute_dtype)
        scores = network.scores(_video(network, given, seen), vectors)
        valid = tf.sequence_mask(given[f"tracks{LENGTH}"], tf.shape(vectors)[1])
        return _of_rows({"scores": tf.where(valid, tf.cast(scores, tf.float32), 0.0)}, inputs)

    return rank


def _video(network: MusicMatch, given: dict[str, tf.Tensor], seen: Sequence[str]) -> Any:
    return network.video_network(_of(given, seen), training=False) if seen else None


def _of(given: dict[str, tf.Tensor], names: Sequence[str]) -> dict[str, tf.Tensor]:
    return {each: given[each] for name in names for each in (name, name + LENGTH)}


def _checked(inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Returns inputs that were checked, zeros beyond each length.

    What has no rows at all gets one of zeros, which its length leaves out: a backbone and
    TensorFlow's products on oneDNN want one.
    """
    check_batch(inputs)
    given = dict(inputs)
    for name in (name for name in inputs if name + LENGTH in inputs):
        values, length = inputs[name], inputs[name + LENGTH]
        steps = tf.shape(values)[1]
        check_range(name + LENGTH, length, 0, steps)
        valid = tf.sequence_mask(length, steps)
        valid = tf.reshape(valid, [-1, steps] + [1] * (len(values.shape) - 2))
        values = tf.where(valid, values, 0.0)
        check_finite(name, values)
        missing = tf.cast(tf.shape(values)[:2] == 0, tf.int32)
        pads = [[0, missing[0]], [0, missing[1]], *[[0, 0]] * (len(values.shape) - 2)]
        given[name], given[name + LENGTH] = tf.pad(values, pads), tf.pad(length, pads[:1])
    return given


def _of_rows(outputs: dict[str, tf.Tensor], inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Returns the answers of the rows that came, and of the tracks."""
    rows = tf.shape(next(iter(inputs.values())))[0]
    found = {name: value[:rows] for name, value in outputs.items()}
    if "scores" in found:
        found["scores"] = found["scores"][:, : tf.shape(inputs["tracks"])[1]]
    return found
