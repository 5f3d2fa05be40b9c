"""From a finished run folder to a served version."""

from __future__ import annotations

import os
from pathlib import Path

from kavc.errors import ConfigError
from kavc.export.config_files import check_config_files, write_config_files
from kavc.export.run_card import run_card
from kavc.export.savedmodel import export, next_version
from kavc.training.run import Run

INDEX = "index"


def export_run(
    run: Run | str | os.PathLike,
    models_dir: str | os.PathLike,
    *,
    name: str | None = None,
    version: int | None = None,
    index: str | os.PathLike | None = None,
) -> Path:
    """Exports a run's network as `MODELS_DIR/NAME/VERSION`.

    Beside the models, `models.config`, `batching.config` and `monitoring.config` are written for
    TensorFlow Serving where they are missing; to a `models.config` that is there the model is
    added.

    Args:
        run: a finished run, or its folder.
        models_dir: folder of served models; made if it isn't there.
        name: of the model; the system's by default.
        version: a number that isn't there yet; by default one more than the highest.
        index: folder of an index that the system's signatures search.

    Returns:
        The new version's folder.

    Raises:
        ConfigError: no run folder, training has not ended, the system serves no index, or a
            `models.config` is there that can't be read.
        ExportError: the version exists, or the name can't be served.
    """
    run = run if isinstance(run, Run) else Run(run)
    if not (run.path / "report.json").is_file():
        raise ConfigError(f"{run.path}: no report yet; go on with `kavc train --resume`")
    name = name or run.system.name
    version = next_version(models_dir, name) if version is None else version
    if index is not None and INDEX not in run.system.assets:
        raise ConfigError(f"{run.system.name} serves no index; export it without --index")
    assets = None if index is None else {INDEX: Path(index)}
    check_config_files(models_dir)
    signatures = run.system.signatures(run.network, run.config, assets)
    card = run_card(run, run.report, signatures, name=name, version=version)
    folder = export(
        run.network,
        signatures,
        models_dir,
        name=name,
        card=card,
        assets={run.system.class_file: "".join(f"{label}\n" for label in run.data["classes"])},
        version=version,
    )
    write_config_files(models_dir, name, signatures)
    return folder
