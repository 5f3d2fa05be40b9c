"""An index on disk: a header, and a sub-folder with what it speaks of.

index.json            format, dim, count, modality, model, backend; which data, how long, SHA-256
data-XXXXXXXXXXXX/    vectors.npy (float32, C order: can be mapped), ids.txt (UTF-8, an id a line)

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
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from kavc.errors import ConfigError, DataError
from kavc.files import fingerprint, whole_folder, write_json
from kavc.inputs.arrays import map_npy
from kavc.inputs.json_files import read_json
from kavc.inputs.opening import check_file, read_bytes
from kavc.inputs.records import record, shown
from kavc.partials import new_folder
from kavc.retrieval.checks import MAX_ID_BYTES, are_units, check_ids

FORMAT = 1
HEADER, VECTORS, IDS = "index.json", "vectors.npy", "ids.txt"
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
    """

    dim: int
    modality: str
    model: str
    backend: str
    ids: list[str]
    vectors: np.ndarray


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
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise DataError(f'{path}: expected an object with "format": {FORMAT}')
    header = record(Header, found, path)
    fits = {
        "dim": 1 <= header.dim <= MAX_DIM,
        "count": 0 <= header.count <= MAX_COUNT,
        "sizes": set(header.sizes) == {VECTORS, IDS},
        "data": DATA.fullmatch(header.data),
    }
    for name, fit in fits.items():
        if not fit:
            raise DataError(f"{path}: {name!r} can't be {shown(found[name])}")
    return header


def _write_data(folder: Path, content: Content) -> Header:
    """Writes the data folder of a new state; returns the header that makes it the index."""
    data = f"data-{uuid.uuid4().hex[:12]}"
    with whole_folder(folder / data) as temporary:
        _write_vectors(temporary / VECTORS, content.vectors)
        (temporary / IDS).write_bytes("".join(f"{each}\n" for each in content.ids).encode())
    files = [folder / data / name for name in (VECTORS, IDS)]
    return Header(
        format=FORMAT,
        dim=content.dim,
        count=len(content.ids),
        modality=content.modality,
        model=content.model,
        backend=content.backend,
        data=data,
        sizes={file.name: file.stat().st_size for file in files},
        sha256=fingerprint(files),
    )


def _write_vectors(path: Path, vectors: np.ndarray) -> None:
    """Writes as `np.save` does, whose error on a full disk has no reason."""
    header = np.lib.format.header_data_from_array_1_0(np.ascontiguousarray(vectors))
    with open(path, "wb") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        stream.write(np.ascontiguousarray(vectors).data)


def _read_data(folder: Path, header: Header) -> Content:
    files = [folder / header.data / name for name in (VECTORS, IDS)]
    for file in files:
        if not os.path.lexists(file):
            raise DataError(f"{file}: missing; the index is not whole")
        size, wanted = check_file(file).st_size, header.sizes[file.name]
        if size != wanted:
            raise DataError(f"{file}: {size} bytes, {HEADER} says {wanted}; bring it back")
    if fingerprint(files) != header.sha256:
        raise DataError(f"{folder / header.data}: altered; it has not the SHA-256 of {HEADER}")
    vectors, ids = _read_vectors(files[0], header), _read_ids(files[1], header)
    return Content(header.dim, header.modality, header.model, header.backend, ids, vectors)


def _read_vectors(path: Path, header: Header) -> np.ndarray:
    wanted, vectors = (header.count, header.dim), map_npy(path)
    if vectors.shape != wanted or vectors.dtype != np.float32 or not vectors.flags.c_contiguous:
        raise DataError(
            f"{path}: {vectors.dtype} {vectors.shape}; expected float32 {wanted} in C order"
        )
    if not are_units(vectors):
        raise DataError(f"{path}: holds vectors whose norm is not 1")
    return np.asarray(vectors)  # a plain array, still mapped


def _read_ids(path: Path, header: Header) -> list[str]:
    content = read_bytes(path, most=header.count * (MAX_ID_BYTES + 1))
    if (lines := content.count(b"\n")) != header.count:
        raise DataError(f"{path}: {lines} ids for {header.count} vectors")
    try:
        return check_ids(content.decode().split("\n")[:-1])
    except ValueError as error:  # DataError, too
        raise DataError(f"{path}: {error}") from None
