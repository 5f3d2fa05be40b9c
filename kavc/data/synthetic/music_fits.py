"""What the world of a corpus of music preference says of its videos and tracks, by their ids."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from kavc.data.ids import shown
from kavc.data.synthetic.music_world import MusicWorld
from kavc.errors import DataError
from kavc.inputs.json_files import read_json
from kavc.inputs.records import entries

DESCRIBED = {"world": dict, "counts": dict, "tracks": int}
Ids = Iterable[str | bytes]


def fits(folder: str | Path, videos: Ids, tracks: Ids) -> np.ndarray:
    """Returns how well tracks fit videos, f, in a corpus that `kavc.data.synthetic.music` wrote.

    This is what judgements and ratings were drawn from: the order of tracks that it gives is the
    one that a network's ranking can be compared with.

    Args:
        folder: of the corpus.
        videos, tracks: ids, as in its tables.

    Returns:
        `(videos, tracks)` float64: the higher, the better.

    Raises:
        DataError: the corpus has no valid description of a world, or no such video or track.

    Example:
        fits("corpus", ["v0-0-000007"], ["t0-0-000000", "t0-0-000001"])
    """
    folder = Path(folder)
    path, world = folder / "corpus.json", MusicWorld.read(folder)
    told = entries(read_json(path), DESCRIBED, path)
    seed = entries(told["world"], {"sample_seed": int}, f"{path}: world")["sample_seed"]
    counts = entries(told["counts"], dict.fromkeys(told["counts"], int), f"{path}: counts")
    seeds = f"{world.world_seed}-{seed}"
    video = _numbers(videos, f"v{seeds}-", sum(counts.values()), f"{folder}: no video")
    track = _numbers(tracks, f"t{seeds}-", told["tracks"], f"{folder}: no track")
    scenes = world.scenes(seed, int(video.max(initial=-1)) + 1 or 1)
    songs = world.songs(seed, int(track.max(initial=-1)) + 1 or 1)
    rows, columns = (grid.ravel() for grid in np.meshgrid(video, track, indexing="ij"))
    found = world.fit(scenes.take(rows), songs.take(columns))
    return found.reshape(len(video), len(track))


def _numbers(ids: Ids, before: str, count: int, refused: str) -> np.ndarray:
    """Returns the rows that ids are of: (ids,) int64."""
    form = re.compile(re.escape(before) + r"([0-9]{6,12})")
    found = []
    for id_ in ids:
        name = shown(id_) if isinstance(id_, bytes) else id_
        match = form.fullmatch(name)
        if match is None or not int(match[1]) < count:
            raise DataError(f"{refused} {name[:40]!r}; expected one of {count:,}, {before}000000"
                            f" to {before}{count - 1:06d}")  # fmt: skip
        found.append(int(match[1]))
    return np.array(found, np.int64)
