"""The cross-modal embedding behind the interface of all systems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from kavc.data.layouts import View
from kavc.data.schema import ExampleSpec, mean_spec
from kavc.errors import ConfigError, DataError
from kavc.systems.base import Row, Signature, SourceInfo, Stage, System
from kavc.systems.cross_modal_embedding.config import CrossModalConfig, search_space
from kavc.systems.cross_modal_embedding.paper import PAPER

if TYPE_CHECKING:
    import keras
    import numpy as np

    from kavc.data.roster import Roster
    from kavc.data.source import Source
    from kavc.evaluation.report import Report
    from kavc.retrieval.hubs import HubCorrection


class CrossModalEmbeddingSystem(System):
    """Cross-modal embeddings for video and audio retrieval (Surís et al., 2018).

    Example:
        >>> system = CrossModalEmbeddingSystem()
        >>> [row.label for row in system.rows(system.Config())]
        ['paper', 'published-code', 'improved', 'tuned']
    """

    name = "cross-modal-embedding"
    summary = "which sound fits this silent video, and which video this sound?"
    limits = (
        "It takes the mean of a video's features: when something happens is lost, and what is "
        "short in a long video counts for little.",
        "What is near was often seen and heard together in training. That a sound belongs to a "
        "picture doesn't follow: the first answer is mostly not the match, see the recalls.",
        "Less hubs, the very match of a video is found more often and others that share its labels "
        "less often (YouTube-8M): leave the correction out where the kind matters more.",
    )
    paper = PAPER
    Config = CrossModalConfig
    data_options = ("silent", "audio_array", "visual_array")
    assets = ("index",)
    modalities = ("audio", "visual")
    media: ClassVar = {
        "score_media": "serving_default",
        "embed_waveform": "embed_audio",
        "embed_frames": "embed_visual",
        "retrieve_audio_for_media": "retrieve_audio",
        "retrieve_visual_for_media": "retrieve_visual",
    }

    def examples(self, config: CrossModalConfig) -> ExampleSpec:
        return mean_spec(config.audio_dim, config.visual_dim)

    def view(self, config: CrossModalConfig) -> View:
        return View({"audio": config.audio_array, "visual": config.visual_array}, means=True)

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
        heard = len(roster.usable("drop"))
        if split == "train" and config.corrects_hubs and heard < 2:
            raise DataError(
                f"split {split!r}: {heard} of its {len(roster)} videos have sound; the correction "
                "of hubs needs 2 that stand for queries (hub_correction=none does without)"
            )

    def build(self, config: CrossModalConfig) -> keras.Model:
        from kavc.systems.cross_modal_embedding import recipe

        return recipe.build(config)

    def stages(self, config: CrossModalConfig) -> list[Stage]:
        from kavc.systems.cross_modal_embedding import recipe

        return recipe.stages(config)

    def calibration(self, config: CrossModalConfig) -> str | None:
        return "hubs" if config.corrects_hubs else None

    def calibrate(
        self, network: keras.Model, source: Source, config: CrossModalConfig, folder: Path
    ) -> None:
        from kavc.data.feature_store import FeatureStore
        from kavc.systems.cross_modal_embedding.hubs import fit_hubs

        train, validation = (
            FeatureStore.from_dataset(self.read(source, split, config))
            for split in ("train", "validation")
        )
        hubs = fit_hubs(network, train, validation, config)
        hubs.save(folder)
        network.hubs = hubs

    def attach(self, network: keras.Model, folder: Path) -> None:
        from kavc.systems.cross_modal_embedding.hubs import Hubs

        hubs = Hubs.load(folder)
        hubs.check(network)
        network.hubs = hubs

    def hub_correction(self, network: keras.Model, modality: str) -> HubCorrection | None:
        found = None if network.hubs is None else network.hubs.of(modality)
        return None if found is None or not found.settings.strength else found

    def evaluate(self, network: keras.Model, source: Source, config: CrossModalConfig) -> Report:
        from kavc.systems.cross_modal_embedding import evaluation, held

        return evaluation.evaluate(network, held.read_held(self, source, config), config)

    def rows(self, config: CrossModalConfig) -> list[Row]:
        return [Row(name, values) for name, values in config.PRESETS.items()]

    def compare(self, reports: Mapping[str, Report]) -> Report:
        from kavc.systems.cross_modal_embedding import summary

        return summary.compare(reports)

    def summarise(
        self,
        reports: Mapping[str, Sequence[Report]],
        source: Source,
        config: CrossModalConfig,
    ) -> Report:
        from kavc.systems.cross_modal_embedding import summary

        return summary.summarise(reports, source.title())

    def signatures(
        self, network: keras.Model, config: CrossModalConfig, assets: Any = None
    ) -> dict[str, Signature]:
        from kavc.systems.cross_modal_embedding import signatures

        return signatures.signatures(network, config, assets)

    def embed(
        self,
        network: keras.Model,
        modality: str,
        features: np.ndarray,
        config: CrossModalConfig,
    ) -> np.ndarray:
        from kavc.systems.cross_modal_embedding import embeddings, signatures

        if config.input_norm == "joint":
            raise ConfigError(signatures.JOINT)
        return embeddings.embed_one(network, modality, features)

    def search_space(self, hp: Any, config: CrossModalConfig) -> CrossModalConfig:
        return search_space(hp, config)

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
        from kavc.data.synthetic import youtube8m

        youtube8m.write(out, videos=videos, seed=seed, world_seed=world_seed, **(overrides or {}))
