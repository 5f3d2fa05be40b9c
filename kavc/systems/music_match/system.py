"""Music for video behind the interface of all systems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from kavc.data.layouts import View
from kavc.data.schema import ExampleSpec, Field
from kavc.errors import ConfigError, DataError
from kavc.systems.base import NEEDED, Row, Signature, SourceInfo, Stage, System
from kavc.systems.music_match.config import MusicMatchConfig, search_space
from kavc.systems.music_match.paper import PAPER, TABLE_1
from kavc.systems.music_match.rows import OURS, PUBLISHED

if TYPE_CHECKING:
    import keras

    from kavc.data.roster import Roster
    from kavc.data.source import Source
    from kavc.evaluation.report import Report


class MusicMatchSystem(System):
    """Learning audio-visual correspondences for music-video recommendation (Langlois, 2019).

    Example:
        >>> system = MusicMatchSystem()
        >>> [(row.label, row.published) for row in system.rows(system.Config())][:2]
        [('Two-Stream ResNet50', 53.2), ('I3D', 55.94)]
    """

    name = "music-match"
    summary = "which of two tracks fits this video better, and which of many best?"
    limits = (
        "It predicts what the raters of its judgements preferred: their taste, no quality of the "
        "music, and not the taste of others.",
        "It sees a few rows of features of each video and track, as a frame and a stack of flow: "
        "whether beats meet cuts it can't know.",
        "With the paper's head the answer depends on which track comes first; to rank, take a "
        "symmetric one.",
    )
    paper = PAPER
    Config = MusicMatchConfig
    data_options = (
        "variant", "visual_array", "flow_array", "audio_array", "split_by",
    )  # fmt: skip
    media: ClassVar = {
        "score_media": "score",
        "rank_media": "rank",
        "embed_waveform": "embed_track",
    }
    class_file = "answers.txt"

    def examples(self, config: MusicMatchConfig) -> ExampleSpec:
        text = {
            "id": "identifies the judgement",
            "video": "identifies the video; equal ids are the same video",
            "track_a": "identifies the first track",
            "track_b": "identifies the second track",
            "rater": "identifies who answered; empty where nobody is named",
        }
        rows = {name: config.row(name) for name in config.streams}
        rows |= dict.fromkeys(("audio_a", "audio_b"), config.row("audio"))
        return {
            **{name: Field((), "string", meaning) for name, meaning in text.items()},
            **{
                name: Field((None, *row), "float32", f"{name}: features, or pixels and the like")
                for name, row in rows.items()
            },
            "answer": Field((), "int32", "which track was preferred: 0 the first, 1 the second"),
        }

    def view(self, config: MusicMatchConfig) -> View:
        arrays = {"visual": config.visual_array, "flow": config.flow_array}
        return View(
            {name: arrays[name] for name in config.streams},
            vectors=False,
            tracks={"audio": config.audio_array},
            split_by=config.split_by,
        )

    def adapt(self, config: MusicMatchConfig, info: SourceInfo) -> MusicMatchConfig:
        missing = [name for name in (*config.streams, "audio") if name not in info.shapes]
        if missing:
            how = [note for note in info.notes if note.startswith("no features")]
            raise DataError("; ".join(how) or f"the data have no features: {', '.join(missing)}")
        for name, backbone in config.backbones.items():
            if len(row := info.shapes[name]) < 2:
                raise ConfigError(
                    f"{name}: rows of {row[0]} numbers are features, which no backbone takes; "
                    f"leave {name}_backbone={backbone} out, or extract what it takes"
                )
        return config.replace(
            **{f"{name}_row": "x".join(map(str, row)) for name, row in info.shapes.items()}
        )

    def check(
        self, info: SourceInfo, config: MusicMatchConfig, splits: Sequence[str] = NEEDED
    ) -> None:
        super().check(info, config, splits)
        if "train" in splits:
            from kavc.systems.music_match.weights import check_layers, weight_files

            weight_files(config)  # whether they are there
            check_layers(config)

    def check_split(self, split: str, roster: Roster, config: MusicMatchConfig) -> None:
        if len(roster) < 2:
            raise DataError(
                f"split {split!r}: {len(roster)} judgements; at least 2 are needed; a splits file "
                "(--splits), a column split or another split_by can give it more"
            )

    def build(self, config: MusicMatchConfig) -> keras.Model:
        from kavc.systems.music_match import recipe

        return recipe.build(config)

    def stages(self, config: MusicMatchConfig) -> list[Stage]:
        from kavc.systems.music_match import recipe

        return recipe.stages(config)

    def evaluate(self, network: keras.Model, source: Source, config: MusicMatchConfig) -> Report:
        from kavc.systems.music_match import evaluation, held

        return evaluation.evaluate(network, held.read_held(self, source, config), config)

    def rows(self, config: MusicMatchConfig) -> list[Row]:
        published = [Row(label, each, TABLE_1[label]) for label, each in PUBLISHED.items()]
        return published + [Row(label, options) for label, options in OURS.items()]

    def compare(self, reports: Mapping[str, Report]) -> Report:
        from kavc.systems.music_match import summary

        return summary.compare(reports)

    def summarise(
        self, reports: Mapping[str, Sequence[Report]], source: Source, config: MusicMatchConfig
    ) -> Report:
        from kavc.systems.music_match import summary

        return summary.summarise(reports, source.title())

    def signatures(
        self, network: keras.Model, config: MusicMatchConfig, assets: Any = None
    ) -> dict[str, Signature]:
        from kavc.systems.music_match import signatures

        return signatures.signatures(network, config)

    def search_space(self, hp: Any, config: MusicMatchConfig) -> MusicMatchConfig:
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
    ) -> Sequence[str]:
        from kavc.data.synthetic import music
        from kavc.data.synthetic.music_knobs import knobs as named

        chosen = named(knobs, **(overrides or {}))
        best = music.write(out, chosen, videos=videos, sample_seed=seed, world_seed=world_seed)
        of_test = {name: f"{100 * share:.1f} %" for name, share in best["test"].items()}
        return [
            f"Bayes accuracy, of test: {of_test['probability']}; of who knows both tracks and no "
            f"video {of_test['sound']}, no movement {of_test['still']}, mood alone "
            f"{of_test['mood']}, tempo alone {of_test['tempo']}"
        ]
