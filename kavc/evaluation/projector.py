"""Embeddings as files that TensorBoard's Projector shows."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from kavc.errors import DataError
from kavc.files import write_text

VECTORS, METADATA, CONFIG = "vectors.tsv", "metadata.tsv", "projector_config.pbtxt"


def write_projector(
    folder: str | os.PathLike,
    embeddings: Mapping[str, np.ndarray],
    ids: Sequence[str],
    labels: Sequence[str],
    *,
    name: str = "embeddings",
) -> None:
    """Writes embeddings of several modalities as one cloud of points.

    Writes vectors.tsv, metadata.tsv (columns id, modality, labels) and, last,
    projector_config.pbtxt into `folder`, whole. See them with `tensorboard --logdir FOLDER`.

    Args:
        folder: may exist, as a log folder does.
        embeddings: modality, such as "audio", to `(videos, width)` numbers, finite; the same
            videos in each.
        ids: `(videos,)`, what each video is called.
        labels: `(videos,)`, what is known of it, such as "Piano, Concert".
        name: of the points, in the Projector's list.

    Raises:
        DataError: the shapes do not fit, there is nothing to show, or a value is not finite.

    Example:
        write_projector("logs", {"audio": audio, "visual": visual}, ids, labels)
    """
    vectors = {modality: np.asarray(rows) for modality, rows in embeddings.items()}
    _check(vectors, ids, labels)
    lines = [_row("id", "modality", "labels")]
    for modality in vectors:
        lines += [_row(one, modality, text) for one, text in zip(ids, labels, strict=True)]
    rows = (row for part in vectors.values() for row in part)
    folder = Path(folder)
    write_text(folder / VECTORS, "".join(_row(*(f"{x:.6g}" for x in row)) for row in rows))
    write_text(folder / METADATA, "".join(lines))
    write_text(folder / CONFIG, _config(name))


def _row(*cells: str) -> str:
    """One line; a tab or a line break within a cell would begin another."""
    return "\t".join(" ".join(cell.split()) or "-" for cell in cells) + "\n"


def _config(name: str) -> str:
    quoted = " ".join(name.split()).replace("\\", "\\\\").replace('"', '\\"')
    return (
        "embeddings {\n"
        f'  tensor_name: "{quoted}"\n'
        f'  tensor_path: "{VECTORS}"\n'
        f'  metadata_path: "{METADATA}"\n'
        "}\n"
    )


def _check(vectors: Mapping[str, np.ndarray], ids: Sequence[str], labels: Sequence[str]) -> None:
    shapes = {modality: rows.shape for modality, rows in vectors.items()}
    if len(set(shapes.values())) != 1 or any(len(shape) != 2 for shape in shapes.values()):
        raise DataError(f"embeddings {shapes}: expected (videos, width), the same in each modality")
    videos = next(iter(shapes.values()))[0]
    if not len(ids) == len(labels) == videos > 0:
        raise DataError(
            f"{len(ids)} ids and {len(labels)} labels for {videos} embeddings; expected one each"
        )
    if not all(np.isfinite(rows).all() for rows in vectors.values()):
        raise DataError("embeddings hold values that are not finite")
