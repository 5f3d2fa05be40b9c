"""A sweep whose trials are trained side by side: by processes of this machine, or of a cluster.

Oracle, folder and records stay in this process, which proposes and trains nothing. A slot
(`kavc.cluster`) has the data once and trains one trial at a time. A trial whose process died is
begun once more; if that one dies, too, it has failed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import keras_tuner
import tensorflow as tf

from kavc import progress
from kavc.cluster import Died, Ended, Slots
from kavc.data.source import Source
from kavc.errors import ConfigError, DataError
from kavc.evaluation.made import command
from kavc.terminal import Verbose, showing
from kavc.training.data_facts import difference, facts_of
from kavc.training.run import versions
from kavc.tuning.attempt import MOST_ATTEMPTS, Limits, Listener, TrialRunner, minutes_since
from kavc.tuning.run import make_hypermodel, open_sweep
from kavc.tuning.settings import SweepSettings
from kavc.tuning.sweep import Sweep
from kavc.tuning.trial import FAILED, Trial
from kavc.tuning.tuner import OutOfTime, SweepTuner

STATUS = keras_tuner.engine.trial.TrialStatus
LOOK = 1.0  # seconds between two looks at the time
GRACE = 1.0  # minutes that a trial may hang beyond twice its time
Job = tuple[dict[str, Any], dict[str, Any]]  # hyperparameters and record, as JSON


def run_shared(
    settings: SweepSettings,
    out: str | os.PathLike,
    workers: int,
    *,
    cluster: str | None = None,
    gpus: Sequence[str] = (),
    resume: bool = False,
    source: Source | None = None,
    limits: Limits | None = None,
    listener: Listener | None = None,
    verbose: Verbose = "auto",
) -> Sweep:
    """Runs a sweep by several processes; call it as `kavc.tuning.run.run_sweep`.

    What is proposed depends on which trials have ended, and so on the machines. This process trains
    nothing, and sees no GPU from then on.

    Args:
        settings, out, resume, source, limits, listener: as of `run_sweep`. On a cluster the data
            must be at the same place on each node.
        workers: how many processes train trials.
        cluster: "HOST:PORT" of the head of a Ray cluster; None for processes of this machine.
        gpus: names of this machine's GPUs, dealt out evenly; each worker sees all, if empty.
        verbose: as of `run_sweep`; lines also say which processes die and nodes can't take part.

    Raises:
        ConfigError, DataError, KavcError: as `run_sweep` and `kavc.cluster.Slots`; or no process
            can take part.

    Example:
        settings = SweepSettings("ti-avc", "synthetic:corpus", tuner="bayesian", trials=40)
        sweep = run_shared(settings, "sweeps/ti-avc", workers=4)
    """
    slots = Slots(workers, address=cluster, gpus=gpus, report=progress.say)
    limits = limits or Limits()
    with contextlib.suppress(RuntimeError):  # TensorFlow has begun: then it is as it is
        tf.config.set_visible_devices([], "GPU")  # those are for the workers
    called = command(
        "kavc.tuning.shared.run_shared", settings, str(out), workers, cluster=cluster, gpus=gpus,
        resume=resume, source=source,
    )  # fmt: skip
    opened = open_sweep(
        settings, out, resume=resume, source=source, limits=limits, listener=listener, called=called
    )
    with showing(verbose), opened as tuner:
        examples = tuner.hypermodel.examples
        facts = facts_of(examples.source, examples.info(tuner.hypermodel.base))
        ready = partial(
            trainer,
            settings,
            examples.source.absolute(),
            facts,
            packages(),
            tuner.oracle.objective.name,
            limits.trial_minutes,
        )
        with slots.open(ready), contextlib.suppress(OutOfTime):
            SharedSearch(tuner, slots).run()
    return Sweep(out)


class SharedSearch:
    """Hands the trials of a sweep out to slots, and keeps what comes back.

    Args:
        tuner: of the sweep; its oracle proposes.
        slots: open; they work on what `trainer` returns.
    """

    def __init__(self, tuner: SweepTuner, slots: Slots):
        self.tuner = tuner
        self.slots = slots
        self.oracle: Any = tuner.oracle
        self.running: dict[str, tuple[Trial, float]] = {}  # with the time of their beginning

    def run(self) -> None:
        """Runs the sweep to its end.

        Raises:
            OutOfTime: its time is up; what was trained meanwhile is begun anew when it goes on.
            SweepError: it can't go on.
        """
        self.tuner.on_search_begin()
        try:
            while self._hand_out() or self.running:
                for event in self.slots.wait(LOOK):
                    self._settle(event)
                self._end_hung()
                self.tuner.check_time()
        finally:
            for begun, _ in self.running.values():
                self.tuner.withdraw(begun)
        self.tuner.on_search_end()

    def _hand_out(self) -> bool:
        """Gives a trial to each idle slot; returns whether there may be more."""
        while self.slots.idle():
            name = next(n for i in itertools.count() if (n := f"w{i}") not in self._names())
            trial = self.oracle.create_trial(name)
            if trial.status != STATUS.RUNNING:
                return trial.status != STATUS.STOPPED
            begun = self.tuner.begin(trial)
            job: Job = (trial.hyperparameters.get_config(), dataclasses.asdict(begun))
            self.slots.start(begun.id, job)
            self.running[begun.id] = begun, time.monotonic()
        return True

    def _names(self) -> Mapping[str, Any]:
        return self.oracle.ongoing_trials

    def _settle(self, event: Ended | Died) -> None:
        begun, _ = self.running.pop(str(event.key))
        if isinstance(event, Ended):
            self._keep(dataclasses.replace(Trial(**event.result), where=event.where))
        elif begun.attempts < MOST_ATTEMPTS:
            self._queue_again(begun)
        else:
            reason = f"{event.reason}, {begun.attempts} times"
            self._keep(dataclasses.replace(begun, status=FAILED, reason=reason, where=event.where))

    def _keep(self, record: Trial) -> None:
        trial = self.oracle.trials[record.id]
        self.tuner.settle(trial, record)
        self.tuner.on_trial_end(trial)

    def _queue_again(self, begun: Trial) -> None:
        """Has the oracle propose a trial once more that has not ended."""
        trial, ongoing = self.oracle.trials[begun.id], self.oracle.ongoing_trials
        for name in [name for name, each in ongoing.items() if each is trial]:
            del ongoing[name]
        self.oracle._retry_queue.append(begun.id)
        self.oracle.save()

    def _end_hung(self) -> None:
        """Ends trials that should have ended themselves long ago."""
        most = 2 * self.tuner.limits.trial_minutes + GRACE
        for key, (begun, began) in list(self.running.items()):
            if minutes_since(began) >= most:
                self.slots.drop(key)
                del self.running[key]
                reason = f"over time: it did not end itself within {most:.1f} minutes"
                self._keep(dataclasses.replace(begun, status=FAILED, reason=reason))


def trainer(
    settings: SweepSettings,
    source: Source,
    facts: Mapping[str, Any],
    theirs: Mapping[str, str],
    objective: str,
    trial_minutes: float,
) -> Callable[[Job], dict[str, Any]]:
    """Makes a process ready: reads the data once. Returns what trains a trial.

    Args:
        settings: of the sweep.
        source: where its data are.
        facts: what they are (`kavc.training.data_facts.facts_of`).
        theirs: the packages of the process that proposes.
        objective: name of the logged value that is a trial's score.
        trial_minutes: how long a trial may take.

    Raises:
        ConfigError: packages are of other versions here.
        DataError: the data are missing here, or others.
    """
    for package, version in packages().items():
        if theirs.get(package) != version:
            raise ConfigError(
                f"{package} is {version} here and {theirs.get(package)} where the sweep is led"
            )
    hypermodel = make_hypermodel(settings, source)
    found = facts_of(source, hypermodel.examples.info(hypermodel.base))
    if (differs := difference(facts, found)) is not None:
        raise DataError(f"{source} holds {differs} than where the sweep is led")
    limits = Limits(trial_minutes=trial_minutes)
    runner = TrialRunner(
        hypermodel, objective, limits=limits, listener=Listener(), check=lambda: None
    )
    return partial(_train, runner)


def _train(runner: TrialRunner, job: Job) -> dict[str, Any]:
    hyperparameters, begun = job
    hp = keras_tuner.HyperParameters.from_config(hyperparameters)
    return dataclasses.asdict(runner.run(hp, Trial(**begun)))


def packages() -> dict[str, str]:
    """Returns the versions in which all processes must agree: not Python's own.

    Example:
        >>> sorted(packages())
        ['kavc', 'keras', 'keras-tuner', 'numpy', 'tensorflow']
    """
    found = versions() | {"keras-tuner": keras_tuner.__version__}
    del found["python"]
    return found
