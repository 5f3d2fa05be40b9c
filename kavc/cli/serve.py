"""`kavc export`, `kavc serve` and `kavc predict`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from kavc.cli.output import print_json, print_table, progress, results
from kavc.cli.train import AsJson

SHOWN = 20  # rows of a table of answers


def export(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    to: Annotated[Path, typer.Option("--to", help="Folder of served models.")],
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the model; the system's by default.")
    ] = None,
    version: Annotated[
        int | None, typer.Option("--version", min=1, help="Version; the next one by default.")
    ] = None,
) -> None:
    """Write a run's network as a SavedModel version that TF Serving loads."""
    from kavc.export.run import export_run

    progress(f"exporting {run}")
    results.print(export_run(run, to, name=name, version=version), highlight=False, soft_wrap=True)


def serve(
    models_dir: Annotated[Path, typer.Argument(help="Folder of served models.")],
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="gRPC port.")] = 8500,
) -> None:
    """Serve models over gRPC: tensorflow_model_server if installed, else a local server."""
    from kavc.serving.launcher import serve as launch

    launch(models_dir, host=host, port=port, report=progress)


def predict(
    server: Annotated[str, typer.Option("--server", help="HOST:PORT.")],
    model: Annotated[str, typer.Option("--model", help="Name of the model.")],
    inputs: Annotated[Path, typer.Option("--input", help=".npz or .json with the inputs.")],
    signature: Annotated[str, typer.Option("--signature", help="Function to call.")] = (
        "serving_default"
    ),
    version: Annotated[int | None, typer.Option("--version", help="Latest by default.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help=".npz or .json to write.")] = None,
    timeout: Annotated[float, typer.Option("--timeout", min=0.001, help="Seconds.")] = 10.0,
    as_json: AsJson = False,
) -> None:
    """Ask a server, and print or write its answers."""
    import numpy as np

    from kavc.evaluation.table import Column, Table
    from kavc.serving.arrays import load_inputs, save_outputs
    from kavc.serving.client import Client

    values = load_inputs(inputs)
    with Client(server) as client:
        outputs = client.predict(
            model, values, signature=signature, version=version, timeout=timeout
        )
    if out is not None:
        save_outputs(out, outputs)
        progress(f"answers: {out}")
    if as_json:
        print_json({name: np.asarray(value).tolist() for name, value in outputs.items()})
    elif out is None:
        rows = zip(*(_shortened(value) for value in outputs.values()), strict=True)
        columns = [Column(name) for name in outputs]
        print_table(Table("answers", columns, list(rows)[:SHOWN], caption=f"{model}, {signature}"))


def _shortened(value: Any) -> list[str]:
    import numpy as np

    return [np.array2string(row, precision=4, threshold=8) for row in np.asarray(value)]


COMMANDS = (export, serve, predict)
