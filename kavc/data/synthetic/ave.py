"""A corpus like AVE from a known model, in the published layout."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kavc import progress
from kavc.data.ave.classes import CLASSES
from kavc.data.ave.features import KEY, KINDS, pooled
from kavc.data.ave.folder import open_folder
from kavc.data.ave.labels import FILES as LABELS
from kavc.data.ave.orders import FILES as ORDERS
from kavc.data.ave.orders import KEY as ORDER_KEY
from kavc.data.ave.videos import FILE, SECONDS, Video
from kavc.data.splits import SPLITS
from kavc.data.synthetic.asked import counted, shared_out
from kavc.data.synthetic.ave_files import RowsFile, write_array
from kavc.data.synthetic.ave_knobs import KNOB_SETS, AveKnobs, knobs
from kavc.data.synthetic.ave_world import SIDE, AveVideo, AveWorld
from kavc.data.synthetic.draws import check_seed
from kavc.errors import ConfigError, DataError
from kavc.files import write_json, write_text
from kavc.folders import check_new
from kavc.partials import new_folder

KIND = "ave"
SHARES = dict.fromkeys(("validation", "test"), 402 / 4143)  # of the videos, as published
SHORTEST = 2  # seconds of an event
ROWS = 3  # keeps the random stream of the rows apart from those of worlds and videos
LETTERS = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"))
ID_LENGTH = 11
Orders = Mapping[str, Mapping[str, np.ndarray]]  # kind and split to rows


@dataclass(frozen=True, eq=False)
class Plan:
    """What a corpus has, but for its features.

    Args:
        videos: of each row.
        orders: kind of the splits ("match", "plain") and split to (videos,) int64 rows.
    """

    videos: Sequence[Video]
    orders: Orders


def write(
    out: Path,
    knobs: AveKnobs,
    *,
    videos: int = 400,
    sample_seed: int = 0,
    world_seed: int = 0,
    counts: Mapping[str, int] | None = None,
    like: Path | str | None = None,
) -> None:
    """Writes a corpus, whole or not at all, as AVE's annotations and features are published.

    `Annotations.txt`, `audio_feature.h5`, `visual_feature_vec.h5`, with the knob `maps` also
    `visual_feature.h5` (1 MB a video), the three files of labels, both kinds of splits, and
    `corpus.json` with knobs and seeds. Test videos of the splits "match" have no event of 10 s.

    Args:
        out: folder to write; must be new.
        knobs: what the world is like.
        videos: of all splits together, which share them as AVE's do; at least 2 for each.
        sample_seed, world_seed: at least 0. Of the videos, and of the world's constants.
        counts: optional number of videos of each of `SPLITS`, in place of `videos`.
        like: optional folder of AVE's annotations and splits, in place of `videos` and `counts`:
            the corpus has its rows, of the same categories and seconds, and its splits.

    Raises:
        ConfigError: a seed or a number is out of range, `like` has categories that the world has
            not, or `out` exists.
        DataError: `like` is damaged, or lacks the file of a split.
    """
    world = AveWorld(knobs, world_seed)
    seeds = {"sample_seed": check_seed("sample_seed", sample_seed), "world_seed": world.world_seed}
    if like is None:
        plan = draw_plan(
            knobs, shared_out(videos, SHARES) if counts is None else counted(counts), **seeds
        )
    elif counts is not None:
        raise ConfigError(f"counts and like both say how many videos there are: leave out {counts}")
    else:
        plan = _plan_of(Path(like), knobs)
    check_new(out)
    with new_folder(out) as folder:
        _write_features(folder, world, plan.videos, sample_seed)
        _write_tables(folder, plan)
        sizes = {split: len(rows) for split, rows in plan.orders["match"].items()}
        described = {"kind": KIND, "knobs": dataclasses.asdict(knobs), **seeds, "counts": sizes}
        write_json(folder / "corpus.json", described)


def draw_plan(
    knobs: AveKnobs, sizes: Mapping[str, int], *, sample_seed: int, world_seed: int
) -> Plan:
    """Draws the rows of a corpus and their splits.

    Args:
        knobs: what the world is like.
        sizes: of each split.
        sample_seed, world_seed: as of `write`.

    Reference:
        Tian et al., 2018, and Zhu et al., 2021, section 3.1, of what it imitates.

    Example:
        >>> sizes = {"train": 8, "validation": 4, "test": 4}
        >>> plan = draw_plan(knobs("default"), sizes, sample_seed=0, world_seed=0)
        >>> lengths = [plan.videos[row].length for row in plan.orders["match"]["test"]]
        >>> len(plan.videos), max(lengths) < 10
        (16, True)
    """
    rng = np.random.default_rng([ROWS, world_seed, sample_seed])
    count = sum(sizes.values())
    match, plain = (_cut(rng.permutation(count), sizes) for _ in range(2))
    lengths = _lengths(knobs, count, match["test"], rng)
    starts = rng.integers(SECONDS - lengths + 1)
    labels = rng.integers(knobs.classes, size=count)
    drawn = zip(labels.tolist(), starts.tolist(), (starts + lengths).tolist(), strict=True)
    videos = [
        Video(row, "".join(rng.choice(LETTERS, ID_LENGTH)), *values)
        for row, values in enumerate(drawn)
    ]
    for split in ("train", "validation"):  # as published: what the test leaves over, in order
        match[split].sort()
    return Plan(videos, {"match": match, "plain": plain})


def _lengths(knobs: AveKnobs, count: int, test: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns the seconds of each event: (count,); the share of full ones is that of all videos."""
    lengths = rng.integers(SHORTEST, SECONDS, count)
    full = rng.random(count) < knobs.full_share * count / (count - len(test))
    full[test] = False
    return np.where(full, SECONDS, lengths)


