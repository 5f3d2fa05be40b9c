"""The records of YouTube-8M: video level and frame level, 2017 and 2018.

Video level is a `tf.train.Example` of `mean_rgb` and `mean_audio`; frame level is a
`tf.train.SequenceExample` whose feature lists `rgb` and `audio` hold one quantised vector a second
(read in `kavc.data.youtube8m_frames`).

Reference:
    Abu-El-Haija et al., "YouTube-8M: A Large-Scale Video Classification Benchmark", 2016.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from kavc.data.schema import ExampleSpec, Field, mean_spec
from kavc.data.tfrecord import PARSE_AT_ONCE, read_batches
from kavc.errors import DataError
from kavc.inputs.opening import check_file
from kavc.inputs.tfrecords import first_record

AUDIO_DIM, VISUAL_DIM = 128, 1024
CLASSES = {"id": 3862, "video_id": 4716}  # by the key of the id: 2018, 2017
YEARS = {"id": "2018", "video_id": "2017"}
SPEC: ExampleSpec = {
    "id": Field((), "string", "identifies the video; anonymised since 2018"),
    "labels": Field((None,), "int64", "class indices; none in public test partitions"),
    "audio": Field((None, AUDIO_DIM), "float32", "audio features; video level: their mean alone"),
    "visual": Field((None, VISUAL_DIM), "float32", "visual features; video level: their mean"),
}
MEANS = mean_spec(AUDIO_DIM, VISUAL_DIM)
_SILENT_START = (0.721538, -1.568658, -0.015717, -0.501991)
_SILENT_NORM = 6.484

Batch = dict[str, tf.Tensor | tf.RaggedTensor]


@dataclass(frozen=True)
class Release:
    """Which of the published layouts a file has.

    Args:
        level: "video" or "frame".
        key: of the id: "id" (2018) or "video_id" (2017).

    Example:
        >>> Release("video", "id").classes, Release("frame", "video_id").classes
        (3862, 4716)
    """

    level: str
    key: str

    @property
    def classes(self) -> int:
        """Number of classes of the release's vocabulary."""
        return CLASSES[self.key]

    def __str__(self) -> str:
        return f"{self.level} level of {YEARS[self.key]}"


def detect(file: Path) -> Release:
    """Tells a file's layout by its first record.

    Raises:
        DataError: the file is missing, empty, no TFRecord file (the message says what it is) or
            damaged, or its first record has neither layout.

    Reference:
        Abu-El-Haija et al., 2016; records as in `readers.py` of google/youtube-8m.
    """
    content = first_record(file)
    try:
        # An Example's features have the field number of a SequenceExample's context.
        record = tf.train.SequenceExample.FromString(content)
    except Exception as error:  # protobuf's, whose module differs by release
        line = " ".join(str(error).split())
        raise DataError(f"{file}, record 0: not an example of TensorFlow's ({line})") from None
    context, lists = set(record.context.feature), set(record.feature_lists.feature_list)
    keys = context & set(CLASSES)
    level = "frame" if {"rgb", "audio"} <= lists else "video"
    if len(keys) != 1 or (level == "video" and not {"mean_rgb", "mean_audio"} <= context):
        raise DataError(
            f"{file}, record 0: not YouTube-8M; it needs id or video_id, and mean_rgb with"
            f" mean_audio or rgb with audio; it has {', '.join(sorted(context | lists))}"
        )
    return Release(level, keys.pop())


def release_of(files: Sequence[Path]) -> Release:
    """Tells the layout of files, which must all have the same.

    Args:
        files: at least one.

    Raises:
        DataError: as `detect`, or files have different layouts; it names two of them.
    """
    found: dict[Release, Path] = {}
    for file in files:
        state = check_file(file)
        found.setdefault(_detected(file, state.st_size, state.st_mtime_ns), file)
    (release, file), *others = found.items()
    for other, odd in others:
        raise DataError(f"{file} is {release}, but {odd} is {other}; read them as two sources, or"
                        " choose the files by a splits file (--splits)")  # fmt: skip
    return release


@functools.lru_cache(maxsize=2**14)  # YouTube-8M has 11,532 files
def _detected(file: Path, size: int, changed: int) -> Release:
    """As `detect`, once for as long as the file stays the same."""
    del size, changed
    return detect(file)


