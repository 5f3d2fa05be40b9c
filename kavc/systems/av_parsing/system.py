"""Audio-visual video parsing behind the interface that every system has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from kavc.data.layouts import View
from kavc.data.schema import ExampleSpec, Field
from kavc.errors import DataError
from kavc.systems.av_parsing import pseudo_labels
from kavc.systems.av_parsing.config import (
    GROUNDED,
    HAN_TRAINING,
    REFINED_TRAINING,
    AVParsingConfig,
    search_space,
)
from kavc.systems.av_parsing.paper import (
    IMPROVED,
    PAPER,
    SEGMENT,
    TYPE_AT_AV,
    VARIANT_OF_ROW,
)
from kavc.systems.av_parsing.refinement import check_strangers
from kavc.systems.av_parsing.silence import read_silence
from kavc.systems.base import NEEDED, Row, Signature, SourceInfo, Stage, System

if TYPE_CHECKING:
    import keras

    from kavc.data.roster import Roster
    from kavc.data.source import Source
    from kavc.evaluation.report import Report


FILES = ("pseudo_labels", "refined_labels", "silence")  # options that name one


class AVParsingSystem(System):
    """Weakly supervised audio-visual video parsing (Lamba et al., 2021; Tian et al., 2020).

    Example:
        >>> system = AVParsingSystem()
        >>> [row.label for row in system.rows(system.Config())][:4]
        ['HAN', 'Wu et al.', 'Base', 'Base + GCAA']
    """

    name = "av-parsing"
    summary = "which events are heard, seen or both, and when?"
    limits = (
        "It learnt from labels of whole videos: nobody told it when something happens, so where an "
        "event begins and ends is an estimate, to the second.",
        "It knows the classes of its labels alone; all else is missed, or taken for one of them.",
        "It is no alarm to rely on: how much it misses and invents, the report says.",
    )
    paper = PAPER
    Config = AVParsingConfig
    data_options = (
        "segments",
        "audio_array",
        "visual_array",
        "visual_3d_array",
        "audio_events_array",
        "visual_events_array",
    )
    media: ClassVar = {"parse_media": "parse"}
    evaluated_on = ("validation", "test")

    def examples(self, config: AVParsingConfig) -> ExampleSpec:
        events = {
            name: Field((None, config.classes), "float32", f"1 where an event is {seen}", 1.0)
            for name, seen in (("audio_events", "heard"), ("visual_events", "seen"))
        }
        spec = {
            "id": Field((), "string", "identifies the video; equal ids are the same video"),
            "labels": Field((None,), "int64", "indices of the events of the video, wherever"),
            "audio": Field((None, config.audio_dim), "float32", "audio features", 1.0),
            "visual": Field((None, config.visual_dim), "float32", "features of frames", 1.0),
            "visual_3d": Field((None, config.visual_3d_dim), "float32", "features of clips", 1.0),
        }
        if config.visual_3d_dim is None:
            del spec["visual_3d"]
        return spec | events

    def view(self, config: AVParsingConfig) -> View:
        arrays = {
            "audio": config.audio_array,
            "visual": config.visual_array,
            "audio_events": config.audio_events_array,
            "visual_events": config.visual_events_array,
        }
        if config.visual_3d_array is not None:
            arrays["visual_3d"] = config.visual_3d_array
        every = (config.segments,)
        rows = {name: (0, *every) if name.endswith("_events") else every for name in arrays}
        return View(arrays, rows=rows)

    def adapt(self, config: AVParsingConfig, info: SourceInfo) -> AVParsingConfig:
        files = {name: getattr(config, name) for name in FILES}
        digests = {
            f"{name}_sha256": path and pseudo_labels.digest(path) for name, path in files.items()
        }
        return config.replace(
            classes=len(info.classes),
            audio_dim=info.widths["audio"],
            visual_dim=info.widths["visual"],
            visual_3d_dim=info.widths.get("visual_3d"),
            **digests,
        )

    def check(
        self, info: SourceInfo, config: AVParsingConfig, splits: Sequence[str] = NEEDED
    ) -> None:
        super().check(info, config, splits)
        read_silence(config)
        if not info.rosters:
            return
        roster = info.rosters["train"]
        rows = roster.usable("keep")
        ids = roster.ids[rows]
        labels = roster.multi_hot(config.classes, rows)
        if config.pseudo_labels is not None:
            pseudo_labels.read(config.pseudo_labels, ids, config.segments, config.classes)
        if config.refined_labels is not None:
            pseudo_labels.read_modalities(config.refined_labels, ids, labels)
        elif config.variant == "refined":
            check_strangers(labels, ids)

    def check_split(self, split: str, roster: Roster, config: AVParsingConfig) -> None:
        count = len(roster.usable("keep"))
        if count < 2:
            raise DataError(
                f"split {split!r}: {count} of its {len(roster)} videos can be used (others are "
                "without pictures or twice there), at least 2 are needed"
            )

    def build(self, config: AVParsingConfig) -> keras.Model:
        from kavc.systems.av_parsing import recipe

        return recipe.build(config)

    def load_classes(self) -> None:
        import kavc.systems.av_parsing.composed  # noqa: F401 - and with it `networks`

    def stages(self, config: AVParsingConfig) -> list[Stage]:
        from kavc.systems.av_parsing import recipe

        return recipe.stages(config)

    def evaluate(self, network: keras.Model, source: Source, config: AVParsingConfig) -> Report:
        from kavc.systems.av_parsing import evaluation, held

        return evaluation.evaluate(network, held.read_held(self, source, config), config)

    def rows(self, config: AVParsingConfig) -> list[Row]:
        rows = [
            Row(label, overrides_of(variant, config), SEGMENT[label][TYPE_AT_AV])
            for label, variant in VARIANT_OF_ROW.items()
        ]
        return [*rows, Row(IMPROVED, self.Config.PRESETS["improved"])]

    def summarise(
        self, reports: Mapping[str, Sequence[Report]], source: Source, config: AVParsingConfig
    ) -> Report:
        from kavc.systems.av_parsing import summary

        return summary.summarise(reports, source.title())

    def compare(self, reports: Mapping[str, Report]) -> Report:
        from kavc.systems.av_parsing import summary

        return summary.compare(reports)

    def signatures(
        self, network: keras.Model, config: AVParsingConfig, assets: Any = None
    ) -> dict[str, Signature]:
        from kavc.systems.av_parsing import signatures

        return signatures.signatures(network, config, assets)

    def search_space(self, hp: Any, config: AVParsingConfig) -> AVParsingConfig:
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
        from kavc.data.synthetic import llp
        from kavc.data.synthetic.llp_knobs import knobs as named

        chosen = named(knobs, **(overrides or {}))
        llp.write(out, chosen, videos=videos, sample_seed=seed, world_seed=world_seed)


def overrides_of(variant: str, config: AVParsingConfig) -> Mapping[str, Any]:
    """Returns the options of a row of the paper's tables, beside those of a preset.

    Args:
        variant: of the row.
        config: of the preset.

    Example:
        >>> overrides_of("base", AVParsingConfig())
        {'variant': 'base'}
    """
    if variant == "han":
        return HAN_TRAINING
    if variant == "refined":
        return REFINED_TRAINING
    if variant in GROUNDED and config.pretrained == "fine-tuned":
        rate = config.grounding_learning_rate  # the same optimizer goes on, without a schedule
        return {"variant": variant, "learning_rate": rate, "decay": 1.0, "guided_weight": 1.0}
    return {"variant": variant}
