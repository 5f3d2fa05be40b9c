"""Models that pick their inputs by name."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from kavc.layers.network import Network, sequence_input


@keras.saving.register_keras_serializable(package="tests")
class Sums(Network):
    """Sums of two sequences, so that a swap of inputs shows, and both lengths."""

    def __init__(self, dim=2, dtype=None, name="sums"):
        inputs = sequence_input(dim, name="left", dtype="float32") | sequence_input(
            dim, name="right", dtype="float32"
        )
        outputs = {
            "left": keras.ops.sum(inputs["left"], axis=1),
            "right": -keras.ops.sum(inputs["right"], axis=1),
            "lengths": inputs["left_length"] * 100 + inputs["right_length"],
        }
        super().__init__(inputs, outputs, config={"dim": dim}, dtype=dtype, name=name)


def inputs():
    left, right = np.ones((3, 4, 2)), np.full((3, 5, 2), 10.0)
    return {"left": left, "left_length": [4, 2, 0], "right": right, "right_length": [5, 1, 3]}


def test_inputs_are_taken_by_name_whatever_their_order():
    answers = Sums()(dict(reversed(inputs().items())))
    np.testing.assert_array_equal(answers["left"], np.full((3, 2), 4.0))
    np.testing.assert_array_equal(answers["right"], np.full((3, 2), -50.0))
    np.testing.assert_array_equal(answers["lengths"], [405, 201, 3])


def test_lengths_left_out_are_full():
    given = inputs()
    del given["left_length"]
    np.testing.assert_array_equal(Sums()(given)["lengths"], [405, 401, 403])


def test_a_network_is_part_of_another_graph():
    """Foreign keys and lengths that are left out work on symbolic inputs too."""
    network = Sums()
    left, right = keras.Input((None, 2), name="left"), keras.Input((None, 2), name="right")
    outer = keras.Model(
        {"left": left, "right": right},
        network({"left": left, "right": right, "another": left})["lengths"],
    )
    given = inputs()
    answers = outer({"left": given["left"], "right": given["right"]})
    np.testing.assert_array_equal(answers, [405, 405, 405])


@pytest.mark.parametrize("missing", ["left", "right"])
def test_a_missing_input_is_named_beside_those_that_came(missing):
    given = inputs()
    del given[missing]
    with pytest.raises(ValueError, match=f"'{missing}' is missing; received: .*_length"):
        Sums()(given)


@pytest.mark.parametrize("given", [np.zeros((3, 4, 2)), [np.zeros((3, 4, 2))]])
def test_inputs_without_names_are_refused(given):
    with pytest.raises(ValueError, match="dict with 'left', 'left_length'"):
        Sums()(given)


def test_an_input_of_another_width_is_refused():
    with pytest.raises(ValueError, match="shape"):
        Sums()(inputs() | {"left": np.ones((3, 4, 3))})


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16", "float64"])
def test_reload_keeps_config_name_and_dtype_policy(dtype, tmp_path):
    network = Sums(dim=2, dtype=dtype, name="mine")
    network.save(tmp_path / "model.keras")
    reloaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(reloaded) is Sums
    assert reloaded.get_config() == network.get_config()
    assert (reloaded.name, reloaded.dtype_policy.name) == ("mine", dtype)
