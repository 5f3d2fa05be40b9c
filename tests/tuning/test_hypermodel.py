"""A system as a hypermodel, with KerasTuner's plain API and no command of ours."""

from __future__ import annotations

import keras
import keras_tuner
import numpy as np
import pytest

from kavc.errors import ConfigError
from kavc.hypermodels import SystemHyperModel

OPTIONS = {
    "overrides": {"epochs": 2},
    "space": {"learning_rate": [0.01, 0.05], "scale": 1.0, "normalized": False},
}


@pytest.fixture
def hypermodel(system, data):
    return SystemHyperModel(system, data, **OPTIONS)


def test_the_default_point_is_the_preset(hypermodel):
    hp = keras_tuner.HyperParameters()
    assert hypermodel.config(hp) == hypermodel.base
    assert hypermodel.build(hp).count_params() == 4 * 4 + 4 + 4 + 1


def test_the_objective_is_what_the_last_stage_follows(hypermodel):
    assert (hypermodel.objective.name, hypermodel.objective.direction) == ("val_loss", "min")
    assert hypermodel.epochs == 2


@pytest.fixture
def two_stages(system, monkeypatch):
    monkeypatch.setattr(type(system), "stage_names", ("first", "last"))


def test_random_search(two_stages, hypermodel, small, tmp_path):
    tuner = keras_tuner.RandomSearch(
        hypermodel, hypermodel.objective, max_trials=3, seed=1, directory=tmp_path / "sweeps"
    )
    tuner.search(verbose=0)
    assert len(tuner.oracle.trials) == 3
    assert set(small.SmallSystem.reads) == {("train", 1.0), ("validation", 1.0)}
    assert len(small.SmallSystem.reads) == small.SmallSystem.loads == 2
    best = tuner.oracle.get_best_trials()[0]
    assert_is_the_best_epoch(tuner, hypermodel, best)


def test_hyperband_trains_every_round_from_scratch(hypermodel, tmp_path):
    tuner = keras_tuner.Hyperband(
        hypermodel,
        hypermodel.objective,
        max_epochs=hypermodel.epochs,
        factor=2,
        seed=1,
        directory=tmp_path / "sweeps",
    )
    tuner.search(verbose=0)
    trials = tuner.oracle.trials.values()
    promoted = [t for t in trials if t.hyperparameters.values["tuner/round"] > 0]
    assert promoted
    for trial in promoted[:1]:
        hp = trial.hyperparameters
        again = hypermodel.fit(hp, hypermodel.build(hp), epochs=hp.values["tuner/epochs"])
        assert again["val_loss"] == trial.score


def assert_is_the_best_epoch(tuner, hypermodel, trial):
    """What KerasTuner has saved has the score that it has noted."""
    model = tuner.load_model(trial)
    stage = hypermodel.system.stages(hypermodel.base)[-1]
    validation = hypermodel.examples.load(stage, "validation", hypermodel.base)
    loss = float(np.mean((model.predict(validation[0], verbose=0) - validation[1]) ** 2))
    assert loss == pytest.approx(trial.score, rel=1e-5)  # a mean in another order


def test_a_trial_is_a_function_of_the_point_whatever_was_trained_before(hypermodel):
    hp = keras_tuner.HyperParameters()
    hypermodel.config(hp)
    hp.values |= {"units": 8, "deep": 1, "dropout": 0.1}
    model = hypermodel.build(hp)
    first = hypermodel.fit(hp, model)
    weights = model.get_weights()
    keras.utils.set_random_seed(7)
    assert hypermodel.fit(hp, model) == first  # weights begin anew
    for a, b in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


class Noted(keras.callbacks.Callback):
    """Notes the models and the epochs that it is told of."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append((self.model, epoch, logs["val_loss"]))
        self.model.stop_training = True


def test_callbacks_see_the_network_in_the_last_stage_and_can_end_it(two_stages, hypermodel):
    noted, hp = Noted(), keras_tuner.HyperParameters()
    model = hypermodel.build(hp)
    hypermodel.fit(hp, model, callbacks=[noted])
    assert [epoch for _, epoch, _ in noted.seen] == [0]
    assert all(seen is model for seen, _, _ in noted.seen)


def test_data_of_another_option_are_read_again(system, data):
    hypermodel = SystemHyperModel(system, data)
    hp = keras_tuner.HyperParameters()
    for scale in (1.0, 0.5, 0.5):
        hypermodel.config(hp)
        hp.values["scale"] = scale
        hypermodel.fit(hp, hypermodel.build(hp))
    assert [each for each in system.reads if each[0] == "train"] == [("train", 1.0), ("train", 0.5)]


def test_data_given_to_search_are_refused(hypermodel):
    hp = keras_tuner.HyperParameters()
    model = hypermodel.build(hp)
    with pytest.raises(ConfigError, match="don't give data to search"):
        hypermodel.fit(hp, model, np.zeros(3))
    with pytest.raises(ConfigError, match="don't give batch_size to search"):
        hypermodel.fit(hp, model, batch_size=3)
