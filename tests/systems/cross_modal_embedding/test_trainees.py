"""What is trained: the golden totals, the switch, and the contrast of members."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from kavc.losses.contrastive import info_nce
from kavc.systems.cross_modal_embedding.networks import CanonicalEmbedding, CrossModalEmbedding
from kavc.systems.cross_modal_embedding.trainees import ContrastiveTrainee, PairTrainee

# Losses are float32, whatever the weights are.
SINGLE = 2e-6
VERSIONS = {
    "code": {
        "network": {"input_norm": "joint", "embedding_activation": "relu"},
        "trainee": {"scale_hinge": True, "log_epsilon": 1e-5, "class_kind": "sqrt"},
    },
    "paper": {"network": {}, "trainee": {}},
}


@pytest.fixture(scope="module")
def golden(shared):
    with np.load(shared / "golden" / "cross_modal_embedding.npz", allow_pickle=False) as file:
        return dict(file)


def small_network(golden=None, **options):
    network = CrossModalEmbedding(
        classes=40, audio_units=(20, 20, 12, 12), visual_units=(24, 24, 16, 16),
        embedding_dim=10, **options,
    )  # fmt: skip
    if golden is not None:
        for short, branch in (("v", network.visual_branch), ("a", network.audio_branch)):
            for place in (1, 2, 3, 4, "emb"):
                layer = branch.get_layer("embedding" if place == "emb" else f"dense{place}")
                layer.set_weights([golden[f"w_{short}{place}"], golden[f"b_{short}{place}"]])
        network.classifier.set_weights([golden["w_cls"], golden["b_cls"]])
    return network


def golden_batch(golden):
    source = golden["audio_source"]
    inputs = {"audio": np.float32(golden["audio"][source]), "visual": np.float32(golden["rgb"])}
    targets = {
        "is_negative": golden["is_negative"][:, 0],
        "audio_labels": np.float32(golden["labels"][source]),
        "visual_labels": np.float32(golden["labels"]),
    }
    return inputs, targets


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("number", "switch_step"), [(0, 1), (1, 0)])
def test_golden_total_loss(golden, version, number, switch_step):
    options = VERSIONS[version]
    trainee = PairTrainee(
        small_network(golden, **options["network"]), switch_step=switch_step, **options["trainee"]
    )
    inputs, targets = golden_batch(golden)
    loss = trainee.compute_loss(inputs, targets, trainee(inputs, training=True))
    expected = golden[f"{version}_lambda{number}_total_loss"]
    np.testing.assert_allclose(float(loss), expected, rtol=SINGLE)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="taken with TensorFlow's tape")
@pytest.mark.parametrize("version", VERSIONS)
def test_golden_gradients(golden, version):
    options = VERSIONS[version]
    network = small_network(golden, **options["network"])
    trainee = PairTrainee(network, switch_step=0, **options["trainee"])
    inputs, targets = golden_batch(golden)
    variables = [network.visual_branch.get_layer("dense1").kernel, network.classifier.kernel]
    with tf.GradientTape() as tape:
        loss = trainee.compute_loss(inputs, targets, trainee(inputs, training=True))
    found = tape.gradient(loss, [variable.value for variable in variables])
    for name, gradient in zip(("w_v1", "w_cls"), found, strict=True):
        expected = golden[f"{version}_lambda1_grad_{name}"]
        np.testing.assert_allclose(gradient, expected, atol=1e-5 * np.abs(expected).max())


def random_batch(rows=16, classes=40):
    rng = np.random.default_rng(0)
    inputs = {
        "audio": rng.normal(size=(rows, 128)).astype(np.float32),
        "visual": rng.normal(size=(rows, 1024)).astype(np.float32),
    }
    labels = (rng.random((rows, classes)) < 0.1).astype(np.float32)
    targets = {
        "is_negative": rng.random(rows) < 0.6,
        "audio_labels": labels,
        "visual_labels": labels,
    }
    return inputs, targets


@pytest.mark.parametrize("kind", ["sum", "sqrt"])
def test_labels_count_from_the_very_step_of_the_switch(kind):
    network = small_network()
    trainee = PairTrainee(network, switch_step=4, class_kind=kind)
    trainee.compile(keras.optimizers.Adam(1e-3), steps_per_execution=3)
    before = network.classifier.get_weights()[1]
    data = tf.data.Dataset.from_tensors(random_batch()).repeat(3)
    trainee.fit(data, epochs=1, verbose=0, shuffle=False)
    np.testing.assert_array_equal(network.classifier.get_weights()[1], before)
    trainee.evaluate(data, verbose=0)  # counts no steps
    trainee.fit(data.take(1), epochs=1, verbose=0, shuffle=False)
    np.testing.assert_array_equal(network.classifier.get_weights()[1], before)
    trainee.fit(data.take(1), epochs=1, verbose=0, shuffle=False)
    assert int(trainee.steps.numpy()) == 5
    assert np.all(network.classifier.get_weights()[1] != before)
    assert all(np.isfinite(weight).all() for weight in network.get_weights())


def test_members_bear_the_loss_on_their_own():
    network = CanonicalEmbedding(
        classes=40,
        units=8,
        members=2,
        embedding_dim=6,
        audio_coordinates=5,
        visual_coordinates=7,
        kernel_features=20,
    )
    trainee = ContrastiveTrainee(network, class_weight=0.0)
    inputs, targets = random_batch()
    outputs = trainee(inputs, training=False)
    loss = trainee.compute_loss(inputs, targets, outputs)
    parts = [
        info_nce(outputs["audio_embedding"][:, part], outputs["visual_embedding"][:, part])
        for part in (slice(0, 6), slice(6, 12))
    ]
    np.testing.assert_allclose(float(loss), np.mean(parts), rtol=1e-5)


def test_the_temperature_is_learned_and_kept_above_a_hundredth():
    network = CanonicalEmbedding(classes=40, units=8, embedding_dim=6)
    trainee = ContrastiveTrainee(network)
    inputs, targets = random_batch()
    trainee.log_temperature.assign([-50.0])
    cold = trainee.compute_loss(inputs, targets, trainee(inputs, training=False))
    assert np.isfinite(float(cold))
    trainee.log_temperature.assign([np.log(0.01)])
    same = trainee.compute_loss(inputs, targets, trainee(inputs, training=False))
    np.testing.assert_allclose(float(cold), float(same), rtol=1e-6)
    assert any(v is trainee.log_temperature for v in trainee.trainable_variables)
