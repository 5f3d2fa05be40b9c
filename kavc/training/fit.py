"""Training: the stages of a system, one after another, into a run folder."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from kavc import keras_settings
from kavc.data.source import Source
from kavc.errors import ConfigError, KavcError
from kavc.evaluation.charts import curves
from kavc.evaluation.figure import Figure
from kavc.files import sweep_partials, write_text
from kavc.folders import check_own, claim
from kavc.layers.fingerprint import weights_fingerprint
from kavc.systems.base import Stage, System
from kavc.systems.registry import get
from kavc.training.artefacts import made_by
from kavc.training.callbacks import AveragedWeights, Checkpoint, EpochSeeds, averages
from kavc.training.checkpoint import BestInMemory, Checkpoints, FitState
from kavc.training.devices import gather, share_out, strategy_for
from kavc.training.examples import Examples
from kavc.training.memory import freed
from kavc.training.run import (
    CONFIG,
    MODEL,
    NO_REPORT,
    REPORT,
    Run,
    RunConfig,
    begin,
    check_resumable,
    lock,
    write_history,
)
from kavc.training.weights import save_network

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
        DataError: the data are missing, damaged or of another shape; a split that training or
            the evaluation needs isn't there or can't be used; or, to resume, they are not those
            that the run began with, in their files, classes or splits.
        KavcError: the network is trained and its report can't be made.

    Example:
        run = kavc.train("ti-avc", "synthetic:corpus", "runs/ti-avc", overrides={"batch_size": 64})
    """
    keras_settings.check()
    system = get(system) if isinstance(system, str) else system
    source = Source.parse(data, splits) if isinstance(data, str) else data
    overrides = dict(overrides or {})
    strategy = strategy_for(devices)  # before anything else makes TensorFlow choose its devices
    if not 0 <= seed < 2**31:
        raise ConfigError(f"seed must lie in 0 to {2**31 - 1}; got {seed}")
    config = system.Config.preset(preset).replace(**overrides)
    out = Path(out)
    _check_folder(out, resume)
    examples = Examples(system, source)
    info = examples.info(config)
    config = system.adapt(config, info)
    if not (out / CONFIG).exists():
        system.check(info, config)
    with lock(out):
        claim(out, "run")
        settings = RunConfig(system.name, preset, overrides, seed, config.to_dict())
        sweep_partials(out)
        if (out / CONFIG).exists():
            check_resumable(out, settings, examples.source, info)
            system.check(info, config)  # one of an earlier version was not
        else:
            begin(out, settings, examples.source, info)
        run = Run(out)
        if not run.finished:
            network = _fit_stages(system, examples, config, out, seed, strategy, after_epoch)
            save_network(network, out / MODEL)
        if not (out / REPORT).exists():
            _write_report(run, examples.source)
    return run


def _check_folder(out: Path, resume: bool) -> None:
    """Refuses a folder before anything is read that may take long."""
    check_own(out, "run")
    if (out / CONFIG).exists() and not resume:
        raise ConfigError(f"{out}: holds a run already; use --resume to go on with it")


def _write_report(run: Run, source: Source) -> None:
    """Evaluates a trained network; if that fails, the run says why and is none the worse."""
    out, problem = run.path, run.path / NO_REPORT
    try:
        report = run.system.evaluate(run.network, source, run.config)
        figures = [*report.figures, _training_curves(run.system, run.config, out)]
        dataclasses.replace(report, figures=figures).write_into(out)
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        write_text(problem, f"{reason}\n")
        raise KavcError(
            f"{out}: trained, but its report can't be made ({reason}); `kavc export` takes the run "
            "as it is, `kavc train --resume` tries again"
        ) from error
    problem.unlink(missing_ok=True)


def _fit_stages(
    system: System,
    examples: Examples,
    config: Any,
    out: Path,
    seed: int,
    strategy: tf.distribute.Strategy,
    after_epoch: AfterEpoch | None,
) -> keras.Model:
    keras.utils.set_random_seed(seed)
    with strategy.scope():
        network = system.build(config)

    def report(stage: Stage, state: FitState) -> None:
        _write_histories(out, fits.states)
        _write_scalars(out / "tensorboard" / stage.name, state)
        if after_epoch is not None:
            after_epoch(stage, state)

    fits = Fits(
        load=lambda stage, split: examples.load(stage, split, config),
        artefacts=out / "artefacts",
        checkpoints=lambda stage: _checkpoints(out, stage),
        seed=seed,
        after_epoch=report,
        strategy=strategy,
    )
    fits.run(network, system.stages(config))
    _write_histories(out, fits.states)  # also of fits that had ended when they were killed
    return network


