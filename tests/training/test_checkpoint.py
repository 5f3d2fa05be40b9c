"""Checkpoints: which are kept, what a damaged one says, seeds."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from kavc.errors import DataError
from kavc.training.checkpoint import STATE, WEIGHTS, Checkpoints, FitState, reseed


@pytest.fixture
def model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((3,))
    hidden = keras.layers.Dropout(0.5)(keras.layers.Dense(4)(inputs))
    network = keras.Model(inputs, keras.layers.Dropout(0.5)(keras.layers.Dense(1)(hidden)))
    network.compile("adam", "mse")
    network.optimizer.build(network.trainable_variables)
    return network


@pytest.fixture
def checkpoints(tmp_path):
    return Checkpoints(tmp_path / "checkpoints" / "stage")


def save(checkpoints, model, *, epoch, best_epoch, fill):
    for variable in [*model.weights, *model.optimizer.variables]:
        variable.assign(np.full(variable.shape, fill))
    state = FitState(epoch, 0.5, best_epoch, epoch - best_epoch, False, [{"loss": 1.0}] * epoch)
    checkpoints.save(model, state)
    return state


def test_the_best_and_the_latest_epoch_are_kept(checkpoints, model):
    for epoch, best in ((1, 1), (2, 2), (3, 2), (4, 2)):
        save(checkpoints, model, epoch=epoch, best_epoch=best, fill=epoch)
    assert sorted(p.name for p in checkpoints.folder.iterdir()) == ["epoch-0002", "epoch-0004"]


def test_the_latest_comes_back_with_its_optimizer(checkpoints, model):
    save(checkpoints, model, epoch=1, best_epoch=1, fill=1)
    state = save(checkpoints, model, epoch=2, best_epoch=1, fill=2)
    for variable in [*model.weights, *model.optimizer.variables]:
        variable.assign(np.zeros(variable.shape))
    assert checkpoints.restore(model) == state
    for variable in [*model.trainable_variables, *model.optimizer.variables]:
        if "learning_rate" not in variable.path:
            np.testing.assert_array_equal(variable, np.full(variable.shape, 2))
    checkpoints.load_epoch(model, 1)
    np.testing.assert_array_equal(model.trainable_variables[0], np.ones((3, 4)))


def test_without_a_checkpoint_a_fit_begins(checkpoints, model):
    assert checkpoints.restore(model) == FitState()


def test_the_end_of_a_stage_replaces_its_epochs(checkpoints, model):
    state = save(checkpoints, model, epoch=1, best_epoch=1, fill=1)
    checkpoints.save_final(model, state)
    assert [p.name for p in checkpoints.folder.iterdir()] == ["final"]
    assert checkpoints.load_final(model) == state


def test_an_unfinished_checkpoint_is_none(checkpoints, model):
    """What a killed writer leaves has a name that nobody looks for."""
    state = save(checkpoints, model, epoch=1, best_epoch=1, fill=1)
    (checkpoints.folder / ".partial-x-epoch-0002").mkdir()
    assert checkpoints.restore(model) == state


@pytest.mark.parametrize(
    ("name", "content"),
    [(WEIGHTS, b""), (WEIGHTS, b"weights"), (WEIGHTS, None), (STATE, b"{nope"), (STATE, b"[1]"),
     (STATE, b'{"epoch": 1, "color": 2}'), (STATE, None)],
)  # fmt: skip
@pytest.mark.parametrize("final", [False, True])
def test_a_damaged_checkpoint_says_what_to_do(checkpoints, model, name, content, final):
    state = save(checkpoints, model, epoch=1, best_epoch=1, fill=1)
    if final:
        checkpoints.save_final(model, state)
    file = checkpoints.folder / ("final" if final else "epoch-0001") / name
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    load = checkpoints.load_final if final else checkpoints.restore
    with pytest.raises(DataError, match=r"remove the folder .*stage to train") as e:
        load(model)
    assert str(file) in str(e.value)


def test_a_checkpoint_that_is_cut(checkpoints, model):
    save(checkpoints, model, epoch=1, best_epoch=1, fill=1)
    file = checkpoints.folder / "epoch-0001" / WEIGHTS
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(DataError, match="can't be read as weights of this model"):
        checkpoints.restore(model)


def test_weights_of_another_model(checkpoints, model):
    save(checkpoints, model, epoch=1, best_epoch=1, fill=1)
    other = keras.Sequential([keras.Input((5,)), keras.layers.Dense(2)])
    other.compile("adam", "mse")
    with pytest.raises(DataError, match="can't be read as weights of this model"):
        checkpoints.restore(other)


def states(model):
    return [np.asarray(v) for v in model.variables if v.name == "seed_generator_state"]


def test_seeds_follow_from_seed_and_epoch_alone(model):
    reseed(model, 3, 5)
    first = states(model)
    assert len(first) == 2
    assert not np.array_equal(*first)
    model.predict(np.zeros((1, 3)), verbose=0)
    reseed(model, 3, 6)
    assert not np.array_equal(states(model), first)
    reseed(model, 3, 5)
    np.testing.assert_array_equal(states(model), first)


def test_epochs_that_began_with_other_weights_go(checkpoints, model):
    checkpoints.begin("a" * 64)
    save(checkpoints, model, epoch=1, best_epoch=1, fill=1)
    again = Checkpoints(checkpoints.folder)
    again.begin("a" * 64)
    assert again.restore(model).epoch == 1
    again.begin("b" * 64)
    assert again.restore(model).epoch == 0
