"""What does a sweep cost beside the fits of its trials?

A sweep in one process, random search, narrow networks or wide ones as the options say. After each
trial the same configuration is trained once more by hand, as many epochs, by Keras' `fit` alone, on
data that are in memory: the sum of these is the limit. The sweep's wall time is from the call to
its end, reading the data included, and without what was trained by hand. Beside it: the share of
building the network, of what a stage fits in closed form, and of compiling, which every way to
train has too.

    python benchmarks/sweep_overhead.py ti-avc --data synthetic:CORPUS --preset improved

With `--workers N` the trials are trained side by side by N processes of Ray, and all bare fits come
after the sweep. Then CPU time counts: that of this process and of all below it, Ray's own as well,
over that of the bare fits, on as many threads as a worker has. What was spent until the first trial
began (Ray, TensorFlow and the data, in each process) stands apart.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
import threading
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from interleaved import provenance

from kavc.cli.output import print_table
from kavc.evaluation.table import Column, Table
from kavc.files import write_text
from kavc.options import parse_overrides
from kavc.systems.base import Stage
from kavc.training.stages import epochs_of
from kavc.tuning.run import make_hypermodel, run_sweep
from kavc.tuning.settings import SweepSettings
from kavc.tuning.shared import run_shared
from kavc.tuning.trial import COMPLETED, Trial
from kavc.tuning.tuner import Listener

RESULTS = Path(__file__).parent / "results"
TICKS = os.sysconf("SC_CLK_TCK")
COLUMNS = (
    Column("sweep"),
    Column("trials", "d"),
    Column("sweep, wall", ".1f", "s"),
    Column("bare fits", ".1f", "s"),
    Column("with build and closed forms", ".1f", "s"),
    Column("sweep / bare", ".3f"),
    Column("CPU time", ".3f"),
    Column("sweep / with build", ".3f"),
)


class ByHand(Listener):
    """Trains each trial's configuration once more, without the sweep.

    Attributes:
        fit: (2,) seconds in Keras' `fit`, wall and CPU time.
        whole: (2,) seconds of building, preparing and compiling as well.
    """

    def __init__(self, settings: SweepSettings):
        self.hypermodel = make_hypermodel(settings)
        self.fit, self.whole = np.zeros(2), np.zeros(2)

    def on_trial_end(self, trial: Trial) -> None:
        if trial.status != COMPLETED:
            raise SystemExit(f"trial {trial.number} failed: {trial.reason}")
        config = self.hypermodel.system.Config(**trial.options)
        self._read(config)
        began = clocks()
        keras.backend.clear_session()
        keras.utils.set_random_seed(trial.seed)
        network = self.hypermodel.system.build(config)
        for stage in self.hypermodel.system.stages(config):
            stage.epochs = len(trial.curve[stage.name])
            self._fit(stage, network, config)
        self.whole += clocks() - began

    def _fit(self, stage: Stage, network: keras.Model, config: object) -> None:
        examples = self.hypermodel.examples
        with tempfile.TemporaryDirectory() as folder:
            training, validation = (
                stage.prepare(
                    network,
                    lambda split=split: examples.load(stage, split, config),
                    Path(folder) / split,
                )
                for split in ("train", "validation")
            )
        counter = tf.Variable(0, dtype=tf.int64, trainable=False)
        count = keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: counter.assign(epoch)
        )
        batches = epochs_of(stage, training, counter, 0)
        model = stage.trainee(network)
        steps = min(stage.steps_per_execution, int(batches.cardinality()))
        model.compile(**stage.compile_arguments(), steps_per_execution=steps)
        model.optimizer.build(model.trainable_variables)  # as training does: one trace, not two
        began = clocks()
        model.fit(
            batches,
            epochs=stage.epochs,
            validation_data=stage.dataset(validation, None, 0),
            callbacks=[count, *stage.callbacks(validation)],
            shuffle=False,
            verbose=0,
        )
        self.fit += clocks() - began

    def _read(self, config: object) -> None:
        """Has the data in memory before the clock starts."""
        for stage in self.hypermodel.system.stages(config):
            for split in ("train", "validation"):
                self.hypermodel.examples.load(stage, split, config)


def clocks() -> np.ndarray:
    """Returns wall time and CPU time of this process, in seconds."""
    return np.array([time.perf_counter(), time.process_time()])


def measure(settings: SweepSettings, name: str) -> tuple:
    """Runs the sweep and returns its row."""
    by_hand, spent = ByHand(settings), np.zeros(2)

    class Timed(Listener):
        def on_trial_end(self, trial: Trial) -> None:
            nonlocal spent
            began = clocks()
            by_hand.on_trial_end(trial)
            spent += clocks() - began

    with tempfile.TemporaryDirectory() as folder:
        began = clocks()
        sweep = run_sweep(settings, Path(folder) / "sweep", listener=Timed())
        taken = clocks() - began - spent
        trials = len(sweep.trials)
    ratio, beside = taken / by_hand.fit, taken / by_hand.whole
    return name, trials, taken[0], by_hand.fit[0], by_hand.whole[0], *ratio, beside[0]


BESIDE = (
    Column("sweep"),
    Column("workers", "d"),
    Column("trials", "d"),
    Column("start, wall", ".1f", "s"),
    Column("start, CPU", ".1f", "s"),
    Column("sweep after that, wall", ".1f", "s"),
    Column("sweep after that, CPU", ".1f", "s"),
    Column("bare fits, CPU", ".1f", "s"),
    Column("CPU / bare", ".3f"),
    Column("with start", ".3f"),
)


def measure_beside(settings: SweepSettings, name: str, workers: int) -> tuple:
    """Runs the sweep on Ray, then its trials by hand; returns the row."""
    tf.config.threading.set_intra_op_parallelism_threads(max(1, (os.cpu_count() or 1) // workers))
    ready = np.zeros(2)

    class Begun(Listener):
        def on_trial_begin(self, trial: Trial) -> None:
            if trial.number <= workers:  # until all are ready: each begins one of the first
                ready[:] = time.perf_counter(), family.seconds()

    with tempfile.TemporaryDirectory() as folder, Family() as family:
        began = np.array([time.perf_counter(), family.seconds()])
        sweep = run_shared(settings, Path(folder) / "sweep", workers, listener=Begun())
        ended = np.array([time.perf_counter(), family.seconds()])
        trials = sweep.trials
    by_hand = ByHand(settings)
    for trial in trials:
        by_hand.on_trial_end(trial)
    start, after, bare = ready - began, ended - ready, by_hand.fit[1]
    ratios = after[1] / bare, (start[1] + after[1]) / bare
    return name, workers, len(trials), *start, *after, bare, *ratios


class Family:
    """The CPU time of this process and of all that it has started, those that ended included."""

    def __enter__(self) -> Family:
        self._spent: dict[int, float] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def seconds(self) -> float:
        """Returns the seconds so far."""
        self._look()
        return sum(self._spent.values())

    def _watch(self) -> None:
        while not self._over.wait(0.5):
            self._look()

    def _look(self) -> None:
        parents: dict[int, int] = {}
        spent: dict[int, float] = {}
        for file in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = file.read_text().rpartition(")")[2].split()
                parents[int(file.parent.name)] = int(fields[1])
                spent[int(file.parent.name)] = sum(map(int, fields[11:13])) / TICKS
        for process in parents:
            above = process
            while above in parents and above != os.getpid():
                above = parents[above]
            if above == os.getpid():
                self._spent[process] = spent[process]


def main() -> None:
    """Measures one sweep and adds its row to the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("system")
    parser.add_argument("--data", required=True)
    parser.add_argument("--splits")
    parser.add_argument("--preset", default="paper")
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--workers", type=int, help="processes of Ray that train trials")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    options = parser.parse_args()
    settings = SweepSettings(
        options.system,
        options.data,
        splits=options.splits,
        preset=options.preset,
        set=parse_overrides(options.set),
        tuner="random",
        trials=options.trials,
        patience=10_000,
    )
    name = " ".join([options.system, options.preset, *options.set])
    if options.workers is None:
        columns, row, file = COLUMNS, measure(settings, name), "sweep_overhead"
    else:
        row = measure_beside(settings, name, options.workers)
        columns, file = BESIDE, "sweep_overhead_workers"
    table = Table("sweep-overhead", columns, [row], source=provenance())
    write_text(RESULTS / f"{file}_{options.system}.csv", table.to_csv())
    print_table(table)


if __name__ == "__main__":
    main()
