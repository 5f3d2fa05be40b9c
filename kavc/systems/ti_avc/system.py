"""Ti-AVC behind the interface of all systems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from kavc.data.layouts import View
from kavc.data.schema import ExampleSpec, video_spec
from kavc.errors import DataError
from kavc.systems.base import Row, Signature, SourceInfo, Stage, System
from kavc.systems.ti_avc.config import TiAVCConfig, search_space
from kavc.systems.ti_avc.paper import PAPER, TABLE_1, VARIANT_OF_ROW

if TYPE_CHECKING:
    import keras

    from kavc.data.roster import Roster
    from kavc.data.source import Source
    from kavc.evaluation.report import Report


class TiAVCSystem(System):
    """Themes informed audio-visual correspondence (Su et al., 2020).

    Example:
        >>> system = TiAVCSystem()
        >>> [(row.label, row.published) for row in system.rows(system.Config())][-1]
        ('Ti-AVC', 78.73)
    """

    name = "ti-avc"
    summary = "does this sound belong to these frames, given the theme?"
    limits = (
        "Its score is a probability where half of the pairs match, as in training, which in use is "
        "rarely so: choose a threshold on data of your own.",
        "What didn't match was of another video, never of the same one shifted in time: it doesn't "
        "tell whether sound and picture are in step, and it is no detector of forgeries.",
        "A theme that is given wrongly, or is none of those of training, spoils the score.",
    )
    paper = PAPER
    Config = TiAVCConfig
    data_options = ("silent", "frames", "min_theme_count", "audio_array", "visual_array")
    media: ClassVar = {
        "score_media": "serving_default",
        "embed_waveform": "embed_audio",
        "embed_frames": "embed_visual",
    }
    class_file = "themes.txt"
    evaluated_on = ("validation", "test")  # the threshold is fitted on validation

    def examples(self, config: TiAVCConfig) -> ExampleSpec:
        return video_spec(config.audio_dim, config.visual_dim)

    def view(self, config: TiAVCConfig) -> View:
        # As many frames as steps of audio, in matched pairs alone, would give them away.
        return View(
            {"audio": config.audio_array, "visual": config.visual_array},
            theme=True,
            min_theme_count=config.min_theme_count,
            frames=config.frames,
        )

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
        if alone and roster.label_counts(config.themes, rows).max() < 2:
            raise DataError(
                f"split {split!r}: no two of its {len(rows)} videos have the same theme, as "
                "same-theme negatives need"
            )

    def build(self, config: TiAVCConfig) -> keras.Model:
        from kavc.systems.ti_avc import recipe

        return recipe.build(config)

    def stages(self, config: TiAVCConfig) -> list[Stage]:
        from kavc.systems.ti_avc import recipe

        return recipe.stages(config)

    def evaluate(self, network: keras.Model, source: Source, config: TiAVCConfig) -> Report:
        from kavc.systems.ti_avc import evaluation, held

        return evaluation.evaluate(network, held.read_held(self, source, config), config)

    def rows(self, config: TiAVCConfig) -> list[Row]:
        return [
            Row(label, {"variant": variant}, TABLE_1[label])
            for label, variant in VARIANT_OF_ROW.items()
        ]

    def compare(self, reports: Mapping[str, Report]) -> Report:
        from kavc.systems.ti_avc import summary

        return summary.compare(reports)

    def summarise(
        self, reports: Mapping[str, Sequence[Report]], source: Source, config: TiAVCConfig
    ) -> Report:
        from kavc.systems.ti_avc import summary

        info = self.describe(source, config)
        return summary.summarise(reports, info.classes, source.title())

    def signatures(
        self, network: keras.Model, config: TiAVCConfig, assets: Any = None
    ) -> dict[str, Signature]:
        from kavc.systems.ti_avc import signatures

        return signatures.signatures(network, config)

    def search_space(self, hp: Any, config: TiAVCConfig) -> TiAVCConfig:
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
        from kavc.data.synthetic import kwai
        from kavc.data.synthetic.kwai_knobs import knobs as named

        chosen = named(knobs, **(overrides or {}))
        kwai.write(out, chosen, videos=videos, sample_seed=seed, world_seed=world_seed)
