"""Models that share a network's layers: what they train, and that they agree with the network."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from kavc.systems.ti_avc.networks import Baseline1, TiAVC, embeddings
from kavc.systems.ti_avc.trainees import Alignment, on_frozen_embeddings

VIDEOS, STEPS, FRAMES, THEMES = 8, 4, 3, 5
SMALL = {
    "audio": {"dense_units": 4, "embedding_dim": 4, "attention_options": {"units": 3}},
    "visual": {"embedding_dim": 4},
}
FUSION = {"filters": 4, "units": 5}


def small(kind=TiAVC, **arguments):
    keras.utils.set_random_seed(0)
    return kind(THEMES, 5, 6, **SMALL | {"fusion": FUSION} | arguments)


def videos(value=0.0):
    """Inputs of a network, with `value` in the padding."""
    rng = np.random.default_rng(0)
    inputs = {
        "audio": rng.normal(size=(VIDEOS, STEPS, 5)).astype("float32"),
        "audio_length": np.arange(VIDEOS, dtype="int32") % (STEPS + 1),
        "visual": rng.normal(size=(VIDEOS, FRAMES, 6)).astype("float32"),
        "visual_length": np.arange(VIDEOS, dtype="int32")[::-1] % (FRAMES + 1),
        "theme": np.arange(VIDEOS, dtype="int32") % THEMES,
    }
    for name, steps in {"audio": STEPS, "visual": FRAMES}.items():
        inputs[name][np.arange(steps) >= inputs[name + "_length"][:, None]] = value
    return inputs


def embedded(network):
    """Inputs of the second stage, computed once."""
    inputs = videos()
    answers = embeddings(network.theme_learner, inputs) | {"theme": inputs["theme"]}
    return {name: ops.convert_to_numpy(x) for name, x in answers.items()}


def values(weights):
    return [ops.convert_to_numpy(weight).copy() for weight in weights]


@pytest.mark.parametrize("predicted_theme", ["probabilities", "logits", "onehot"])
def test_frozen_embeddings_give_the_answers_of_the_whole(predicted_theme):
    network = small(predicted_theme=predicted_theme)
    expected = network(videos())["match"]
    trainee = on_frozen_embeddings(network)
    np.testing.assert_array_equal(trainee(embedded(network))["match"], expected)


def test_stage_2_trains_the_correspondence_learner_alone():
    network = small()
    trainee = on_frozen_embeddings(network)
    before = values(network.weights)
    own = {id(weight) for weight in network.correspondence_learner.weights}
    trainee.compile(
        keras.optimizers.SGD(1.0), loss={"match": keras.losses.BinaryCrossentropy(from_logits=True)}
    )
    match = (np.arange(VIDEOS) % 2)[:, None]
    # A foreign key must not shift the inputs.
    trainee.fit(embedded(network) | {"a": match}, {"match": match}, verbose=0)
    for weight, old in zip(network.weights, before, strict=True):
        changed = (ops.convert_to_numpy(weight) != old).any()
        assert changed == (id(weight) in own), weight.path
    assert {id(weight) for weight in trainee.trainable_variables} == own
    # The freeze lasts: the network itself would now train its correspondence learner alone.
    assert {id(weight) for weight in network.trainable_variables} == own


def test_stage_2_runs_the_theme_learner_in_inference_mode():
    network = small(fusion=FUSION | {"dropout": 0.9}, match_fusion={"dropout": 0.0})
    trainee, inputs = on_frozen_embeddings(network), embedded(network)
    np.testing.assert_array_equal(
        trainee(inputs, training=True)["match"], trainee(inputs, training=False)["match"]
    )


def test_stage_2_resumes_from_its_weights(tmp_path):
    network, again = small(), small()
    inputs = embedded(network)
    trainee, resumed = on_frozen_embeddings(network), on_frozen_embeddings(again)
    trainee.save_weights(tmp_path / "stage.weights.h5")
    for weight in again.weights:
        weight.assign(weight * 0)
    resumed.load_weights(tmp_path / "stage.weights.h5")
    np.testing.assert_array_equal(resumed(inputs)["match"], trainee(inputs)["match"])


@pytest.mark.parametrize("kind", [TiAVC, Baseline1])
def test_alignment_trains_both_encoders_alone(kind):
    network = small(kind)
    trainee = Alignment(network)
    encoders = getattr(network, "theme_learner", network)
    parts = (encoders.audio_network, encoders.visual_network)
    expected = {id(weight) for part in parts for weight in part.trainable_variables}
    assert {id(weight) for weight in trainee.trainable_variables} == expected


@pytest.mark.parametrize("value", [1e30, np.nan])
def test_alignment_reads_no_padding(value):
    trainee = Alignment(small())
    losses = []
    for inputs in (videos(), videos(value)):
        del inputs["theme"]
        losses.append(float(trainee.compute_loss(y_pred=trainee(inputs))))
    assert np.isfinite(losses).all()
    assert losses[0] == losses[1]
