"""`kavc parse`: which events are heard or seen in a video, and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kavc.cli.media import (
    Media,
    RunFolder,
    WeightsOption,
    check_asked,
    features_of_run,
)
from kavc.cli.output import print_json, print_table
from kavc.cli.train import AsJson
from kavc.errors import ConfigError

if TYPE_CHECKING:
    from kavc.systems.av_parsing.events import Event
    from kavc.training.run import Run

SYSTEM = "av-parsing"


def parse(
    run: RunFolder = None,
    inputs: Annotated[
        Path | None,
        typer.Option(
            "--input",
            help=".npz or .json of one video: audio, visual, visual_3d, one row a second (visual: "
            "or 8); without a batch axis.",
        ),
    ] = None,
    media: Media = None,
    weights: WeightsOption = None,
    server: Annotated[
        str | None, typer.Option("--server", help="HOST:PORT of a server, in place of a run.")
    ] = None,
    model: Annotated[
        str, typer.Option("--model", help="Name of the model at the server.")
    ] = SYSTEM,
    gate: Annotated[
        str | None, typer.Option("--gate", help="video, modality or none; the run's by default.")
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold", min=0, max=1, help="Of segments and gate; the run's by default."
        ),
    ] = None,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.001, help="Seconds, of a server.")
    ] = 10.0,
    as_json: AsJson = False,
) -> None:
    """Say which events are heard or seen in a video, and when."""
    what = "the features of a video, --input FEATURES.npz"
    check_asked(run, server, inputs, media, what, weights=weights)
    if server is not None and (gate is not None or threshold is not None):
        raise ConfigError("--gate and --threshold are part of what is served; leave them out")
    from kavc.serving.arrays import load_inputs

    features = {} if inputs is None else load_inputs(inputs)
    if run is not None:
        opened = _opened(run)
        if media is not None:
            features = _of_clip(opened, media, weights)
        found = of_run(opened, features, gate=gate, threshold=threshold)
    else:
        from kavc.serving.client.blocking import Client
        from kavc.systems.av_parsing.asking import parse_clip, parse_features

        with Client(str(server), timeout=timeout) as client:
            if media is not None:
                found = parse_clip(client, model, media)
            else:
                found = parse_features(client, model, features)
    if as_json:
        print_json([asdict(event) for event in found])
    else:
        _print(found, str(inputs or media))


def _of_clip(run: Run, clip: Path, weights: list[str] | None) -> dict[str, Any]:
    """Returns the features of a clip, so many rows a second as this system takes."""
    from kavc.extraction.one_clip import by_second
    from kavc.systems.av_parsing.events import FRAMES

    features = features_of_run(run, clip, weights)
    per_second = {name: FRAMES if name == "visual" else 1 for name in features.arrays}
    return by_second(features, per_second)


def of_run(
    run: Run,
    features: Mapping[str, Any],
    *,
    gate: str | None = None,
    threshold: float | None = None,
) -> list[Event]:
    """Parses a video with a run's network.

    Args:
        run: of this system.
        features: arrays of one video, see `kavc.systems.av_parsing.events.windows`.
        gate, threshold: in place of the run's; the threshold of segments and of the gate.
    """
    from kavc.systems.av_parsing import events

    config: Any = run.config if gate is None else run.config.replace(gate=gate)
    windows = events.windows(features, events.widths(config), config.segments)
    # What needs no TensorFlow was asked for by now.
    from kavc.systems.av_parsing.signatures import decisions

    own = run.network.pooling.thresholds
    least, gate_least = own if threshold is None else (threshold, threshold)
    answers = run.network.predict(dict(windows.inputs), batch_size=64, verbose=0)
    decided = decisions(
        answers, gate=config.gate, threshold=least, gate_threshold=gate_least
    ).numpy()
    probability = windows.join(answers["segment_probability"])
    return events.events(probability, windows.join(decided), run.data["classes"])


def _opened(path: str) -> Run:
    from kavc.training.run import Run

    run = Run(path)
    if run.system.name != SYSTEM:
        raise ConfigError(f"{path}: a run of {run.system.name}; {SYSTEM} is what parses")
    run.check_finished()
    return run


def _print(found: Sequence[Event], title: str) -> None:
    from kavc.evaluation.table import Column, Table

    columns = [
        Column("start", ".1f", "s"),
        Column("end", ".1f", "s"),
        Column("modality"),
        Column("class"),
        Column("score", ".3f"),
    ]
    rows = [(each.start, each.end, each.modality, each.label, each.score) for each in found]
    caption = f"Events of {title}" if found else f"{title}: no event"
    print_table(Table("events", columns, rows, caption=caption))


COMMANDS = (parse,)
