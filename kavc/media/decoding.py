"""Decoded frames of one track, in the order of their times, up to where the file is damaged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from kavc.errors import DataError
from kavc.inputs.opening import named
from kavc.media.container import has_index, library, start_of, words

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream

MOST_BAD = 256  # packets that may be damaged before the first frame


class Decoding:
    """Decodes a track; iterate it once.

    Damage ends it: what comes after may lack what it refers to. Only before the first frame damaged
    packets are left out, as where a recording begins amid another.

    Args:
        container: of an open file.
        track: of it, video or audio.

    Attributes:
        time: of the latest frame, in seconds from the start of the file.
        damage: why decoding ended before the track did; "" if it didn't.

    Raises:
        DataError: while it is iterated: there is too little memory.
    """

    def __init__(self, container: InputContainer, track: Stream):
        from av.stream import Discard

        self.time, self.damage = 0.0, ""
        self._container, self._track = container, track
        self._origin = start_of(container)
        for each in container.streams:
            each.discard = Discard.default if each is track else Discard.all
        if not track.codec_context.is_open:  # processes share the work: one thread for each
            track.codec_context.thread_count = 1

    def __iter__(self) -> Iterator[Any]:
        following = 0.0  # of a frame without a time
        for frame in self._frames():
            self.time = following if frame.time is None else frame.time - self._origin
            following = self.time + self._length(frame)
            yield frame

    def _length(self, frame: Any) -> float:
        """Returns how long a frame lasts, in seconds."""
        if self._track.type == "audio":
            return frame.samples / frame.sample_rate
        return float(1 / self._track.average_rate) if self._track.average_rate else 0.0

    def _frames(self) -> Iterator[Any]:
        faults = (library().FFmpegError, OSError, ValueError)
        packets, come = self._container.demux(self._track), False
        for _ in range(MOST_BAD):
            try:
                for packet in packets:
                    for frame in packet.decode():
                        come = True
                        yield frame
                self.damage = self._missing() if come else self.damage
                return
            except faults as fault:
                if isinstance(fault, MemoryError):
                    name = named(self._container.name)
                    raise DataError(f"{name}: decoding it needs too much memory") from None
                self.damage = f"after {self.time:.2f} s: {words(fault)}" if come else words(fault)
                if come:
                    return

    def _missing(self) -> str:
        """Returns what there is to say of a track that ended where a packet did."""
        entries = self._track.index_entries
        if not has_index(self._container) or not len(entries):
            return ""
        last = entries[-1]
        is_cut = last.pos + last.size > self._container.size
        return f"after {self.time:.2f} s: the file ends before the track does" if is_cut else ""
