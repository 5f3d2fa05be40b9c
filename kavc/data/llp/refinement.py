"""Refined labels of LLP as third parties publish them: rows of the training table, by class.

An npz archive with four arrays of integers: `audio_class` and `audio_row`, `visual_class` and
`visual_row`. Pair by pair, the label of that class is none of the sound's, or of the pictures', of
the video in that row of `AVVP_train.csv`, from 0.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from kavc.data.llp.classes import CLASSES
from kavc.data.llp.videos import read_table
from kavc.errors import DataError
from kavc.inputs.arrays import read_npz

MODALITIES = ("audio", "visual")
MAX_BYTES = 64 * 2**20


def read_published(
    path: str | os.PathLike, table: str | os.PathLike
) -> tuple[list[bytes], np.ndarray]:
    """Reads which labels each modality keeps.

    Args:
        path: the archive.
        table: `AVVP_train.csv`.

    Returns:
        ids of the videos, in the order of the table, and (videos, 2, classes) bool, audio first.

    Raises:
        DataError: a file is damaged, or a pair names no row, no class, or no label of the video.
    """
    videos = read_table(table)
    labels = np.zeros((len(videos), len(CLASSES)), bool)
    for row, video in enumerate(videos):
        labels[row, video.labels] = True
    kept = np.repeat(labels[:, None], len(MODALITIES), axis=1)
    found = read_npz(Path(path), most=MAX_BYTES)
    for at, modality in enumerate(MODALITIES):
        rows, classes = (_integers(found, f"{modality}_{of}", path) for of in ("row", "class"))
        if rows.shape != classes.shape:
            raise DataError(f"{path}: {len(rows)} {modality} rows and {len(classes)} classes")
        inside = (rows >= 0) & (rows < len(videos)) & (classes >= 0) & (classes < len(CLASSES))
        wrong = ~inside
        wrong[inside] = ~labels[rows[inside], classes[inside]]
        if wrong.any():
            first = int(wrong.argmax())
            raise DataError(
                f"{path}: {modality} label {classes[first]} of row {rows[first]} is none of "
                f"{table}, which has {len(videos)} videos ({wrong.sum()} such pairs); is it the "
                "table that the labels were refined of?"
            )
        kept[rows, at, classes] = False
    return [video.id.encode() for video in videos], kept


def _integers(found: dict[str, np.ndarray], name: str, path: str | os.PathLike) -> np.ndarray:
    if name not in found:
        raise DataError(
            f"{path}: holds no {name!r}; expected audio_row, audio_class, visual_row and "
            "visual_class"
        )
    values = found[name]
    if values.ndim != 1 or values.dtype.kind not in "iu":
        raise DataError(
            f"{path}: {name!r} is {values.dtype} of shape {values.shape}; expected integers (n,)"
        )
    return values.astype(np.int64)
