"""What a synthetic corpus is asked for: a named set of knobs, and how many videos of each split."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np

from kavc.data.splits import SPLITS
from kavc.errors import ConfigError, unknown

FEWEST = 2  # videos of a split
Knobs = TypeVar("Knobs")


def named_knobs(
    kind: type[Knobs],
    sets: Mapping[str, Mapping[str, Any]],
    name: str,
    overrides: Mapping[str, Any],
) -> Knobs:
    """Returns a named set of knobs, with some of them changed.

    Args:
        kind: dataclass of the knobs.
        sets: name to what differs from its defaults.
        name: a key of `sets`.
        overrides: fields of `kind`.

    Raises:
        ConfigError: no such set or knob, or a value out of range.

    Example:
        >>> from kavc.data.synthetic.ave_knobs import KNOB_SETS, AveKnobs
        >>> named_knobs(AveKnobs, KNOB_SETS, "default", {"classes": 5}).classes
        5
    """
    if name not in sets:
        raise ConfigError(unknown("set of knobs", name, sets))
    values = {**sets[name], **overrides}
    known = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
    for knob in values:
        if knob not in known:
            raise ConfigError(unknown("knob", knob, known))
    return kind(**values)


def shared_out(videos: int, shares: Mapping[str, float]) -> dict[str, int]:
    """Returns how many videos each split has.

    Args:
        videos: of all splits together.
        shares: of "validation" and "test"; the rest is for training.

    Raises:
        ConfigError: there are too few for each split.

    Example:
        >>> shared_out(3600, {"validation": 1 / 9, "test": 1 / 3})
        {'train': 2000, 'validation': 400, 'test': 1200}
    """
    fewest = FEWEST * len(SPLITS)
    if not _whole(videos) or videos < fewest:
        raise ConfigError(f"videos is {videos!r}; expected at least {fewest}, {FEWEST} a split")
    held = {split: max(FEWEST, round(videos * share)) for split, share in shares.items()}
    return {"train": videos - sum(held.values()), **held}


def counted(counts: Mapping[str, int]) -> dict[str, int]:
    """Returns given numbers of videos, split by split.

    Raises:
        ConfigError: a split is missing, or has too few.

    Example:
        >>> counted({"test": 4, "train": 8, "validation": 4})
        {'train': 8, 'validation': 4, 'test': 4}
    """
    if set(counts) != set(SPLITS) or not all(_whole(n) and n >= FEWEST for n in counts.values()):
        raise ConfigError(
            f"counts must be {FEWEST} or more for each of {', '.join(SPLITS)}; got {dict(counts)}"
        )
    return {split: int(counts[split]) for split in SPLITS}


def _whole(value: object) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)
