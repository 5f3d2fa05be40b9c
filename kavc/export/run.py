"""From a finished run folder to a served version."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from kavc import progress
from kavc.errors import ConfigError
from kavc.export.config_files import check_config_files, write_config_files
from kavc.files import PARTIAL
from kavc.terminal import Verbose, showing
from kavc.training.run import REPORT, Run

if TYPE_CHECKING:
    from kavc.media.extractors.base import Extractor

INDEX = "index"


def export_run(
    run: Run | str | os.PathLike,
    models_dir: str | os.PathLike,
    *,
    name: str | None = None,
    version: int | None = None,
    index: str | os.PathLike | None = None,
    extractors: Mapping[str, Extractor] | None = None,
    verbose: Verbose = "auto",
) -> Path:
    """Exports a run's network as `MODELS_DIR/NAME/VERSION`.

    Beside the models, `models.config`, `batching.config` and `monitoring.config` are written for
    TensorFlow Serving where they are missing; to a `models.config` that is there the model is
    added, and all that is written there stays.

    Args:
        run: a finished run, or its folder. If it has no report, the model card says why.
        models_dir: folder of served models; made if it isn't there.
        name: of the model; the system's by default.
        version: a number that isn't there yet; by default one more than the highest.
        index: folder of an index that the system's signatures search.
        extractors: by the name of the array; with them there are signatures that take sound and
            frames, see `kavc.export.front_end`.
        verbose: how progress is shown, as of `kavc.train`.

    Returns:
        The new version's folder.

    Raises:
        ConfigError: no run folder, training has not ended, the system serves no index, or a
            `models.config` is there to which the model can't be added, so that it is to be done by
            hand. Nothing was written then.
        ExportError: the version exists, or the name can't be served.
        WriteError: a file can't be written. Nothing is left of the version.

    Reference:
        TensorFlow, `core/protobuf/saved_model.proto`; TensorFlow Serving,
        `config/model_server_config.proto`.

    Example:
        export_run("runs/ti-avc", "models")  # models/ti-avc/1, and one more with each call
    """
    run = run if isinstance(run, Run) else Run(run)
    run.check_finished()
    if index is not None and INDEX not in run.system.assets:
        raise ConfigError(f"{run.system.name} serves no index; export it without --index")
    with showing(verbose):
        progress.announce(
            f"exporting {run.path} into {Path(models_dir) / (name or run.system.name)}"
        )
        # What needs no TensorFlow was asked for by now.
        from kavc.export.class_names import class_signature
        from kavc.export.run_card import run_card
        from kavc.export.savedmodel import export, next_version, no_empty_parents
        from kavc.export.write_error import written

        name = name or run.system.name
        version = next_version(models_dir, name) if version is None else version
        classes = tuple(run.data["classes"])
        assets = {"classes": classes} | ({} if index is None else {INDEX: Path(index)})
        check_config_files(models_dir, name)
        report = run.report if (run.path / REPORT).is_file() else None
        signatures = run.system.signatures(run.network, run.config, assets)
        named = class_signature(classes, signatures)
        if extractors is not None:
            from kavc.export.front_end import media_signatures

            signatures |= media_signatures(signatures, run.system.media, extractors)
        signatures |= named
        card = run_card(run, report, signatures, name=name, version=version)
        with no_empty_parents(Path(models_dir) / name / str(version)):
            folder = export(
                run.network,
                signatures,
                models_dir,
                name=name,
                card=card,
                assets={run.system.class_file: "".join(f"{label}\n" for label in classes)},
                version=version,
            )
            with _withdrawn_on_error(folder), written(models_dir):
                write_config_files(models_dir, name, signatures)
    return folder


@contextlib.contextmanager
def _withdrawn_on_error(folder: Path) -> Iterator[None]:
    """Takes a version back, at once for a server that looks, if a block fails."""
    try:
        yield
    except BaseException:
        withdrawn = folder.with_name(f"{PARTIAL}withdrawn-{folder.name}")
        folder.rename(withdrawn)
        shutil.rmtree(withdrawn, ignore_errors=True)
        raise
