"""What lies beside each TFRecord file that this package writes, and the checks that it allows.

The manifest `FILE.manifest.json` says how many records and bytes the file holds, of which schema,
and the file's SHA-256. TFRecord itself can't tell a file that was cut between two records from a
whole one; with the manifest it can be told, without reading the records.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import struct
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from kavc.data.schema import ExampleSpec
from kavc.errors import DataError
from kavc.files import read_json, write_json

FORMAT = "kavc-tfrecord"
VERSION = 1
_AROUND = 16  # bytes around a record's payload: length (8), its CRC (4), the payload's CRC (4)


@dataclass(frozen=True)
class Manifest:
    """What a TFRecord file holds.

    Args:
        records: number of records.
        size: the file's length in bytes.
        sha256: of the file's content, hexadecimal.
        schema: field name to `{"shape": [...], "dtype": ...}`.
    """

    records: int
    size: int
    sha256: str
    schema: dict[str, dict[str, Any]]


def manifest_path(file: str | os.PathLike) -> Path:
    """Returns where the manifest of `file` lies: beside it, `FILE.manifest.json`."""
    file = Path(file)
    return file.with_name(f"{file.name}.manifest.json")


def to_json(spec: ExampleSpec) -> dict[str, dict[str, Any]]:
    """Returns the schema of `spec` as a manifest holds it."""
    return {name: {"shape": list(f.shape), "dtype": f.dtype} for name, f in spec.items()}


def write_manifest(file: str | os.PathLike, data: Path, spec: ExampleSpec, records: int) -> None:
    """Writes the manifest of `file`.

    Args:
        file: the TFRecord file.
        data: where its content lies now.
        spec: its schema.
        records: number of records in it.
    """
    with open(data, "rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    manifest = Manifest(records, data.stat().st_size, digest, to_json(spec))
    write_json(manifest_path(file), {"format": FORMAT, "version": VERSION, **asdict(manifest)})


def read_manifest(file: str | os.PathLike) -> Manifest:
    """Reads the manifest of a TFRecord file.

    Raises:
        DataError: it is missing, unreadable, of another format or of a newer version.
    """
    path = manifest_path(file)
    if not path.exists():
        raise DataError(f"{file}: no manifest {path.name} beside it; the file was not finished or"
                        " came from elsewhere: write or copy both again")  # fmt: skip
    content = read_json(path)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise DataError(f"{path}: not a manifest of this package (no format {FORMAT!r})")
    if content.get("version") != VERSION:
        raise DataError(
            f"{path}: format version {content.get('version')!r}, this release reads {VERSION};"
            " write the file again or use the release that wrote it"
        )
    names = [field.name for field in fields(Manifest)]
    values: dict[str, Any] = {name: content.get(name) for name in names}
    if not _well_formed(**values):
        raise DataError(f"{path}: records, size, sha256 or schema is missing or malformed")
    return Manifest(**values)


def _well_formed(records: Any, size: Any, sha256: Any, schema: Any) -> bool:
    return (
        all(type(n) is int and n > 0 for n in (records, size))
        and isinstance(sha256, str)
        and isinstance(schema, dict)
        and all(isinstance(f, dict) and {"shape", "dtype"} == set(f) for f in schema.values())
        and all(isinstance(f["shape"], list) for f in schema.values())
    )


def count_records(file: str | os.PathLike, expected: int | None = None) -> int:
    """Counts the records of a TFRecord file by its length headers, without reading the records.

    Args:
        file: path of an uncompressed TFRecord file.
        expected: number of records that a manifest promises, for the message.

    Raises:
        DataError: the file is missing, empty, or ends inside a record.
    """
    path = Path(file)
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    size = path.stat().st_size
    if size == 0:
        raise DataError(f"{path}: empty (0 bytes); fetch or write it again")
    records = offset = 0
    with open(path, "rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        while offset + _AROUND <= size:
            end = offset + _AROUND + struct.unpack_from("<Q", data, offset)[0]
            if end > size:
                break
            records, offset = records + 1, end
    if offset != size:
        of = "" if expected is None else f" of {expected}"
        raise DataError(
            f"{path}: cut off or damaged inside record {records}{of} (counted from 0), at byte"
            f" {offset} of {size}; fetch or write the file again"
        )
    return records


def check_records(
    files: Iterable[str | os.PathLike], spec: ExampleSpec | None = None, *, deep: bool = False
) -> list[Manifest]:
    """Checks TFRecord files against their manifests: cheap enough for each start of a training.

    Args:
        files: paths of files that `kavc.data.tfrecord.write_records` wrote.
        spec: optional schema that the files must have.
        deep: also read everything and compare the SHA-256.

    Returns:
        The manifests, one a file.

    Raises:
        DataError: a file is missing, empty, cut inside a record or between two, of another
            schema, or (`deep`) changed since it was written; its manifest is missing or foreign.
    """
    return [_check(Path(file), spec, deep) for file in files]


def _check(file: Path, spec: ExampleSpec | None, deep: bool) -> Manifest:
    if not file.is_file():
        raise DataError(f"{file}: no such file")
    manifest = read_manifest(file)
    records = count_records(file, manifest.records)
    size = file.stat().st_size
    if records != manifest.records:
        raise DataError(
            f"{file}: ends after record {records - 1}: {records} records, its manifest says"
            f" {manifest.records}; fetch or write the file again"
        )
    if size != manifest.size:
        raise DataError(f"{file}: {size} bytes, its manifest says {manifest.size}; the file was"
                        " changed after it was written: write it again")  # fmt: skip
    if spec is not None:
        _check_schema(file, manifest.schema, spec)
    if deep:
        _check_content(file, manifest)
    return manifest


def _check_schema(file: Path, schema: dict[str, dict[str, Any]], spec: ExampleSpec) -> None:
    for name, field in to_json(spec).items():
        if name not in schema:
            raise DataError(f"{file}: holds no {name!r}, only {', '.join(sorted(schema))}")
        if schema[name] != field:
            raise DataError(f"{file}: {name} is {_words(schema[name])} by its manifest,"
                            f" {_words(field)} is expected")  # fmt: skip


def _words(field: dict[str, Any]) -> str:
    return f"{tuple(field['shape'])} {field['dtype']}".replace("None", "any")


def _check_content(file: Path, manifest: Manifest) -> None:
    with open(file, "rb") as stream:
        if hashlib.file_digest(stream, "sha256").hexdigest() == manifest.sha256:
            return
    import tensorflow as tf  # only to find the record: the check itself works without it

    record = 0
    try:
        for _ in tf.data.TFRecordDataset(str(file)):
            record += 1
    except tf.errors.DataLossError:
        raise DataError(f"{file}: record {record} (counted from 0) is damaged (its checksum does"
                        " not fit); fetch or write the file again") from None  # fmt: skip
    raise DataError(f"{file}: the content changed after it was written (SHA-256 differs from its"
                    " manifest's); fetch or write it again")  # fmt: skip
