"""What extractors take of a file: windows of its sound, and windows of its frames.

A window is what one row of features is made of: 0.975 s of sound, a frame, a stack of frames. This
is what runs in the processes that decode; it loads no network.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from kavc.errors import ConfigError, DataError
from kavc.inputs.opening import Path, named
from kavc.media.choice import Choice
from kavc.media.flow import flow_of
from kavc.media.frames import Frames, FrameStream
from kavc.media.key_frames import read_key_frames
from kavc.media.moments import Key, Moments, Rate
from kavc.media.sizes import Size
from kavc.media.sound import SoundStream

BYTES = 2**23  # of the windows that come together
MAX_BYTES = 2**31
SHORT = ("drop", "pad")


@dataclass(frozen=True)
class Heard:
    """Windows of sound.

    Args:
        rate: samples per second.
        window: samples of a window.
        hop: samples from one window to the next.
        lead: samples before the first one and after the last one; the sound is mirrored there.
        short: "drop": what fills no window at the end is left out, and sound shorter than a window
            is refused; "pad": it is filled up with silence.
        track: as of `kavc.media.SoundStream`.
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
    at_once = max(1, BYTES // (4 * kind.window))
    with SoundStream(path, rate=kind.rate, track=kind.track) as sound:
        rest, row, samples = np.zeros(0, np.float32), 0, 0

        def taken(most: int) -> Windows:
            nonlocal rest, row
            whole = np.lib.stride_tricks.sliding_window_view(rest, kind.window)[:: kind.hop][:most]
            times = sound.start + (np.arange(row, row + len(whole)) * kind.hop) / kind.rate
            found = Windows(times, np.ascontiguousarray(whole))
            rest, row = rest[len(whole) * kind.hop :], row + len(whole)
            return found

        for block in _mirrored(sound, kind.lead):
            rest, samples = np.concatenate([rest, block]), samples + len(block)
            while len(rest) >= kind.window + (at_once - 1) * kind.hop:
                yield taken(at_once)
        if kind.short == "pad":
            # As many as hold all samples; what an earlier window holds already makes none.
            filled = kind.window + max(0, -(-(len(rest) - kind.window) // kind.hop)) * kind.hop
            if row == 0 or len(rest) > kind.window - kind.hop:
                rest = np.pad(rest, (0, max(0, filled - len(rest))))
        if len(rest) >= kind.window:
            yield taken(at_once)
        if row == 0:
            seconds, least = samples / kind.rate, kind.window / kind.rate
            raise DataError(
                f"{named(path)}: its sound of {seconds:.2f} s is shorter than the {least:g} s that"
                " a row of features takes; leave it out, or fill it up with silence by short=pad"
            )
        yield {"track": sound.index, "truncated": sound.truncated}


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
    at_once = max(1, BYTES // (3 * kind.window * height * width))
    times: list[float] = []
    images: list[np.ndarray] = []
    row = 0
    for time, image in frames:
        times.append(time)
        images.append(image)
        if len(images) == kind.window + (at_once - 1) * kind.hop:
            yield _stacked(times, images, kind)
            row += at_once
            times, images = times[at_once * kind.hop :], images[at_once * kind.hop :]
    if kind.short == "pad" and images and (row == 0 or len(images) > kind.window - kind.hop):
        missing = (kind.window - len(images)) % kind.hop if len(images) > kind.window else 0
        missing = missing or max(0, kind.window - len(images))
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
    """Returns times and images, and what gives why they ended, once they have."""
    if isinstance(kind.moments, Key):
        found = read_key_frames(path, kind.moments.count, size=kind.size, track=kind.track)
        count = int(found.mask.sum())  # a repetition is no other row
        pairs = zip(found.frames.times[:count].tolist(), found.frames.images[:count], strict=True)
        return iter(pairs), lambda: _ended(found.frames)
    stream = FrameStream(path, kind.moments, size=kind.size, track=kind.track)
    follows = isinstance(kind.moments, Rate) and kind.moments.count is None

    def frames() -> Iterator[tuple[float, np.ndarray]]:
        with stream:
            for found in stream:
                if follows and stream.past:  # the track ends before the file says that it does
                    return
                yield found

    return frames(), lambda: _ended(stream)


def _ended(frames: Frames | FrameStream) -> Ended:
    return {"track": frames.index, "truncated": frames.truncated}


def _stacked(times: list[float], images: list[np.ndarray], kind: Seen) -> Windows:
    starts = range(0, len(images) - kind.window + 1, kind.hop)
    stacks = [np.stack(images[start : start + kind.window]) for start in starts]
    if kind.flow is not None:
        stacks = [flow_of(stack, kind.flow) for stack in stacks]
    return Windows(np.array([times[start] for start in starts]), np.stack(stacks))


def check_short(short: str) -> None:
    """Raises unless it is one of `SHORT`."""
    if short not in SHORT:
        raise ConfigError(f"short must be one of {', '.join(SHORT)}; not {short!r}")
