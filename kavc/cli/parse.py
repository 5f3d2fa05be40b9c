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
    from kavc.serving.signature import SignatureInfo
    from kavc.systems.av_parsing.events import Event
    from kavc.training.run import Run

SYSTEM = "av-parsing"
SIGNATURE = "parse"


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
    elif media is not None:
        found = clip_of_server(str(server), model, media, timeout=timeout)
    else:
        found = of_server(str(server), model, features, timeout=timeout)
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


def of_server(
    server: str, model: str, features: Mapping[str, Any], *, timeout: float
) -> list[Event]:
    """Parses a video with a served model.

    Args:
        server: HOST:PORT.
        model: its name there.
        features: arrays of one video, see `kavc.systems.av_parsing.events.windows`.
        timeout: seconds of each call.
    """
    from kavc.serving.client.blocking import Client
    from kavc.systems.av_parsing import events

    with Client(server, timeout=timeout) as client:
        offered = client.signatures(model).get("parse")
        segments, widths = _shapes(offered, f"{model} at {server}")
        windows = events.windows(features, widths, segments)
        answers = client.predict(model, windows.inputs, signature="parse")
    probability, decided = (
        windows.join(answers[name]) for name in ("segment_probability", "events")
    )
    names = [name.decode() for name in answers["class_names"][0]]
    return events.events(probability, decided == 1, names)


def clip_of_server(server: str, model: str, clip: Path, *, timeout: float) -> list[Event]:
    """Parses a clip with a served model that has a front end.

    Args:
        server, model, timeout: as of `of_server`.
        clip: the file, which is decoded here, and sent window by window.
    """
    import numpy as np

    from kavc.extraction.served import decoded, inputs_of, what_to_send
    from kavc.serving.client.blocking import Client
    from kavc.systems.av_parsing import events

    with Client(server, timeout=timeout) as client:
        asked = what_to_send(client, model, SIGNATURE)
        segments = _segments(asked.info, f"{model} at {server}")
        a_second, values = asked.a_second(), decoded(asked, clip)
        # A track may end a little before the film does.
        seconds = min(int(len(each) / a_second[name] + 0.05) for name, each in values.items())
        windows = events.Windows({}, events.starts(seconds, segments, str(clip)), seconds)
        answers = []
        for start in windows.starts:
            within = {
                name: values[name][round(start * rate) : round((start + segments) * rate)]
                for name, rate in a_second.items()
            }
            answers.append(client.predict(model, inputs_of(within), signature=asked.signature))
    names = [name.decode() for name in answers[0]["class_names"][0]]
    probability, decided = (
        windows.join(np.concatenate([each[name] for each in answers]))
        for name in ("segment_probability", "events")
    )
    return events.events(probability, decided == 1, names)


def _opened(path: str) -> Run:
    from kavc.training.run import Run

    run = Run(path)
    if run.system.name != SYSTEM:
        raise ConfigError(f"{path}: a run of {run.system.name}; {SYSTEM} is what parses")
    run.check_finished()
    return run


def _segments(info: SignatureInfo, where: str) -> int:
    """Returns the seconds of a window of a served parser."""
    outputs = info.outputs
    shape = outputs["segment_probability"].shape if "segment_probability" in outputs else None
    if "class_names" not in outputs or shape is None or len(shape) != 4 or not shape[1]:
        raise ConfigError(f"{where}: has no signature 'parse' as {SYSTEM} has it; name its model")
    return shape[1]


def _shapes(offered: SignatureInfo | None, where: str) -> tuple[int, dict[str, int]]:
    """Returns the seconds of a window, and the width of each input, of a served parser."""
    if offered is None or "class_names" not in offered.outputs:
        raise ConfigError(f"{where}: has no signature 'parse' as {SYSTEM} has it; name its model")
    shapes: dict[str, Any] = {name: tensor.shape for name, tensor in offered.inputs.items()}
    return shapes["audio"][1], {name: shape[-1] for name, shape in shapes.items()}


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
