"""`kavc parse`: which events are heard or seen in a video, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kavc.cli.output import print_json, print_table
from kavc.cli.train import AsJson
from kavc.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np

    from kavc.systems.av_parsing.events import Event
    from kavc.training.run import Run

SYSTEM = "av-parsing"


def parse(
    run: Annotated[Path | None, typer.Argument(help="Run folder; or give --server.")] = None,
    inputs: Annotated[
        Path | None,
        typer.Option("--input", help=".npz of one video: audio, visual, visual_3d by second."),
    ] = None,
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
        typer.Option("--threshold", min=0, max=1, help="The run's by default."),
    ] = None,
    timeout: Annotated[float, typer.Option("--timeout", min=0.001, help="Seconds.")] = 10.0,
    as_json: AsJson = False,
) -> None:
    """Say which events are heard or seen in a video, and when."""
    if (run is None) == (server is None):
        raise ConfigError("give a run folder, or --server HOST:PORT")
    if inputs is None:
        raise ConfigError("give the features of a video: --input FEATURES.npz")
    if server is not None and (gate is not None or threshold is not None):
        raise ConfigError("--gate and --threshold are part of what is served; leave them out")
    from kavc.serving.arrays import load_inputs

    features = load_inputs(inputs)
    if run is not None:
        found = of_run(_opened(run), features, gate=gate, threshold=threshold)
    else:
        found = of_server(str(server), model, features, timeout=timeout)
    if as_json:
        print_json([asdict(event) for event in found])
    else:
        _print(found, str(inputs))


def of_run(
    run: Run, features: Any, *, gate: str | None = None, threshold: float | None = None
) -> list[Event]:
    """Parses a video with a run's network.

    Args:
        run: of this system.
        features: arrays of one video, see `kavc.systems.av_parsing.events.parse`.
        gate, threshold: in place of the run's.
    """
    from kavc.systems.av_parsing import events
    from kavc.systems.av_parsing.signatures import decisions

    config = run.config if gate is None else run.config.replace(gate=gate)
    least = float(run.network.pooling.threshold) if threshold is None else threshold

    def ask(windows: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        answers = run.network.predict(windows, batch_size=64, verbose=0)
        decided = decisions(answers, gate=config.gate, threshold=least)
        return answers["segment_probability"], decided.numpy()

    widths = {name: tensor.shape[-1] for name, tensor in run.network.input.items()}
    found = events.parse(ask, features, widths, config.segments)
    return events.events(*found, run.data["classes"])


def of_server(server: str, model: str, features: Any, *, timeout: float) -> list[Event]:
    """Parses a video with a served model; see `of_run`."""
    from kavc.errors import ServingError
    from kavc.serving.client.blocking import Client
    from kavc.systems.av_parsing import events

    with Client(server, timeout=timeout) as client:
        offered = client.signatures(model).get("parse")
        if offered is None:
            raise ServingError(f"{model} at {server}: has no signature 'parse'; is it {SYSTEM}?")
        shapes = {name: tensor.shape for name, tensor in offered.inputs.items()}
        names: list[str] = []

        def ask(windows: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
            answers = client.predict(model, windows, signature="parse")
            names[:] = [name.decode() for name in answers["class_names"][0]]
            return answers["segment_probability"], answers["events"] == 1

        widths = {name: int(shape[-1]) for name, shape in shapes.items()}
        found = events.parse(ask, features, widths, int(shapes["audio"][1]))
    return events.events(*found, names)


def _opened(path: Path) -> Run:
    from kavc.training.run import Run

    run = Run(path)
    if run.system.name != SYSTEM:
        raise ConfigError(f"{path}: a run of {run.system.name}; {SYSTEM} is what parses")
    if not run.finished:
        raise ConfigError(f"{path}: training has not ended; go on with `kavc train --resume`")
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
    caption = f"{title}: {len(found)} events" if found else f"{title}: no event"
    print_table(Table("events", columns, rows, caption=caption))


COMMANDS = (parse,)
