"""An index on disk: a header, and a sub-folder with what it speaks of.

index.json            format, dim, count, modality, model, backend; which data, how long, SHA-256
data-XXXXXXXXXXXX/    vectors.npy (float32, C order: can be mapped), ids.txt (UTF-8, an id a line);
                      with a correction of hubs bias.npy (float32), and hubs/, the correction;
                      with labels labels.txt (UTF-8, a line an item, tabs between its names)

An index without a correction has format 1, one with it format 2, which earlier versions read. One
with labels has format 3, with or without a correction.

A state of the index is one data folder, written whole under a new name; replacing `index.json` by
one rename makes it the state that readers see, and only then the former one is removed. A reader
that has just read the former header, and finds its data gone, reads the header again. (To exchange
two whole folders is not one step on every system, and a reader could open one file of each.)
"""

from __future__ import annotations

import os
import re
import shutil
import uuid
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from kavc.errors import ConfigError, DataError
from kavc.files import fingerprint, whole_folder, write_json, write_npy
from kavc.inputs.arrays import map_npy
from kavc.inputs.json_files import read_json
from kavc.inputs.opening import check_file
from kavc.inputs.records import record, shown
from kavc.partials import new_folder
from kavc.retrieval import hubs
from kavc.retrieval.checks import are_units
from kavc.retrieval.hubs import HubCorrection
from kavc.retrieval.id_file import read_ids, write_ids
from kavc.retrieval.label_file import read_labels, write_labels

HEADER, VECTORS, IDS, BIAS, HUBS = "index.json", "vectors.npy", "ids.txt", "bias.npy", "hubs"
LABELS = "labels.txt"
PLAIN = (VECTORS, IDS)
CORRECTED = (*PLAIN, BIAS, *(f"{HUBS}/{name}" for name in hubs.FILES))
FILES = {1: (PLAIN,), 2: (CORRECTED,), 3: ((*PLAIN, LABELS), (*CORRECTED, LABELS))}  # of a format
DATA = re.compile(r"data-[0-9a-f]{12}")
MAX_COUNT, MAX_DIM = 2**31 - 1, 65_536  # positions are int32 in a served graph


@dataclass(frozen=True)
class Header:
    """The content of `index.json`.

    Args:
        format: of the folder; other numbers are refused.
        dim, count: width and number of the vectors.
        modality, model, backend: as `kavc.retrieval.Index` has them.
        data: name of the sub-folder.
        sizes: bytes of each file in it.
        sha256: over these files, as `kavc.files.fingerprint` gives it.
    """

    format: int
    dim: int
    count: int
    modality: str
    model: str
    backend: str
    data: str
    sizes: dict[str, int]
    sha256: str


@dataclass(frozen=True)
class Content:
    """What an index holds.

    Args:
        dim, modality, model, backend: as `kavc.retrieval.Index` has them.
        ids: text, one a vector.
        vectors: `(count, dim) float32` of norm 1.
        hubs: the correction of hubs; None for none.
        bias: `(count,) float32`, what it takes off each vector's cosines; None likewise.
        labels: of each vector the names of its labels; None where none has any.
    """

    dim: int
    modality: str
    model: str
    backend: str
    ids: list[str]
    vectors: np.ndarray
    hubs: HubCorrection | None = None
    bias: np.ndarray | None = None
    labels: Sequence[Sequence[str]] | None = None


def write_index(folder: Path, content: Content) -> None:
    """Writes an index; over another one, in one step.

    Raises:
        ConfigError: the folder exists and holds no index.
        DataError: it holds one that can't be read.
    """
    if folder.exists():
        if not (folder / HEADER).is_file():
            raise ConfigError(f"{folder}: exists and holds no index; choose another folder")
        former = read_header(folder)
        write_json(folder / HEADER, asdict(_write_data(folder, content)))
        shutil.rmtree(folder / former.data, ignore_errors=True)
        return
    with new_folder(folder) as temporary:
        write_json(temporary / HEADER, asdict(_write_data(temporary, content)))


def read_index(folder: Path) -> Content:
    """Reads an index; its vectors are mapped, not copied.

    Raises:
        DataError: there is none, or a file is missing, cut or altered.

    Example:
        >>> import tempfile
        >>> content = Content(2, "audio", "", "exact", ["bark"], np.array([[0.6, 0.8]], "float32"))
        >>> with tempfile.TemporaryDirectory() as above:
        ...     write_index(Path(above, "sounds"), content)
        ...     read_index(Path(above, "sounds")).ids
        ['bark']
    """
    while True:
        header = read_header(folder)
        try:
            return _read_data(folder, header)
        except DataError:
            if read_header(folder).data == header.data:  # else: saved anew in the meantime
                raise


