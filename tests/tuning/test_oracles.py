"""Oracles, without any training: what they propose, whatever write they were killed after."""

from __future__ import annotations

import shutil

import keras_tuner
import pytest

from kavc.errors import ConfigError
from kavc.files import write_json
from kavc.tuning.oracles import make_oracle, planned
from kavc.tuning.settings import TUNERS

RUNNING, STOPPED = "RUNNING", "STOPPED"


def space(continuous=True):
    hp = keras_tuner.HyperParameters()
    if continuous:
        hp.Float("rate", 1e-4, 1e-1, sampling="log", default=1e-2)
    hp.Choice("units", [2, 4, 8], default=4)
    hp.Choice("deep", [0, 1], default=0)
    with hp.conditional_scope("deep", [1]):
        hp.Choice("dropout", [0.1, 0.2], default=0.2)
    return hp


def oracle_in(folder, tuner, trials=None, seed=0):
    folder.mkdir(exist_ok=True)
    hp = space(continuous=tuner != "grid")
    objective = keras_tuner.Objective("score", "max")
    oracle = make_oracle(tuner, objective, hp, trials=trials, epochs=5, seed=seed)
    oracle._set_project_dir(folder.parent, folder.name)
    oracle.verbose = 0
    return oracle


def score(values):
    return values["units"] - 100 * abs(values.get("rate", 0) - 0.03) + values["deep"]


def drive(oracle):
    """Runs an oracle to its end; returns the values and the scores of its trials."""
    while (trial := oracle.create_trial("tuner0")).status != STOPPED:
        assert trial.status == RUNNING
        oracle.update_trial(trial.trial_id, {"score": score(trial.hyperparameters.values)})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
    return [
        (name, oracle.trials[name].hyperparameters.values, oracle.trials[name].score)
        for name in oracle.start_order
    ]


TRIALS = {"random": 6, "grid": None, "bayesian": 6, "hyperband": None}


@pytest.mark.parametrize("tuner", TUNERS)
def test_the_proposals_do_not_depend_on_where_a_sweep_was_killed(tuner, tmp_path, monkeypatch):
    """Killed after each write in turn, also between the two files of one trial."""
    snapshots = []

    def write(path, value):
        write_json(path, value)
        snapshots.append(tmp_path / f"killed-{len(snapshots)}")
        shutil.copytree(tmp_path / "whole", snapshots[-1])

    monkeypatch.setattr("kavc.tuning.oracles.write_json", write)
    whole = drive(oracle_in(tmp_path / "whole", tuner, TRIALS[tuner]))
    monkeypatch.undo()
    assert len(snapshots) >= 4 * len(whole)
    stride = 9 if tuner == "bayesian" else 1  # which takes a second a proposal
    for folder in snapshots[1::stride]:  # the first write is a trial.json alone
        oracle = oracle_in(folder, tuner, TRIALS[tuner])
        oracle.reload()
        assert drive(oracle) == whole, folder.name


@pytest.mark.parametrize("tuner", TUNERS)
def test_the_first_trial_is_the_default_point(tuner, tmp_path):
    oracle = oracle_in(tmp_path / "sweep", tuner, 5)
    values = oracle.create_trial("tuner0").hyperparameters.values
    expected = {"units": 4, "deep": 0} | ({} if tuner == "grid" else {"rate": 1e-2})
    assert {name: value for name, value in values.items() if "/" not in name} == expected


def test_hyperband_promotes_the_first_trial_if_it_is_the_best(tmp_path):
    oracle = oracle_in(tmp_path / "sweep", "hyperband")
    drive(oracle)
    first = oracle.trials[oracle.start_order[0]].hyperparameters.values
    assert first["tuner/round"] == 0
    assert first["tuner/epochs"] == 2
    promoted = [t.hyperparameters.values for t in oracle.trials.values()]
    assert max(values["tuner/round"] for values in promoted) == 1


@pytest.mark.parametrize("tuner", ["random", "bayesian", "hyperband"])
def test_other_seeds_propose_other_trials_and_seed_0_is_a_seed(tuner, tmp_path):
    found = [
        drive(oracle_in(tmp_path / str(n), tuner, 4, seed=seed)) for n, seed in enumerate((0, 0, 1))
    ]
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize("tuner", ["random", "bayesian"])
def test_a_small_space_is_proposed_whole_and_once(tuner, tmp_path):
    oracle = make_oracle(
        tuner, keras_tuner.Objective("score", "max"), space(continuous=False), trials=30, epochs=5
    )
    oracle._set_project_dir(tmp_path, "sweep")
    oracle.verbose = 0
    values = [tuple(sorted(values.items())) for _, values, _ in drive(oracle)]
    assert len(values) == len(set(values)) == 3 * (1 + 2) == planned(oracle, 5)["trials"]


def test_running_trials_count_as_the_completed_ones_say(tmp_path):
    """Scores near 5 and, of KerasTuner's unfitted process, 1 for each trial that runs."""
    hp = keras_tuner.HyperParameters()
    for name in "xy":
        hp.Float(name, 0.0, 1.0)
    oracle = make_oracle("bayesian", keras_tuner.Objective("score", "min"), hp, trials=16, epochs=1)
    oracle._set_project_dir(tmp_path, "sweep")
    oracle.verbose = 0
    workers = "abc"
    running = {worker: oracle.create_trial(worker) for worker in workers}
    for turn in range(6):
        trial = running[workers[turn % 3]]
        values = trial.hyperparameters.values
        score = 5 + (values["x"] - 0.5) ** 2 + (values["y"] - 0.5) ** 2
        oracle.update_trial(trial.trial_id, {"score": score})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
        running[workers[turn % 3]] = oracle.create_trial(workers[turn % 3])
    _, y = oracle._vectorize_trials()
    assert len(y) == 9
    assert min(y) >= 5
    assert max(y) < 6


def test_a_grid_holds_every_combination_once(tmp_path):
    trials = drive(oracle_in(tmp_path / "sweep", "grid"))
    values = [tuple(sorted(values.items())) for _, values, _ in trials]
    assert len(values) == len(set(values)) == 3 * (1 + 2)


@pytest.mark.parametrize("tuner", TUNERS)
def test_the_plan_is_what_runs(tuner, tmp_path):
    oracle = oracle_in(tmp_path / "sweep", tuner, TRIALS[tuner])
    plan = planned(oracle, 5)
    trials = drive(oracle)
    budgets = [values.get("tuner/epochs", 5) for _, values, _ in trials]
    assert plan == {"trials": len(trials), "epochs": sum(budgets)}


def test_hyperband_needs_more_configurations_than_its_first_bracket():
    hp = keras_tuner.HyperParameters()
    hp.Choice("units", [2, 4, 8])
    objective = keras_tuner.Objective("score", "max")
    with pytest.raises(
        ConfigError, match="3 configurations and Hyperband's first bracket begins w"
    ):
        make_oracle("hyperband", objective, hp, trials=None, epochs=50)
