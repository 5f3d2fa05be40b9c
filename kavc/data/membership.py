"""From the videos of some files to the splits that they are in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from kavc import progress
from kavc.data import splits as split_files
from kavc.data.roster import Roster, check_apart, check_listed
from kavc.data.source import Source
from kavc.data.splits import SPLITS, Part, check_name

_BUCKETS = 1_000_000


def read_rosters(
    source: Source,
    names: Sequence[str],
    files: Sequence[Path],
    parts: Mapping[str, Part] | None,
    *,
    count: Callable[[Path], int],
    read: Callable[[Sequence[Path]], Roster],
) -> dict[str, Roster]:
    """Reads who is in each split, in one pass over the files that hold them, and checks it.

    Args:
        source: where the files are.
        names: of the splits that there are.
        files: of the source, each once.
        parts: as of `kavc.data.splits.files_of`; None for a split by hash.
        count: from a file to its number of videos.
        read: from files to the roster of all their videos, file by file.

    Returns:
        Split name to roster.

    Raises:
        DataError: as `kavc.data.splits.files_of`; a video is in two splits; a splits file lists
            ids that the data don't have; a record is damaged or does not fit.
    """
    chosen = {name: _among(name, files, source.path, parts) for name in names}
    wanted = set().union(*chosen.values())
    records = {file: count(file) for file in files if file in wanted}
    with progress.counting(f"looking through {source}", "videos", sum(records.values())):
        whole = read(list(records))
    found = divide(whole, records, chosen, parts)
    check_apart(found, str(source))
    check_listed(parts, found, str(source.kept or source.splits))
    return found


def _among(
    name: str, files: Sequence[Path], folder: Path, parts: Mapping[str, Part] | None
) -> list[Path]:
    return list(files) if parts is None else split_files.files_of(name, files, folder, parts)


def divide(
    whole: Roster,
    records: Mapping[Path, int],
    chosen: Mapping[str, Sequence[Path]],
    parts: Mapping[str, Part] | None,
) -> dict[str, Roster]:
    """Divides the videos of some files into splits.

    Args:
        whole: the videos of all files, file by file.
        records: file to number of its videos, in that order.
        chosen: split name to the files among which its videos lie.
        parts: as of `read_rosters`.

    Returns:
        Split name to roster, of the splits in `chosen`.

    Example:
        >>> splits = np.arange(4)
        >>> there = np.ones(3, bool)
        >>> ids = np.array([b"a", b"b", b"c"], object)
        >>> whole = Roster(ids, splits[:3], splits, there, there)
        >>> files = [Path("1"), Path("2")]
        >>> parts = {"train": Part(globs=("1",)), "test": Part(globs=("2",))}
        >>> chosen = {"train": files[:1], "test": files[1:]}
        >>> divided = divide(whole, {files[0]: 2, files[1]: 1}, chosen, parts)
        >>> {split: roster.ids.tolist() for split, roster in divided.items()}
        {'train': [b'a', b'b'], 'test': [b'c']}
    """
    place = {file: number for number, file in enumerate(records)}
    of_file = np.repeat(np.arange(len(records)), list(records.values()))
    found = {}
    for split, files in chosen.items():
        if parts is None or parts[split].ids:
            keep = in_split(tf.constant(whole.ids, tf.string), split, parts).numpy()
        else:
            keep = np.isin(of_file, [place[file] for file in files])
        found[split] = whole.select(keep)
    return found


def cache_key(
    fingerprint: str, files: Iterable[Path], parts: Mapping[str, Part] | None
) -> tuple[object, ...]:
    """Returns what rosters depend on: as long as it is the same, they need not be read again.

    Args:
        fingerprint: of the source.
        files: of the source; their sizes and times are looked at.
        parts: as of `read_rosters`.
    """
    stats = [file.stat() for file in files]
    times = tuple((stat.st_size, stat.st_mtime_ns) for stat in stats)
    return fingerprint, times, None if parts is None else tuple(parts.items())


def hash_split(
    ids: tf.Tensor | Sequence[str], fractions: Sequence[float] = (0.8, 0.1, 0.1)
) -> tf.Tensor:
    """Assigns ids to splits by their hash alone: the same on each run and in each order.

    Args:
        ids: (examples,) strings.
        fractions: expected share of train, validation and test. Defaults to 80/10/10, as the
            paper of Ti-AVC splits its corpus.

    Returns:
        (examples,) int32, index into `SPLITS`. Also in graph mode.

    Reference:
        The shares are those of Su et al., 2020, section 5.1.

    Example:
        >>> hash_split(["v0", "v29", "v8"]).numpy().tolist()
        [0, 1, 2]
    """
    if len(fractions) != len(SPLITS) or min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-6:
        raise ValueError(f"fractions must be three shares that sum to 1; got {tuple(fractions)}")
    bucket = tf.strings.to_hash_bucket_fast(ids, _BUCKETS)  # FarmHash: never changes
    bounds = [round(_BUCKETS * fractions[0]), round(_BUCKETS * (fractions[0] + fractions[1]))]
    return tf.searchsorted(tf.constant(bounds, tf.int64), tf.reshape(bucket, (-1,)), side="right")


def in_split(ids: tf.Tensor, split: str, parts: Mapping[str, Part] | None) -> tf.Tensor:
    """Tells which ids belong to a split, in graph.

    Args:
        ids: (examples,) strings.
        split: name of the split.
        parts: what `kavc.data.splits.load` returned; None for a split by hash.

    Returns:
        (examples,) bool. All true where the split is a list of files.

    Example:
        >>> parts = {"train": Part(ids=("a", "c")), "test": Part(ids=("b",))}
        >>> in_split(tf.constant(["a", "b", "d"]), "train", parts).numpy().tolist()
        [True, False, False]
    """
    if parts is None:
        return tf.equal(hash_split(ids), SPLITS.index(check_name(split)))
    if not parts[split].ids:
        return tf.ones_like(ids, tf.bool)
    # 63-bit fingerprints, sorted, stand for the set: no table whose lifetime must be managed.
    listed = tf.sort(tf.strings.to_hash_bucket_fast(list(parts[split].ids), 2**63 - 1))
    wanted = tf.strings.to_hash_bucket_fast(ids, 2**63 - 1)
    place = tf.minimum(tf.searchsorted(listed, wanted), len(parts[split].ids) - 1)
    return tf.equal(tf.gather(listed, place), wanted)


def members(
    batches: tf.data.Dataset, split: str, parts: Mapping[str, Part] | None
) -> tf.data.Dataset:
    """Keeps the examples of a split, where files alone do not make it.

    Args:
        batches: data set of dicts with "id" (batch,) string; what varies is ragged.
        split, parts: as of `in_split`.
    """
    if parts is not None and not parts[split].ids:
        return batches

    def kept(batch: dict) -> dict:
        keep = in_split(batch["id"], split, parts)
        return {name: tf.ragged.boolean_mask(values, keep) for name, values in batch.items()}

    return batches.map(kept)