def _cut(rows: np.ndarray, sizes: Mapping[str, int]) -> dict[str, np.ndarray]:
    ends = np.cumsum([sizes[split] for split in SPLITS])[:-1]
    return dict(zip(SPLITS, np.split(rows, ends), strict=True))


def _plan_of(path: Path, knobs: AveKnobs) -> Plan:
    """Returns the rows and the splits of an AVE folder."""
    orders = {}
    for kind, files in ORDERS.items():
        folder = open_folder(path, kind)
        if lacking := [files[split] for split in SPLITS if split not in folder.orders]:
            raise DataError(f"{path}: no {lacking[0]}; a corpus like it has both kinds of splits:"
                            " add the file")  # fmt: skip
        orders[kind] = {split: order.rows for split, order in folder.orders.items()}
    beyond = [video for video in folder.videos if video.label >= knobs.classes]
    if beyond:
        raise ConfigError(f"knob classes is {knobs.classes}, and row {beyond[0].row} of {path} has"
                          f" category number {beyond[0].label + 1}, {CLASSES[beyond[0].label]!r}:"
                          " take more classes")  # fmt: skip
    return Plan(folder.videos, orders)


def _write_features(
    folder: Path, world: AveWorld, videos: Sequence[Video], sample_seed: int
) -> None:
    k, count = world.knobs, len(videos)
    with contextlib.ExitStack() as stack:
        told = stack.enter_context(progress.counting("writing", "videos", count))

        def opened(name: str, *shape: int) -> RowsFile:
            path = folder / KINDS[name].file
            return stack.enter_context(RowsFile(path, KEY, (count, SECONDS, *shape)))

        audio, visual = opened("audio", k.audio_dim), opened("visual", k.visual_dim)
        maps = opened("visual_map", SIDE, SIDE, k.visual_dim) if k.maps else None
        for video in videos:
            drawn: AveVideo = world.video(
                sample_seed, video.row, video.label, video.start, video.end
            )
            audio.write(drawn.audio)
            visual.write(pooled(drawn.maps))
            if maps is not None:
                maps.write(drawn.maps)
            told.advance()


def _write_tables(folder: Path, plan: Plan) -> None:
    lines = [
        f"{CLASSES[video.label]}&{video.clip}&good&{video.start}&{video.end}\n"
        for video in plan.videos
    ]
    write_text(folder / FILE, "".join(lines))
    for name, of in LABELS.items():
        write_array(folder / name, KEY, of(plan.videos))
    for kind, rows in plan.orders.items():
        for split, numbers in rows.items():
            write_array(folder / ORDERS[kind][split], ORDER_KEY, numbers)


__all__ = ["KNOB_SETS", "AveKnobs", "AveVideo", "AveWorld", "Plan", "draw_plan", "knobs", "write"]
