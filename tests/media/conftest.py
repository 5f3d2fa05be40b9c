"""Small media files, made by the tests themselves."""

from __future__ import annotations

import importlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest


class Film:
    """Writes a media file: tracks are added, then `write` makes it."""

    def __init__(self, path, **options):
        self.path, self.container = path, av.open(str(path), "w", **options)
        self.tracks = []

    def picture(self, images, *, codec="libx264", rate=10, ticks=None, display=None, **options):
        """Adds frames (frames, height, width, 3); `ticks` are their times in units of 1/rate."""
        track = self.container.add_stream(codec, rate=rate, options=options.pop("options", {}))
        track.height, track.width = images.shape[1:3]
        track.pix_fmt = options.pop("pix_fmt", "yuv420p")
        for name, value in options.items():
            setattr(track, name, value)
        if display is not None:
            track.set_display_rotation(*display)
        self.tracks.append(
            (track, self._frames(images, ticks if ticks is not None else range(len(images)), rate))
        )
        return self

    def sound(self, samples, *, rate=16000, codec="pcm_s16le", layout=None, kind=None, at=0):
        """Adds samples, (channels, samples); the first has the time `at`, in samples."""
        layout = layout or {1: "mono", 2: "stereo", 6: "5.1"}[len(samples)]
        track = self.container.add_stream(codec, rate=rate, layout=layout)
        kind = kind or track.codec_context.format.name
        self.tracks.append((track, self._pieces(samples, rate, layout, kind, at)))
        return self

    def write(self):
        for track, frames in self.tracks:
            for frame in frames:
                self.container.mux(track.encode(frame))
        for track, _ in self.tracks:
            self.container.mux(track.encode())
        self.container.close()
        return self.path

    def _frames(self, images, ticks, rate):
        for image, tick in zip(images, ticks, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            frame.pts, frame.time_base = tick, Fraction(1, rate)
            yield frame

    def _pieces(self, samples, rate, layout, kind, at):
        samples = np.asarray(samples)
        if not kind.endswith("p"):
            samples = samples.T.reshape(1, -1)
        step = 1024 * (1 if kind.endswith("p") else av.AudioLayout(layout).nb_channels)
        for start in range(0, samples.shape[1], step):
            piece = np.ascontiguousarray(samples[:, start : start + step])
            frame = av.AudioFrame.from_ndarray(piece, format=kind, layout=layout)
            frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
            frame.pts = at + start // step * 1024
            yield frame


@pytest.fixture
def film(tmp_path):
    """Makes a `Film` in the folder of the test."""
    return lambda name, **options: Film(tmp_path / name, **options)


def greys(count, height=32, width=48, step=None):
    """Frames that are told apart by their grey: frame i is i steps light."""
    step = step or 240 // count
    levels = (np.arange(count) * step).astype(np.uint8)
    return np.broadcast_to(levels[:, None, None, None], (count, height, width, 3))


def tone(hertz, seconds=1.0, rate=16000):
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


@pytest.fixture
def talkie(film):
    """A file of 2 s with 20 frames and a stereo sound."""
    stereo = np.stack([tone(440, 2), tone(440, 2)]) * 0.5
    sound = (stereo * 32767).astype(np.int16)
    return film("talkie.mkv").picture(greys(20)).sound(sound).write()


@pytest.fixture(scope="session")
def streamed():
    """The module `jobs/streamed.py`, which processes of `Decoders` that begin from now on find."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parent / "jobs")
        yield importlib.import_module("streamed")
