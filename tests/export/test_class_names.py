"""The signature that names classes."""

from __future__ import annotations

import tensorflow as tf

from kavc.data.schema import Field
from kavc.export.class_names import class_signature
from kavc.serving.classes import CLASS_NAMES
from kavc.systems.base import Signature

NAMES = ("cat", "dog", "f\u00fcchs")


def answering(**outputs):
    fields = {name: Field(shape, "float32", "m") for name, shape in outputs.items()}
    return {"serving_default": Signature(lambda: {}, {}, fields, "m")}


def test_it_names_them_in_each_row():
    made = class_signature(NAMES, answering(video_probability=(3,)))[CLASS_NAMES]
    found = made.function(request=tf.zeros(2, tf.int32))[CLASS_NAMES].numpy()
    assert [[word.decode() for word in row] for row in found] == [list(NAMES)] * 2
    assert made.function(request=tf.zeros(0, tf.int32))[CLASS_NAMES].shape == (0, 3)
    assert made.outputs[CLASS_NAMES].shape == (3,)


def test_a_model_of_which_no_answer_is_over_classes_has_none():
    assert class_signature(NAMES, answering(embedding=(3,), probability=(4,))) == {}
    assert class_signature((), answering(probability=(0,))) == {}
