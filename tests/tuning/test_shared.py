"""A sweep that several processes share: what is handed out, who dies, what the records say.

Slots that work in this process stand for Ray's, of which tests/cluster has the rest.
"""

from __future__ import annotations

import dataclasses
import json

import pytest

from kavc.cluster import Died, Ended
from kavc.errors import ConfigError, DataError
from kavc.training.made import commands_of
from kavc.tuning import shared
from kavc.tuning.attempt import Limits, SweepError
from kavc.tuning.run import open_sweep, run_sweep
from kavc.tuning.settings import SweepSettings
from kavc.tuning.sweep import Sweep
from kavc.tuning.tuner import OutOfTime

SPACE = {"learning_rate": 0.05, "scale": 1.0, "normalized": False, "deep": 0}


class FakeSlots:
    """Two slots in this process. Jobs end in the order in which they began, one a look.

    Args:
        work: from a job to its result; made by `open`, else.
        deaths: number of a trial to how often its process dies in it.
        hung: numbers of trials that never end.
    """

    def __init__(self, *, deaths=(), hung=()):
        self.deaths, self.hung = dict(deaths), set(hung)
        self.jobs, self.started = {}, []
        self.work = None

    def open(self, ready):
        self.work = ready()
        return self

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.jobs.clear()

    def idle(self):
        return len(self.jobs) < 2

    def start(self, key, job):
        self.jobs[key] = job
        self.started.append(key)

    def hangs(self):
        return {job[1]["number"] for job in self.jobs.values()} == self.hung

    def drop(self, key):
        del self.jobs[key]

    def wait(self, seconds):
        for key, job in self.jobs.items():
            number = job[1]["number"]
            if number in self.hung:
                continue
            del self.jobs[key]
            if self.deaths.get(number, 0):
                self.deaths[number] -= 1
                return [Died(key, "the process died", "w1")]
            # As it comes from another process.
            return [Ended(key, json.loads(json.dumps(self.work(job))), "w2 on there")]
        return []


