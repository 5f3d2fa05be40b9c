"""What holds for the data of every stage of every system's training."""

from __future__ import annotations

from functools import partial

import keras
import numpy as np
import tensorflow as tf

from kavc.training.examples import Examples


def flat(dataset):
    return [value for batch in dataset.as_numpy_iterator() for value in keras.tree.flatten(batch)]


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_an_epochs_data_are_a_function_of_its_number_and_the_seed(small, tmp_path):
    network, examples = small.system.build(small.config), Examples(small.system, small.source)
    for stage in small.system.stages(small.config):
        data = {}
        for split in ("train", "validation"):
            load = partial(examples.load, stage, split, small.config)
            data[split] = stage.prepare(network, load, tmp_path / stage.name / split)
        epoch = stage.dataset(data["train"], 1, 7)
        assert epoch.cardinality() == stage.dataset(data["train"], 2, 7).cardinality() > 0
        first = flat(epoch)
        assert same(first, flat(stage.dataset(data["train"], 1, 7)))
        assert same(first, flat(stage.dataset(data["train"], tf.constant(1, tf.int64), 7)))
        assert not same(first, flat(stage.dataset(data["train"], 2, 7)))
        assert not same(first, flat(stage.dataset(data["train"], 1, 8)))
        validation = stage.dataset(data["validation"], None, 7)
        assert same(flat(validation), flat(stage.dataset(data["validation"], None, 7)))
