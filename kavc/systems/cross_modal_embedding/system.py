"""The cross-modal embedding behind the interface of all systems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kavc.data.feature_store import FeatureStore
from kavc.data.layouts import View
from kavc.data.roster import Roster
from kavc.data.schema import ExampleSpec, Field
from kavc.data.source import Source
from kavc.data.synthetic import youtube8m as synthetic_youtube8m
from kavc.data.youtube8m_records import MEANS
from kavc.errors import ConfigError, DataError
from kavc.evaluation.report import Report
from kavc.systems.base import Row, Signature, SourceInfo, Stage, System
from kavc.systems.cross_modal_embedding import embeddings, evaluation, recipe, signatures, summary
from kavc.systems.cross_modal_embedding.paper import PAPER
from kavc.systems.cross_modal_embedding.recipe import CrossModalConfig


class CrossModalEmbeddingSystem(System):
    """Cross-modal embeddings for video and audio retrieval (Surís et al., 2018)."""

    name = "cross-modal-embedding"
    summary = "which sound fits this silent video, and which video this sound?"
    paper = PAPER
    Config = CrossModalConfig
    data_options = ("silent", "audio_array", "visual_array")
    assets = ("index",)
    modalities = ("audio", "visual")

    def examples(self, config: CrossModalConfig) -> ExampleSpec:
        return {
            **MEANS,
            "audio": Field((config.audio_dim,), "float32", "audio features, mean over the video"),
            "visual": Field((config.visual_dim,), "float32", "visual features, likewise"),
        }

    def describe(self, source: Source, config: CrossModalConfig | None = None) -> SourceInfo:
        view = _view(config or CrossModalConfig())
        return SourceInfo(**source.describe(view))

    def adapt(self, config: CrossModalConfig, info: SourceInfo) -> CrossModalConfig:
        # Without labels there is nothing to classify: one class, which no video has.
        labelled = {} if info.classes else {"class_weight": 0.0}
        return config.replace(
            **labelled,
            classes=max(1, len(info.classes)),
            audio_dim=info.widths["audio"],
            visual_dim=info.widths["visual"],
        )

    def check_split(self, split: str, roster: Roster, config: CrossModalConfig) -> None:
        silent = "keep" if split == "test" else config.silent
        rows = roster.usable(silent)
        if len(rows) < 2:
            raise DataError(
                f"split {split!r}: {len(rows)} of its {len(roster)} videos can be used (others are "
                "silent or twice there), at least 2 are needed to find each other"
            )

    def read(self, source: Source, split: str, config: CrossModalConfig) -> tf.data.Dataset:
        return source.read(split, _view(config))

    def build(self, config: CrossModalConfig) -> keras.Model:
        return recipe.build(config)

    def stages(self, config: CrossModalConfig) -> list[Stage]:
        return recipe.stages(config)

    def evaluate(self, network: keras.Model, source: Source, config: CrossModalConfig) -> Report:
        return evaluation.evaluate(network, self._held(source, config), config)

    def rows(self, config: CrossModalConfig) -> list[Row]:
        return [Row(label, recipe.CrossModalConfig.PRESETS[label]) for label in config.PRESETS]

    def compare(self, reports: Mapping[str, Report]) -> Report:
        return summary.compare(reports)

    def summarise(
        self,
        reports: Mapping[str, Sequence[Report]],
        source: Source,
        config: CrossModalConfig,
    ) -> Report:
        return summary.summarise(reports, source.title())

    def signatures(
        self, network: keras.Model, config: CrossModalConfig, assets: Any = None
    ) -> dict[str, Signature]:
        return signatures.signatures(network, config, assets)

    def embed(
        self,
        network: keras.Model,
        modality: str,
        features: np.ndarray,
        config: CrossModalConfig,
    ) -> np.ndarray:
        if config.input_norm == "joint":
            raise ConfigError(signatures.JOINT)
        return embeddings.embed_one(network, modality, features)

    def search_space(self, hp: Any, config: CrossModalConfig) -> CrossModalConfig:
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
        if knobs != "default":
            raise ConfigError(f"no set of knobs {knobs!r}; this corpus has the default alone")
        synthetic_youtube8m.write(
            out, videos=videos, seed=seed, world_seed=world_seed, **(overrides or {})
        )

    def _held(self, source: Source, config: CrossModalConfig) -> evaluation.Held:
        def store(split: str) -> FeatureStore:
            return FeatureStore.from_dataset(self.read(source, split, config))

        info = self.describe(source, config)
        return evaluation.Held(
            test=store("test"),
            train=store("train") if "train" in info.counts else None,
            classes=info.classes,
            source=source.title(),
            notes=info.notes,
        )


def _view(config: CrossModalConfig) -> View:
    return View({"audio": config.audio_array, "visual": config.visual_array}, means=True)
