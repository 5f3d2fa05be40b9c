"""Packs an LLP folder into the package's own format, once: a sixth of the bytes, in few files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kavc import __version__
from kavc.data.llp.classes import CLASSES
from kavc.data.llp.folder import ARRAYS, Folder, field_of, open_folder
from kavc.data.llp.videos import Video
from kavc.folders import check_new


def convert(
    path: str | os.PathLike, out: str | os.PathLike, *, strict: bool = False
) -> tuple[dict[str, int], list[str]]:
    """Writes an LLP folder as a corpus, `features:OUT`; the whole corpus or nothing of it.

    It has the arrays, labels and published splits that `llp:PATH` has, to the bit and in the same
    order. One video is in memory at a time.

    Args:
        path: of the LLP folder, with all three kinds of features.
        out: folder of the corpus; must not exist.
        strict: refuses odd tables and missing features, which are noted otherwise.

    Returns:
        Split name to number of videos written, and sentences on what is odd or missing.

    Raises:
        ConfigError: `out` exists.
        DataError: all that `kavc.data.llp.LlpReader` raises, with all of its arrays asked for.

    Example:
        convert("AVVP-ECCV20", "llp-packed")
    """
    check_new(out)
    folder = open_folder(path)
    folder.check_events(ARRAYS)
    notes = folder.notes(ARRAYS, strict=strict)
    videos = folder.with_features(ARRAYS)
    widths = folder.look().widths
    from kavc.data.features.writer import write_corpus  # TensorFlow; what may be wrong needs none

    write_corpus(
        out,
        {split: _examples(folder, rows, widths) for split, rows in videos.items()},
        CLASSES,
        fields={array: field_of(array, widths) for array in ARRAYS},
        provenance={
            "made_by": f"kavc {__version__}",
            "layout": "llp",
            "folder": os.path.basename(os.path.abspath(path)),
            "notes": notes,
        },
        extra={"title": folder.title},
    )
    return {split: len(rows) for split, rows in videos.items()}, notes


def _examples(
    folder: Folder, videos: Sequence[Video], widths: Mapping[str, int]
) -> Iterator[dict[str, Any]]:
    for video in videos:
        arrays = {name: folder.array(name, video.id, widths.get(name)) for name in ARRAYS}
        yield {"id": video.id, "labels": video.labels, **arrays}
