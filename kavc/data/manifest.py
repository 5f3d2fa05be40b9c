"""What lies beside each TFRecord file that this package writes, and the checks that it allows.

The manifest `FILE.manifest.json` says how many records and bytes the file holds, of which schema,
and the file's SHA-256. TFRecord itself can't tell a file that was cut between two records from a
whole one; with the manifest it can be told, without reading the records.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kavc.data.schema import ExampleSpec
from kavc.errors import DataError
from kavc.files import write_json
from kavc.inputs.json_files import read_json
from kavc.inputs.opening import check_file, sha256
from kavc.inputs.records import entries, mapping, record, shown
from kavc.inputs.tfrecords import AROUND, open_records, records_of

FORMAT = "kavc-tfrecord"
VERSION = 1


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
    """Returns where the manifest of `file` lies: beside it, `FILE.manifest.json`.

    >>> manifest_path("corpus/train-00000.tfrecord").name
    'train-00000.tfrecord.manifest.json'
    """
    file = Path(file)
    return file.with_name(f"{file.name}.manifest.json")


def to_json(spec: ExampleSpec) -> dict[str, dict[str, Any]]:
    """Returns the schema of `spec` as a manifest holds it.

    >>> from kavc.data.schema import Field
    >>> to_json({"audio": Field((None, 128), "float32", "VGGish")})
    {'audio': {'shape': [None, 128], 'dtype': 'float32'}}
    """
    return {name: {"shape": list(f.shape), "dtype": f.dtype} for name, f in spec.items()}


def write_manifest(file: str | os.PathLike, data: Path, spec: ExampleSpec, records: int) -> None:
    """Writes the manifest of `file`.

    Args:
        file: the TFRecord file.
        data: where its content lies now.
        spec: its schema.
        records: number of records in it.
    """
    manifest = Manifest(records, data.stat().st_size, sha256(data), to_json(spec))
    write_json(manifest_path(file), {"format": FORMAT, "version": VERSION, **asdict(manifest)})


def read_manifest(file: str | os.PathLike) -> Manifest:
    """Reads the manifest of a TFRecord file.

    Raises:
        DataError: it is missing, unreadable, of another format or of a newer version.
    """
    path = manifest_path(file)
    if not os.path.lexists(path):
        raise DataError(f"{file}: no manifest {path.name} beside it; the file was not finished or"
                        " came from elsewhere: write or copy both again")  # fmt: skip
    content = dict(mapping(read_json(path), path))
    if content.pop("format", None) != FORMAT:
        raise DataError(f"{path}: not a manifest of this package (no format {FORMAT!r})")
    if (version := content.pop("version", None)) != VERSION:
        raise DataError(
            f"{path}: format version {shown(version)}, this release reads {VERSION};"
            " write the file again or use the release that wrote it"
        )
    manifest = record(Manifest, content, path)
    for name in ("records", "size"):
        if getattr(manifest, name) < 1:
            raise DataError(f"{path}: {name!r} is {getattr(manifest, name)}; expected 1 or more")
    for name, field in manifest.schema.items():
        entries(field, {"shape": list, "dtype": str}, f"{path}: schema of {name!r}")
    return manifest


def count_records(file: str | os.PathLike, expected: int | None = None) -> int:
    """Counts the records of a TFRecord file by its length headers, without reading the records.

    Args:
        file: path of an uncompressed TFRecord file.
        expected: number of records that a manifest promises, for the message.

    Raises:
        DataError: the file is missing, empty, no TFRecord file (the message says what it is), or
            ends inside a record.
    """
    records = offset = 0
    with (
        open_records(file) as stream,
        mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        size = len(data)
        while offset + AROUND <= size:
            end = offset + AROUND + struct.unpack_from("<Q", data, offset)[0]
            if end > size:
                break
            records, offset = records + 1, end
    if offset != size:
        of = "" if expected is None else f" of {expected}"
        raise DataError(
            f"{file}: cut off or damaged inside record {records}{of} (counted from 0), at byte"
            f" {offset} of {size}; fetch or write the file again"
        )
    return records


def check_records(
    files: Iterable[str | os.PathLike], spec: ExampleSpec | None = None, *, deep: bool = False
) -> list[Manifest]:
    """Checks TFRecord files: cheap enough for each start of a training.

    Files that `kavc.data.tfrecord.write_records` wrote are checked against their manifests. Those
    of others, as the published ones of YouTube-8M, have none: they are checked by the lengths that
    their records give, and `deep` by the records' own checksums.

    Args:
        files: paths.
        spec: optional schema that the files must have; each then needs its manifest.
        deep: also read everything, and compare the SHA-256 or the checksums.

    Returns:
        The manifests of the files that have one.

    Raises:
        DataError: a file is missing, empty, no TFRecord file, cut inside a record or between two,
            of another schema, or (`deep`) changed since it was written; its manifest is missing,
            where it needs one, or foreign.

    Example:
        check_records(["corpus/train-00000.tfrecord"], deep=True)[0].records
    """
    checked = [_check(Path(file), spec, deep) for file in files]
    return [manifest for manifest in checked if manifest is not None]


def _check(file: Path, spec: ExampleSpec | None, deep: bool) -> Manifest | None:
    check_file(file)
    if spec is None and not os.path.lexists(manifest_path(file)):
        count_records(file)
        if deep:
            check_sums(file)
        return None
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


def check_sums(file: str | os.PathLike) -> None:
    """Reads all records of a TFRecord file.

    Raises:
        DataError: one does not fit its checksum; names file and record.
    """
    import tensorflow as tf  # only here: the other checks work without it

    record = 0
    try:
        for _ in tf.data.TFRecordDataset(os.fspath(file)):
            record += 1
    except tf.errors.DataLossError:
        raise _damaged(file, record) from None


def _damaged(file: str | os.PathLike, record: int) -> DataError:
    return DataError(
        f"{file}: record {record} (counted from 0) is damaged (its checksum does not fit); fetch or"
        " write the file again"
    )


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
    if sha256(file) == manifest.sha256:
        return
    record = 0
    with (
        open_records(file) as stream,
        mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        try:  # unlike `check_sums` without TensorFlow, which a client has not
            for _ in records_of(content):
                record += 1
        except ValueError:
            raise _damaged(file, record) from None
    raise DataError(f"{file}: the content changed after it was written (SHA-256 differs from its"
                    " manifest's); fetch or write it again")  # fmt: skip