def read_header(folder: Path) -> Header:
    """Reads and checks `index.json`.

    Raises:
        DataError: there is none, or it doesn't say what it must.
    """
    path = folder / HEADER
    if not os.path.lexists(path):
        raise DataError(f"{folder}: no index (it holds no {HEADER})")
    found = read_json(path)
    if not isinstance(found, dict) or found.get("format") not in tuple(FILES):
        raise DataError(f'{path}: expected an object with "format": 1, 2 or 3')
    header = record(Header, found, path)
    fits = {
        "dim": 1 <= header.dim <= MAX_DIM,
        "count": 0 <= header.count <= MAX_COUNT,
        "sizes": bool(_names(header.format, header.sizes)),
        "data": DATA.fullmatch(header.data),
    }
    for name, fit in fits.items():
        if not fit:
            raise DataError(f"{path}: {name!r} can't be {shown(found[name])}")
    return header


def _names(format: int, named: Collection[str]) -> tuple[str, ...]:
    """Returns the files of a data folder in their order, if a format has these; nothing if not."""
    return next((names for names in FILES[format] if set(names) == set(named)), ())


def _write_data(folder: Path, content: Content) -> Header:
    """Writes the data folder of a new state; returns the header that makes it the index."""
    data = f"data-{uuid.uuid4().hex[:12]}"
    with whole_folder(folder / data) as temporary:
        write_npy(temporary / VECTORS, content.vectors)
        write_ids(temporary / IDS, content.ids)
        if content.hubs is not None:
            write_npy(temporary / BIAS, content.bias)
            content.hubs.save(temporary / HUBS)
        if content.labels is not None:
            write_labels(temporary / LABELS, content.labels)
    plain, labelled = content.hubs is None, content.labels is not None
    names = (*(PLAIN if plain else CORRECTED), *([LABELS] if labelled else []))
    format = next(each for each, kinds in FILES.items() if names in kinds)
    files = [folder / data / name for name in names]
    return Header(
        format=format,
        dim=content.dim,
        count=len(content.ids),
        modality=content.modality,
        model=content.model,
        backend=content.backend,
        data=data,
        sizes={name: file.stat().st_size for name, file in zip(names, files, strict=True)},
        sha256=fingerprint(files),
    )


def _read_data(folder: Path, header: Header) -> Content:
    place = folder / header.data
    files = {name: place / name for name in _names(header.format, header.sizes)}
    for name, file in files.items():
        if not os.path.lexists(file):
            raise DataError(f"{file}: missing; the index is not whole")
        size, wanted = check_file(file).st_size, header.sizes[name]
        if size != wanted:
            raise DataError(f"{file}: {size} bytes, {HEADER} says {wanted}; bring it back")
    if fingerprint(files.values()) != header.sha256:
        raise DataError(f"{place}: altered; it has not the SHA-256 of {HEADER}")
    vectors, ids = _read_vectors(files[VECTORS], header), read_ids(files[IDS], header.count)
    labels = read_labels(files[LABELS], header.count) if LABELS in files else None
    plain = Content(
        header.dim, header.modality, header.model, header.backend, ids, vectors, labels=labels
    )
    if BIAS not in files:
        return plain
    correction = HubCorrection.load(place / HUBS)
    try:
        correction.check(model=header.model, dim=header.dim, items=header.modality)
    except ConfigError as error:
        raise DataError(f"{place / HUBS}: {error}") from None
    return replace(plain, hubs=correction, bias=_read_bias(files[BIAS], header.count))


def _read_vectors(path: Path, header: Header) -> np.ndarray:
    wanted, vectors = (header.count, header.dim), map_npy(path)
    if vectors.shape != wanted or vectors.dtype != np.float32 or not vectors.flags.c_contiguous:
        raise DataError(
            f"{path}: {vectors.dtype} {vectors.shape}; expected float32 {wanted} in C order"
        )
    if not are_units(vectors):
        raise DataError(f"{path}: holds vectors whose norm is not 1")
    return np.asarray(vectors)  # a plain array, still mapped


def _read_bias(path: Path, count: int) -> np.ndarray:
    bias = map_npy(path)
    if bias.shape != (count,) or bias.dtype != np.float32 or not np.isfinite(bias).all():
        raise DataError(f"{path}: {bias.dtype} {bias.shape}; expected finite float32 ({count},)")
    return np.asarray(bias)
