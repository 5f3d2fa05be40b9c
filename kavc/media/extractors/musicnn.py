"""musicnn: 200 numbers for each 3 s of music."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from kavc.media.extractors.base import Extractor, Recipe, Weights
from kavc.media.windows import SHORT, Heard
from kavc.options import option

RATE, FFT, HOP, FRAMES = 16_000, 512, 256, 187


@dataclass(frozen=True)
class Musicnn(Recipe):
    """musicnn.

    Reference:
        Pons and Serra, 2019.

    Example:
        extractor = Musicnn().load({"musicnn": "MTT_musicnn.npz"})
        times, rows = extractor.extract("song.mp3")  # (rows, 200)
    """

    NAME: ClassVar[str] = "musicnn"
    MODALITY: ClassVar[str] = "audio"
    SUMMARY: ClassVar[str] = "musicnn: 200 numbers, or 50 tags, for each 3 s of music"
    SEEN: ClassVar[str] = "with its real weights, MTT and MSD"

    hop: float = option(
        FRAMES * HOP / RATE, "seconds from row to row, in steps of 16 ms", low=0.016, high=60
    )
    output: str = option("embedding", "what is taken", choices=("embedding", "scores"))
    short: str = option("drop", "what becomes of sound that fills no row", choices=SHORT)

    def needs(self) -> Sequence[Weights]:
        files = ("MTT_musicnn.npz", "MSD_musicnn.npz")
        return (Weights("musicnn", files, "jordipons/musicnn", "ISC, as published"),)

    def takes(self) -> Heard:
        # Each frame is around its time: the sound is mirrored at both ends, as librosa did.
        return Heard(
            RATE, (FRAMES - 1) * HOP + FFT, round(self.hop * RATE / HOP) * HOP,
            lead=FFT // 2, short=self.short,
        )  # fmt: skip

    def load(self, files: Mapping[str, Path]) -> Extractor:
        from kavc.media.networks.musicnn import MusicMel, load_npz

        mel = MusicMel(mirrored=True)
        return Extractor(
            self,
            lambda values: {"patches": mel(values)[:, 0]},
            load_npz(files["musicnn"]),
            output=self.output,
            files=files,
        )
