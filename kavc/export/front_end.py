"""Signatures that take sound and frames in place of features: extractors inside the graph.

    waveform (batch, samples)          -> windows -> extractor -> rows -> what a signature takes
    frames (batch, n, height, width, 3)
    jpeg (batch, n)                    -> decoded, scaled, cut
    fields (batch, n, frames - 1, height, width, 2): flow of windows, which no graph finds

Lengths go with each of them, since a server pads requests of different lengths into one batch.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from kavc.data.schema import Field
from kavc.errors import ExportError
from kavc.export.media_input import MediaInput
from kavc.export.media_inputs import Fields, Frames, Jpegs, Waveform
from kavc.extraction.served import RECIPE
from kavc.media.extractors.base import Extractor
from kavc.media.messages import to_json
from kavc.media.windows import Seen, Taken
from kavc.serving.input_checks import check_batch
from kavc.serving.lengths import LENGTH
from kavc.systems.base import Signature

Tensors = dict[str, tf.Tensor]


def media_signatures(
    signatures: Mapping[str, Signature],
    wanted: Mapping[str, str],
    extractors: Mapping[str, Extractor],
) -> dict[str, Signature]:
    """Returns signatures that take sound and frames, and `front_end`, which says what to send.

    What a signature takes of an array decides what becomes of its rows: all of them with their
    number, their mean over time, or the mean of each of so many segments, which are seconds.

    Args:
        signatures: of a network, by name.
        wanted: name of the new signature to that of what it calls, of which those are left out that
            aren't there, or of whose inputs no extractor makes any. Each that takes frames has one
            more, NAME_jpeg; fields stay fields in it.
        extractors: by the name of the array that they make, as the network learnt it.

    Raises:
        ExportError: nobody makes the features that any of them takes.

    Example:
        media_signatures(found, {"score_media": "serving_default"}, extractors)
    """
    made, calls, unmade = {}, {}, []
    for name, called in wanted.items():
        if called not in signatures:
            continue
        base = signatures[called]
        if not (inputs := _inputs(base, extractors, jpeg=False)):
            unmade.append(called)
            continue
        made[name], calls[called] = _signature(base, inputs), name
        if any(isinstance(each, Frames) for each in inputs):
            made[f"{name}_jpeg"] = _signature(base, _inputs(base, extractors, jpeg=True))
    if unmade and not made:
        raise ExportError(
            f"nothing makes {', '.join(signatures[unmade[0]].inputs)} of media; the data name "
            f"extractors of {', '.join(extractors) or 'no array'}"
        )
    if not made:
        raise ExportError("none of what the network answers takes media; leave out --front-end")
    made[RECIPE] = _recipe(signatures, calls, extractors)
    return made


def _signature(base: Signature, inputs: list[MediaInput]) -> Signature:
    arrays = {each.array for each in inputs}
    left_out = arrays | {f"{array}{LENGTH}" for array in arrays}
    others = {name: field for name, field in base.inputs.items() if name not in left_out}
    fields = {name: field for each in inputs for name, field in each.fields.items()}

    def answer(**given: tf.Tensor) -> Tensors:
        check_batch(given)
        features = {name: given[name] for name in others}
        for each in inputs:
            features |= _fitted(each, *each.rows(given), base.inputs)
        return base.function(**features)

    example = {
        name: value
        for each in inputs
        for name, value in each.example(_segments(each, base.inputs)).items()
    }
    known = base.example or {}
    return Signature(
        answer,
        fields | others,
        base.outputs,
        f"{base.meaning.rstrip('.?')}, of sound and frames themselves.",
        example | {name: known[name] for name in others},
        resources=[*base.resources, *(n for each in inputs if (n := each.extractor.network))],
    )


def _segments(media: MediaInput, inputs: Mapping[str, Field]) -> int | None:
    """Returns how many segments a signature takes of an array; None for any number, or a mean."""
    shape = inputs[media.array].shape
    return None if len(shape) == len(media.extractor.shape) else shape[0]


def _fitted(
    media: MediaInput, rows: tf.Tensor, counts: tf.Tensor, inputs: Mapping[str, Field]
) -> Tensors:
    """Returns rows, zeros beyond their counts, as a signature takes them."""
    array, shape = media.array, media.extractor.shape
    if len(inputs[array].shape) == len(shape):  # the mean over the video
        sums = tf.reduce_sum(rows, axis=1)
        several = tf.reshape(tf.maximum(counts, 1), [-1] + [1] * len(shape))
        return {array: sums / tf.cast(several, tf.float32)}
    segments = _segments(media, inputs)
    if segments is None:
        return {array: rows, f"{array}{LENGTH}": counts}
    # Of a length that is known in the graph: of a batch, each has what it would have alone.
    each = media.rows_of_segments(segments)
    needed = each * segments
    there = tf.reduce_all((counts >= needed) & (counts < needed + each))
    tf.debugging.Assert(
        there,
        [f"{media.name}: expected {segments} s, which are {needed} rows of features; got", counts],
    )
    rows = tf.pad(rows, [[0, 0], [0, needed]] + [[0, 0]] * len(shape))[:, :needed]
    return {array: tf.reduce_mean(tf.reshape(rows, (-1, segments, each, *shape)), axis=2)}


def _inputs(
    base: Signature, extractors: Mapping[str, Extractor], *, jpeg: bool
) -> list[MediaInput]:
    """Returns what is sent in place of each array that a signature takes; none of some."""
    arrays = [name for name in base.inputs if name in extractors]
    kinds = [_kind(extractors[array], jpeg=jpeg) for array in arrays]
    words = [word for _, word in kinds]
    return [
        kind(array, word if words.count(word) == 1 else f"{array}_{word}", extractors[array])
        for array, (kind, word) in zip(arrays, kinds, strict=True)
    ]


def _kind(extractor: Extractor, *, jpeg: bool) -> tuple[type[MediaInput], str]:
    """Returns what is sent for an extractor, and the word for it."""
    taken = extractor.recipe.taken()
    if not isinstance(taken, Seen):
        return Waveform, "waveform"
    if taken.flow is not None:
        return Fields, "fields"
    return (Jpegs, "jpeg") if jpeg else (Frames, "frames")


def _recipe(
    signatures: Mapping[str, Signature],
    calls: Mapping[str, str],
    extractors: Mapping[str, Extractor],
) -> Signature:
    """Returns the signature that says which to call in place of which, and what each takes."""
    inputs = {
        name: {
            each.name: to_json(_told(each))
            for each in _inputs(signatures[called], extractors, jpeg=False)
        }
        for called, name in calls.items()
    }
    text = json.dumps({"signatures": dict(calls), "inputs": inputs})

    def answer(request: tf.Tensor) -> Tensors:
        return {"recipe": tf.fill(tf.shape(request), text)}

    return Signature(
        answer,
        {"request": Field((), "int32", "any number")},
        {"recipe": Field((), "string", "JSON: signatures to call, and how to read a file")},
        "What to send in place of features: rate of sound, times and size of frames, flow.",
        {"request": np.zeros(1, np.int32)},
    )


def _told(media: MediaInput) -> Taken:
    """Returns what is said of an input: the graph cuts sound and frames into windows itself."""
    taken: Taken = media.taken
    return dataclasses.replace(taken, short="drop") if isinstance(media, Frames) else taken
