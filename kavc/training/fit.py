"""Training: the stages of a system, one after another, into a run folder."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from kavc.data.source import Source
from kavc.errors import ConfigError
from kavc.evaluation.charts import curves
from kavc.evaluation.figure import Figure
from kavc.files import sweep_partials
from kavc.systems.base import Stage, System
from kavc.systems.registry import get
from kavc.training.callbacks import AveragedWeights, Checkpoint, EpochSeeds, averages
from kavc.training.checkpoint import Checkpoints, FitState
from kavc.training.devices import gather, share_out, strategy_for
from kavc.training.run import (
    CONFIG,
    Run,
    RunConfig,
    begin,
    check_resumable,
    lock,
    save_network,
    write_history,
)

AfterEpoch = Callable[[Stage, FitState], None]


def train(
    system: str | System,
    data: str | Source,
    out: str | os.PathLike,
    *,
    preset: str = "paper",
    overrides: Mapping[str, Any] | None = None,
    seed: int = 0,
    splits: str | os.PathLike | None = None,
    resume: bool = False,
    devices: int | None = None,
    after_epoch: AfterEpoch | None = None,
) -> Run:
    """Trains a system and evaluates it; leaves everything in a run folder.

    A run that was killed, at any moment, and is called again with `resume=True` ends with the same
    weights, bit for bit on a CPU with the same versions and thread settings.

    Args:
        system: its name, or the system itself.
        data: source, as "youtube8m:PATH".
        out: the run folder; must be new, unless `resume`.
        preset: named config to begin with.
        overrides: options that differ, by name; text is converted.
        seed: of weights, pairs, order and dropout.
        splits: optional splits file, when `data` is text.
        resume: go on where an earlier run in `out` was stopped; a new one begins if there is none.
        devices: how many of this machine's GPUs share each batch; None or 1 for one device. The
            batches are the same whatever it is, but for a last one that it does not divide
            (`kavc.training.devices`). A run may be resumed on another number of devices.
        after_epoch: called after each epoch, for progress.

    Returns:
        The finished run.

    Raises:
        ConfigError: an option doesn't fit, `out` is in use or holds another run, or there are
            fewer devices.
        DataError: the data are missing, damaged or of another shape.

    Example:
        run = kavc.train("ti-avc", "synthetic:corpus", "runs/ti-avc", overrides={"batch_size": 64})
    """
    system = get(system) if isinstance(system, str) else system
    source = Source.parse(data, splits) if isinstance(data, str) else data
    overrides = dict(overrides or {})
    strategy = strategy_for(devices)  # before anything else makes TensorFlow choose its devices
    if not 0 <= seed < 2**31:
        raise ConfigError(f"seed must lie in 0 to {2**31 - 1}; got {seed}")
    config = system.Config.preset(preset).replace(**overrides)
    info = system.describe(source, config)
    config = system.adapt(config, info)
    out = Path(out)
    _refuse_other_content(out, resume)
    with lock(out):
        settings = RunConfig(system.name, preset, overrides, seed, config.to_dict())
        sweep_partials(out)
        if (out / CONFIG).exists():
            check_resumable(out, settings, info)
        else:
            begin(out, settings, source, info)
        run = Run(out)
        if not run.finished:
            network = _fit_stages(system, source, config, out, seed, strategy, after_epoch)
            save_network(out, network)
        if not (out / "report.json").exists():
            report = system.evaluate(run.network, source, config)
            figures = [*report.figures, _training_curves(system, config, out)]
            dataclasses.replace(report, figures=figures).save(out)
    return run


def _refuse_other_content(out: Path, resume: bool) -> None:
    if out.is_file():
        raise ConfigError(f"{out}: a file; a run needs a folder")
    content = [path.name for path in out.iterdir()] if out.is_dir() else []
    if CONFIG in content and not resume:
        raise ConfigError(f"{out}: holds a run already; use --resume to go on with it")
    foreign = [name for name in content if not name.startswith(".")]
    if foreign and not {CONFIG, "data.json", "versions.json"} & set(foreign):
        raise ConfigError(
            f"{out}: not empty and no run folder (it holds {foreign[0]!r}); use a new folder"
        )


def _fit_stages(
    system: System,
    source: Source,
    config: Any,
    out: Path,
    seed: int,
    strategy: tf.distribute.Strategy,
    after_epoch: AfterEpoch | None,
) -> keras.Model:
    keras.utils.set_random_seed(seed)
    with strategy.scope():
        network = system.build(config)
    fresh = network.get_weights()
    histories: dict[str, list[dict[str, float]]] = {}
    checkpoints: dict[str, Checkpoints] = {}

    @cache
    def read(split: str) -> tf.data.Dataset:
        return system.read(source, split, config)

    for stage in system.stages(config):
        mine = checkpoints[stage.name] = _checkpoints(out, stage)
        if mine.final.exists():
            state = mine.load_final(network)
            histories[stage.name] = state.history
            continue
        if stage.start == "fresh":
            network.set_weights(fresh)
        elif stage.start != "previous":
            checkpoints[stage.start].load_final(network)

        def report(state: FitState, stage: Stage = stage) -> None:
            histories[stage.name] = state.history
            write_history(out, histories)
            _write_scalars(out / "tensorboard" / stage.name, state)
            if after_epoch is not None:
                after_epoch(stage, state)

        state = _fit(stage, network, read, out / "artefacts", mine, seed, strategy, report)
        histories[stage.name] = state.history  # also of a fit that had ended when it was killed
        mine.save_final(network, state)
    write_history(out, histories)
    return network


def _fit(
    stage: Stage,
    network: keras.Model,
    read: Callable[[str], tf.data.Dataset],
    artefacts: Path,
    checkpoints: Checkpoints,
    seed: int,
    strategy: tf.distribute.Strategy,
    report: Callable[[FitState], None],
) -> FitState:
    """Runs one stage to its end, from its latest checkpoint; leaves its weights in `network`."""
    folder = artefacts / stage.name
    training = stage.prepare(network, read("train"), folder / "train")
    validation = stage.prepare(network, read("validation"), folder / "validation")
    counter = tf.Variable(0, dtype=tf.int64, trainable=False)
    batches = epochs_of(stage, training, counter, seed), stage.dataset(validation, None, seed)
    steps = min(stage.steps_per_execution, int(batches[0].cardinality()))
    with strategy.scope():
        model = stage.trainee(network)
        model.compile(**stage.compile_arguments(), steps_per_execution=steps)
        state = checkpoints.restore(model)
    if strategy.num_replicas_in_sync > 1:
        batches = tuple(share_out(each, strategy.num_replicas_in_sync) for each in batches)
        if hasattr(model, "gather"):
            model.gather = gather
    if not state.stopped:
        model.fit(
            batches[0],
            initial_epoch=state.epoch,
            epochs=stage.epochs,
            validation_data=batches[1],
            callbacks=[
                EpochSeeds(counter, seed),
                *stage.callbacks(validation),
                *([AveragedWeights()] if averages(model.optimizer) else []),
                Checkpoint(checkpoints, state, stage, report),
            ],
            shuffle=False,
            verbose=0,
        )
    if stage.restore_best:
        checkpoints.load_epoch(model, state.best_epoch)
    model.optimizer.finalize_variable_values(model.trainable_variables)  # averages, if it has any
    # Else a part of the network, such as the theme learner, would be saved with its optimizer.
    model.compiled, model.optimizer = False, None
    return state


def epochs_of(stage: Stage, examples: Any, counter: tf.Variable, seed: int) -> tf.data.Dataset:
    """One data set that is another epoch each time it is iterated, as `counter` says.

    `fit` iterates it once an epoch. So each epoch's data are a function of (examples, epoch, seed)
    and have an end, which keeps `steps_per_execution` from running into the next epoch.

    Args:
        stage: whose `dataset` it is.
        examples: what the stage's `prepare` returned.
        counter: int64 variable, the epoch from 0.
        seed: the run's seed.
    """
    count = stage.dataset(examples, 0, seed).cardinality()
    epoch = tf.data.Dataset.from_tensors(0).flat_map(
        lambda _: stage.dataset(examples, counter.read_value(), seed)
    )
    return epoch.apply(tf.data.experimental.assert_cardinality(count))


def _training_curves(system: System, config: Any, out: Path) -> Figure:
    states = {stage.name: _checkpoints(out, stage).final_state() for stage in system.stages(config)}
    histories = {
        name: {key: [logs[key] for logs in state.history] for key in state.history[0]}
        for name, state in states.items()
    }
    best = {name: state.best_epoch for name, state in states.items()}
    return curves("training", histories, best=best, caption="Training curves of each stage.")


def _checkpoints(out: Path, stage: Stage) -> Checkpoints:
    return Checkpoints(out / "checkpoints" / stage.name)


def _write_scalars(folder: Path, state: FitState) -> None:
    writer = tf.summary.create_file_writer(str(folder))
    with writer.as_default(step=state.epoch):
        for name, value in state.history[-1].items():
            tf.summary.scalar(name, value)
    writer.close()
