"""An AVE folder: its videos, their events, its splits, and where its features lie."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from kavc.data.ave import labels, orders, places
from kavc.data.ave.features import KINDS, Features
from kavc.data.ave.look import Looked, look
from kavc.data.ave.orders import Order
from kavc.data.ave.videos import FILE, SECONDS, Video, events, oddities, read_annotations
from kavc.data.roster import Roster
from kavc.data.schema import Field
from kavc.inputs.json_files import read_json
from kavc.inputs.opening import sha256

EVENTS = "events"  # the array of what the annotations tell
ARRAYS = (*KINDS, EVENTS)
GENERATED = "corpus.json"  # beside the files of a corpus that this package made
CLIP = slice(-11, None)  # of an id


@dataclass(frozen=True, eq=False)
class Folder:
    """An AVE folder, whose annotations and splits are read and whose features are not.

    Args:
        path: of the source.
        annotations: the file of them.
        videos: of each of its rows.
        kind: of the splits, "match" or "plain".
        orders: split to its rows, of those that have a file.
        generated: whether this package made them, at any widths.

    Reference:
        Tian et al., 2018.
    """

    path: Path
    annotations: Path
    videos: Sequence[Video]
    kind: str
    orders: Mapping[str, Order]
    generated: bool

    @property
    def title(self) -> str:
        """What tables call the data."""
        return "synthetic AVE-like corpus" if self.generated else "AVE"

    @cached_property
    def events(self) -> np.ndarray:
        """Seconds of the events: (videos, 10, 1) float32, 1 where there is one."""
        return events(self.videos)[..., None]

    def features(self, name: str) -> Features:
        """Opens an array of features. Errors are those of `kavc.data.ave.features.Features`."""
        return Features(self.path, name, len(self.videos), any_width=self.generated)

    def look(self, name: str) -> Looked:
        """Looks at an array of features. Errors are those of `kavc.data.ave.look.look`."""
        return look(self.path, name, len(self.videos), any_width=self.generated)

    def fingerprint(self, looked: Iterable[Looked]) -> str:
        """Returns the SHA-256 of annotations, splits and what was looked at; hexadecimal."""
        files = [self.annotations, *(order.file for order in self.orders.values())]
        lines = [f"{file.name} {sha256(file)}" for file in files]
        lines += sorted({f"{each.file} {each.digest}" for each in looked})
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def notes(self, looked: Iterable[Looked]) -> list[str]:
        """Returns sentences for a report: what is odd about annotations, labels and features.

        Raises:
            DataError: as `kavc.data.ave.labels.disagreements`.
        """
        told = oddities(self.videos)
        told += labels.disagreements(self.path, self.videos)
        seconds = SECONDS * len(self.videos)
        zero = {each.file: each.zero for each in looked if each.zero}
        told += [f"{file}: {n} of {seconds} seconds are all zero" for file, n in zero.items()]
        return told


def open_folder(path: str | os.PathLike, kind: str = "match") -> Folder:
    """Reads the annotations and the splits of an AVE folder.

    Args:
        path: of the folder.
        kind: of the splits, "match" or "plain".

    Raises:
        DataError: as `kavc.data.ave.videos.read_annotations` and
            `kavc.data.ave.orders.read_orders`; or there are no annotations.

    Example:
        folder = open_folder("AVE", kind="match")
        folder.title, len(folder.videos), list(folder.orders)  # ("AVE", 4143, ["train", ...])
    """
    path = Path(path)
    orders.files_of(kind)
    file = places.need(path, FILE, "take it from the folder data of the AVE repository")
    videos = read_annotations(file)
    found = orders.read_orders(path, kind, len(videos))
    return Folder(path, file, videos, kind, found, _is_generated(path))


def field_of(name: str, width: int) -> Field:
    """Returns the field of an array.

    Args:
        name: one of `ARRAYS`.
        width: of its vectors.

    Example:
        >>> field_of("visual_map", 512).shape, field_of("events", 1).shape
        ((None, 7, 7, 512), (None, 1))
    """
    if name == EVENTS:
        return Field((None, 1), "float32", "1 in the seconds of the event", 1.0)
    return Field((None, *KINDS[name].cells, width), "float32", KINDS[name].layer, 1.0)


def leaks(rosters: Mapping[str, Roster]) -> list[str]:
    """Returns a sentence for each two splits that share clips, as rows of the same clip may be.

    >>> there = np.array([True])
    >>> one, other = (
    ...     Roster(np.array([id_], object), np.array([3]), np.arange(2), there, there)
    ...     for id_ in (b"0001_2Jqm4wTVLu8", b"0171_2Jqm4wTVLu8")
    ... )
    >>> leaks({"train": one, "test": other})
    ['1 clip is both in train and in test, 1 under the same category']
    """
    told = []
    labelled = {
        split: set(zip((id_[CLIP] for id_ in roster.ids), roster.labels.tolist(), strict=True))
        for split, roster in rosters.items()
    }
    for one, other in itertools.combinations(labelled, 2):
        clips = {clip for clip, _ in labelled[one]} & {clip for clip, _ in labelled[other]}
        same = len({clip for clip, _ in labelled[one] & labelled[other]})
        if clips:
            are = "clips are" if len(clips) > 1 else "clip is"
            so = f"{same} under the same category" if same else "under different categories"
            told.append(f"{len(clips)} {are} both in {one} and in {other}, {so}")
    return told


def _is_generated(path: Path) -> bool:
    if not (path / GENERATED).exists():
        return False
    content = read_json(path / GENERATED)
    return isinstance(content, dict) and content.get("kind") == "ave"
