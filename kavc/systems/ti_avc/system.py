"""Ti-AVC behind the interface of all systems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kavc.data.layouts import View
from kavc.data.roster import Roster
from kavc.data.schema import ExampleSpec, video_spec
from kavc.data.source import Source
from kavc.data.store import VideoStore
from kavc.data.synthetic import bayes
from kavc.data.synthetic import kwai as synthetic_kwai
from kavc.data.synthetic.kwai import KwaiWorld, Truth
from kavc.data.synthetic.kwai_knobs import knobs as named_knobs
from kavc.errors import DataError
from kavc.evaluation.report import Report
from kavc.systems.base import Row, Signature, SourceInfo, Stage, System
from kavc.systems.ti_avc import evaluation, recipe, signatures, summary
from kavc.systems.ti_avc.paper import PAPER, TABLE_1, VARIANT_OF_ROW
from kavc.systems.ti_avc.recipe import TiAVCConfig
from kavc.systems.ti_avc.scoring import evaluation_pairs
from kavc.systems.ti_avc.videos import load_videos


class TiAVCSystem(System):
    """Themes informed audio-visual correspondence (Su et al., 2020)."""

    name = "ti-avc"
    summary = "does this sound belong to these frames, given the theme?"
    paper = PAPER
    Config = TiAVCConfig
    data_options = ("silent", "frames", "min_theme_count", "audio_array", "visual_array")
    class_file = "themes.txt"
    evaluated_on = ("validation", "test")  # the threshold is fitted on validation

    def examples(self, config: TiAVCConfig) -> ExampleSpec:
        return video_spec(config.audio_dim, config.visual_dim)

    def describe(self, source: Source, config: TiAVCConfig | None = None) -> SourceInfo:
        view = _view(config or TiAVCConfig())
        return SourceInfo(**source.describe(view))

    def adapt(self, config: TiAVCConfig, info: SourceInfo) -> TiAVCConfig:
        return config.replace(
            themes=len(info.classes),
            audio_dim=info.widths["audio"],
            visual_dim=info.widths["visual"],
        )

    def check_split(self, split: str, roster: Roster, config: TiAVCConfig) -> None:
        rows = roster.usable(config.silent)
        if len(rows) < 2:
            raise DataError(
                f"split {split!r}: {len(rows)} of its {len(roster)} videos can be used (others are "
                "silent, without frames or twice there), at least 2 are needed to make pairs"
            )
        # Test pairs have negatives of the same theme, too.
        alone = split == "test" or (split == "train" and config.same_theme_share == 1)
        if alone and np.bincount(roster.theme(rows)).max() < 2:
            raise DataError(
                f"split {split!r}: no two of its {len(rows)} videos have the same theme, as "
                "same-theme negatives need"
            )

    def read(self, source: Source, split: str, config: TiAVCConfig) -> tf.data.Dataset:
        return source.read(split, _view(config))

    def build(self, config: TiAVCConfig) -> keras.Model:
        return recipe.build(config)

    def stages(self, config: TiAVCConfig) -> list[Stage]:
        return recipe.stages(config)

    def evaluate(self, network: keras.Model, source: Source, config: TiAVCConfig) -> Report:
        return evaluation.evaluate(network, self._held(source, config), config)

    def rows(self, config: TiAVCConfig) -> list[Row]:
        return [
            Row(label, {"variant": variant}, TABLE_1[label])
            for label, variant in VARIANT_OF_ROW.items()
        ]

    def compare(self, reports: Mapping[str, Report]) -> Report:
        return summary.compare(reports)

    def summarise(
        self, reports: Mapping[str, Sequence[Report]], source: Source, config: TiAVCConfig
    ) -> Report:
        info = self.describe(source, config)
        return summary.summarise(reports, info.classes, source.title())

    def signatures(
        self, network: keras.Model, config: TiAVCConfig, assets: Any = None
    ) -> dict[str, Signature]:
        return signatures.signatures(network, config)

    def search_space(self, hp: Any, config: TiAVCConfig) -> TiAVCConfig:
        return recipe.search_space(hp, config)

    def synthesise(
        self,
        out: Path,
        *,
        videos: int,
        seed: int,
        world_seed: int,
        knobs: str = "default",
        overrides: Mapping[str, Any] | None = None,
    ) -> None:
        synthetic_kwai.write(
            out,
            named_knobs(knobs, **(overrides or {})),
            videos=videos,
            sample_seed=seed,
            world_seed=world_seed,
        )

    def _held(self, source: Source, config: TiAVCConfig) -> evaluation.Held:
        stores = {
            split: load_videos(self.read(source, split, config), config.silent)
            for split in ("test", "validation")
        }
        info = self.describe(source, config)
        # Of the test split that the corpus brings: in other splits its truth is in several files.
        known = source.layout == "synthetic" and source.parts() is None
        return evaluation.Held(
            themes=info.classes,
            source=source.title(),
            bounds=_bounds(source, stores["test"]) if known else {},
            notes=info.notes,
            **stores,
        )


def _view(config: TiAVCConfig) -> View:
    # As many frames as steps of audio, in matched pairs alone, would give them away.
    return View(
        {"audio": config.audio_array, "visual": config.visual_array},
        theme=True,
        min_theme_count=config.min_theme_count,
        frames=config.frames,
    )


def _bounds(source: Source, test: VideoStore) -> evaluation.Bounds:
    """Returns the Bayes scores of the test pairs, if they are of a world whose truth is known."""
    if not KwaiWorld.made(source.path):
        return {}
    world, truth = KwaiWorld.read(source.path), Truth.read(source.path, "test").select(test.ids)
    random, same = (
        bayes.scores(world, truth, evaluation_pairs(test, same_theme=same_theme))
        for same_theme in (False, True)
    )
    return {
        "bound without the theme": (random["no_theme"], None),
        "bound with the theme": (random["theme"], same["within_theme"]),
    }
