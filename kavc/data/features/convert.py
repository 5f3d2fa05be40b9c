"""From a user's arrays and table to a corpus that every system reads.

The on-disk layout of the published KWAI-AD-AudVis corpus (Zenodo record 4023390) could not be
established, so this reads an interchange layout of our own, not the published files:

    features/ID.npz        the arrays of a video, under any names; or features/NAME/ID.npy
    videos.csv             columns id, and optionally split, and theme or labels
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from kavc import __version__
from kavc.data.features.folder import ArrayFolder
from kavc.data.features.table import Row, Videos, check_id, class_names, read_videos
from kavc.data.schema import Field
from kavc.data.splits import SPLITS
from kavc.errors import DataError
from kavc.folders import check_new


def convert(
    features: str | os.PathLike,
    table: str | os.PathLike | None,
    out: str | os.PathLike,
    *,
    arrays: Mapping[str, str] | None = None,
    keep: Iterable[str] = (),
    fields: Mapping[str, Field] | None = None,
) -> dict[str, int]:
    """Writes a corpus from feature files and a table; the whole folder or nothing of it.

    One video is in memory at a time. Files that the table does not name are left out.

    Args:
        features: folder of ID.npz, each with the arrays of one video, or of NAME/ID.npy. Floats,
            float16 to float64: (rows, ...), as many rows as there are steps of time, or (width,);
            or whole numbers (any,). The same names and widths in all. NAME_times are the seconds at
            which the rows of NAME begin.
        table: CSV with a header, see `kavc.data.features.table.read_videos`. None for all videos
            of the folder, without labels.
        out: folder of the corpus; must not exist. Without splits the hash of the id decides when
            it is read.
        arrays: optional. Name of an array in the corpus to its name in the files; the rest is left
            out. Defaults to all.
        keep: columns of the table that are kept, as text.
        fields: optional. Meanings and hops of arrays, as of `write_corpus`.

    Returns:
        Split name (or "videos", without splits) to number of videos written.

    Raises:
        DataError: a file or row is missing, too large or malformed, or does not fit the others; an
            id is not a plain file name, comes twice or leads out of the folder.

    Example:
        convert("features", "videos.csv", "corpus", arrays={"audio": "vggish", "visual": "clip"})
    """
    check_new(out)
    folder = ArrayFolder(features, arrays)
    videos = _all_of(folder) if table is None else read_videos(table, keep)
    for name in folder.names:
        if name in videos.rows[0].kept:
            raise DataError(f"{table}: column {name!r} has the name of an array; rename one")
    classes = class_names(videos.rows) if videos.labelled else []
    parts = _parts(videos.rows)
    from kavc.data.features.writer import write_corpus  # TensorFlow; the table needs none

    streams = {name: _examples(rows, folder, classes) for name, rows in parts.items()}
    write_corpus(
        out,
        streams if videos.rows[0].split is not None else streams["videos"],
        classes,
        fields=fields,
        provenance={
            "made_by": f"kavc {__version__}",
            "features": os.path.basename(os.path.abspath(features)),
            "table": None if table is None else os.path.basename(table),
            "arrays": folder.names,
        },
    )
    return {name: len(rows) for name, rows in parts.items()}


def _all_of(folder: ArrayFolder) -> Videos:
    ids = folder.ids()
    for id_ in ids:
        check_id(id_, str(folder.path))
    return Videos([Row(id_, str(folder.path)) for id_ in ids])


def _parts(rows: Sequence[Row]) -> dict[str, list[Row]]:
    if rows[0].split is None:
        return {"videos": list(rows)}
    parts = {split: [row for row in rows if row.split == split] for split in SPLITS}
    return {split: part for split, part in parts.items() if part}


def _examples(
    rows: Sequence[Row], folder: ArrayFolder, classes: Sequence[str]
) -> Iterator[dict[str, Any]]:
    index = {name: i for i, name in enumerate(classes)}
    for row in rows:
        labels = {"labels": [index[label] for label in row.labels]} if classes else {}
        yield {"id": row.id, **labels, **folder.load(row.id, row.where), **row.kept}
