"""Averaged weights: what is validated, what is saved and what a stage ends on."""

from __future__ import annotations

import csv
import itertools

import keras
import numpy as np
import pytest

from kavc.training.fit import train

AVERAGED = {"averaged": True, "dropout": 0, "epochs": 4, "restore_best": False}


class Killed(BaseException):
    """Stands for a process that dies."""


class Weights(keras.callbacks.Callback):
    """Keeps the weights after each step, and those of each epoch's end."""

    def __init__(self):
        super().__init__()
        self.steps, self.epochs = [], []

    def on_train_batch_end(self, batch, logs=None):
        self.steps.append(self.model.get_weights())

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append(self.model.get_weights())


@pytest.fixture
def watched(tiny, system, monkeypatch):
    """A system of one stage, one step a call, whose weights are kept; and the callback."""
    weights = Weights()

    class Watched(tiny.TinyStage):
        def __init__(self, config, name):
            super().__init__(config, name)
            self.steps_per_execution = 1

        def callbacks(self, validation):
            return [weights]

    monkeypatch.setattr(type(system), "Stage", Watched)
    monkeypatch.setattr(type(system), "stage_names", ("only",))
    return system, weights


def average(steps, momentum):
    """Moving averages of lists of arrays, by hand; the first one is the first step's."""

    def update(old, new):
        return [momentum * a + (1 - momentum) * b for a, b in zip(old, new, strict=True)]

    return list(itertools.accumulate(steps, update))


def assert_close(a, b):
    for one, other in zip(a, b, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_a_stage_ends_on_the_average_of_its_steps(tiny, watched, source, tmp_path):
    system, weights = watched
    run = train(system, source, tmp_path / "run", overrides=AVERAGED)
    averages = average(weights.steps, tiny.MOMENTUM)
    assert_close(run.network.get_weights(), averages[-1])
    # 9 batches an epoch: what the stage's callbacks see is the average as well.
    for seen, expected in zip(weights.epochs, averages[8::9], strict=True):
        assert_close(seen, expected)


def test_validation_sees_the_average(watched, source, tmp_path):
    system, weights = watched
    run = train(system, source, tmp_path / "run", overrides=AVERAGED)
    rows = list(system.read(source, "validation", None).as_numpy_iterator())
    x, y = (np.stack([row[name] for row in rows]) for name in ("x", "y"))
    with open(run.path / "history.csv") as stream:
        losses = [float(row["val_loss"]) for row in csv.DictReader(stream)]
    for loss, seen in zip(losses, weights.epochs, strict=True):
        run.network.set_weights(seen)
        assert loss == pytest.approx(np.mean((run.network.predict(x, verbose=0) - y) ** 2), 1e-5)


def test_the_best_epoch_is_that_of_the_averages(watched, source, tmp_path):
    system, weights = watched
    changes = {"restore_best": True, "learning_rate": 0.5, "patience": 1, "epochs": 30}
    run = train(system, source, tmp_path / "run", overrides=AVERAGED | changes)
    assert len(weights.epochs) < 30
    assert_close(run.network.get_weights(), weights.epochs[-2])


def test_averaging_does_not_touch_the_steps(watched, source, tmp_path):
    """Validation on the averages gives the raw weights back as they were, bit for bit."""
    system, weights = watched
    found = []
    for averaged in (True, False):
        train(system, source, tmp_path / str(averaged), overrides=AVERAGED | {"averaged": averaged})
        found.append(list(weights.steps))
        weights.steps.clear()
    for a, b in zip(*found, strict=True):
        for one, other in zip(a, b, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("restore_best", [True, False])
def test_a_run_that_is_stopped_after_every_epoch_ends_with_the_same_averages(
    system, source, tmp_path, monkeypatch, restore_best
):
    monkeypatch.setattr(type(system), "stage_names", ("only",))
    options = {"averaged": True, "restore_best": restore_best}
    whole = train(system, source, tmp_path / "whole", overrides=options)

    def die(stage, state):
        raise Killed

    for _ in range(3):
        with pytest.raises(Killed):
            train(
                system, source, tmp_path / "parts", overrides=options, resume=True, after_epoch=die
            )
    parts = train(system, source, tmp_path / "parts", overrides=options, resume=True)
    for a, b in zip(whole.network.get_weights(), parts.network.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_mixed_precision_averages_too(tiny, watched, source, tmp_path, monkeypatch):
    """Keras wraps the optimizer there."""
    system, weights = watched
    make = tiny.TinyStage.compile_arguments

    def scaled(self):
        arguments = make(self)
        optimizer = keras.optimizers.LossScaleOptimizer(arguments["optimizer"], initial_scale=1.0)
        return arguments | {"optimizer": optimizer}

    monkeypatch.setattr(tiny.TinyStage, "compile_arguments", scaled)
    run = train(system, source, tmp_path / "run", overrides=AVERAGED)
    assert_close(run.network.get_weights(), average(weights.steps, tiny.MOMENTUM)[-1])
