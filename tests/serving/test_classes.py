"""Names of classes: where a server says them, and which answers are over them."""

from __future__ import annotations

import numpy as np
import pytest

from kavc.serving.classes import CLASS_NAMES, best, names_at, over_classes
from kavc.serving.signature import SignatureInfo, TensorInfo


@pytest.mark.parametrize(
    ("name", "shape", "classes", "over"),
    [
        ("theme_probabilities", (2, 3), 3, True),
        ("segment_probability", (None, 10, 2, 3), 3, True),
        ("theme_probabilities", (2, 4), 3, False),
        ("embedding", (2, 3), 3, False),
        ("match_probability", (3,), 3, False),
        ("probability", (None, None), 3, False),
        ("probability", None, 3, False),
        ("probability", (2, 0), 0, False),
    ],
)
def test_which_outputs_are_over_classes(name, shape, classes, over):
    assert over_classes(name, shape, classes) is over


def test_equal_classes_are_told_in_their_order():
    assert best([0.2, 0.4, 0.4], "abc", 9) == [("b", 0.4), ("c", 0.4), ("a", 0.2)]


class Says:
    """A client of a model with some signature of this name."""

    def __init__(self, **tensors):
        inputs, outputs = tensors["inputs"], tensors["outputs"]
        self.offered = {CLASS_NAMES: SignatureInfo(inputs, outputs)}

    def signatures(self, model, version):
        return self.offered

    def predict(self, model, inputs, *, signature, version):
        return {CLASS_NAMES: np.array([[b"cat", b"\xff"]], object)}


REQUEST = {"request": TensorInfo("int32", (None,))}
NAMES = {CLASS_NAMES: TensorInfo("string", (None, 2))}


def test_names_come_as_text_whatever_they_are():
    assert names_at(Says(inputs=REQUEST, outputs=NAMES), "m") == ["cat", "\\xff"]


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [
        ({}, NAMES),
        (REQUEST | {"x": TensorInfo("int32", (None,))}, NAMES),
        (REQUEST, {}),
        (REQUEST, {CLASS_NAMES: TensorInfo("int32", (None, 2))}),
        (REQUEST, {CLASS_NAMES: TensorInfo("string", (None,))}),
        (REQUEST, {CLASS_NAMES: TensorInfo("string", None)}),
    ],
)
def test_a_signature_of_that_name_for_something_else(inputs, outputs):
    assert names_at(Says(inputs=inputs, outputs=outputs), "m") == []