def read_videos(
    files: Sequence[Path],
    release: Release,
    at_once: int = PARSE_AT_ONCE,
    *,
    classes: int | None = None,
) -> tf.data.Dataset:
    """Reads video-level files in batches.

    Args:
        files: paths.
        release: their layout.
        at_once: most videos a batch.
        classes: number that labels must stay below. Defaults to the release's.

    Returns:
        Data set of dicts "id" (batch,) string, "labels" (batch, ragged) int64, "audio"
        (batch, 1, 128) float32, "visual" (batch, 1, 1024) float32.

    Reference:
        Abu-El-Haija et al., 2016; records as in `readers.py` of google/youtube-8m.
    """
    stored = {
        release.key: SPEC["id"],
        "labels": Field((None,), "int32", ""),
        "mean_audio": Field((1, AUDIO_DIM), "float32", ""),
        "mean_rgb": Field((1, VISUAL_DIM), "float32", ""),
    }

    def renamed(batch: Batch) -> Batch:
        return {
            "id": batch[release.key],
            "labels": tf.cast(batch["labels"], tf.int64),
            "audio": batch["mean_audio"],
            "visual": batch["mean_rgb"],
        }

    limits = {"labels": classes or release.classes}
    batches = read_batches(files, stored, limits=limits, filled=(release.key,), at_once=at_once)
    return batches.map(renamed)


def silent(audio: tf.Tensor | tf.RaggedTensor) -> tf.Tensor:
    """Recognises videos without sound, which nearly all carry the embedding of silence.

    Of 28,792 videos of 2018, 435 have one and the same audio vector and two more lie within 3e-4
    of it in each entry; the next is 8e-3 away. It is known by its first four entries, to 1e-4,
    and its norm, to 1e-3.

    Args:
        audio: (videos, steps, 128) float32; the steps may be ragged.

    Returns:
        (videos,) bool. True where the mean over the steps is the embedding of silence or zero,
        and where there are no steps.

    Example:
        >>> audio = np.stack([silence(), np.ones(128, np.float32), np.zeros(128, np.float32)])
        >>> silent(tf.constant(audio[:, None])).numpy().tolist()
        [True, False, True]
    """
    mean = tf.reduce_mean(audio, axis=1)
    if isinstance(mean, tf.RaggedTensor):
        mean = mean.to_tensor()
    norm = tf.norm(mean, axis=-1)
    start = tf.reduce_max(tf.abs(mean[:, :4] - tf.constant(_SILENT_START)), axis=-1)
    silence = (start < 1e-4) & (tf.abs(norm - _SILENT_NORM) < 1e-3)
    return silence | ~(norm > 0)  # the mean of no steps is NaN


def silence() -> np.ndarray:
    """Returns a vector that `silent` takes for the embedding of silence: (128,) float32."""
    start = np.array(_SILENT_START)
    rest = ((_SILENT_NORM**2 - (start**2).sum()) / (AUDIO_DIM - len(start))) ** 0.5
    return np.concatenate([start, np.full(AUDIO_DIM - len(start), rest)]).astype(np.float32)


def seen(batch: Batch) -> Batch:
    """Leaves out videos without frames, which frame-level files may hold.

    >>> frames = tf.ragged.constant([[[1.0]], []], ragged_rank=1, inner_shape=(1,))
    >>> seen({"id": tf.constant(["a", "b"]), "visual": frames})["id"].numpy().tolist()
    [b'a']
    """
    if not isinstance(batch["visual"], tf.RaggedTensor):
        return batch
    there = batch["visual"].row_lengths() > 0
    return {name: tf.ragged.boolean_mask(values, there) for name, values in batch.items()}


def means(batch: Batch) -> Batch:
    """Replaces the steps of each modality by their mean; zero where there are none.

    >>> steps = tf.ragged.constant([[[1.0] * 4, [3.0] * 4], []], ragged_rank=1, inner_shape=(4,))
    >>> ids, labels = tf.constant(["a", "b"]), tf.ragged.constant([[0], [1]])
    >>> batch = means({"id": ids, "labels": labels, "audio": steps, "visual": steps})
    >>> batch["audio"].numpy().tolist(), batch["silent"].numpy().tolist()
    ([[2.0, 2.0, 2.0, 2.0], [0.0, 0.0, 0.0, 0.0]], [False, True])
    """

    def mean(steps: tf.Tensor | tf.RaggedTensor) -> tf.Tensor:
        value = tf.reduce_mean(steps, axis=1)
        return tf.where(tf.math.is_nan(value), 0.0, value)

    return {
        "id": batch["id"],
        "labels": batch["labels"],
        "audio": mean(batch["audio"]),
        "visual": mean(batch["visual"]),
        "silent": silent(batch["audio"]),
    }
