"""Who is in the splits of YouTube-8M, in one pass over the records."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from kavc.data.manifest import count_records
from kavc.data.membership import cache_key, read_rosters
from kavc.data.roster import Roster, collect
from kavc.data.source import Source
from kavc.data.youtube8m_files import Opened, open_files
from kavc.data.youtube8m_frames import read_frames
from kavc.data.youtube8m_records import Batch, read_videos, release_of, silent

LOAD_AT_ONCE = 1024


def rosters_of(opened: Opened) -> dict[str, Roster]:
    """Reads who is in the splits that there are: all their files, once a process.

    Returns:
        Split name to roster; labels are those of the records.

    Raises:
        DataError: as `kavc.data.membership.read_rosters`, no files, or files of two layouts.
    """
    state = cache_key(opened.fingerprint, opened.files, opened.parts)
    return _rosters_at(opened.source, state)


@functools.lru_cache(maxsize=8)
def _rosters_at(source: Source, state: tuple[object, ...]) -> dict[str, Roster]:
    """Reads the rosters once for as long as the files and the splits (`state`) stay the same."""
    del state
    opened = open_files(source)
    names = opened.present()
    return read_rosters(
        source, names, opened.files, opened.parts, count=count_records, read=_roster
    )


def _roster(files: Sequence[Path]) -> Roster:
    release = release_of(files)
    if release.level == "video":
        batches = read_videos(files, release, LOAD_AT_ONCE)
    else:
        batches = read_frames(files, release, 1, None)

    def marked(batch: Batch) -> Batch:
        visual = batch["visual"]
        ragged = isinstance(visual, tf.RaggedTensor)
        seen = visual.row_lengths() > 0 if ragged else tf.ones_like(batch["id"], tf.bool)
        heard = ~silent(batch["audio"])
        return {"id": batch["id"], "labels": batch["labels"], "heard": heard, "seen": seen}

    return collect(batches.map(marked), files)
