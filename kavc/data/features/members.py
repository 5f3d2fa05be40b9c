"""Who is in a file of a corpus, kept beside it: a roster without a look at the features."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kavc.data.manifest import read_manifest
from kavc.data.roster import Roster
from kavc.data.schema import ExampleSpec
from kavc.errors import DataError
from kavc.files import write_npz
from kavc.inputs.arrays import read_npz

MAX_BYTES = 256 * 2**20
_AGAIN = "write the corpus again, or remove this file: the records are read in its place"


def members_path(file: Path) -> Path:
    """Returns where the members of a TFRecord file lie: beside it, `FILE.members.npz`.

    >>> members_path(Path("corpus/train-00000.tfrecord")).name
    'train-00000.tfrecord.members.npz'
    """
    return file.with_name(f"{file.name}.members.npz")


@dataclass
class Members:
    """The videos of one file, in its order.

    Args:
        ids: of each video.
        labels: of each video.
        silent: whether a record says that its sound is silence.
        rows: array to the number of its rows in each video.
        filled: array to whether any of its values is not zero.
    """

    ids: list[bytes] = field(default_factory=list)
    labels: list[list[int]] = field(default_factory=list)
    silent: list[bool] = field(default_factory=list)
    rows: dict[str, list[int]] = field(default_factory=dict)
    filled: dict[str, list[bool]] = field(default_factory=dict)

    def watch(
        self, examples: Iterable[Mapping[str, Any]], arrays: ExampleSpec
    ) -> Iterator[Mapping[str, Any]]:
        """Yields the examples that pass by on their way into a file, and remembers them.

        >>> from kavc.data.schema import Field
        >>> members = Members()
        >>> arrays = {"audio": Field((None, 128), "float32", "")}
        >>> examples = [{"id": "a", "labels": [2], "audio": np.zeros((3, 128))}]
        >>> for example in members.watch(examples, arrays):
        ...     pass  # written here
        >>> members.ids, members.rows, members.filled
        ([b'a'], {'audio': [3]}, {'audio': [False]})
        """
        for name in arrays:
            self.rows[name], self.filled[name] = [], []
        for example in examples:
            yield example  # written first: what does not fit is refused there
            id_ = example["id"]
            self.ids.append(id_.encode() if isinstance(id_, str) else bytes(id_))
            self.labels.append([int(label) for label in example.get("labels", ())])
            self.silent.append(bool(example.get("silent", False)))
            for name, spec in arrays.items():
                rows = len(example[name]) if spec.shape[0] is None else 1
                self.rows[name].append(rows)
                self.filled[name].append(bool(np.any(example[name])))

    def save(self, file: Path) -> None:
        """Writes them beside `file`, with the digest of the file that they are of."""
        lengths = [len(labels) for labels in self.labels]
        columns: dict[str, Any] = {
            "sha256": np.array(read_manifest(file).sha256),
            "ids": np.frombuffer(b"".join(self.ids), np.uint8),
            "id_lengths": np.array([len(id_) for id_ in self.ids], np.int64),
            "labels": np.array([label for labels in self.labels for label in labels], np.int64),
            "label_lengths": np.array(lengths, np.int64),
            "silent": np.array(self.silent, bool),
        }
        for name in self.rows:
            columns[f"rows/{name}"] = np.array(self.rows[name], np.int64)
            columns[f"filled/{name}"] = np.array(self.filled[name], bool)
        write_npz(members_path(file), columns)


def read_roster(file: Path, audio: str | None, visual: str | None) -> Roster | None:
    """Reads who is in a file from what lies beside it.

    Args:
        file: of a corpus, with its manifest.
        audio, visual: names of the arrays that are heard and seen, if any.

    Returns:
        The roster; None where no members lie beside the file, as of an earlier release.

    Raises:
        DataError: they are damaged, or of another file.
    """
    columns = _columns(file)
    if columns is None:
        return None
    with _named(file):
        roster = _roster(columns, audio, visual)
    records = read_manifest(file).records
    if len(roster) != records:
        raise DataError(f"{members_path(file)}: {len(roster)} videos, the file holds {records};"
                        f" {_AGAIN}")  # fmt: skip
    return roster


def read_lengths(
    file: Path, arrays: Iterable[str]
) -> tuple[np.ndarray, dict[str, np.ndarray]] | None:
    """Reads how many rows the videos of a file have, from what lies beside it.

    Args:
        file: of a corpus, with its manifest.
        arrays: names.

    Returns:
        Ids, (videos,) bytes, and name of an array to (videos,) int64; None where no members lie
        beside the file.

    Raises:
        DataError: as `read_roster`.
    """
    columns = _columns(file)
    if columns is None:
        return None
    with _named(file):
        return _ids(columns), {name: columns[f"rows/{name}"] for name in arrays}


def _columns(file: Path) -> dict[str, np.ndarray] | None:
    path = members_path(file)
    if not os.path.lexists(path):
        return None
    columns = read_npz(path, most=MAX_BYTES)
    if str(columns.get("sha256")) != read_manifest(file).sha256:
        raise DataError(f"{path}: not the members of the file beside it; {_AGAIN}")
    return columns


@contextlib.contextmanager
def _named(file: Path) -> Iterator[None]:
    """Names the members of a file in what is raised about their columns."""
    try:
        yield
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise DataError(f"{members_path(file)}: not what this release writes ({error});"
                        f" {_AGAIN}") from None  # fmt: skip


def _ids(columns: Mapping[str, np.ndarray]) -> np.ndarray:
    content = columns["ids"].tobytes()
    ends = np.cumsum(columns["id_lengths"])
    starts = ends - columns["id_lengths"]
    ids = [content[start:end] for start, end in zip(starts, ends, strict=True)]
    return np.array(ids, object)


def _roster(columns: Mapping[str, np.ndarray], audio: str | None, visual: str | None) -> Roster:
    ids = _ids(columns)
    everyone = np.ones(len(ids), bool)
    splits = np.concatenate([[0], np.cumsum(columns["label_lengths"])])
    filled = everyone if audio is None else columns[f"filled/{audio}"]
    seen = everyone if visual is None else columns[f"rows/{visual}"] > 0
    heard = filled & ~columns["silent"]
    if not len(heard) == len(seen) == len(splits) - 1 == len(ids) or splits[-1] != len(
        columns["labels"]
    ):
        raise ValueError("columns of different lengths")
    return Roster(ids, columns["labels"], splits, heard, seen)
