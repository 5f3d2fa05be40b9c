"""`kavc export` and `kavc serve`."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kavc.cli.media import WeightsOption, extractors_of_run
from kavc.cli.output import LogLines, print_json, print_table, progress, results
from kavc.cli.train import AsJson
from kavc.errors import ConfigError, ExportError

if TYPE_CHECKING:
    from kavc.export.check import VersionCheck

AllowOps = Annotated[
    list[str] | None,
    typer.Option("--allow-op", help="An op that graphs may hold beside harmless ones; repeatable."),
]


def export(
    run: Annotated[Path | None, typer.Argument(help="Run folder.")] = None,
    to: Annotated[Path | None, typer.Option("--to", help="Folder of served models.")] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the model; the system's by default.")
    ] = None,
    version: Annotated[
        int | None, typer.Option("--version", min=1, help="Version; the next one by default.")
    ] = None,
    index: Annotated[
        Path | None, typer.Option("--index", help="Index to search, for systems that serve one.")
    ] = None,
    front_end: Annotated[
        bool,
        typer.Option("--front-end", help="Also take sound and frames: extractors in the graph."),
    ] = False,
    weights: WeightsOption = None,
    check: Annotated[
        Path | None,
        typer.Option("--check", help="Instead: check a folder of versions or models."),
    ] = None,
    allow_op: AllowOps = None,
    as_json: AsJson = False,
) -> None:
    """Write a run's network as a SavedModel version that TF Serving loads, or check versions."""
    if check is not None:
        if run is not None or to is not None:
            raise ConfigError("--check takes a folder and neither a run nor --to")
        _check(check, allow_op or (), as_json)
        return
    if allow_op:
        raise ConfigError("--allow-op goes with --check; an export never holds other ops")
    if run is None or to is None:
        raise ConfigError("give a run folder and --to MODELS_DIR, or --check FOLDER")
    from kavc.export.calls import serving
    from kavc.export.run import export_run
    from kavc.training.run import Run

    opened = Run(run)
    if weights and not front_end:
        raise ConfigError("--weights are those of a front end; add --front-end")
    extractors = None
    if front_end:
        from kavc.extraction.weights import WeightFiles

        extractors = extractors_of_run(opened, WeightFiles.parse(weights or []))
    folder = export_run(opened, to, name=name, version=version, index=index, extractors=extractors)
    results.print(folder, highlight=False, soft_wrap=True)
    serve_it, ask_it = serving(to, folder.parent.name, int(folder.name))
    progress(f"to serve it: {shlex.join(serve_it)}")
    progress(f"to ask it: {shlex.join(ask_it)}")


def serve(
    models_dir: Annotated[Path, typer.Argument(help="Folder of served models.")],
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="gRPC port.")] = 8500,
    batching: Annotated[
        Path | None, typer.Option("--batching", help="BatchingParameters file, as batching.config.")
    ] = None,
    monitoring_port: Annotated[
        int | None,
        typer.Option("--monitoring-port", min=0, max=65535, help="HTTP port of the metrics."),
    ] = None,
    monitoring: Annotated[
        Path | None,
        typer.Option("--monitoring-config", help="MonitoringConfig file, as monitoring.config."),
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option("--tls-key", help="PEM file: the server's private key.")
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option("--tls-cert", help="PEM file: the server's certificates.")
    ] = None,
    tls_client_ca: Annotated[
        Path | None,
        typer.Option("--tls-client-ca", help="PEM file: who signs the certificates of callers."),
    ] = None,
    max_message_mb: Annotated[
        int, typer.Option("--max-message-mb", min=1, max=2047, help="Largest message in MiB.")
    ] = 256,
    threads: Annotated[
        int | None,
        typer.Option("--threads", min=1, help="Requests of one model worked on at a time."),
    ] = None,
    poll: Annotated[
        float, typer.Option("--poll", min=0.05, help="Seconds between looks for new versions.")
    ] = 1.0,
    grace: Annotated[
        float, typer.Option("--grace", min=0, help="Seconds for running requests at the end.")
    ] = 10.0,
    warmup: Annotated[
        bool, typer.Option("--warmup/--no-warmup", help="Run a version's warm-up requests.")
    ] = True,
    load_seconds: Annotated[
        float,
        typer.Option("--load-seconds", help="Seconds a version may take to load and warm up."),
    ] = 60.0,
    upload_seconds: Annotated[
        float, typer.Option("--upload-seconds", help="Seconds a request may take to come.")
    ] = 60.0,
    allow_op: AllowOps = None,
) -> None:
    """Serve models over gRPC: tensorflow_model_server if installed, else a local server."""
    from kavc.serving.configs import read_batching
    from kavc.serving.launcher import serve as launch
    from kavc.serving.options import ServerOptions

    options = ServerOptions(
        host=host,
        port=port,
        threads=threads,
        max_message_bytes=max_message_mb * 2**20,
        batching=read_batching(batching) if batching else None,
        tls=_tls(tls_key, tls_cert, tls_client_ca),
        poll_seconds=poll,
        grace_seconds=grace,
        warmup=warmup,
        load_seconds=load_seconds,
        upload_seconds=upload_seconds,
        allow_ops=tuple(allow_op or ()),
        **_monitoring(monitoring_port, monitoring),
    )
    with _log_to_stderr():
        launch(models_dir, options, report=progress)


