"""Signatures that take sound and frames in place of features: extractors inside the graph.

    waveform (batch, samples)          -> windows -> extractor -> rows -> what a signature takes
    frames (batch, n, height, width, 3)
    jpeg (batch, n)                    -> decoded, scaled, cut

Lengths go with each of them, since a server pads requests of different lengths into one batch.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from kavc.data.schema import Field
from kavc.errors import ExportError
from kavc.media.extractors.base import Extractor
from kavc.media.messages import to_json
from kavc.media.sizes import Crop, Size
from kavc.media.windows import Heard, Seen
from kavc.serving.input_checks import check_batch, check_finite, check_range
from kavc.systems.base import Signature

MAX_SECONDS = 3600  # of a waveform
MAX_FRAMES = 4096
MAX_PIXELS = 2**24  # of a JPEG: decoded it is three bytes each
RECIPE = "front_end"  # the signature that says what to send
LENGTH = "_length"
Tensors = dict[str, tf.Tensor]


def media_signatures(
    signatures: Mapping[str, Signature],
    wanted: Mapping[str, str],
    extractors: Mapping[str, Extractor],
) -> dict[str, Signature]:
    """Returns signatures that take sound and frames, and `front_end`, which says what to send.

    Args:
        signatures: of a network, by name.
        wanted: name of the new signature to that of what it calls, of which those are left out that
            aren't there. Each that takes frames has one more, NAME_jpeg.
        extractors: by the name of the array that they make, as the network learnt it.

    Raises:
        ExportError: an array's features can't be made in graph, as of optical flow, or nobody makes
            them.

    Example:
        media_signatures(found, {"score_media": "serving_default"}, extractors)
    """
    made, calls = {}, {}
    for name, called in wanted.items():
        if called not in signatures:
            continue
        base = signatures[called]
        sources = _sources(base, extractors, jpeg=False)
        made[name], calls[called] = _signature(base, sources, extractors), name
        if any(isinstance(source, _Pictures) for source in sources):
            jpegs = _sources(base, extractors, jpeg=True)
            made[f"{name}_jpeg"] = _signature(base, jpegs, extractors)
    if not made:
        raise ExportError(f"none of {', '.join(wanted.values()) or 'its signatures'} takes media")
    made[RECIPE] = _recipe(signatures, calls, extractors)
    return made


def _signature(
    base: Signature, sources: list[_Source], extractors: Mapping[str, Extractor]
) -> Signature:
    arrays = {source.array for source in sources}
    left_out = arrays | {f"{array}{LENGTH}" for array in arrays}
    others = {name: field for name, field in base.inputs.items() if name not in left_out}
    inputs = {name: field for source in sources for name, field in source.inputs.items()}

    def answer(**given: tf.Tensor) -> Tensors:
        check_batch(given)
        features = {name: given[name] for name in others}
        for source in sources:
            rows, counts = source.rows(given)
            features |= _fitted(source.array, rows, counts, base.inputs)
        return base.function(**features)

    example = {name: value for source in sources for name, value in source.example().items()}
    known = base.example or {}
    networks = [extractors[source.array].network for source in sources]
    return Signature(
        answer,
        inputs | others,
        base.outputs,
        f"{base.meaning.rstrip('.?')}, of sound and frames themselves.",
        example | {name: known[name] for name in others},
        resources=[*base.resources, *networks],
    )


def _fitted(array: str, rows: tf.Tensor, counts: tf.Tensor, inputs: Mapping[str, Field]) -> Tensors:
    """Returns rows as a signature takes them: with their number, their mean, or so many groups."""
    shape = inputs[array].shape
    there = tf.sequence_mask(counts, tf.shape(rows)[1])
    there = tf.reshape(there, tf.concat([tf.shape(there), [1] * (rows.shape.rank - 2)], 0))
    rows = tf.where(there, rows, 0.0)
    if len(shape) == rows.shape.rank - 2:  # the mean over the video
        sums = tf.reduce_sum(rows, axis=1)
        counts = tf.reshape(counts, [-1] + [1] * (rows.shape.rank - 2))
        return {array: sums / tf.cast(tf.maximum(counts, 1), tf.float32)}
    if shape[0] is None:
        return {array: rows, f"{array}{LENGTH}": counts}
    # So many segments, of one row or several each, which are averaged.
    each = tf.shape(rows)[1] // shape[0]
    enough = tf.reduce_all(counts >= each * shape[0]) & (each > 0)
    tf.debugging.Assert(enough, [f"{array}: expected rows for {shape[0]} segments; got", counts])
    groups = tf.reshape(
        rows[:, : each * shape[0]], tf.concat([[-1, shape[0], each], rows.shape[2:]], 0)
    )
    return {array: tf.reduce_mean(groups, axis=2)}


@dataclass(frozen=True)
class _Source:
    """What is sent in place of an array of features."""

    array: str
    name: str
    extractor: Extractor

    @property
    def taken(self) -> Any:
        return self.extractor.recipe.taken()

    @property
    def inputs(self) -> dict[str, Field]:
        raise NotImplementedError

    def rows(self, given: Mapping[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns (batch, rows, *shape) float32 and how many rows there are, (batch,) int32."""
        raise NotImplementedError

    def example(self) -> dict[str, np.ndarray]:
        raise NotImplementedError

    def _length(self, given: Mapping[str, tf.Tensor], most: int, least: int) -> tf.Tensor:
        values, length = given[self.name], given[f"{self.name}{LENGTH}"]
        size = tf.shape(values)[1]
        tf.debugging.Assert(size <= most, [f"{self.name}: expected at most {most}; got", size])
        check_range(f"{self.name}{LENGTH}", length, least, size)
        return length

    def _through(self, windows: tf.Tensor) -> tf.Tensor:
        """Returns the rows of windows, (batch, rows, ...)."""
        flat = tf.reshape(windows, tf.concat([[-1], tf.shape(windows)[2:]], 0))
        flat = tf.ensure_shape(flat, [None, *windows.shape[2:]])
        rows = self.extractor.rows(flat)
        shape = tf.concat([tf.shape(windows)[:2], tf.shape(rows)[1:]], 0)
        return tf.ensure_shape(tf.reshape(rows, shape), [None, None, *self.extractor.shape])

    def _count(self, length: tf.Tensor) -> tf.Tensor:
        """Returns how many rows so many samples or frames make."""
        taken = self.taken
        over = length - taken.window
        if taken.short == "pad":
            return tf.maximum(-(-over // taken.hop), 0) + 1
        return tf.maximum(over // taken.hop + 1, 0)


@dataclass(frozen=True)
class _Waveform(_Source):
    @property
    def inputs(self) -> dict[str, Field]:
        rate = self.taken.rate
        return {
            self.name: Field((None,), "float32", f"sound, mono, {rate} samples a second, -1 to 1"),
            f"{self.name}{LENGTH}": Field((), "int32", "number of valid samples"),
        }

    def rows(self, given: Mapping[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        taken: Heard = self.taken
        wave = given[self.name]
        length = self._length(given, MAX_SECONDS * taken.rate, 1)
        wave = tf.where(tf.sequence_mask(length, tf.shape(wave)[1]), wave, 0.0)
        check_finite(self.name, wave)
        if taken.lead:
            wave, length = _mirrored(wave, length, taken.lead), length + 2 * taken.lead
        counts = self._count(length)
        tf.debugging.Assert(
            tf.reduce_all(counts > 0),
            [f"{self.name}: expected at least {taken.window} samples for a row; got", length],
        )
        needed = taken.window + (tf.reduce_max(counts) - 1) * taken.hop
        wave = tf.pad(wave, [[0, 0], [0, tf.maximum(needed - tf.shape(wave)[1], 0)]])[:, :needed]
        windows = tf.signal.frame(wave, taken.window, taken.hop, axis=1)
        return self._through(windows), counts

    def example(self) -> dict[str, np.ndarray]:
        samples = self.taken.window
        return {
            self.name: np.zeros((1, samples), np.float32),
            f"{self.name}{LENGTH}": np.array([samples], np.int32),
        }


@dataclass(frozen=True)
class _Pictures(_Source):
    @property
    def inputs(self) -> dict[str, Field]:
        height, width = self.taken.size.shape
        return {
            self.name: Field((None, height, width, 3), "uint8", "frames, RGB, upright"),
            f"{self.name}{LENGTH}": Field((), "int32", "number of valid frames"),
        }

    def rows(self, given: Mapping[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        length = self._length(given, MAX_FRAMES, 1)
        return self._of_frames(given[self.name], length)

    def example(self) -> dict[str, np.ndarray]:
        count, (height, width) = self.taken.window, self.taken.size.shape
        return {
            self.name: np.zeros((1, count, height, width, 3), np.uint8),
            f"{self.name}{LENGTH}": np.array([count], np.int32),
        }

    def _of_frames(self, frames: tf.Tensor, length: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        taken: Seen = self.taken
        counts = self._count(length)
        tf.debugging.Assert(
            tf.reduce_all(counts > 0),
            [f"{self.name}: expected at least {taken.window} frames for a row; got", length],
        )
        # Beyond the length the last frame goes on, as in a corpus where a window is filled up.
        needed = taken.window + (tf.reduce_max(counts) - 1) * taken.hop
        at = tf.minimum(tf.range(needed)[None], length[:, None] - 1)
        starts = taken.hop * tf.range(tf.reduce_max(counts))
        at = tf.gather(at, starts[:, None] + tf.range(taken.window), axis=1)
        return self._through(tf.gather(frames, at, batch_dims=1)), counts


@dataclass(frozen=True)
class _Jpegs(_Pictures):
    @property
    def inputs(self) -> dict[str, Field]:
        return {
            self.name: Field((None,), "string", 'frames as JPEG files, upright; "" beyond'),
            f"{self.name}{LENGTH}": Field((), "int32", "number of valid frames"),
        }

    def rows(self, given: Mapping[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        length = self._length(given, MAX_FRAMES, 1)
        files = given[self.name]
        there = tf.sequence_mask(length, tf.shape(files)[1])
        size: Size = self.taken.size
        images = tf.map_fn(
            lambda file: _decoded(file, size),
            files[there],
            fn_output_signature=tf.TensorSpec((*size.shape, 3), tf.uint8),
            parallel_iterations=2,  # each may be large, until it is scaled
        )
        at = tf.cumsum(length, exclusive=True)[:, None] + tf.range(tf.shape(files)[1])
        at = tf.minimum(at, tf.cumsum(length)[:, None] - 1)
        return self._of_frames(tf.gather(images, at), length)

    def example(self) -> dict[str, np.ndarray]:
        black = tf.io.encode_jpeg(tf.zeros((*self.taken.size.shape, 3), tf.uint8)).numpy()
        count = self.taken.window
        return {
            self.name: np.array([[black] * count], object),
            f"{self.name}{LENGTH}": np.array([count], np.int32),
        }


def _decoded(file: tf.Tensor, size: Size) -> tf.Tensor:
    """Returns a JPEG as (height, width, 3) uint8; one that is too large is never decoded."""
    shape = tf.io.extract_jpeg_shape(file)
    pixels = tf.cast(shape[0], tf.int64) * tf.cast(shape[1], tf.int64)
    tf.debugging.Assert(
        pixels <= MAX_PIXELS, [f"jpeg: expected at most {MAX_PIXELS} pixels; got", shape]
    )
    with tf.control_dependencies([tf.debugging.assert_less_equal(pixels, tf.constant(
        MAX_PIXELS, tf.int64))]):  # fmt: skip
        image = tf.io.decode_jpeg(file, channels=3, dct_method="INTEGER_ACCURATE")
    wanted = tf.constant(size.shape)
    if isinstance(size, Crop):
        sides = tf.cast(tf.shape(image)[:2], tf.float32)
        wanted = tf.cast(tf.round(sides * (size.shorter / tf.reduce_min(sides))), tf.int32)
    scaled = tf.image.resize(image, wanted, antialias=True)
    top, left = tf.unstack((wanted - tf.constant(size.shape)) // 2)
    height, width = size.shape
    cut = scaled[top : top + height, left : left + width]
    return tf.cast(tf.ensure_shape(tf.round(cut), (height, width, 3)), tf.uint8)


def _mirrored(wave: tf.Tensor, length: tf.Tensor, lead: int) -> tf.Tensor:
    """Returns waveforms with `lead` samples more at both ends, mirrored at the outermost ones."""
    tf.debugging.Assert(tf.reduce_all(length > lead), ["expected more samples than", lead])
    at = tf.abs(tf.range(-lead, tf.shape(wave)[1] + lead))[None]
    last = length[:, None] - 1
    at = tf.where(at > last, 2 * last - at, at)
    return tf.gather(wave, tf.maximum(at, 0), batch_dims=1)


def _sources(base: Signature, extractors: Mapping[str, Extractor], *, jpeg: bool) -> list[_Source]:
    """Returns what is sent in place of each array that a signature takes."""
    arrays = [name for name in base.inputs if name in extractors]
    if not arrays:
        raise ExportError(
            f"nothing makes {', '.join(base.inputs)} of media; the data name extractors of "
            f"{', '.join(extractors) or 'no array'}"
        )
    kinds = [extractors[name].recipe.MODALITY for name in arrays]
    found: list[_Source] = []
    for array, kind in zip(arrays, kinds, strict=True):
        extractor = extractors[array]
        taken = extractor.recipe.taken()
        if isinstance(taken, Seen) and taken.flow is not None:
            raise ExportError(
                f"{array}: {extractor.recipe.NAME} takes optical flow, which no graph finds; export"
                " without a front end"
            )
        make: Callable[..., _Source] = _Waveform
        word = "waveform"
        if kind == "visual":
            make, word = (_Jpegs, "jpeg") if jpeg else (_Pictures, "frames")
        found.append(make(array, word if kinds.count(kind) == 1 else f"{array}_{word}", extractor))
    return found


def _recipe(
    signatures: Mapping[str, Signature],
    calls: Mapping[str, str],
    extractors: Mapping[str, Extractor],
) -> Signature:
    """Returns the signature that says which to call in place of which, and what each takes."""
    inputs = {
        source.name: to_json(dataclasses.replace(source.taken, short="drop"))
        for called in calls
        for source in _sources(signatures[called], extractors, jpeg=False)
    }
    text = json.dumps({"signatures": dict(calls), "inputs": inputs})

    def answer(request: tf.Tensor) -> Tensors:
        return {"recipe": tf.fill(tf.shape(request), text)}

    return Signature(
        answer,
        {"request": Field((), "int32", "any number")},
        {"recipe": Field((), "string", "JSON: signatures to call, and how to read a file")},
        "What to send in place of features: rate of sound, times and sizes of frames.",
        {"request": np.zeros(1, np.int32)},
    )
