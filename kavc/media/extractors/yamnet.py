"""YAMNet: 1,024 numbers for each 0.975 s of sound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from kavc.media.extractors.base import Extractor, Recipe, Weights
from kavc.media.weight_folders import PAGE
from kavc.media.weight_folders import YAMNET as FILES
from kavc.media.windows import SHORT, Heard
from kavc.options import option

RATE, WINDOW = 16_000, 15_600


@dataclass(frozen=True)
class YAMNet(Recipe):
    """YAMNet.

    Reference:
        Plakal and Ellis, in tensorflow/models (research/audioset/yamnet); the network is that of
        Howard et al., 2017.

    Example:
        extractor = YAMNet(hop=1.0).load({"yamnet": "yamnet_coral_int8.npz"})
        times, rows = extractor.extract("clip.mp4")  # (rows, 1024)
    """

    NAME: ClassVar[str] = "yamnet"
    MODALITY: ClassVar[str] = "audio"
    SUMMARY: ClassVar[str] = "YAMNet: 1,024 numbers, or 521 scores, for each 0.975 s of sound"
    SEEN: ClassVar[str] = "with Coral's int8 weights; never with yamnet.h5"

    hop: float = option(
        0.96, "seconds from row to row: 0.48 as published; 0.96 as VGGish", low=0.01, high=60
    )
    output: str = option("embedding", "what is taken", choices=("embedding", "scores"))
    short: str = option("drop", "what becomes of sound that fills no row", choices=SHORT)

    def needs(self) -> Sequence[Weights]:
        return (Weights("yamnet", FILES, PAGE),)

    def takes(self) -> Heard:
        return Heard(RATE, WINDOW, round(self.hop * RATE), short=self.short)

    def load(self, files: Mapping[str, Path]) -> Extractor:
        from kavc.media.front_ends import YAMNET, LogMel
        from kavc.media.networks.yamnet import load

        mel = LogMel(YAMNET)
        return Extractor(
            self,
            lambda values: {"patches": mel(values)[:, 0]},
            load(files["yamnet"]),
            output=self.output,
            files=files,
        )
