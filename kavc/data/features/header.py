"""`corpus.json`: what the records of a corpus hold."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kavc.data.schema import ExampleSpec, Field
from kavc.data.splits import Part, check_name
from kavc.errors import DataError
from kavc.inputs.columns import check_names, check_not_misspelt
from kavc.inputs.json_files import read_json
from kavc.inputs.records import mapping

NAME = "corpus.json"
FORMAT = "kavc-features"
VIDEOS = "kavc-videos"  # of earlier releases: one audio, one visual array, and a theme each
VERSION = 1
MAX_WIDTH = 2**20  # of what a row holds: no network could be made for more
DTYPES = ("float32", "int32", "string")
ID = Field((), "string", "identifies the video; equal ids are the same video")
LABELS = Field((None,), "int32", "indices of the video's classes")
SILENT = Field((), "int32", "1 where the sound is silence, else 0")
SYNTHETIC = "synthetic"  # true in the provenance where the media files were drawn and computed
TIMES = "_times"  # what is added to an array's name for the seconds at which its rows begin
OF_SYNTHETIC = "synthetic: the features are of films that `kavc synth-video` made"  # a note
MAX_SAID = 200  # characters of an extractor's name that are shown


@dataclass(frozen=True)
class Header:
    """What the records of a corpus hold.

    Args:
        spec: name to field of everything in a record: "id"; "labels" or, of an earlier release,
            "theme", if videos have any; "silent", if it is said; arrays, and further strings.
        classes: names of the labels, by index.
        splits: split name to the names of its files; None where the hash of the id decides.
        content: all that the file holds, also what the corpus' maker added.

    Example:
        >>> audio, times = Field((None, 128), "float32", ""), Field((None,), "float32", "")
        >>> header = Header({"id": ID, "audio": audio, "audio_times": times})
        >>> list(header.arrays), list(header.times)
        (['audio'], ['audio_times'])
    """

    spec: ExampleSpec
    classes: Sequence[str] = ()
    splits: Mapping[str, Part] | None = None
    content: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def arrays(self) -> ExampleSpec:
        """The arrays alone: floats of at least one axis, but for times."""
        return {
            name: field
            for name, field in self.spec.items()
            if field.dtype == "float32" and field.shape and not name.endswith(TIMES)
        }

    @property
    def times(self) -> ExampleSpec:
        """The seconds at which rows of arrays begin: floats of one axis that varies."""
        return {
            name: field
            for name, field in self.spec.items()
            if name.endswith(TIMES) and (field.shape, field.dtype) == ((None,), "float32")
        }

    @property
    def synthetic(self) -> bool:
        """Whether the arrays are of media files that were drawn and computed, if it says so."""
        provenance = self.content.get("provenance")
        return isinstance(provenance, dict) and provenance.get(SYNTHETIC) is True

    @property
    def made_by(self) -> Mapping[str, Mapping[str, Any]]:
        """Array to what made it of media files, as far as the provenance says."""
        provenance = self.content.get("provenance")
        known = provenance.get("arrays") if isinstance(provenance, dict) else None
        if not isinstance(known, dict):
            return {}
        return {n: by for n, by in known.items() if isinstance(by, dict) and "extractor" in by}

    @property
    def extractors(self) -> Mapping[str, str]:
        """Array to what made it, of those of which the provenance says so: one line each."""
        told = {}
        for name, about in self.made_by.items():
            made_by = about["extractor"]
            if isinstance(made_by, dict):
                made_by = made_by.get("name")
            if name in self.arrays and isinstance(made_by, str) and made_by.strip():
                told[name] = "".join(filter(str.isprintable, " ".join(made_by.split())))[:MAX_SAID]
        return told


def read_header(folder: Path) -> Header:
    """Reads the header of a corpus.

    Raises:
        DataError: there is none, it is of another format or of a newer version, or malformed.
    """
    path = Path(folder) / NAME
    content = dict(mapping(read_json(path), path))
    if content.get("format") not in (FORMAT, VIDEOS):
        raise DataError(f"{path}: not a corpus of features (no format {FORMAT!r})")
    if content.get("version") != VERSION:
        raise DataError(f"{path}: version {content.get('version')!r}, this release reads {VERSION}")
    check_not_misspelt("splits", content, f"{path}: key", words=False)
    spec, classes = (_videos if content["format"] == VIDEOS else _features)(content, path)
    return Header(spec, classes, _splits(content.get("splits"), path), content)


def files_of(folder: Path, header: Header) -> list[Path]:
    """Returns the files of records of a corpus: those that its splits name, or all that are there.

    Raises:
        DataError: there is none.
    """
    if header.splits is None:
        found = sorted(f for f in folder.glob("*.tfrecord") if not f.name.startswith("."))
    else:
        found = [folder / glob for part in header.splits.values() for glob in part.globs]
    if not found:
        raise DataError(f"{folder}: no *.tfrecord files beside {NAME}")
    return found


def field_to_json(field: Field) -> dict[str, Any]:
    """Returns a field as `corpus.json` holds it.

    >>> field_to_json(Field((None, 128), "float32", "VGGish", hop=0.96))
    {'shape': [None, 128], 'dtype': 'float32', 'meaning': 'VGGish', 'hop': 0.96}
    """
    hop = {} if field.hop is None else {"hop": field.hop}
    return {
        "shape": list(field.shape), "dtype": field.dtype, "meaning": field.meaning, **hop
    }  # fmt: skip


def check_array_name(name: str, where: object) -> str:
    """Returns the name of an array, if it can be one.

    Raises:
        DataError: it is not made of letters, digits, `_`, `.` and `-`.

    Example:
        >>> check_array_name("audio_vggish", "corpus")
        'audio_vggish'
        >>> check_array_name("my audio", "corpus")
        Traceback (most recent call last):
            ...
        kavc.errors.DataError: corpus: an array can't be called 'my audio'; letters, digits...
    """
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name):
        raise DataError(f"{where}: an array can't be called {name!r}; letters, digits, _ . - can be"
                        " in a name")  # fmt: skip
    return name


def _features(content: Mapping[str, Any], path: Path) -> tuple[ExampleSpec, Sequence[str]]:
    described = content.get("fields")
    if not isinstance(described, dict) or "id" not in described:
        raise DataError(f"{path}: fields must map names to shape and dtype, the id among them")
    spec = {
        check_array_name(name, path): _field(value, f"{path}: field {name!r}")
        for name, value in described.items()
    }
    for name, fixed in {"id": ID, "labels": LABELS, "silent": SILENT}.items():
        found = spec.get(name, fixed)
        if (found.shape, found.dtype) != (fixed.shape, fixed.dtype):
            raise DataError(f"{path}: field {name!r} must be {fixed.dtype} of shape {fixed.shape}")
    classes = check_names(content.get("classes"), f"{path}: classes")
    if "labels" in spec and not classes:
        raise DataError(f"{path}: there are labels, but no classes that they name")
    return spec, classes


def _field(value: Any, where: str) -> Field:
    value = value if isinstance(value, dict) else {}
    shape, dtype, hop = value.get("shape"), value.get("dtype"), value.get("hop")
    lengths: list[Any] = shape if isinstance(shape, list) else [""]
    whole = [type(n) is int and n > 0 for n in lengths]
    if whole and lengths[0] is None:
        whole[0] = True
    if not all(whole) or dtype not in DTYPES or math.prod(filter(None, lengths)) > MAX_WIDTH:
        raise DataError(f"{where} must have a shape, of whole numbers and null for a first axis"
                        f" that varies, at most {MAX_WIDTH:,} values a row, and a dtype of"
                        f" {', '.join(DTYPES)}")  # fmt: skip
    if not (hop is None or (type(hop) in (int, float) and 0 < hop < float("inf"))):
        raise DataError(f"{where}: hop must be seconds, more than 0; not {hop!r}")
    return Field(tuple(lengths), dtype, str(value.get("meaning", "")), hop)


def _videos(content: Mapping[str, Any], path: Path) -> tuple[ExampleSpec, Sequence[str]]:
    themes = content.get("themes")
    if not themes:
        raise DataError(f"{path}: themes must be a list of names")
    for width in ("audio_dim", "visual_dim"):
        found = content.get(width)
        if type(found) is not int or not 1 <= found <= MAX_WIDTH:
            raise DataError(f"{path}: {width} must be a whole number from 1 to {MAX_WIDTH}")
    spec = {
        "id": ID,
        "audio": Field((None, content["audio_dim"]), "float32", "audio features", 0.96),
        "visual": Field((None, content["visual_dim"]), "float32", "visual features"),
        "theme": Field((), "int32", "index of the video's theme"),
    }
    return spec, check_names(themes, f"{path}: themes")


def _splits(splits: Any, path: Path) -> dict[str, Part] | None:
    if splits is None:
        return None
    listed = splits.values() if isinstance(splits, dict) else [None]
    names: list = [n for part in listed for n in (part if isinstance(part, list | str) else [None])]
    if not names or not all(isinstance(n, str) and Path(n).name == n for n in names):
        raise DataError(f"{path}: splits must map split names to names of files beside it")
    if len(set(names)) < len(names):
        twice = min(name for name in names if names.count(name) > 1)
        raise DataError(f"{path}: splits name {twice} twice; each file must be in one split")
    return {check_name(name): Part(tuple(files)) for name, files in splits.items()}
