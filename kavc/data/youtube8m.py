"""YouTube-8M as Google published it: which files there are, and what they hold.

Level and release are read off the first record. The published split is in the files' names
(`train0000.tfrecord`, `validate...`, `test...`); a splits file overrides it. Shard numbers need
not be contiguous: what is there is read.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from kavc.data import splits as split_files
from kavc.data import vocabulary
from kavc.data.damage import data_errors
from kavc.data.manifest import count_records
from kavc.data.schema import video_spec
from kavc.data.source import Source
from kavc.data.splits import SPLITS, Part
from kavc.data.tfrecord import PARSE_AT_ONCE, one_by_one
from kavc.data.themes import Survey, survey, with_themes
from kavc.data.youtube8m_records import (
    AUDIO_DIM,
    MEANS,
    SPEC,
    VISUAL_DIM,
    Batch,
    detect,
    means,
    read_frames,
    read_videos,
    silent,
)
from kavc.errors import DataError

LOAD_AT_ONCE = 1024
PUBLISHED = {
    "train": Part(globs=("train*.tfrecord",)),
    "validation": Part(globs=("validate*.tfrecord",)),
    "test": Part(globs=("test*.tfrecord",)),
}


def read(
    source: Source, split: str, *, frames: int | None = None, max_steps: int | None = None
) -> tf.data.Dataset:
    """Reads the videos of one split, one by one, in the order of the files' names.

    Args:
        source: folder of the published files.
        split: "train", "validation" or "test".
        frames: frame level only. Picks that many visual features, evenly spaced over the video;
            all of a video that has no more. Defaults to all.
        max_steps: frame level only. Keeps the first so many audio features. Defaults to all.

    Returns:
        Data set of dicts "id" () string, "labels" (any,) int64, "audio" (T, 128) float32 and
        "visual" (N, 1024) float32; T = N = 1 on video level.

    Raises:
        DataError: no such split, no files of it, or another layout. A record that does not fit
            raises while it is read (see `kavc.data.damage.data_errors`).
    """
    return one_by_one(read_batches(source, split, frames=frames, max_steps=max_steps), SPEC)


def read_batches(
    source: Source,
    split: str,
    *,
    frames: int | None = None,
    max_steps: int | None = None,
    at_once: int = PARSE_AT_ONCE,
) -> tf.data.Dataset:
    """As `read`, in batches as they are parsed; what varies is a `tf.RaggedTensor`.

    Args:
        source, split, frames, max_steps: as of `read`.
        at_once: video level only. Most videos a batch; no batch spans two files.
    """
    chosen, parts = _files(source, split)
    release = detect(chosen[0])
    if release.level == "video":
        batches = read_videos(chosen, release, at_once)
    else:
        batches = read_frames(chosen, release, frames, max_steps)
    if not parts[split].ids:
        return batches

    def members(batch: Batch) -> Batch:
        keep = split_files.in_split(batch["id"], split, parts)
        return {name: tf.ragged.boolean_mask(values, keep) for name, values in batch.items()}

    return batches.map(members)


def read_means(source: Source, split: str) -> tf.data.Dataset:
    """Reads the videos of one split with one vector a modality: the mean over their seconds.

    Args:
        source: folder of the published files; of frame level the means are computed.
        split: "train", "validation" or "test".

    Returns:
        Data set of dicts "id" () string, "labels" (any,) int64, "audio" (128,) float32, "visual"
        (1024,) float32 and "silent" () bool; the audio of a video without any second is zero.

    Raises:
        DataError: as `read`.
    """
    return one_by_one(read_batches(source, split).map(means), MEANS)


def load(source: Source, split: str) -> dict[str, np.ndarray]:
    """Loads a split of the video level into memory: the fastest way to all of it.

    Returns:
        dict of "id" (videos,) bytes, "labels" (sum of the lengths,) int64, "label_lengths"
        (videos,) int64, "audio" (videos, 128) float32 and "visual" (videos, 1024) float32.

    Raises:
        DataError: as `read`, a record does not fit, or the files are frame level.
    """
    if detect(_files(source, split)[0][0]).level == "frame":
        raise DataError(f"{source}: frame level; only video level is loaded whole, stream it")

    def flat(batch: Batch) -> Batch:
        labels = batch["labels"]
        return {**batch, "labels": labels.values, "label_lengths": labels.row_lengths()}

    with data_errors():
        batches = read_batches(source, split, at_once=LOAD_AT_ONCE).map(flat).prefetch(2)
        loaded = list(batches.as_numpy_iterator())
    columns = {name: np.concatenate([batch[name] for batch in loaded]) for name in loaded[0]}
    return {**columns, "audio": columns["audio"][:, 0], "visual": columns["visual"][:, 0]}


def describe(source: Source) -> dict[str, Any]:
    """Tells what the files hold, for the splits that are there.

    Returns:
        dict of "counts" (split name to number of videos), "widths" ("audio", "visual"), "classes"
        (names of the labels if a vocabulary lies near, else their indices), "fingerprint"
        (hexadecimal; see `fingerprint`) and "notes" (sentences for a report).

    Raises:
        DataError: as `read`, or a file is cut inside a record.
    """
    counts, notes = {}, []
    for split in _present(source):
        files, parts = _files(source, split)
        if parts[split].ids:
            with data_errors():
                counts[split] = sum(len(batch["id"]) for batch in read_batches(source, split))
        else:
            counts[split] = sum(count_records(file) for file in files)
        notes.append(f"{split}: {len(files)} files")
    return _info(source, counts, _class_names(source), notes)


def describe_themes(source: Source, min_count: int = 200) -> dict[str, Any]:
    """As `describe`, for the videos with one theme that `read_themes` gives.

    Args:
        source: folder of the published files, with a vocabulary (see `kavc.data.vocabulary`).
        min_count: fewest training videos of a theme that is kept. Defaults to 200.

    Returns:
        dict as of `describe`; "classes" are the themes, sorted; "notes" say what was left out.
    """
    words, themes = _themes(source, min_count)
    state = fingerprint(_all_files(source))
    counts, notes = {}, []
    for split in _present(source):
        found = _survey(source, split, words, state)
        counts[split] = sum(found.single[name] for name in themes)
        notes.append(found.note(split, themes))
    return _info(source, counts, themes, notes)


def read_themes(
    source: Source,
    split: str,
    min_count: int = 200,
    *,
    frames: int | None = None,
    max_steps: int | None = None,
) -> tf.data.Dataset:
    """Reads the videos of one split that have one theme: exactly one top-level vertical.

    Themes are the verticals ("Vertical1" of the vocabulary) of at least `min_count` training
    videos, "(Unknown)" among them.

    Args:
        source: folder of the published files, with a vocabulary (see `kavc.data.vocabulary`).
        split: "train", "validation" or "test".
        min_count: fewest training videos of a theme that is kept. Defaults to 200.
        frames, max_steps: as of `read`.

    Returns:
        Data set of dicts "id", "audio", "visual" as of `read`, and "theme" () int32. The audio of
        a silent video has no steps.

    Raises:
        DataError: as `read`; no vocabulary; no training split; no theme that is frequent enough.
    """
    words, themes = _themes(source, min_count)
    batches = read_batches(source, split, frames=frames, max_steps=max_steps)

    def muted(batch: Batch) -> Batch:
        audio, heard = batch["audio"], ~silent(batch["audio"])
        if not isinstance(audio, tf.RaggedTensor):
            audio = tf.RaggedTensor.from_tensor(audio, row_splits_dtype=tf.int64)
        steps = tf.where(heard, audio.row_lengths(), 0)
        values = tf.boolean_mask(audio.values, tf.gather(heard, audio.value_rowids()))
        return {**batch, "audio": tf.RaggedTensor.from_row_lengths(values, steps, validate=False)}

    kept = with_themes(batches, words, themes).map(muted)
    return one_by_one(kept, video_spec(AUDIO_DIM, VISUAL_DIM))


def fingerprint(files: Sequence[Path]) -> str:
    """SHA-256 over the files' names, lengths, first and last 4 KiB: cheap for 31 GB, not proof."""
    digest = hashlib.sha256()
    for file in files:
        size = file.stat().st_size
        digest.update(f"{file.name} {size}\n".encode())
        with open(file, "rb") as stream:
            digest.update(stream.read(4096))
            stream.seek(max(0, size - 4096))
            digest.update(stream.read(4096))
    return digest.hexdigest()


