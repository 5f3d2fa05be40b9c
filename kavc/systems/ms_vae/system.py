"""MS-VAE and what it is compared with, behind the interface that every system has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from kavc.data.layouts import View
from kavc.data.schema import ExampleSpec, Field
from kavc.errors import DataError
from kavc.systems.base import Row, Signature, SourceInfo, Stage, System
from kavc.systems.ms_vae.config import ON_MAPS, TRAINING, MSVAEConfig, search_space
from kavc.systems.ms_vae.paper import (
    AVERAGE,
    CODE,
    IMPROVED,
    LOCALIZATION,
    PAPER,
    VARIANT_OF_ROW,
    WITHOUT_W,
)

if TYPE_CHECKING:
    import keras

    from kavc.data.roster import Roster
    from kavc.data.source import Source
    from kavc.evaluation.report import Report


class MSVAESystem(System):
    """Audio-visual correlation from variational cross-modal generation (Zhu et al., 2021).

    Example:
        >>> system = MSVAESystem()
        >>> [row.label for row in system.rows(system.Config())][:4]
        ['DCCA', 'AVDLN', 'AVSDN', 'AVFB']
    """

    name = "ms-vae"
    summary = "where in the video does this sound happen? each modality from the other"
    limits = (
        "It always names a place, also where what is heard is not seen at all: the distance beside "
        "it says which place is best, not whether one is good.",
        "It was made for videos of ten seconds with one event each, in steps of a second.",
        "What it generates are features of the other modality, no sound and no pictures.",
    )
    paper = PAPER
    Config = MSVAEConfig
    data_options = (
        "variant",
        "segments",
        "audio_array",
        "visual_array",
        "map_array",
        "events_array",
        "order",
    )
    media: ClassVar = {"localize_media": "localize"}
    likenesses = ("ave",)
    evaluated_on = ("train", "test")

    def examples(self, config: MSVAEConfig) -> ExampleSpec:
        places = (7, 7) if config.variant in ON_MAPS else ()
        pictures = (None, *places, config.visual_dim)
        return {
            "id": Field((), "string", "identifies the video; equal ids are the same video"),
            "theme": Field((), "int32", "index of the category of its event"),
            "audio": Field((None, config.audio_dim), "float32", "audio features", 1.0),
            "visual": Field(pictures, "float32", "features of pictures", 1.0),
            "events": Field((None, 1), "float32", "1 where there is the event", 1.0),
        }

    def view(self, config: MSVAEConfig) -> View:
        on_maps = config.variant in ON_MAPS
        arrays = {
            "audio": config.audio_array,
            "visual": config.map_array if on_maps else config.visual_array,
            "events": config.events_array,
        }
        every = (config.segments,)
        return View(
            arrays,
            vectors=not on_maps,
            theme=True,
            rows=dict.fromkeys(arrays, every),
            order=config.order,
        )

    def adapt(self, config: MSVAEConfig, info: SourceInfo) -> MSVAEConfig:
        return config.replace(
            classes=len(info.classes),
            audio_dim=info.widths["audio"],
            visual_dim=info.widths["visual"],
        )

    def check_split(self, split: str, roster: Roster, config: MSVAEConfig) -> None:
        count = len(roster.usable("keep"))
        if count < 3:
            raise DataError(
                f"split {split!r}: {count} of its {len(roster)} videos can be used (others are "
                "without pictures or twice there), at least 3 are needed"
            )

    def build(self, config: MSVAEConfig) -> keras.Model:
        from kavc.systems.ms_vae import recipe

        return recipe.build(config)

    def load_classes(self) -> None:
        import kavc.systems.ms_vae.recipe  # noqa: F401 - and with it all networks

    def stages(self, config: MSVAEConfig) -> list[Stage]:
        from kavc.systems.ms_vae import recipe

        return recipe.stages(config)

    def evaluate(self, network: keras.Model, source: Source, config: MSVAEConfig) -> Report:
        from kavc.systems.ms_vae import evaluation, held

        return evaluation.evaluate(network, held.read_held(self, source, config), config)

    def rows(self, config: MSVAEConfig) -> list[Row]:
        rows = [
            Row(label, overrides_of(variant), _published(label))
            for label, variant in VARIANT_OF_ROW.items()
        ]
        presets = self.Config.PRESETS
        code = {**presets["published-code"], "scripts_faults": False}
        without = {**presets["improved"], "variant": "ms-vae-without-w"}
        ours = {CODE: code, WITHOUT_W: without, IMPROVED: presets["improved"]}
        return rows + [Row(label, options) for label, options in ours.items()]

    def signatures(
        self, network: keras.Model, config: MSVAEConfig, assets: Any = None
    ) -> dict[str, Signature]:
        from kavc.systems.ms_vae import signatures

        return signatures.signatures(network, config)

    def search_space(self, hp: Any, config: MSVAEConfig) -> MSVAEConfig:
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
        like: Path | None = None,
    ) -> None:
        from kavc.data.synthetic import ave
        from kavc.data.synthetic.ave_knobs import knobs as named

        chosen = named(knobs, **(overrides or {}))
        ave.write(out, chosen, videos=videos, sample_seed=seed, world_seed=world_seed, like=like)

    def summarise(
        self, reports: Mapping[str, Sequence[Report]], source: Source, config: MSVAEConfig
    ) -> Report:
        from kavc.systems.ms_vae import summary

        return summary.summarise(reports, source.title())


def overrides_of(variant: str) -> Mapping[str, Any]:
    """Returns the options of a row of the paper's tables, beside those of a preset.

    Example:
        >>> overrides_of("ms-vae"), sorted(overrides_of("dcca"))
        ({'variant': 'ms-vae'}, ['batch_size', 'epochs', 'learning_rate', 'optimizer', 'variant'])
    """
    return {"variant": variant, **TRAINING.get(variant, {})}


def _published(label: str) -> float | None:
    return LOCALIZATION[label][AVERAGE] if label in LOCALIZATION else None
