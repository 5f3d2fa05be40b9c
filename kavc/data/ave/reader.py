"""Reads AVE as `ave:PATH`, in the view that a system asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from kavc.data.ave import orders, places
from kavc.data.ave.classes import CLASSES
from kavc.data.ave.features import KINDS, BadRow, Features
from kavc.data.ave.folder import ARRAYS, EVENTS, Folder, field_of, leaks, open_folder
from kavc.data.ave.look import Looked
from kavc.data.ave.videos import SECONDS, Video
from kavc.data.damage import Check, Where
from kavc.data.layouts import Reader, View
from kavc.data.membership import read_rosters
from kavc.data.roster import Roster, join
from kavc.data.schema import ExampleSpec
from kavc.data.source import Source
from kavc.data.splits import SPLITS, Part, check_name
from kavc.data.views import Batch, silence, viewed, with_one_label
from kavc.errors import DataError, unknown

AT_ONCE = 32  # videos that are read together; their maps take 32 MB
Stored = Mapping[str, Features | np.ndarray]  # by the names in the view


class AveReader(Reader):
    """The published files, as arrays of one row a second.

    - "audio" (10, 128), "visual" (10, 512);
    - "visual_map" (10, 7, 7, 512), where the view's rows need be no vectors; its means over space
      are "visual" where `visual_feature_vec.h5` is missing;
    - "events" (10, 1), 1 in the seconds in which the event is both heard and seen.

    The label is the one category, an index into `kavc.data.ave.CLASSES`; ids are row and clip, as
    "0171_2Jqm4wTVLu8", since rows share clips. Splits are those that `View.order` names.

    Reference:
        Tian et al., 2018; Zhu et al., 2021, section 3.1.
    """

    def describe(self, source: Source, view: View) -> dict[str, Any]:
        folder = _open(source, view)
        arrays = [name for name in view.arrays.values() if name in KINDS]
        looked = {name: folder.look(name) for name in arrays}
        rosters = _rosters(source, folder, _silent(view, looked))
        notes = [*folder.notes(looked.values()), *leaks(rosters)]
        if source.parts() is None:
            notes += _left_over(folder, rosters)
        if view.theme:
            rosters, left_out = with_one_label(rosters)
            notes += left_out
        for name in set(view.rows) & set(view.arrays):
            for roster in rosters.values():
                rows = [SECONDS] * len(roster)
                view.check_rows(name, roster.ids.tolist(), rows, str(source))
        return {
            "counts": {split: len(roster) for split, roster in rosters.items()},
            "widths": {
                name: looked[there].width if there in looked else 1
                for name, there in view.arrays.items()
            },
            "classes": CLASSES,
            "fingerprint": folder.fingerprint(looked.values()),
            "notes": tuple(notes),
            "rosters": rosters,
        }

    def read(self, source: Source, split: str, view: View) -> tf.data.Dataset:
        folder = _open(source, view)
        rosters = _rosters(source, folder, frozenset())
        if check_name(split) not in rosters:
            raise DataError(f"no split {split!r}; there are: {', '.join(rosters)}")
        stored: Stored = {
            name: folder.events if there == EVENTS else folder.features(there)
            for name, there in view.arrays.items()
        }
        fields = {
            name: field_of(there, getattr(stored[name], "width", 1))
            for name, there in view.arrays.items()
        }
        rows = np.array([int(id_.split(b"_")[0]) for id_ in rosters[split].ids], np.int64)
        batches = _batches(source, [folder.videos[row] for row in rows], stored, fields)
        return viewed(batches, fields, view)

    def title(self, source: Source) -> str:
        return f"{open_folder(source.path).title} ({source.path.name})"

    def arrays(self, source: Source) -> Sequence[ExampleSpec]:
        there = [name for name, kind in KINDS.items() if places.find(source.path, kind.file)]
        # Maps by themselves: a sample of them holds few videos.
        groups = [[n for n in there if bool(KINDS[n].cells) == maps] for maps in (False, True)]
        return [
            {name: field_of(name, KINDS[name].width) for name in group} for group in groups if group
        ]


def _open(source: Source, view: View) -> Folder:
    for name, there in view.arrays.items():
        if there not in ARRAYS:
            raise DataError(f"{source}: {unknown('array', there, ARRAYS)}; it was to be read as"
                            f" {name!r}: --set {name}_array=NAME")  # fmt: skip
        if view.vectors and there in KINDS and KINDS[there].cells:
            shape = ("any", *KINDS[there].cells, KINDS[there].width)
            raise DataError(f"{source}: {there} is {shape}; one vector a step of time is expected")
    return open_folder(source.path, view.order)


def _silent(view: View, looked: Mapping[str, Looked]) -> frozenset[int]:
    heard = looked.get(view.arrays.get("audio", ""))
    return heard.silent if heard else frozenset()


def _rosters(source: Source, folder: Folder, silent: frozenset[int]) -> dict[str, Roster]:
    """Returns who is in each split, in the order of the split's file.

    Ids of a splits file are looked for among all rows, which then need no published split.
    """
    names, parts = orders.files_of(folder.kind), source.parts()
    videos = {order.file: [folder.videos[row] for row in order.rows]
              for order in folder.orders.values()}  # fmt: skip
    if parts and all(part.ids for part in parts.values()):
        videos = {folder.annotations: list(folder.videos)}
    elif not videos:
        raise places.missing(folder.path, names.values(), "take them from the AVE repository, or"
                             " say by a splits file (--splits) which ids to take")  # fmt: skip
    published = {split: Part(globs=(f"**/{names[split]}",)) for split in folder.orders}
    return read_rosters(
        source,
        list(published if parts is None else parts),
        list(videos),
        published if parts is None else parts,
        count=lambda file: len(videos[file]),
        read=lambda files: join([_roster(videos[file], silent) for file in files]),
    )


def _roster(videos: Sequence[Video], silent: frozenset[int]) -> Roster:
    return Roster(
        np.array([video.id for video in videos], object),
        np.array([video.label for video in videos], np.int64),
        np.arange(len(videos) + 1),
        np.array([video.row not in silent for video in videos]),
        np.ones(len(videos), bool),
    )


def _left_over(folder: Folder, rosters: Mapping[str, Roster]) -> list[str]:
    files = orders.files_of(folder.kind)
    told = [f"no {files[split]}: no {split} split" for split in SPLITS if split not in rosters]
    there = sum(len(roster) for roster in rosters.values())
    if there < len(folder.videos):
        told.append(f"{len(folder.videos) - there} of {len(folder.videos)} rows are in no split")
    return told


def _batches(
    source: Source, videos: Sequence[Video], stored: Stored, fields: ExampleSpec
) -> tf.data.Dataset:
    """Reads videos in their order, some at a time; all of their arrays in step."""
    load = _loader(videos, stored, fields)
    types = [tf.int64, tf.string, tf.string, tf.int64, *(tf.float32 for _ in fields)]

    def batch(first: tf.Tensor) -> Batch:
        bad, fault, ids, labels, *arrays = tf.numpy_function(load, [first], types)
        check = Check(fault != b"", lambda: bad, lambda _: [fault])
        with tf.control_dependencies([Where(str(source), first).refuse([check])]):
            ids = tf.ensure_shape(tf.identity(ids), (None,))
            one, each = tf.ones_like(ids, tf.int64), tf.fill(tf.shape(ids), np.int64(SECONDS))
            found = {"id": ids, "labels": tf.RaggedTensor.from_row_lengths(labels, one)}
            for (name, field), array in zip(fields.items(), arrays, strict=True):
                rows = tf.ensure_shape(tf.identity(array), field.shape)
                found[name] = tf.RaggedTensor.from_row_lengths(rows, each)
        return {**found, "silent": silence(found)}

    return tf.data.Dataset.range(0, len(videos), AT_ONCE).map(batch).prefetch(1)


def _loader(videos: Sequence[Video], stored: Stored, fields: ExampleSpec) -> Callable[..., list]:
    def load(first: np.ndarray) -> list[Any]:
        """Returns which video is bad and why, the ids, the labels, and rows of each array."""
        some = videos[int(first) : int(first) + AT_ONCE]
        rows = np.array([video.row for video in some])
        told = np.array([video.id for video in some]), np.array([video.label for video in some])
        try:
            found = [
                each[rows] if isinstance(each, np.ndarray) else each.read(rows)
                for each in stored.values()
            ]
        except DataError as error:
            bad = rows.tolist().index(error.row) if isinstance(error, BadRow) else 0
            none = [np.zeros((0,) * len(field.shape), np.float32) for field in fields.values()]
            return [np.int64(bad), str(error).encode(), *told, *none]
        flat = [array.reshape(-1, *array.shape[2:]) for array in found]
        return [np.int64(0), b"", *told, *flat]

    return load
