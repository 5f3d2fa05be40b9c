"""Inputs for any network and any signature: drawn, spoilt, made longer; and their answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from kavc.data.schema import Field

LENGTH = "_length"
STEPS = 4  # of a sequence of which no signature's example tells a usual number
Arrays = dict[str, np.ndarray]


def fields_of(network: keras.Model) -> dict[str, Field]:
    """Returns what a network takes, in the words of a signature."""
    return {
        name: Field(tensor.shape[1:], keras.backend.standardize_dtype(tensor.dtype), "")
        for name, tensor in network.input.items()
    }


def sequences(fields: Mapping[str, Field]) -> list[str]:
    """Returns the names of what comes with its length."""
    return [name for name in fields if name + LENGTH in fields]


def usual_steps(signatures: Mapping[str, Any]) -> dict[str, int]:
    """Returns how long each sequence is in the signatures' own examples, by name."""
    return {
        name: len(value[0])
        for signature in signatures.values()
        for name, value in (signature.example or {}).items()
        if name in sequences(signature.inputs)
    }


def draw(fields: Mapping[str, Field], rows: int, steps: Mapping[str, int]) -> Arrays:
    """Draws inputs: normal numbers, some steps or all of each sequence, indices 0 and 1.

    Args:
        fields: name to field.
        rows: batch size.
        steps: name of a sequence to its number of steps, where its field leaves that open.
    """
    rng = np.random.default_rng(rows)

    def sized(name: str) -> tuple[int, ...]:
        return tuple(steps.get(name, STEPS) if n is None else n for n in fields[name].shape)

    def values(name: str, dtype: str) -> np.ndarray:
        if name.endswith(LENGTH):
            longest = sized(name.removesuffix(LENGTH))[0]
            return rng.integers(min(1, longest), longest + 1, rows)
        if dtype == "string":
            return np.full((rows, *sized(name)), b"x", object)
        if dtype.startswith("int"):
            return rng.integers(0, 2, (rows, *sized(name)))
        return rng.normal(size=(rows, *sized(name)))

    return {
        name: values(name, field.dtype).astype(object if field.dtype == "string" else field.dtype)
        for name, field in fields.items()
    }


def spoilt(inputs: Arrays, value: float) -> Arrays:
    """Returns inputs with a value in all padding."""
    found = dict(inputs)
    for name in sequences(inputs):
        padding = np.arange(inputs[name].shape[1]) >= inputs[name + LENGTH][:, None]
        found[name] = inputs[name].copy()
        found[name][padding] = value
    return found


def longer(inputs: Arrays, fields: Mapping[str, Field]) -> Arrays:
    """Returns inputs with more padding, as TensorFlow Serving pads: with a tensor's first value."""
    found = dict(inputs)
    for name in sequences(inputs):
        if fields[name].shape[0] is None:
            x = inputs[name]
            ends = [(0, 0), (0, 3), *[(0, 0)] * (x.ndim - 2)]
            found[name] = np.pad(x, ends, constant_values=x.flat[0])
    return found


def answers(network: keras.Model, inputs: Arrays) -> Arrays:
    """Returns what a network says, by name."""
    outputs = network(inputs, training=False)
    outputs = outputs if isinstance(outputs, Mapping) else {"output": outputs}
    return {name: ops.convert_to_numpy(value) for name, value in outputs.items()}


def assert_equal(found: Arrays, expected: Arrays) -> None:
    """Compares answers to the bit."""
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name, strict=True)


def assert_close(found: Arrays, expected: Arrays, tolerance: float, undecided: float = 0.0) -> None:
    """Compares answers, of which those found may have more steps.

    Args:
        found, expected: by name.
        tolerance: as a part of the largest entry, or of 1 if that is larger.
        undecided: share of whole numbers that may differ: decisions about numbers within the
            tolerance, which fall on either side of a threshold.
    """
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        same = found[name][:, : value.shape[1]] if value.ndim > 1 else found[name]
        if value.dtype.kind in "iub" and undecided:
            assert (same != value).mean() <= undecided, name
        elif value.dtype == object:
            np.testing.assert_array_equal(same, value, err_msg=name)
        else:
            largest = max(1.0, np.abs(value).max(initial=0))
            np.testing.assert_allclose(same, value, 0, tolerance * largest, err_msg=name)
