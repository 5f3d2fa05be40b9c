"""A corpus like LLP from a known model, in the published layout, with its truth beside it."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from kavc import progress
from kavc.data.llp.classes import CLASSES
from kavc.data.synthetic.asked import counted, shared_out
from kavc.data.synthetic.draws import check_seed
from kavc.data.synthetic.llp_knobs import KNOB_SETS, LlpKnobs, knobs
from kavc.data.synthetic.llp_world import SEGMENTS, LlpVideo, LlpWorld
from kavc.errors import DataError
from kavc.files import write_json, write_npz, write_text
from kavc.folders import check_new
from kavc.inputs.arrays import read_npz
from kavc.partials import new_folder

KIND = "llp"
SPLITS = ("train", "validation", "test")
SHARES = {"validation": 1 / 9, "test": 1 / 3}  # of the videos; the rest is for training
LABELS = {"train": "AVVP_train", "validation": "AVVP_val_pd", "test": "AVVP_test_pd"}
ALL_LABELS = "AVVP_dataset_full"
EVENTS = {"audio_events": "AVVP_eval_audio", "visual_events": "AVVP_eval_visual"}
FEATURES = {"audio": "vggish", "visual": "res152", "visual_3d": "r2plus1d_18"}
NONE = np.empty(0, np.float32)
MAX_TRUTH_BYTES = 128 * 2**20


def write(
    out: Path,
    knobs: LlpKnobs,
    *,
    videos: int = 3600,
    sample_seed: int = 0,
    world_seed: int = 0,
    counts: Mapping[str, int] | None = None,
) -> None:
    """Writes a corpus, whole or not at all, as LLP's annotations and features are published.

    The tables `AVVP_*.csv`, features in `vggish/ID.npy`, `res152/ID.npy`, `r2plus1d_18/ID.npy`
    (0.7 MB a video at full width), `corpus.json` with knobs and seeds, and beside them
    `truth-SPLIT.npz`, from which `read_truth` gives the events of every split, also of train.
    Each split is a sample of its own: number s of `SPLITS` has sample seed 3 · sample_seed + s.

    Args:
        out: folder to write; must be new.
        knobs: what the world is like.
        videos: of all splits together; a ninth is for validation, a third for the test, at least 2
            for each.
        sample_seed, world_seed: at least 0. Of the videos, and of the world's constants.
        counts: optional number of videos of each of `SPLITS`, in place of `videos`.

    Raises:
        ConfigError: a seed or a number is out of range, or `out` exists.
    """
    sizes = shared_out(videos, SHARES) if counts is None else counted(counts)
    world = LlpWorld(knobs, world_seed)
    seeds = {"sample_seed": check_seed("sample_seed", sample_seed), "world_seed": world.world_seed}
    check_new(out)
    with new_folder(out) as folder:
        for name in FEATURES.values():
            (folder / name).mkdir()
        drawn: dict[str, list[LlpVideo]] = {split: [] for split in SPLITS}
        with progress.counting("writing", "videos", sum(sizes.values())) as told:
            for number, split in enumerate(SPLITS):
                seed = len(SPLITS) * sample_seed + number
                for i in range(sizes[split]):
                    drawn[split].append(_stored(world.video(seed, i), folder))
                    told.advance()
        _write_tables(folder, drawn)
        for split, rows in drawn.items():
            write_npz(folder / f"truth-{split}.npz", _truth(rows))
        described = {"kind": KIND, "knobs": dataclasses.asdict(knobs), **seeds, "counts": sizes}
        write_json(folder / "corpus.json", described)


def read_truth(folder: Path, split: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Reads what is heard and seen in the videos of a split of a corpus that `write` made.

    Args:
        folder: of the corpus.
        split: one of `SPLITS`.

    Returns:
        Ids, (videos,) bytes; audio and visual events, (videos, 10, 25) bool, in the order of the
        classes as published.

    Raises:
        DataError: it is missing or damaged.

    Example:
        ids, audio_events, visual_events = read_truth(Path("corpus"), "train")
        (audio_events & visual_events).any(axis=1)  # (videos, 25): audio-visual events
    """
    path = Path(folder) / f"truth-{split}.npz"
    try:
        found = read_npz(path, most=MAX_TRUTH_BYTES)
    except DataError as error:
        raise DataError(f"{error}; generate the corpus again") from None
    ids = found.get("ids")
    if ids is None or ids.dtype.kind != "S" or ids.ndim != 1:
        raise DataError(f"{path}: 'ids' is missing or of another kind; generate the corpus again")
    shape = (len(ids), SEGMENTS, len(CLASSES))
    for name in EVENTS:
        mask = found.get(name)
        if mask is None or mask.dtype.kind != "b" or mask.shape != shape:
            of = "missing" if mask is None else f"{mask.dtype} of shape {mask.shape}"
            raise DataError(
                f"{path}: {name!r} is {of}; truth values of shape {shape} are expected; generate"
                " the corpus again"
            )
    return ids, found["audio_events"], found["visual_events"]


def _stored(video: LlpVideo, folder: Path) -> LlpVideo:
    """Writes the features of a video, and returns it without them."""
    for array, place in FEATURES.items():
        content = io.BytesIO()  # from memory: NumPy hides what writing fails of
        np.save(content, getattr(video, array), allow_pickle=False)
        (folder / place / f"{video.id}.npy").write_bytes(content.getbuffer())
    return dataclasses.replace(video, audio=NONE, visual=NONE, visual_3d=NONE)


def _write_tables(folder: Path, drawn: Mapping[str, Sequence[LlpVideo]]) -> None:
    labelled = {split: [_labels(video) for video in rows] for split, rows in drawn.items()}
    for split, rows in labelled.items():
        _write_table(folder / f"{LABELS[split]}.csv", ("filename", "event_labels"), rows)
    everything = [row for rows in labelled.values() for row in rows]
    _write_table(folder / f"{ALL_LABELS}.csv", ("filename", "event_labels"), everything)
    held = (*drawn["validation"], *drawn["test"])  # training videos have weak labels alone
    for array, table in EVENTS.items():
        events = [row for video in held for row in _events(video.name, getattr(video, array))]
        columns = ("filename", "onset", "offset", "event_labels")
        _write_table(folder / f"{table}.csv", columns, events)


def _labels(video: LlpVideo) -> tuple[str, str]:
    return video.name, ",".join(CLASSES[c] for c in video.labels)


def _events(name: str, mask: np.ndarray) -> Iterator[tuple[str, int, int, str]]:
    """Yields a row for each maximal run of a mask, (segments, classes); offsets are exclusive."""
    edges = np.diff(mask.T.astype(np.int8), prepend=0, append=0)
    onsets, offsets = np.argwhere(edges == 1), np.argwhere(edges == -1)  # in the same order
    for (c, onset), (_, offset) in zip(onsets, offsets, strict=True):
        yield name, onset, offset, CLASSES[c]


def _write_table(path: Path, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    lines = ["\t".join(map(str, row)) for row in (columns, *rows)]
    write_text(path, "\n".join(lines) + "\n")


def _truth(rows: Sequence[LlpVideo]) -> dict[str, np.ndarray]:
    masks = {array: np.stack([getattr(video, array) for video in rows]) for array in EVENTS}
    return {"ids": np.array([video.id.encode() for video in rows]), **masks}


__all__ = [
    "KNOB_SETS",
    "LlpKnobs",
    "LlpVideo",
    "LlpWorld",
    "knobs",
    "read_truth",
    "write",
]
