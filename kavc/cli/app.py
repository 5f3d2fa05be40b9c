"""`kavc app`: a page in a browser that asks served models about clips."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kavc.terminal import errors, print_line


def app(
    server: Annotated[
        str, typer.Option("--server", help="HOST:PORT of a server, as `kavc serve` starts one.")
    ],
    models: Annotated[
        list[str] | None,
        typer.Option("--model", help="A model there that is not called as its system; repeatable."),
    ] = None,
    tracks: Annotated[
        Path | None,
        typer.Option("--tracks", help="Tracks to rank: media files, or features."),
    ] = None,
    weights: Annotated[
        Path | None, typer.Option("--weights", help="Folder of YAMNet's weights and classes.")
    ] = None,
    host: Annotated[
        str, typer.Option("--host", help="Address of the page; others reach it unless it's local.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port of the page; 0 for any.")
    ] = 8080,
    max_upload_mb: Annotated[
        int, typer.Option("--max-upload-mb", min=1, max=4096, help="Largest file in MiB.")
    ] = 200,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.001, help="Seconds, of a model.")
    ] = 30.0,
) -> None:
    """Open a page in which served models are asked about clips.

    Serves until it is interrupted. A clip is decoded here, what models take of it is sent to the
    server, and it is deleted afterwards.
    """
    from kavc.app.launch import start
    from kavc.app.options import AppOptions

    options = AppOptions(
        server, host, port, tuple(models or ()), tracks, weights, max_upload_mb, timeout
    )
    # Neither the address nor the warning is progress: `--quiet` leaves both.
    start(options, tell=lambda line: print_line(errors, line))


COMMANDS = (app,)