def _parts(source: Source) -> Mapping[str, Part]:
    return split_files.load(source.splits) if source.splits else PUBLISHED


def _all_files(source: Source) -> list[Path]:
    files = sorted(source.path.rglob("*.tfrecord"))
    return [file for file in files if not file.name.startswith(".")]


def _files(source: Source, split: str) -> tuple[list[Path], Mapping[str, Part]]:
    parts, files = _parts(source), _all_files(source)
    if not files:
        raise DataError(f"{source}: no *.tfrecord files")
    return split_files.files_of(split, files, source.path, parts), parts


def _present(source: Source) -> list[str]:
    """Names the splits that there are: all of a splits file, of the published those with files."""
    parts = _parts(source)
    if source.splits is not None:
        return [split for split in SPLITS if split in parts]
    patterns = {split: parts[split].globs[0] for split in SPLITS}
    found = [split for split, pattern in patterns.items() if any(source.path.glob(pattern))]
    if not found:
        raise DataError(
            f"{source}: no files named {', '.join(patterns.values())}; a splits file (--splits)"
            " can say which to take"
        )
    return found


def _class_names(source: Source) -> Sequence[str]:
    try:
        path = vocabulary.find(source)
    except DataError:
        release = detect(_files(source, _present(source)[0])[0][0])
        return tuple(str(index) for index in range(release.classes))
    return vocabulary.read(path).names


def _info(source: Source, counts: dict, classes: Sequence[str], notes: list[str]) -> dict[str, Any]:
    return {
        "counts": counts,
        "widths": {"audio": AUDIO_DIM, "visual": VISUAL_DIM},
        "classes": tuple(classes),
        "fingerprint": fingerprint(_all_files(source)),
        "notes": tuple(notes),
    }


def _themes(source: Source, min_count: int) -> tuple[vocabulary.Vocabulary, list[str]]:
    words = vocabulary.read(vocabulary.find(source))
    state = fingerprint(_all_files(source))
    return words, _survey(source, "train", words, state).choose(min_count)


@functools.lru_cache(maxsize=8)
def _survey(source: Source, split: str, words: vocabulary.Vocabulary, state: str) -> Survey:
    """Counts a split's themes once for as long as the files stay (`state`) the same."""
    del state
    with data_errors():
        return survey(read_batches(source, split, at_once=LOAD_AT_ONCE), words, silent)
