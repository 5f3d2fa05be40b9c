"""What a server may want of a file: checked, since what it says is not trusted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from kavc.errors import ConfigError, DataError
from kavc.inputs.records import entries, mapping
from kavc.media.choice import CHOICES
from kavc.media.flow import METHODS
from kavc.media.moments import Bursts, Key, Rate, Uniform
from kavc.media.sizes import Crop, Exactly
from kavc.media.windows import SHORT, Heard, Seen, window_of

RATES = (1000, 192_000)  # samples a second
MOST_FRAMES = 4096  # of a clip
MOST_SIDE = 4096  # pixels to which a side is scaled
MOST_BYTES = 2**30  # of the frames of a clip
MOST_RATE = 1000  # frames a second
MOMENTS: Mapping[type, Mapping[str, Any]] = {
    Uniform: {"count": int},
    Rate: {"rate": float, "count": int | None, "seconds": float | None},
    Bursts: {"count": int, "frames": int, "rate": float},
    Key: {"count": int},
}
SIZES: Mapping[type, Mapping[str, Any]] = {
    Crop: {"shorter": int, "size": int | None},
    Exactly: {"height": int, "width": int, "size": int | None},
}
KINDS: Mapping[type, Mapping[str, Any]] = {
    Heard: {"rate": int, "window": int, "hop": int, "track": int | str, "short": str},
    Seen: {
        "moments": dict, "size": dict, "track": int | str, "flow": str | None, "window": int,
        "hop": int, "short": str,
    },
}  # fmt: skip


def kind_of(node: object, where: str) -> Heard | Seen:
    """Returns what an input takes of a file, if it is what a front end may want of it.

    Args:
        node: as of `kavc.media.messages.to_json`, by a server.
        where: names the input, in the message.

    Raises:
        DataError: it is nothing that can be sent.

    Example:
        >>> from kavc.media.messages import to_json
        >>> kind_of(to_json(Heard(16_000, 15_600, 15_360)), "audio")
        Heard(rate=16000, window=15600, hop=15360, lead=0, short='drop', track='best')
    """
    try:
        kind, found = _entries(node, KINDS, where)
        if found["track"] not in CHOICES and not isinstance(found["track"], int):
            raise ConfigError("no such track")
        if kind is Heard:
            heard = Heard(**found)
            is_cut = min(heard.window, heard.hop) > 0 and heard.short in SHORT
            if RATES[0] <= heard.rate <= RATES[1] and is_cut:
                return heard
        else:
            of_moments, fields_of_moments = _entries(found["moments"], MOMENTS, where)
            of_size, fields_of_size = _entries(found["size"], SIZES, where)
            moments, size = of_moments(**fields_of_moments), of_size(**fields_of_size)
            seen = Seen(moments, size, track=found["track"])
            if found["flow"] is not None:
                seen = _of_flow(seen, found)
            if max(size.scaled(1, 1, 1.0)) <= MOST_SIDE and _count(moments) <= most_frames(seen):
                return seen
    except (ConfigError, DataError):
        pass
    raise DataError(f"{where}: the server asks for what can't be sent; is it of another release?")


def _of_flow(seen: Seen, found: Mapping[str, Any]) -> Seen:
    """Returns what is seen as windows of motion, which are made here.

    Raises:
        ConfigError: none can be made so, or a single one is too large.
    """
    fields = {name: found[name] for name in ("window", "hop", "short", "flow")}
    if fields["flow"] not in METHODS or fields["short"] not in SHORT:
        raise ConfigError("no such flow")
    if not (2 <= fields["window"] <= MOST_FRAMES and 1 <= fields["hop"] <= MOST_FRAMES):
        raise ConfigError("no such windows")
    seen = replace(seen, **fields)
    if bytes_of_window(seen) > MOST_BYTES:
        raise ConfigError("too large a window")
    return seen


def _entries(
    node: object, kinds: Mapping[type, Mapping[str, Any]], where: str
) -> tuple[Any, dict[str, Any]]:
    """Returns a class and its fields, of their types; nothing is made of them yet.

    Raises:
        DataError: it is none of the kinds, as `kavc.media.messages.to_json` has them.
    """
    there = mapping(node, where)
    for kind, wanted in kinds.items():
        name = f"{kind.__module__}:{kind.__qualname__}"
        if list(there) == [name]:
            return kind, entries(there[name], wanted, where)
    raise DataError(f"{where}: nothing that is known")


def _count(moments: Any) -> int:
    """Returns how many frames are wanted at least."""
    if isinstance(moments, Rate) and moments.rate > MOST_RATE:
        raise ConfigError("too many frames a second")
    several = 1 if moments.count is None else moments.count, getattr(moments, "frames", 1)
    if min(several) < 1:
        raise ConfigError("no frames")
    return math.prod(several)


def most_frames(kind: Seen) -> int:
    """Returns how many frames a clip may have.

    >>> from kavc.media.moments import Rate
    >>> most_frames(Seen(Rate(1), Crop(256, 224)))
    4096
    """
    height, width = kind.size.shape
    return min(MOST_FRAMES, MOST_BYTES // (3 * height * width))


def bytes_of_window(kind: Seen) -> int:
    """Returns the bytes of a window of motion.

    >>> from kavc.media.moments import Rate
    >>> bytes_of_window(Seen(Rate(25), Crop(256, 224), window=11, hop=11, flow="dis"))
    4014080
    """
    shape, dtype = window_of(kind)
    return math.prod(shape) * np.dtype(dtype).itemsize
