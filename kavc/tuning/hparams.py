"""A sweep as TensorBoard's HParams dashboard reads it."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorboard.plugins.hparams import api as hp

from kavc.files import whole_folder
from kavc.tuning.sweep import Sweep
from kavc.tuning.trial import COMPLETED, Trial

SCORE = "score"


def write_hparams(sweep: Sweep, folder: Path) -> None:
    """Writes every trial with its parameters, its score and its learning curves.

    What was in the folder goes: event files only ever grow.

    Args:
        sweep: whose trials.
        folder: for `tensorboard --logdir`; the runs in it are called after the trials.

    Reference:
        TensorBoard, `plugins/hparams/api.proto`.

    Example:
        write_hparams(Sweep("sweeps/ti-avc"), Path("sweeps/ti-avc/tensorboard"))
    """
    shutil.rmtree(folder, ignore_errors=True)
    with whole_folder(folder) as temporary:
        with _writer(temporary):
            hp.hparams_config(
                hparams=[hp.HParam(each["name"], _domain(each)) for each in sweep.varied],
                metrics=[hp.Metric(SCORE, display_name=sweep.objective)],
            )
        names = [each["name"] for each in sweep.varied]
        for trial in sweep.trials:
            with _writer(temporary / f"trial-{trial.number:03d}"):
                _write_trial(trial, names)


def _write_trial(trial: Trial, names: list[str]) -> None:
    chosen = {name: trial.values[name] for name in names if name in trial.values}
    hp.hparams(chosen, trial_id=f"trial-{trial.number:03d}")
    for stage, epochs in trial.curve.items():
        for epoch, logs in enumerate(epochs, 1):
            for name, value in logs.items():
                tf.summary.scalar(f"{stage}/{name}", value, step=epoch)
    if trial.status == COMPLETED:
        tf.summary.scalar(SCORE, trial.score, step=1)
    elif trial.reason is not None:
        tf.summary.text("reason", trial.reason, step=1)


def _domain(parameter: Mapping[str, Any]) -> Any:
    if "values" in parameter:
        return hp.Discrete(parameter["values"])
    kind = hp.IntInterval if isinstance(parameter["low"], int) else hp.RealInterval
    return kind(parameter["low"], parameter["high"])


@contextlib.contextmanager
def _writer(folder: Path) -> Iterator[None]:
    """Opens an event file for the block."""
    writer = tf.summary.create_file_writer(str(folder))
    with writer.as_default():
        yield
    writer.close()