@contextlib.contextmanager
def _log_to_stderr() -> Iterator[None]:
    import logging

    handler = logging.StreamHandler()
    handler.setFormatter(LogLines("%(asctime)s %(levelname)s %(message)s"))
    ours, grpcs = logging.getLogger("kavc"), logging.getLogger("grpc._common")
    levels = ours.level, grpcs.level
    ours.addHandler(handler)
    ours.setLevel(logging.INFO)
    # It would log a traceback for every message that is none: whoever sends them would fill disks.
    grpcs.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        ours.removeHandler(handler)
        ours.setLevel(levels[0])
        grpcs.setLevel(levels[1])


def _monitoring(port: int | None, file: Path | None) -> dict[str, Any]:
    from kavc.serving.configs import read_monitoring

    if file is None:
        return {"monitoring_port": port}
    if port is None:
        raise ConfigError("--monitoring-config needs --monitoring-port")
    config = read_monitoring(file)
    return {"monitoring_port": port if config.enable else None, "monitoring_path": config.path}


def _tls(key: Path | None, cert: Path | None, client_ca: Path | None) -> Any:
    from kavc.serving.configs import TLSConfig

    if key is None and cert is None and client_ca is None:
        return None
    if key is None or cert is None:
        raise ConfigError("TLS needs both --tls-key and --tls-cert")
    return TLSConfig(key, cert, client_ca, client_verify=client_ca is not None)


def _check(folder: Path, allow_ops: Sequence[str], as_json: bool) -> None:
    from kavc.export.check import check

    found = check(folder, allow_ops=allow_ops)
    if as_json:
        print_json([_facts(version) for version in found])
    else:
        _print_checks(found)
    faults = [version.fault for version in found if version.fault]
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise ExportError(f"{faults[0]}{more}")


def _facts(version: VersionCheck) -> dict[str, Any]:
    return {
        "version": str(version.folder),
        "servable": version.fault is None,
        "ops": version.ops,
        "signatures": list(version.signatures),
        "warmup_records": version.warmup,
        "bytes": version.size,
        "fault": version.fault,
    }


def _print_checks(found: Sequence[VersionCheck]) -> None:
    from kavc.evaluation.table import Column, Table

    columns = [
        Column("version"),
        Column("servable"),
        Column("ops", "d"),
        Column("signatures"),
        Column("warm-up", "d"),
        Column("MiB", ".1f"),
    ]
    rows = [
        (
            f"{version.folder.absolute().parent.name}/{version.folder.name}",
            "no" if version.fault else "yes",
            version.ops,
            ", ".join(version.signatures),
            version.warmup,
            version.size / 2**20,
        )
        for version in found
    ]
    print_table(Table("versions", columns, rows, caption="Versions"))


COMMANDS = (export, serve)
