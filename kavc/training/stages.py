"""The stages of a system, one after another: into a run folder, or in memory for a trial."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from kavc import progress
from kavc.layers.fingerprint import weights_fingerprint
from kavc.systems.base import Stage
from kavc.training.artefacts import made_by
from kavc.training.callbacks import (
    AveragedWeights,
    Checkpoint,
    EpochSeeds,
    Progress,
    averages,
    best_so_far,
)
from kavc.training.checkpoint import BestInMemory, Checkpoints, FitState
from kavc.training.devices import described, gather, share_out
from kavc.training.examples import Examples
from kavc.training.memory import freed
from kavc.training.run import checkpoints_of, write_history

AfterEpoch = Callable[[Stage, FitState], None]


def fit_stages(
    examples: Examples,
    config: Any,
    out: Path,
    seed: int,
    strategy: tf.distribute.Strategy,
    after_epoch: AfterEpoch | None,
) -> keras.Model:
    """Trains a network through all stages, into a run folder; goes on where these were stopped.

    Args:
        examples: of the system that is trained.
        config: adapted to the data.
        out: the run folder, this process's own.
        seed: of weights, data and dropout.
        strategy: the devices that share each batch.
        after_epoch: called after each epoch.

    Returns:
        The network with the last stage's weights.
    """
    system = examples.system
    keras.utils.set_random_seed(seed)
    with strategy.scope():
        network = system.build(config)
    stages = system.stages(config)
    progress.announce(_counted(examples.info(config).counts))
    progress.announce(_planned(network, stages, config, strategy))

    def report(stage: Stage, state: FitState) -> None:
        _write_histories(out, fits.states)
        _write_scalars(out / "tensorboard" / stage.name, state)
        if after_epoch is not None:
            after_epoch(stage, state)

    fits = Fits(
        load=lambda stage, split: examples.load(stage, split, config),
        artefacts=out / "artefacts",
        checkpoints=lambda stage: Checkpoints(checkpoints_of(out, stage)),
        seed=seed,
        after_epoch=report,
        strategy=strategy,
    )
    fits.run(network, stages)
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
            begins_with_others = stage.start != "fresh" and len(kept) > 1
            fingerprints = [weights_fingerprint(network)] if begins_with_others else []
            with _weights_of(kept.get(stage.prepared_by or ""), network, fingerprints):
                examples = self._prepare(stage, network)
            if fingerprints:
                mine.begin("-".join(fingerprints))
            state = self._fit(stage, network, mine, *examples)
            stage.finish(network, examples[0])
            mine.save_final(network, state)

    def _fit(
        self,
        stage: Stage,
        network: keras.Model,
        checkpoints: Checkpoints | BestInMemory,
        training: Any,
        validation: Any,
    ) -> FitState:
        """Runs one stage to its end, from its latest checkpoint."""
        strategy = self.strategy or tf.distribute.get_strategy()
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
            epoch = int(batches[0].cardinality())
            with freed(model), _told(stage, state, epoch) as told:
                model.fit(
                    batches[0],
                    initial_epoch=state.epoch,
                    epochs=stage.epochs,
                    validation_data=batches[1],
                    callbacks=[*callbacks, told],
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


@contextlib.contextmanager
def _weights_of(
    ended: Checkpoints | BestInMemory | None, network: keras.Model, fingerprints: list[str]
) -> Iterator[None]:
    """Lends the network the weights of another stage, if there is one, and names them."""
    if ended is None:
        yield
        return
    own = network.get_weights()
    ended.load_final(network)
    fingerprints.append(weights_fingerprint(network))
    yield
    network.set_weights(own)


@contextlib.contextmanager
def _told(stage: Stage, state: FitState, steps: int) -> Iterator[Progress]:
    """Yields what tells how far a stage's fit is."""
    first = state.epoch
    task = progress.task(
        stage.name,
        unit="steps",
        total=stage.epochs * steps,
        done=state.epoch * steps,
        at_most=stage.patience is not None,
    )
    with task as told:
        yield Progress(told, stage, state, steps)
    count = state.epoch - first
    done = f"{count} epoch{'' if count == 1 else 's'} in {progress.duration(told.seconds)}"
    progress.announce(f"{stage.name}: {done}, best {stage.monitor} {best_so_far(state)}")


def _counted(counts: Mapping[str, int]) -> str:
    by_split = ", ".join(f"{split} {count:,}" for split, count in counts.items())
    return f"{sum(counts.values()):,} examples: {by_split}"


def _planned(
    network: keras.Model, stages: Sequence[Stage], config: Any, strategy: tf.distribute.Strategy
) -> str:
    """Says what is trained, how long and on what, in one line."""
    every = network.count_params()
    trained = sum(math.prod(weight.shape) for weight in network.trainable_weights)
    epochs = ", ".join(f"{stage.name} {stage.epochs}" for stage in stages)
    batch = getattr(config, "batch_size", None)
    return "; ".join(
        [
            f"{every:,} parameters" + (f", {trained:,} of them trained" if trained < every else ""),
            f"epochs at most: {epochs}",
            *([f"batches of {batch}"] if batch else []),
            *described(strategy),
        ]
    )


def epochs_of(stage: Stage, examples: Any, counter: tf.Variable, seed: int) -> tf.data.Dataset:
    """One data set that is another epoch each time it is iterated, as `counter` says.

    `fit` iterates it once an epoch. So each epoch's data are a function of (examples, epoch, seed)
    and have an end, which keeps `steps_per_execution` from running into the next epoch.

    Args:
        stage: whose `dataset` it is.
        examples: what the stage's `prepare` returned.
        counter: int64 variable, the epoch from 0.
        seed: the run's seed.

    Example:
        >>> from types import SimpleNamespace
        >>> numbers = lambda first, epoch, seed: tf.data.Dataset.from_tensors(first + epoch)
        >>> counter = tf.Variable(0, dtype=tf.int64)
        >>> data = epochs_of(SimpleNamespace(dataset=numbers), 10, counter, seed=0)
        >>> for _ in range(2):
        ...     [int(number) for number in data]
        ...     _ = counter.assign_add(1)
        [10]
        [11]
    """
    count = stage.dataset(examples, 0, seed).cardinality()
    epoch = tf.data.Dataset.from_tensors(0).flat_map(
        lambda _: stage.dataset(examples, counter.read_value(), seed)
    )
    return epoch.apply(tf.data.experimental.assert_cardinality(count))


def _write_histories(out: Path, states: Mapping[str, FitState]) -> None:
    write_history(out, {name: state.history for name, state in states.items()})


def _write_scalars(folder: Path, state: FitState) -> None:
    writer = tf.summary.create_file_writer(str(folder))
    with writer.as_default(step=state.epoch):
        for name, value in state.history[-1].items():
            tf.summary.scalar(name, value)
    writer.close()
