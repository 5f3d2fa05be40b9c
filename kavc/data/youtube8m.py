"""YouTube-8M as Google published it: which files there are, and what they hold.

Level and release are read off the first record. The published split is in the files' names
(`train0000.tfrecord`, `validate...`, `test...`); a splits file overrides it. Shard numbers need
not be contiguous: what is there is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from kavc.data import vocabulary
from kavc.data.damage import data_errors
from kavc.data.layouts import Reader, View
from kavc.data.membership import members
from kavc.data.roster import Roster, check_labels, repeated, unseen
from kavc.data.schema import ExampleSpec, video_spec
from kavc.data.source import Source
from kavc.data.tfrecord import PARSE_AT_ONCE, one_by_one
from kavc.data.themes import survey, themed, with_themes
from kavc.data.youtube8m_files import Opened, open_files, words_near, words_of
from kavc.data.youtube8m_frames import read_frames
from kavc.data.youtube8m_records import (
    AUDIO_DIM,
    MEANS,
    SPEC,
    VISUAL_DIM,
    Batch,
    means,
    read_videos,
    release_of,
    seen,
    silent,
)
from kavc.data.youtube8m_rosters import LOAD_AT_ONCE, rosters_of
from kavc.errors import DataError


class YouTube8MReader(Reader):
    """The published files; a video's theme is its only top-level vertical.

    Reference:
        Abu-El-Haija et al., 2016.
    """

    def describe(self, source: Source, view: View) -> dict[str, Any]:
        _check_names(source, view)
        if view.theme:
            return describe_themes(source, view.min_theme_count)
        return describe(source)

    def read(self, source: Source, split: str, view: View) -> tf.data.Dataset:
        _check_names(source, view)
        if view.theme:
            return read_themes(source, split, view.min_theme_count, frames=view.frames)
        if view.means:
            return read_means(source, split)
        return read(source, split, frames=view.frames)

    def title(self, source: Source) -> str:
        return f"YouTube-8M ({source.path.name})"

    def arrays(self, source: Source) -> Sequence[ExampleSpec]:
        return [{name: SPEC[name] for name in ("audio", "visual")}]


def _check_names(source: Source, view: View) -> None:
    for name, there in view.arrays.items():
        if name not in ("audio", "visual") or there != name:
            raise DataError(f"{source}: YouTube-8M has the arrays audio and visual; no {there!r} to"
                            f" read as {name!r}")  # fmt: skip


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
        DataError: no such split, no files of it, another layout, files of two layouts, or the
            vocabulary of another release. A record that does not fit, as one with a label that
            the vocabulary does not have, raises while it is read (see
            `kavc.data.damage.data_errors`).

    Reference:
        Abu-El-Haija et al., 2016.

    Example:
        for video in read(Source.parse("youtube8m:yt8m"), "train").take(1):
            print(video["labels"].numpy(), video["visual"].shape)
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
    opened = open_files(source)
    files = opened.of(split)
    release = release_of(files)
    words = words_near(source, release)
    classes = release.classes if words is None else len(words)
    if release.level == "video":
        batches = read_videos(files, release, at_once, classes=classes)
    else:
        batches = read_frames(files, release, frames, max_steps, classes=classes)
    return members(batches, split, opened.parts)


def read_means(source: Source, split: str) -> tf.data.Dataset:
    """Reads the videos of one split with one vector a modality: the mean over their seconds.

    Args:
        source: folder of the published files; of frame level the means are computed.
        split: "train", "validation" or "test".

    Returns:
        Data set of dicts "id" () string, "labels" (any,) int64, "audio" (128,) float32, "visual"
        (1024,) float32 and "silent" () bool; the audio of a video without any second is zero, one
        without frames is left out.

    Raises:
        DataError: as `read`.

    Reference:
        Surís et al., 2018, section 3.

    Example:
        store = FeatureStore.from_dataset(read_means(Source.parse("youtube8m:yt8m"), "train"))
    """
    return one_by_one(read_batches(source, split).map(seen).map(means), MEANS)


def load(source: Source, split: str) -> dict[str, np.ndarray]:
    """Loads a split of the video level into memory: the fastest way to all of it.

    Returns:
        dict of "id" (videos,) bytes, "labels" (sum of the lengths,) int64, "label_lengths"
        (videos,) int64, "audio" (videos, 128) float32 and "visual" (videos, 1024) float32.

    Raises:
        DataError: as `read`, a record does not fit, or the files are frame level.

    Example:
        load(Source.parse("youtube8m:yt8m"), "validation")["visual"].shape  # (videos, 1024)
    """
    files = open_files(source).of(split)
    if release_of(files).level == "frame":
        raise DataError(f"{source}: frame level; only video level is loaded whole, stream it")

    def flat(batch: Batch) -> Batch:
        labels = batch["labels"]
        return {**batch, "labels": labels.values, "label_lengths": labels.row_lengths()}

    with data_errors(files):
        batches = read_batches(source, split, at_once=LOAD_AT_ONCE).map(flat).prefetch(2)
        loaded = list(batches.as_numpy_iterator())
    columns = {name: np.concatenate([batch[name] for batch in loaded]) for name in loaded[0]}
    return {**columns, "audio": columns["audio"][:, 0], "visual": columns["visual"][:, 0]}


def describe(source: Source) -> dict[str, Any]:
    """Tells what the files hold, for the splits that are there: reads all of them, once a process.

    Returns:
        dict of "counts" (split name to number of videos), "widths" ("audio", "visual"), "classes"
        (names of the labels if a vocabulary lies near, else their indices), "fingerprint"
        (hexadecimal; see `kavc.data.youtube8m_files.fingerprint`), "notes" (sentences for a
        report) and "rosters" (split name to `kavc.data.roster.Roster`).

    Raises:
        DataError: as `read`; a file is cut inside a record; files of two layouts; a video is in
            two splits; a splits file lists ids that are not there.
    """
    opened = open_files(source)
    rosters = rosters_of(opened)
    release = release_of(opened.taken())
    words = words_near(source, release)
    classes = [str(i) for i in range(release.classes)] if words is None else words.names
    for split, roster in rosters.items():
        check_labels(roster, len(classes), f"{source}, {split}")
    notes = [f"{split}: {len(opened.of(split))} files" for split in rosters]
    return _info(opened, rosters, classes, [*notes, *repeated(rosters), *unseen(rosters)])


def describe_themes(source: Source, min_count: int = 200) -> dict[str, Any]:
    """As `describe`, for the videos with one theme that `read_themes` gives.

    Args:
        source: folder of the published files, with a vocabulary (see `kavc.data.vocabulary`).
        min_count: fewest training videos of a theme that is kept. Defaults to 200.

    Returns:
        dict as of `describe`; "classes" are the themes, sorted; "notes" say what was left out; the
        label of a video in "rosters" is its theme.

    Raises:
        DataError: as `describe` and `read_themes`.
    """
    opened = open_files(source)
    words, themes = _themes(opened, min_count)
    rosters, notes = {}, []
    for split, roster in rosters_of(opened).items():
        notes.append(survey(roster, words, f"{source}, {split}").note(split, themes))
        rosters[split] = themed(roster, words, themes)
    return _info(opened, rosters, themes, [*notes, *repeated(rosters)])


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

    Example:
        videos = read_themes(Source.parse("youtube8m:yt8m"), "train", min_count=200)
        store = VideoStore.from_dataset(videos, needed=("audio", "visual"))
    """
    words, themes = _themes(open_files(source), min_count)
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


def _info(
    opened: Opened, rosters: Mapping[str, Roster], classes: Sequence[str], notes: Sequence[str]
) -> dict[str, Any]:
    return {
        "counts": {split: len(roster) for split, roster in rosters.items()},
        "widths": {"audio": AUDIO_DIM, "visual": VISUAL_DIM},
        "classes": tuple(classes),
        "fingerprint": opened.fingerprint,
        "notes": tuple(notes),
        "rosters": dict(rosters),
    }


def _themes(opened: Opened, min_count: int) -> tuple[vocabulary.Vocabulary, list[str]]:
    words = words_of(opened.source, release_of(opened.of("train")))
    train = rosters_of(opened)["train"]
    return words, survey(train, words, f"{opened.source}, train").choose(min_count)
