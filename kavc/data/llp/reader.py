"""Reads LLP as `llp:PATH`, in the view that a system asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from kavc.data.damage import Check, Where
from kavc.data.layouts import Reader, View
from kavc.data.llp.classes import CLASSES
from kavc.data.llp.folder import ARRAYS, EVENTS, Folder, field_of, open_folder
from kavc.data.llp.truth import SECONDS
from kavc.data.llp.videos import FILES, Video
from kavc.data.membership import read_rosters
from kavc.data.roster import Roster, join
from kavc.data.schema import ExampleSpec
from kavc.data.source import Source
from kavc.data.splits import Part, check_name
from kavc.data.views import Batch, silence, viewed, with_one_label
from kavc.errors import DataError, unknown

AT_ONCE = 16  # videos of a batch on their way
PUBLISHED = {split: Part(globs=(f"**/{file}",)) for split, file in FILES.items()}


class LlpReader(Reader):
    """The published files, as arrays of one row a second.

    - "audio" (10, 128), "visual" (10, 2048), which are means of 8 frames, "visual_3d" (10, 512);
    - "audio_events" and "visual_events" (10, 25), 0 or 1: what is heard and seen when. Training
      videos have (0, 25).

    Labels are the weak ones, indices into `kavc.data.llp.CLASSES`. Videos that lack a file of
    features which the view asks for are left out, and noted.

    Reference:
        Tian et al., 2020; Lamba et al., 2021, sections 3 and 4.
    """

    def describe(self, source: Source, view: View) -> dict[str, Any]:
        folder = _open(source, view)
        looked = folder.look()
        arrays = list(view.arrays.values())
        notes = folder.notes(arrays, strict=source.strict)
        rosters = _rosters(source, folder, arrays, looked.silent if _hears(view) else frozenset())
        if view.theme:
            rosters, left_out = with_one_label(rosters)
            notes += left_out
        _check_rows(source, folder, view, rosters)
        fields = _fields(view, looked.widths)
        return {
            "counts": {split: len(roster) for split, roster in rosters.items()},
            "widths": {name: field.shape[-1] for name, field in fields.items()},
            "classes": CLASSES,
            "fingerprint": looked.fingerprint,
            "notes": tuple(notes),
            "rosters": rosters,
        }

    def read(self, source: Source, split: str, view: View) -> tf.data.Dataset:
        folder = _open(source, view)
        widths = folder.look().widths
        rosters = _rosters(source, folder, list(view.arrays.values()), frozenset())
        if check_name(split) not in rosters:
            raise DataError(f"no split {split!r}; there are: {', '.join(rosters)}")
        videos = {video.id.encode(): video for video in folder.everyone}
        chosen = [videos[id_] for id_ in rosters[split].ids]
        fields = _fields(view, widths)
        loaded = _loaded(source, folder, chosen, view, fields)
        return viewed(loaded.ragged_batch(AT_ONCE).map(_standard), fields, view)

    def title(self, source: Source) -> str:
        return f"{open_folder(source.path).title} ({source.path.name})"

    def arrays(self, source: Source) -> Sequence[ExampleSpec]:
        folder = open_folder(source.path)
        widths, there = folder.look().widths, list(folder.features.folders)
        gaps = any(folder.features.missing(name, folder.everyone) for name in there)
        groups = [[name] for name in there] if gaps else [there]
        return [{name: field_of(name, widths) for name in group} for group in groups]


def _open(source: Source, view: View) -> Folder:
    for name, there in view.arrays.items():
        if there not in ARRAYS:
            raise DataError(f"{source}: {unknown('array', there, ARRAYS)}; it was to be read as"
                            f" {name!r}: --set {name}_array=NAME")  # fmt: skip
    folder = open_folder(source.path)
    folder.check_events(view.arrays.values())
    return folder


def _hears(view: View) -> bool:
    return view.arrays.get("audio") == "audio"


def _fields(view: View, widths: Mapping[str, int]) -> ExampleSpec:
    """Returns the fields of a view's arrays, by their names there."""
    return {name: field_of(there, widths) for name, there in view.arrays.items()}


def _rosters(
    source: Source, folder: Folder, arrays: Sequence[str], silent: frozenset[str]
) -> dict[str, Roster]:
    """Returns who is in each split, of the videos that have the features of some arrays."""
    rows = folder.with_features(arrays)
    of_file = {folder.tables / FILES[split]: videos for split, videos in rows.items()}
    parts = source.parts()
    return read_rosters(
        source,
        list(rows if parts is None else parts),
        list(of_file),
        PUBLISHED if parts is None else parts,
        count=lambda file: len(of_file[file]),
        read=lambda files: join([_roster(of_file[file], silent) for file in files]),
    )


def _roster(videos: Sequence[Video], silent: frozenset[str]) -> Roster:
    labels = [video.labels for video in videos]
    return Roster(
        np.array([video.id.encode() for video in videos], object),
        np.array([label for those in labels for label in those], np.int64),
        np.cumsum([0, *map(len, labels)]),
        np.array([video.id not in silent for video in videos]),
        np.ones(len(videos), bool),
    )


def _check_rows(source: Source, folder: Folder, view: View, rosters: Mapping[str, Roster]) -> None:
    for name in set(view.rows) & set(view.arrays):
        known = folder.masks.get(view.arrays[name]) if view.arrays[name] in EVENTS else None
        for roster in rosters.values():
            ids = roster.ids.tolist()
            rows = [SECONDS if known is None or id_.decode() in known else 0 for id_ in ids]
            view.check_rows(name, ids, rows, str(source))


def _loaded(
    source: Source, folder: Folder, videos: Sequence[Video], view: View, fields: ExampleSpec
) -> tf.data.Dataset:
    """Reads videos one by one, several at a time, in their order."""

    def load(number: int) -> list[Any]:
        """Returns the id, what is wrong with the files, the labels and the arrays of a video."""
        video = videos[number]
        labels = np.array(video.labels, np.int64)
        try:
            found = [
                folder.array(there, video.id, fields[name].shape[-1])
                for name, there in view.arrays.items()
            ]
            return [video.id.encode(), b"", labels, *found]
        except DataError as error:
            empty = [np.zeros((0, field.shape[-1] or 0), np.float32) for field in fields.values()]
            return [video.id.encode(), str(error).encode(), labels, *empty]

    types = [tf.string, tf.string, tf.int64, *(tf.float32 for _ in fields)]

    def example(number: tf.Tensor) -> dict[str, tf.Tensor]:
        id_, fault, labels, *arrays = tf.numpy_function(load, [number], types)
        check = Check(fault != b"", lambda: tf.constant(0), lambda _: [fault])
        with tf.control_dependencies([Where(str(source), number).refuse([check])]):
            found = {"id": tf.ensure_shape(id_, ()), "labels": tf.ensure_shape(labels, (None,))}
            for (name, field), array in zip(fields.items(), arrays, strict=True):
                found[name] = tf.ensure_shape(array, field.shape)
            return {name: tf.identity(value) for name, value in found.items()}

    numbers = tf.data.Dataset.range(len(videos))
    return numbers.map(example, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


def _standard(batch: Batch) -> Batch:
    return {**batch, "silent": silence(batch)}