@pytest.fixture
def settings(system, data):
    def make(**changes):
        given = {"tuner": "grid", "space": SPACE, "set": {"epochs": 2}} | changes
        return SweepSettings("small", data, **given)

    return make


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Runs a shared sweep in `tmp_path`/sweep on the slots that are given."""

    def run_on(slots, settings, **options):
        monkeypatch.setattr(shared, "Slots", lambda workers, **more: slots)
        return shared.run_shared(settings, tmp_path / "sweep", 2, **options)

    return run_on


def results(sweep):
    return {
        trial.id: dataclasses.replace(trial, seconds={}, where=None, attempts=1)
        for trial in sweep.trials
    }


def test_the_trials_are_those_of_one_process(run, settings, tmp_path):
    alone = run_sweep(settings(), tmp_path / "alone")
    beside = run(FakeSlots(), settings())
    assert results(beside) == results(alone)
    assert {trial.where for trial in beside.trials} == {"w2 on there"}
    assert {trial.where for trial in alone.trials} == {None}
    assert not list(tmp_path.rglob(".partial*"))
    called = {sweep.path.name: commands_of(sweep.path) for sweep in (alone, beside)}
    given = {name: f"({settings()!r}, '{tmp_path / name}'" for name in called}
    assert called == {
        "alone": [f"kavc.tuning.run_sweep{given['alone']})"],
        "sweep": [f"kavc.tuning.shared.run_shared{given['sweep']}, 2)"],
    }


def test_a_trial_whose_process_died_is_begun_once_more(run, settings):
    slots = FakeSlots(deaths={2: 1, 3: 2})
    sweep = run(slots, settings())
    found = {trial.number: trial for trial in sweep.trials}
    assert [slots.started.count(found[number].id) for number in (1, 2, 3)] == [1, 2, 2]
    assert (found[2].status, found[2].attempts) == ("completed", 2)
    assert (found[3].status, found[3].reason) == ("failed", "the process died, 2 times")
    assert [trial.status for trial in sweep.trials].count("completed") == len(found) - 1


def test_a_trial_that_hangs_is_ended(run, settings, monkeypatch):
    slots = FakeSlots(hung={2})
    # As if minutes had passed when nothing but that one runs.
    monkeypatch.setattr(shared, "minutes_since", lambda began: 10.0 * slots.hangs())
    sweep = run(slots, settings(), limits=Limits(trial_minutes=1))
    (hung,) = [trial for trial in sweep.trials if trial.status == "failed"]
    assert hung.number == 2
    assert hung.reason == "over time: it did not end itself within 3.0 minutes"


def test_what_ran_when_the_time_was_up_is_begun_anew(settings, tmp_path, monkeypatch):
    out, slots = tmp_path / "sweep", FakeSlots(hung={2})
    with open_sweep(settings(), out) as tuner, slots.open(lambda: None):
        monkeypatch.setattr(slots, "wait", lambda seconds: [])
        tuner.limits = Limits(minutes=0)
        with pytest.raises(OutOfTime):
            shared.SharedSearch(tuner, slots).run()
    assert [(trial.status, trial.attempts) for trial in Sweep(out).trials] == [("running", 0)] * 2
    whole = run_sweep(settings(), out, resume=True)
    assert {trial.status for trial in whole.trials} == {"completed"}
    assert {trial.attempts for trial in whole.trials} == {1}


def test_a_sweep_goes_on_alone_and_beside_others(run, settings, tmp_path):
    out = tmp_path / "sweep"
    with open_sweep(settings(), out) as tuner, pytest.raises(KeyboardInterrupt):
        slots = FakeSlots()
        settle = tuner.on_trial_end

        def interrupted(trial):
            settle(trial)
            raise KeyboardInterrupt

        tuner.on_trial_end = interrupted
        slots.work = shared.trainer(*arguments(tuner, settings()))
        shared.SharedSearch(tuner, slots).run()
    assert [trial.status for trial in Sweep(out).trials] == ["completed", "running"]
    whole = run(FakeSlots(), settings(), resume=True)
    assert results(whole) == results(run_sweep(settings(), tmp_path / "alone"))


def test_what_every_trial_would_fail_of_ends_the_sweep(run, settings):
    with pytest.raises(SweepError, match="objective"):
        run(FakeSlots(), settings(objective="val_mea:min"))


def arguments(tuner, settings, **changed):
    examples = tuner.hypermodel.examples
    given = {
        "settings": settings,
        "source": examples.source,
        "facts": shared.facts_of(examples.source, examples.info(tuner.hypermodel.base)),
        "theirs": shared.packages(),
        "objective": "val_loss",
        "trial_minutes": 1.0,
    }
    return (given | changed).values()


def test_a_process_of_other_versions_takes_no_part(settings, tmp_path):
    with open_sweep(settings(), tmp_path / "sweep") as tuner:
        theirs = shared.packages() | {"keras": "2.0"}
        with pytest.raises(ConfigError, match=r"keras is 3\S+ here and 2.0 where the sweep is led"):
            shared.trainer(*arguments(tuner, settings(), theirs=theirs))


def test_a_process_with_other_data_takes_no_part(settings, tmp_path):
    with open_sweep(settings(), tmp_path / "sweep") as tuner:
        given = arguments(tuner, settings())
        (tmp_path / "data/corpus.json").write_text("second")
        with pytest.raises(DataError, match=r"holds other data .* than where the sweep is led"):
            shared.trainer(*given)


@pytest.mark.slow  # Ray, and processes that import TensorFlow
def test_two_processes_of_rays(tiny_corpus, tmp_path):
    options = {"variant": "joint", "epochs": 1, "embedding_dim": 4, "filters": 4, "units": 4}
    settings = SweepSettings(
        "ti-avc",
        f"synthetic:{tiny_corpus}",
        tuner="random",
        trials=3,
        set=options | {"alignment_epochs": 0},
    )
    sweep = shared.run_shared(settings, tmp_path / "sweep", 2)
    alone = run_sweep(settings, tmp_path / "alone")
    assert [trial.status for trial in sweep.trials] == ["completed"] * 3
    assert [trial.values for trial in sweep.trials] == [trial.values for trial in alone.trials]
    assert all("process" in trial.where for trial in sweep.trials)