@dataclass
class Fits:
    """The stages of a system, one after another: in a run folder as in a trial of a sweep.

    Args:
        load: returns what the stage's `load` made of a split.
        artefacts: folder for what stages prepare.
        checkpoints: returns where a stage's epochs are kept.
        seed: of the data, and of every generator of random numbers at each epoch.
        after_epoch: called after each epoch. What it raises ends the fit.
        strategy: the devices that share each batch; one, if None.
        callbacks: returns further callbacks of a stage. They see its epochs' logs as `monitor`
            does and, where its optimizer averages weights, the averages.

    Attributes:
        states: stage name to where its fit stands, of each stage that has begun.
    """

    load: Callable[[Stage, str], Any]
    artefacts: Path
    checkpoints: Callable[[Stage], Checkpoints | BestInMemory]
    seed: int
    after_epoch: AfterEpoch
    strategy: tf.distribute.Strategy | None = None
    callbacks: Callable[[Stage], Sequence[keras.callbacks.Callback]] = lambda stage: ()
    states: dict[str, FitState] = field(default_factory=dict, init=False)

    def run(self, network: keras.Model, stages: Sequence[Stage]) -> None:
        """Runs every stage that has not ended yet; leaves the last one's weights in `network`.

        Args:
            network: freshly built, right after `keras.utils.set_random_seed`.
            stages: as `System.stages` gives them.
        """
        fresh = network.get_weights()
        kept: dict[str, Checkpoints | BestInMemory] = {}
        for stage in stages:
            mine = kept[stage.name] = self.checkpoints(stage)
            if mine.ended:
                self.states[stage.name] = mine.load_final(network)
                continue
            if stage.start == "fresh":
                network.set_weights(fresh)
            elif stage.start != "previous":
                kept[stage.start].load_final(network)
            if stage.start != "fresh" and len(kept) > 1:
                mine.begin(weights_fingerprint(network))
            mine.save_final(network, self._fit(stage, network, mine))

    def _fit(
        self, stage: Stage, network: keras.Model, checkpoints: Checkpoints | BestInMemory
    ) -> FitState:
        """Runs one stage to its end, from its latest checkpoint."""
        strategy = self.strategy or tf.distribute.get_strategy()
        training, validation = self._prepare(stage, network)
        counter = tf.Variable(0, dtype=tf.int64, trainable=False)
        batches = (
            epochs_of(stage, training, counter, self.seed),
            stage.dataset(validation, None, self.seed),
        )
        steps = min(stage.steps_per_execution, int(batches[0].cardinality()))
        with strategy.scope():
            model = stage.trainee(network)
            model.compile(**stage.compile_arguments(), steps_per_execution=steps)
            # Else the first step's graph would make its variables: it is traced twice then, with a
            # branch for each of them, and TensorFlow frees no graph that has branches.
            model.optimizer.build(model.trainable_variables)
            self.states[stage.name] = state = checkpoints.restore(model)
        if strategy.num_replicas_in_sync > 1:
            batches = tuple(share_out(each, strategy.num_replicas_in_sync) for each in batches)
            if hasattr(model, "gather"):
                model.gather = gather
        callbacks = [
            EpochSeeds(counter, self.seed),
            *stage.callbacks(validation),
            *self.callbacks(stage),
            *([AveragedWeights()] if averages(model.optimizer) else []),
            Checkpoint(checkpoints, state, stage, self._after(stage)),
        ]
        if not state.stopped:
            with freed(model):
                model.fit(
                    batches[0],
                    initial_epoch=state.epoch,
                    epochs=stage.epochs,
                    validation_data=batches[1],
                    callbacks=callbacks,
                    shuffle=False,
                    verbose=0,
                )
        if stage.restore_best:
            checkpoints.load_epoch(model, state.best_epoch)
        model.optimizer.finalize_variable_values(model.trainable_variables)  # averages, if any
        # Else a part of the network, such as the theme learner, would be saved with its optimizer.
        model.compiled, model.optimizer = False, None
        return state

    def _prepare(self, stage: Stage, network: keras.Model) -> tuple[Any, Any]:
        """Returns the examples of training and of validation."""
        training, validation = (
            self._prepare_split(stage, network, split) for split in ("train", "validation")
        )
        return training, validation

    def _prepare_split(self, stage: Stage, network: keras.Model, split: str) -> Any:
        folder = self.artefacts / stage.name / split
        with made_by(network, folder) if stage.artefacts else contextlib.nullcontext():
            return stage.prepare(network, partial(self.load, stage, split), folder)

    def _after(self, stage: Stage) -> Callable[[FitState], None]:
        return lambda state: self.after_epoch(stage, state)


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


def _write_histories(out: Path, states: Mapping[str, FitState]) -> None:
    write_history(out, {name: state.history for name, state in states.items()})


def _checkpoints(out: Path, stage: Stage) -> Checkpoints:
    return Checkpoints(out / "checkpoints" / stage.name)


def _write_scalars(folder: Path, state: FitState) -> None:
    writer = tf.summary.create_file_writer(str(folder))
    with writer.as_default(step=state.epoch):
        for name, value in state.history[-1].items():
            tf.summary.scalar(name, value)
    writer.close()
