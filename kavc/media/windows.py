"""What extractors take of a file: windows of its sound, and windows of its frames.

A window is what one row of features is made of: 0.975 s of sound, a frame, a stack of frames. This
is what runs in the processes that decode; it loads no network.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kavc.errors import ConfigError, DataError
from kavc.inputs.opening import Path, named
from kavc.media.choice import Choice
from kavc.media.flow import flow_of
from kavc.media.frames import Frames, FrameStream
from kavc.media.key_frames import read_key_frames
from kavc.media.moments import MOST, At, Bursts, Key, Moments, Rate, Uniform
from kavc.media.sizes import Size
from kavc.media.sound import SoundStream

BYTES = 2**22  # of the windows that come together
MAX_BYTES = 2**31
HELD = 2**28  # bytes of frames that wait until it is known where their track ends
SHORT = ("drop", "pad")


@dataclass(frozen=True)
class Heard:
    """Windows of sound.

    Args:
        rate: samples per second.
        window: samples of a window.
        hop: samples from one window to the next; between some that don't touch, they are left out.
        lead: samples before the first one and after the last one; the sound is mirrored there.
        short: "drop": what fills no window at the end is left out, and sound shorter than a window
            is refused; "pad": it is filled up with silence.
        track: as of `kavc.media.SoundStream`.

    Example:
        >>> window_of(Heard(16_000, window=15_600, hop=15_360))  # of VGGish
        ((15600,), 'float32')
    """

    rate: int
    window: int
    hop: int
    lead: int = 0
    short: str = "drop"
    track: Choice = "best"


@dataclass(frozen=True)
class Seen:
    """Windows of frames.

    Args:
        moments: when frames are taken.
        size: of the images.
        window: frames of a window.
        hop: frames from one window to the next.
        short: as of `Heard`; "pad" repeats the last frame.
        flow: None for the images; or the method by which the motion from each frame of a window to
            the next one is found, see `kavc.media.flow`.
        track: as of `kavc.media.FrameStream`.

    Example:
        >>> from kavc.media.moments import Rate
        >>> from kavc.media.sizes import Crop
        >>> window_of(Seen(Rate(25), Crop(256, 224), window=11, flow="farneback"))
        ((10, 224, 224, 2), 'float32')
    """

    moments: Moments | Key
    size: Size
    window: int = 1
    hop: int = 1
    short: str = "drop"
    flow: str | None = None
    track: Choice = "best"


Taken = Heard | Seen
Ended = dict[str, Any]


@dataclass(frozen=True)
class Windows:
    """Some windows that follow each other.

    Attributes:
        times: (windows,) float64. When each begins, in seconds from the start of the file.
        values: (windows, samples) float32; (windows, frames, height, width, 3) uint8, RGB; or
            (windows, frames - 1, height, width, 2) float32, motion to the right and down in pixels.
    """

    times: np.ndarray
    values: np.ndarray


def window_of(kind: Taken) -> tuple[tuple[int, ...], str]:
    """Returns shape and dtype of a window of a kind, as of `Windows.values`."""
    if isinstance(kind, Heard):
        return (kind.window,), "float32"
    height, width = kind.size.shape
    if kind.flow is not None:
        return (kind.window - 1, height, width, 2), "float32"
    return (kind.window, height, width, 3), "uint8"


def windows(path: Path, wanted: Iterable[Taken]) -> Iterator[tuple[int, Windows | Ended]]:
    """Yields the windows of a file, one kind after the other.

    Args:
        path: of the file.
        wanted: the kinds.

    Yields:
        The index of a kind, and windows of it; after the last ones, a dict of "track", its index in
        the file, and "truncated", why it ended too early, by damage, or "".

    Raises:
        DataError: the file can't be read, has no such track, or it is too short for a window.
        ConfigError: as `SoundStream` and `FrameStream`.

    Example:
        for index, found in windows("clip.mp4", [Heard(16_000, 15_600, 15_360)]):
            print(index, found.values.shape if isinstance(found, Windows) else found)
    """
    for index, kind in enumerate(wanted):
        for found in _heard(path, kind) if isinstance(kind, Heard) else _seen(path, kind):
            yield index, found


def frames_of(path: Path, kind: Seen, most: int | None = None) -> np.ndarray:
    """Returns all frames that windows are made of, (frames, height, width, 3) uint8.

    Args:
        path: of the file.
        kind: the windows.
        most: frames. None for as many as 2 GiB hold.

    Raises:
        DataError: as `windows`; or they are more.
    """
    height, width = kind.size.shape
    most = MAX_BYTES // (3 * height * width) if most is None else most
    found: list[np.ndarray] = []
    for _, image in _frames(path, kind)[0]:
        found.append(image)
        if len(found) > most:
            raise DataError(f"{named(path)}: more than {most:,} frames would be taken; cut it")
    return np.stack(found)


def _heard(path: Path, kind: Heard) -> Iterator[Windows | Ended]:
    at_once = max(1, BYTES // (4 * max(kind.window, kind.hop)))
    with SoundStream(path, rate=kind.rate, track=kind.track) as sound:
        rest, row, samples, skip = np.zeros(0, np.float32), 0, 0, 0

        def taken(most: int) -> Windows:
            nonlocal rest, row, skip
            whole = np.lib.stride_tricks.sliding_window_view(rest, kind.window)[:: kind.hop][:most]
            times = sound.start + (np.arange(row, row + len(whole)) * kind.hop) / kind.rate
            found = Windows(times, np.ascontiguousarray(whole))
            used, row = len(whole) * kind.hop, row + len(whole)
            rest, skip = rest[used:], max(0, used - len(rest))
            return found

        for block in _mirrored(sound, kind.lead):
            samples += len(block)
            rest, skip = np.concatenate([rest, block[skip:]]), max(0, skip - len(block))
            while len(rest) >= kind.window + (at_once - 1) * kind.hop:
                yield taken(at_once)
        if kind.short == "pad" and (row == 0 or len(rest) > max(0, kind.window - kind.hop)):
            rest = np.pad(rest, (0, max(0, _filled(len(rest), kind) - len(rest))))
        if len(rest) >= kind.window:
            yield taken(at_once)
        if row == 0:
            seconds, least = samples / kind.rate, kind.window / kind.rate
            raise DataError(
                f"{named(path)}: its sound of {seconds:.2f} s is shorter than the {least:g} s that"
                " a row of features takes; leave it out, or fill it up with silence by short=pad"
            )
        yield {"track": sound.index, "truncated": sound.truncated}


def _filled(there: int, kind: Taken) -> int:
    """Returns how much the windows take that hold all that is there, what lies between apart.

    What an earlier window holds already makes no other, nor does what isn't there at all.
    """
    more = min(-(-(there - kind.window) // kind.hop), -(-there // kind.hop) - 1)
    return kind.window + max(0, more) * kind.hop


def _mirrored(sound: Iterable[np.ndarray], lead: int) -> Iterator[np.ndarray]:
    """Yields blocks with `lead` samples more at both ends, mirrored at the outermost ones."""
    if not lead:
        yield from sound
        return
    blocks = iter(sound)
    first = np.zeros(0, np.float32)
    for block in blocks:
        first = np.concatenate([first, block])
        if len(first) > lead:
            break
    if len(first) < 2:
        return
    yield np.pad(first, (lead, 0), mode="reflect")
    last = first
    for block in blocks:
        yield block
        last = np.concatenate([last, block])[-lead - 1 :]
    yield np.pad(last, (0, lead), mode="reflect")[-lead:]


def _seen(path: Path, kind: Seen) -> Iterator[Windows | Ended]:
    frames, ended = _frames(path, kind)
    height, width = kind.size.shape
    at_once = max(1, BYTES // (3 * max(kind.window, kind.hop) * height * width))
    times: list[float] = []
    images: list[np.ndarray] = []
    row = skip = 0
    for time, image in frames:
        if skip:  # between windows that don't touch
            skip -= 1
            continue
        times.append(time)
        images.append(image)
        if len(images) == kind.window + (at_once - 1) * kind.hop:
            yield _stacked(times, images, kind)
            row, used = row + at_once, at_once * kind.hop
            skip = max(0, used - len(images))
            times, images = times[used:], images[used:]
    is_new = len(images) > (0 if row == 0 else max(0, kind.window - kind.hop))
    if kind.short == "pad" and is_new:
        missing = max(0, _filled(len(images), kind) - len(images))
        times, images = times + times[-1:] * missing, images + images[-1:] * missing
    if len(images) >= kind.window:
        yield _stacked(times, images, kind)
    elif row == 0:
        raise DataError(
            f"{named(path)}: {len(images)} frames are fewer than the {kind.window} that a row of"
            " features takes; leave it out, or repeat the last one by short=pad"
        )
    yield ended()


def _frames(path: Path, kind: Seen) -> tuple[Iterator[tuple[float, np.ndarray]], Any]:
    """Returns times and images, and what gives why they ended, once they have.

    A track may end before the file says that it does: moments are those of what there is.
    """
    if isinstance(kind.moments, Key):
        found = read_key_frames(path, kind.moments.count, size=kind.size, track=kind.track)
        count = int(found.mask.sum())  # a repetition is no other row
        pairs = zip(found.frames.times[:count].tolist(), found.frames.images[:count], strict=True)
        return iter(pairs), lambda: _ended(found.frames)
    moments, follows = kind.moments, isinstance(kind.moments, Rate) and kind.moments.count is None
    if isinstance(moments, Rate) and follows:  # whatever it claims, the track is looked at
        longest = MOST / moments.rate
        moments = replace(moments, seconds=min(moments.seconds or math.inf, longest))
    stream = FrameStream(path, moments, size=kind.size, track=kind.track)
    if follows:
        return _followed(path, stream), lambda: _ended(stream)
    return _spread(path, stream, kind), lambda: _ended(stream)


def _followed(path: Path, stream: FrameStream) -> Iterator[tuple[float, np.ndarray]]:
    """Yields frames at a rate, up to the end of the track."""
    with stream:
        for row, found in enumerate(stream):
            if stream.past and row >= len(stream.there):
                return
            yield found
    if len(stream.wanted) == MOST:
        raise DataError(f"{named(path)}: it has more than {MOST} frames at this rate; cut it")


def _spread(path: Path, stream: FrameStream, kind: Seen) -> Iterator[tuple[float, np.ndarray]]:
    """Yields so many frames, spread over the track; those of what there is, if that is less."""
    if not isinstance(kind.moments, Uniform | Bursts):
        with stream:
            yield from stream
        return
    height, width = kind.size.shape
    held: deque[tuple[float, np.ndarray]] = deque()
    most, released = max(1, HELD // (3 * height * width)), False
    with stream:
        for found in stream:
            held.append(found)
            if stream.past and not released:
                break
            if len(held) > most:
                released = True
                yield held.popleft()
    if stream.past and released and stream.there[-1] < stream.wanted[-1]:
        raise DataError(
            f"{named(path)}: its frames end at {stream.end:.2f} s, before the file says that they"
            " do; convert it again, or take fewer frames"
        )
    if released or not stream.past:
        yield from held
        return
    with FrameStream(path, At(stream.there.tolist()), size=kind.size, track=stream.index) as again:
        yield from again


def _ended(frames: Frames | FrameStream) -> Ended:
    return {"track": frames.index, "truncated": frames.truncated}


def _stacked(times: list[float], images: list[np.ndarray], kind: Seen) -> Windows:
    starts = range(0, len(images) - kind.window + 1, kind.hop)
    stacks = [np.stack(images[start : start + kind.window]) for start in starts]
    if kind.flow is not None:
        stacks = [flow_of(stack, kind.flow) for stack in stacks]
    return Windows(np.array([times[start] for start in starts]), np.stack(stacks))


def check_short(short: str) -> None:
    """Raises unless it is one of `SHORT`.

    >>> check_short("pad")
    >>> check_short("cut")
    Traceback (most recent call last):
        ...
    kavc.errors.ConfigError: short must be one of drop, pad; not 'cut'
    """
    if short not in SHORT:
        raise ConfigError(f"short must be one of {', '.join(SHORT)}; not {short!r}")
