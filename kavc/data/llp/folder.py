"""An LLP folder: its videos, what is heard and seen in them, and which of them have features."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from kavc.data.llp import truth, videos
from kavc.data.llp.classes import CLASSES
from kavc.data.llp.features import KINDS, load
from kavc.data.llp.places import Features, Looked, find_features, look, state
from kavc.data.llp.truth import Event
from kavc.data.llp.videos import Video
from kavc.data.schema import Field
from kavc.errors import DataError
from kavc.inputs.json_files import read_json
from kavc.inputs.opening import sha256

EVENTS = {"audio_events": "audio", "visual_events": "visual"}  # arrays of what the tables tell
ARRAYS = (*KINDS, *EVENTS)
HELD = ("validation", "test")  # whose events are known second by second
GENERATED = "corpus.json"  # beside the tables of a corpus that this package made
_NAMED = 3  # ids that a note names


@dataclass(frozen=True, eq=False)
class Folder:
    """An LLP folder, whose tables are read and whose features are not.

    Args:
        path: of the source.
        tables: folder of the tables.
        videos: published split to its videos, of the splits that there are.
        events: "audio" and "visual" to the rows of its table, of those that there are.
        features: where the features lie.
        generated: whether this package made them, at any widths.

    Reference:
        Tian et al., 2020.
    """

    path: Path
    tables: Path
    videos: Mapping[str, Sequence[Video]]
    events: Mapping[str, Sequence[Event]]
    features: Features
    generated: bool

    @property
    def title(self) -> str:
        """What tables call the data."""
        return "synthetic LLP-like corpus" if self.generated else "LLP"

    @cached_property
    def everyone(self) -> list[Video]:
        """The videos of all splits."""
        return [video for rows in self.videos.values() for video in rows]

    def with_features(self, arrays: Iterable[str]) -> dict[str, list[Video]]:
        """Returns published split to the videos that have a file of each array.

        Args:
            arrays: names; those of events, which have no files, do not count.

        Raises:
            DataError: no video of a split has its features.
        """
        needed = [array for array in arrays if array in KINDS]
        for array in needed:
            if len(self.features.missing(array, self.everyone)) == len(self.everyone):
                raise self.features.none(array)
        found = {
            split: [v for v in rows if all(self.features.has(array, v.id) for array in needed)]
            for split, rows in self.videos.items()
        }
        for split, rows in found.items():
            if not rows:
                raise DataError(
                    f"llp:{self.path}: none of the {len(self.videos[split])} videos of {split} has"
                    f" its features ({', '.join(KINDS[array].folder for array in needed)}); add"
                    f" them, or take {videos.FILES[split]} away"
                )
        return found

    def oddities(self) -> list[str]:
        """Returns what is odd about the tables, a sentence each."""
        known = [video.name for split in HELD for video in self.videos.get(split, ())]
        told = videos.repeats(self.videos)
        for kind, events in self.events.items():
            told += truth.oddities(events, truth.FILES[kind], known)
        return told

    def gaps(self, arrays: Iterable[str]) -> list[str]:
        """Returns which files are missing, a sentence for each array and published split."""
        told = []
        for array in (array for array in arrays if array in KINDS):
            for split, rows in self.videos.items():
                if ids := self.features.missing(array, rows):
                    some = ", ".join(ids[:_NAMED])
                    told.append(
                        f"{split}: left out for want of {KINDS[array].folder}/ID.npy:"
                        f" {len(ids)} of {len(rows)} videos"
                        f" ({'such as ' if len(ids) > _NAMED else ''}{some})"
                    )
        return told

    def notes(self, arrays: Sequence[str], *, strict: bool) -> list[str]:
        """Returns sentences for a report: what is odd and what is missing.

        Args:
            arrays: names of those that are read.
            strict: whether any of it is refused.

        Raises:
            DataError: with `strict`, something is odd or missing; it says all.
        """
        told = [*self.gaps(arrays), *self.oddities()]
        if strict and told:
            raise DataError(f"llp:{self.path}: {'; '.join(told)}; mend the files, or read them"
                            " without --strict")  # fmt: skip
        if truth.is_later(self.events.get("audio", ())):
            told.append(f"{truth.FILES['audio']}: as published since 16 April 2024")
        return told

    def check_events(self, arrays: Iterable[str]) -> None:
        """Raises if the table of an array of events is not there, and is needed.

        Raises:
            DataError: it names the table.
        """
        held = any(split in self.videos for split in HELD)
        for kind in (EVENTS[array] for array in arrays if array in EVENTS):
            if held and kind not in self.events:
                raise DataError(f"{self.tables / truth.FILES[kind]}: no such file, which tells the"
                                f" {kind} events of validation and test; take it from where the"
                                " other tables are from")  # fmt: skip

    @cached_property
    def masks(self) -> dict[str, dict[str, np.ndarray]]:
        """Array of events to id to (10, 25) float32 of 0 and 1, of validation and test."""
        held = [video for split in HELD for video in self.videos.get(split, ())]
        names, ids = [video.name for video in held], [video.id for video in held]
        return {
            array: dict(zip(ids, truth.masks(self.events[kind], names).astype("f4"), strict=True))
            for array, kind in EVENTS.items()
            if kind in self.events
        }

    def array(self, name: str, id_: str, width: int | None = None) -> np.ndarray:
        """Reads an array of a video.

        Args:
            name: one of `ARRAYS`.
            id_: of the video.
            width: of a row, where it isn't the published one.

        Returns:
            (10, width) float32; of the events of a training video, (0, 25).

        Raises:
            DataError: as `kavc.data.llp.features.load`.
        """
        if name in EVENTS:
            return self.masks.get(name, {}).get(id_, np.zeros((0, len(CLASSES)), np.float32))
        kind = KINDS[name]
        return load(self.features.file(name, id_), kind, width or kind.width)

    def look(self) -> Looked:
        """Looks at all features, once a process for as long as they stay the same.

        Returns:
            What it tells; its fingerprint is of the tables, too.

        Raises:
            DataError: as `kavc.data.llp.places.look`.
        """
        files = self.features.files(self.everyone)
        looked = _looked_at(self.path, state(files), self.generated)
        digest = hashlib.sha256(looked.fingerprint.encode())
        for name in (*videos.FILES.values(), *truth.FILES.values()):
            if (self.tables / name).exists():
                digest.update(f"{name} {sha256(self.tables / name)}\n".encode())
        return Looked(digest.hexdigest(), looked.widths, looked.silent)


@functools.lru_cache(maxsize=8)
def _looked_at(path: Path, state: str, any_width: bool) -> Looked:
    del state
    folder = open_folder(path)
    return look(folder.features.files(folder.everyone), any_width=any_width)


def open_folder(path: str | os.PathLike) -> Folder:
    """Reads the tables of an LLP folder, and looks which features there are.

    Raises:
        DataError: as `kavc.data.llp.videos.find_tables` and `read_videos`,
            `kavc.data.llp.truth.read_events`, `kavc.data.llp.places.find_features`.

    Example:
        folder = open_folder("AVVP-ECCV20")
        print(folder.title, len(folder.everyone), folder.gaps(["audio", "visual"]))
    """
    path = Path(path)
    tables = videos.find_tables(path)
    there = {kind: tables / file for kind, file in truth.FILES.items()}
    return Folder(
        path,
        tables,
        videos.read_videos(tables),
        {kind: truth.read_events(file) for kind, file in there.items() if file.exists()},
        find_features(path),
        _is_generated(path),
    )


def field_of(array: str, widths: Mapping[str, int]) -> Field:
    """Returns the field of an array.

    Args:
        array: one of `ARRAYS`.
        widths: of the features, by array.

    Example:
        >>> field_of("audio", {"audio": 128}).shape, field_of("audio_events", {}).shape
        ((None, 128), (None, 25))
    """
    if array in EVENTS:
        meaning = f"{EVENTS[array]} events, 1 where a class occurs; none of training videos"
        return Field((None, len(CLASSES)), "float32", meaning, 1.0)
    return Field((None, widths[array]), "float32", KINDS[array].layer, 1.0)


def missing_features(path: str | os.PathLike) -> dict[str, list[str]]:
    """Returns which files of features an LLP folder lacks.

    Args:
        path: of the folder.

    Returns:
        Name of the folder ("vggish", "res152", "r2plus1d_18") to the ids of the videos that have
        no file there, in the order of the tables.

    Raises:
        DataError: as `open_folder`.
    """
    folder = open_folder(path)
    return {
        kind.folder: folder.features.missing(array, folder.everyone)
        for array, kind in KINDS.items()
    }


def _is_generated(path: Path) -> bool:
    if not (path / GENERATED).exists():
        return False
    content = read_json(path / GENERATED)
    return isinstance(content, dict) and content.get("kind") == "llp"
