"""`kavc localize` and `kavc generate`: what a second of sound says about pictures, and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kavc.cli.output import print_json, print_table
from kavc.cli.train import AsJson
from kavc.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np

    from kavc.systems.ms_vae.asking import Ask

SYSTEM = "ms-vae"
RunFolder = Annotated[Path | None, typer.Argument(help="Run folder; leave it out with --server.")]
Server = Annotated[
    str | None, typer.Option("--server", help="HOST:PORT of a server, in place of a run.")
]
Model = Annotated[str, typer.Option("--model", help="Name of the model at the server.")]
Timeout = Annotated[float, typer.Option("--timeout", min=0.001, help="Seconds, of a server.")]


def localize(
    run: RunFolder = None,
    inputs: Annotated[
        Path | None,
        typer.Option(
            "--input",
            help=".npz or .json: audio and visual, one row a second, of which one is the query.",
        ),
    ] = None,
    query: Annotated[
        str | None,
        typer.Option("--query", help="audio or visual: what asks; the shorter one by default."),
    ] = None,
    server: Server = None,
    model: Model = SYSTEM,
    timeout: Timeout = 10.0,
    as_json: AsJson = False,
) -> None:
    """Find a piece of sound in a video's pictures, or a piece of pictures in its sound."""
    features = _features(run, server, inputs, {"--query": query})
    with _asked(run, server, model, timeout, "localize") as (ask, widths):
        from kavc.systems.ms_vae import asking

        found = asking.localize(ask, features, widths, query)
    costs = [float(cost) for cost in found.costs]
    if as_json:
        print_json({"query": found.query, "start": found.start, "end": found.end, "costs": costs})
        return
    from kavc.evaluation.table import Column, Table

    rows = [(at, cost, "here" if at == found.start else "") for at, cost in enumerate(costs)]
    columns = [Column("second", "d"), Column("distance", ".4f"), Column("found")]
    caption = f"{found.query}: from second {found.start} to {found.end}"
    print_table(Table("windows", columns, rows, caption=caption))


def generate(
    run: RunFolder = None,
    inputs: Annotated[
        Path | None,
        typer.Option(
            "--input", help=".npz or .json: audio or visual, one row a second; or both, to compare."
        ),
    ] = None,
    given: Annotated[
        str | None, typer.Option("--from", help="audio or visual: what generates.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help=".npz or .json to write: audio and visual.")
    ] = None,
    server: Server = None,
    model: Model = SYSTEM,
    timeout: Timeout = 10.0,
    as_json: AsJson = False,
) -> None:
    """Generate the features of pictures from those of sound, or the reverse."""
    features = _features(run, server, inputs, {"--from": given})
    from kavc.serving.arrays import check_new, save_outputs

    if out is not None:
        check_new(out)
    with _asked(run, server, model, timeout, "generate_from_audio") as (ask, widths):
        from kavc.systems.ms_vae import asking

        found = asking.generate(ask, features, widths, given)
    if out is not None:
        save_outputs(out, found.pair)
    if as_json:
        shapes = {kind: list(x.shape) for kind, x in found.pair.items()}
        print_json({"given": found.given, "shapes": shapes, "errors": dict(found.errors)})
        return
    from kavc.evaluation.table import Column, Table

    rows = [
        (kind, *x.shape, float(x.mean()), float(x.std()), found.errors.get(kind))
        for kind, x in found.pair.items()
    ]
    columns = [Column("generated"), Column("seconds", "d"), Column("width", "d")]
    columns += [Column(name, ".4f") for name in ("mean", "sd", "squared error")]
    print_table(Table("generated", columns, rows, caption=f"generated from {found.given}"))


def _features(
    run: Path | None, server: str | None, inputs: Path | None, options: Mapping[str, str | None]
) -> dict[str, np.ndarray]:
    """Returns what a file holds, once all else that was typed makes sense."""
    if (run is None) == (server is None):
        raise ConfigError("expected a run folder, or --server HOST:PORT")
    if inputs is None:
        raise ConfigError("expected features, --input FEATURES.npz")
    for name, value in options.items():
        if value not in (None, "audio", "visual"):
            raise ConfigError(f"{name} must be audio or visual; not {value!r}")
    from kavc.serving.arrays import load_inputs

    return load_inputs(inputs)


@contextmanager
def _asked(
    run: Path | None, server: str | None, model: str, timeout: float, signature: str
) -> Iterator[tuple[Ask, dict[str, int]]]:
    """Yields a function of a signature's name and inputs, and the widths of both modalities."""
    if run is not None:
        yield _of_run(run, signature)
        return
    from kavc.serving.client.blocking import Client

    with Client(str(server), timeout=timeout) as client:
        offered = client.signatures(model)
        if signature not in offered or "localize" not in offered:
            raise ConfigError(
                f"{model} at {server}: has no signature {signature!r} as {SYSTEM} has it; name its "
                "model"
            )
        shapes: Any = offered["localize"].inputs
        widths = {kind: shapes[kind].shape[-1] for kind in ("audio", "visual")}
        yield lambda name, inputs: client.predict(model, inputs, signature=name), widths


def _of_run(path: Path, signature: str) -> tuple[Ask, dict[str, int]]:
    from kavc.systems.ms_vae.asking import widths_of
    from kavc.training import asked
    from kavc.training.run import Run

    run = Run(path)
    if run.system.name != SYSTEM:
        raise ConfigError(f"{path}: a run of {run.system.name}; {SYSTEM} is what this asks")
    run.check_finished()
    config: Any = run.config
    if signature not in (asked.told(run.path) or run.signatures):
        raise ConfigError(f"{path}: the variant {config.variant!r} generates nothing")
    # The network is loaded by the first question, by which the features were checked.
    return lambda name, inputs: run.predict(inputs, signature=name), widths_of(config)


COMMANDS = (localize, generate)
