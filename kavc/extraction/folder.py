"""The folder that features are extracted into: whole at the end, and taken up again until then.

extraction.json    what makes each array, which table; others are refused
parts/ID.npz       the features of a clip, each written whole; gone once the corpus is there
failed.csv         what gave no features, and why
clips.json         of each clip: its file, size and time, how many rows, why it ended early
corpus.json, ...   the corpus of `kavc.data.features`, last and at once
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kavc.data.features import header
from kavc.data.features.table import check_id
from kavc.data.schema import Field
from kavc.errors import ConfigError, DataError
from kavc.extraction.clips import Clip, Clips
from kavc.files import (
    PARTIAL,
    sweep_partials,
    whole_file,
    whole_files,
    whole_folder,
    write_json,
    write_npz,
)
from kavc.folders import check_own, claim
from kavc.inputs.arrays import read_npz
from kavc.inputs.json_files import parse_json, read_json
from kavc.inputs.records import entries, mapping
from kavc.partials import locked

KIND = "features"
SETTINGS, CLIPS, FAILED, PARTS = "extraction.json", "clips.json", "failed.csv", "parts"
ABOUT = "about"  # the array of a part that says what it is of, as JSON
KNOWN = {  # of each clip
    "file": str, "was": list[int] | None, "rows": dict[str, int], "tracks": dict[str, dict],
}  # fmt: skip
MOST = 2**32  # bytes of a part
Arrays = Mapping[str, np.ndarray]


class ExtractionFolder:
    """Where an extraction keeps what it has.

    Args:
        path: of the folder.
        settings: what decides the features, JSON-serialisable: "arrays", "table" and "kept".

    Attributes:
        clips: id to what is known of each clip that has features.

    Raises:
        ConfigError: it holds something else, or an extraction with other settings.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any]):
        self.path, self.settings = Path(path), dict(settings)
        self.clips: dict[str, dict[str, Any]] = {}
        check_own(self.path, KIND)
        self._check_settings()

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Makes the folder this process's own for the time of a block.

        Raises:
            ConfigError: another process extracts into it, or did so with other settings.
        """
        claim(self.path, KIND)
        with contextlib.ExitStack() as lock:
            try:
                lock.enter_context(locked(self.path, wait=False))
            except BlockingIOError:
                raise ConfigError(
                    f"{self.path}: another process extracts into it; wait for it, or use another"
                    " folder"
                ) from None
            sweep_partials(self.path)
            self._check_settings()  # another process may have been here meanwhile
            write_json(self.path / SETTINGS, self.settings)
            self.clips = self._known()
            yield

    @property
    def complete(self) -> bool:
        """Whether a corpus is there, and nothing beside it that is to join it."""
        return (self.path / header.NAME).exists() and not (self.path / PARTS).exists()

    def has(self, clip: Clip) -> bool:
        """Whether a clip's features are there, and the clip is as it was then, or gone."""
        known = self.clips.get(clip.id)
        return known is not None and _state(clip.path) in (known["was"], None)

    def reopen(self) -> None:
        """Takes a corpus apart, so that others can join it; it stays until the next is whole."""
        from kavc.data.tfrecord import read_records

        if not self.complete:
            return
        spec = header.read_header(self.path).spec
        names = [name for name, field in spec.items() if field.dtype == "float32"]
        with whole_folder(self.path / PARTS) as parts:
            for example in read_records(sorted(self.path.glob("*.tfrecord")), spec):
                id_ = example["id"].numpy().decode()
                if id_ not in self.clips:
                    raise DataError(f"{self.path / CLIPS}: nothing of {id_!r}, which is there")
                arrays = {name: example[name].numpy() for name in names}
                _write_part(parts, id_, arrays, self.clips[id_])

    def drop(self, id_: str) -> None:
        """Forgets the features of a clip, if there are any."""
        if id_ in self.clips:
            self.reopen()
            (self.path / PARTS / f"{id_}.npz").unlink(missing_ok=True)
            del self.clips[id_]

    def add(self, clip: Clip, arrays: Arrays, tracks: Mapping[str, Mapping[str, Any]]) -> None:
        """Keeps the features of a clip.

        Args:
            clip: that they are of.
            arrays: by name, with the times of their rows as NAME_times.
            tracks: name to what is known of the track that it is of.
        """
        about = {
            "file": os.path.basename(clip.path),
            "was": _state(clip.path),
            "rows": {name: len(rows) for name, rows in arrays.items() if not _is_times(name)},
            "tracks": {name: dict(track) for name, track in tracks.items()},
        }
        self.reopen()
        (self.path / PARTS).mkdir(exist_ok=True)
        _write_part(self.path / PARTS, clip.id, arrays, about)
        self.clips[clip.id] = about

    def note_failures(self, failed: Iterable[Sequence[str]]) -> None:
        """Writes the table of what gave no features, or removes it.

        Args:
            failed: (id, file, reason) each.
        """
        rows, text = sorted(map(tuple, failed)), io.StringIO()
        if not rows:
            (self.path / FAILED).unlink(missing_ok=True)
            return
        csv.writer(text, lineterminator="\n").writerows([("id", "file", "reason"), *rows])
        with whole_file(self.path / FAILED) as temporary:
            temporary.write_text(text.getvalue(), encoding="utf-8", errors="backslashreplace")

    def finish(self, clips: Clips, fields: Mapping[str, Field], made_by: Mapping[str, Any]) -> int:
        """Writes the corpus of all clips that have features; returns how many these are.

        Args:
            clips: those that were asked for now. Others that have features stay.
            fields: of the arrays, and of their times.
            made_by: the corpus' provenance.
        """
        from kavc.data.features.writer import write_corpus

        asked = {clip.id: clip for clip in clips.clips}
        there = [
            asked.get(id_) or Clip(id_, Path(), clips.rows.get(id_)) for id_ in sorted(self.clips)
        ]
        if not there:
            (self.path / header.NAME).unlink(missing_ok=True)  # all that it held has changed
            return 0
        fields = {**fields, **{name: Field((), "string", "") for name in clips.kept}}
        with tempfile.TemporaryDirectory(dir=self.path, prefix=f"{PARTIAL}new-") as above:
            corpus = Path(above) / "corpus"
            streams = self._streams(there, clips)
            write_corpus(corpus, streams, clips.classes, fields=fields, provenance=made_by)
            write_json(corpus / CLIPS, {clip.id: self.clips[clip.id] for clip in there})
            self._replace(corpus)
        old = self.path / f"{PARTIAL}old-{PARTS}"
        (self.path / PARTS).rename(old)  # what is left by a kill counts for nothing
        shutil.rmtree(old)
        return len(there)

    def _replace(self, corpus: Path) -> None:
        """Puts a corpus in the place of the one that is there, of which no half ever shows."""
        (self.path / header.NAME).unlink(missing_ok=True)
        for old in self.path.glob("*.tfrecord*"):
            old.unlink()
        with whole_files(self.path, last=header.NAME) as temporary:
            for file in corpus.iterdir():
                os.replace(file, temporary / file.name)

    def _streams(self, there: Sequence[Clip], clips: Clips) -> Any:
        if not clips.split:
            return self._examples(there, clips.classes)
        of_split: dict[str, list[Clip]] = {}
        for clip in there:
            if clip.row is not None and clip.row.split is not None:
                of_split.setdefault(clip.row.split, []).append(clip)
        return {name: self._examples(part, clips.classes) for name, part in of_split.items()}

    def _examples(self, there: Sequence[Clip], classes: Sequence[str]) -> Iterator[dict[str, Any]]:
        index = {name: number for number, name in enumerate(classes)}
        for clip in there:
            arrays = read_npz(self.path / PARTS / f"{clip.id}.npz", most=MOST)
            arrays.pop(ABOUT)
            example: dict[str, Any] = {"id": clip.id, **arrays}
            if clip.row is not None:
                example |= clip.row.kept
                if classes:
                    example["labels"] = [index[label] for label in clip.row.labels]
            yield example

    def _known(self) -> dict[str, dict[str, Any]]:
        if self.complete:
            where = self.path / CLIPS
            found = mapping(read_json(where), where)
            for id_ in found:
                check_id(id_, str(where))  # it names a file
            return {id_: entries(each, KNOWN, f"{where}: {id_}") for id_, each in found.items()}
        known = {}
        for part in sorted((self.path / PARTS).glob("*.npz")):
            about = str(read_npz(part, most=MOST).get(ABOUT))
            known[part.stem] = entries(parse_json(about.encode(), str(part)), KNOWN, part)
        return known

    def _check_settings(self) -> None:
        there = self.path / SETTINGS
        if not there.exists():
            return
        wanted = {"arrays": dict[str, dict], "table": str | None, "kept": list[str]}
        before = entries(read_json(there), wanted, there)
        if (found := _difference(before, self.settings)) is not None:
            raise ConfigError(
                f"{self.path}: its features were begun with {found}; use another folder, or what"
                " was used before"
            )


def _write_part(parts: Path, id_: str, arrays: Arrays, about: Mapping[str, Any]) -> None:
    write_npz(parts / f"{id_}.npz", {**arrays, ABOUT: np.array(json.dumps(about))})


def _is_times(name: str) -> bool:
    return name.endswith(header.TIMES)


def _state(path: Path) -> list[int] | None:
    """Returns size and time of change of a file, by which it is known to be the same."""
    try:
        state = os.stat(path)
    except OSError:
        return None
    return [state.st_size, state.st_mtime_ns]


def _difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """Returns in what settings differ, in a few words; None if they don't."""
    then, here = before["arrays"], now["arrays"]
    if set(then) != set(here):
        return f"other arrays ({', '.join(then)})"
    for name in then:
        for key in ("extractor", "options", "weights"):
            if then[name].get(key) != here[name].get(key):
                return f"another {name} (its {key}: {json.dumps(then[name].get(key))})"
    if before["table"] != now["table"]:
        return "another table of labels and splits"
    if before["kept"] != now["kept"]:
        return f"other columns that are kept ({', '.join(before['kept']) or 'none'})"
    return None
