"""What a served parser decides; `contract/test_serving.py` asks all signatures of a server, too."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kavc.evaluation.parsing_monitor import GATES
from kavc.metrics.parsing import predictions
from kavc.systems.av_parsing.config import AVParsingConfig
from kavc.systems.av_parsing.recipe import build
from kavc.systems.av_parsing.signatures import decisions, signatures

NAMES = ["Speech", "Frying_(food)", "Gebäck"]
SMALL = {"variant": "han", "classes": 3, "audio_dim": 5, "visual_dim": 6, "visual_3d_dim": 7,
         "segments": 4, "dim": 8, "units": 8}  # fmt: skip
FLOAT32 = 2e-5  # absolute, for probabilities: other fusions of ops, other order of sums


@settings(deadline=None)
@given(st.data())
def test_decisions_are_the_metrics_predictions(data):
    """To the bit, ties at the threshold included, which come of hundredths."""
    rows, classes = data.draw(st.integers(1, 3)), 2
    hundredths = st.integers(0, 100).map(lambda x: float(np.float32(x / 100)))

    def draw(*shape):
        return data.draw(hnp.arrays(np.float32, shape, elements=hundredths))

    answers = {
        "segment_probability": draw(rows, 4, 2, classes),
        **{f"{of}_probability": draw(rows, classes) for of in ("video", "audio", "visual")},
    }
    threshold, least = (data.draw(st.integers(0, 100)) / 100 for _ in range(2))
    gate = data.draw(st.sampled_from(sorted(GATES)))
    gates = [answers[name] for name in GATES[gate]]
    whole = {0: None, 1: gates and gates[0], 2: gates and np.stack(gates, axis=1)}[len(gates)]
    expected = predictions(answers["segment_probability"], whole, threshold, least)
    for as_given in (float, np.float32, lambda x: tf.constant(x, tf.float64)):
        found = decisions(
            answers, gate=gate, threshold=as_given(threshold), gate_threshold=as_given(least)
        )
        np.testing.assert_array_equal(found, expected)


def offered(assets=None, *, threshold=0.5, scale=1.0, **options):
    """A network and its signatures."""
    config = AVParsingConfig(**SMALL | options)
    keras.utils.set_random_seed(1)
    network = build(config)
    heads = network.pooling.heads
    heads.kernel.assign(scale * heads.kernel)
    network.pooling.decide_by(threshold, threshold - 0.1)
    return network, signatures(network, config, assets)


def request(network, rows=5):
    rng = np.random.default_rng(0)
    return {
        name: tf.constant(rng.normal(size=(rows, *x.shape[1:])), tf.float32)
        for name, x in network.input.items()
    }


@pytest.mark.parametrize("gate", sorted(GATES))
@pytest.mark.parametrize("threshold", [0.5, 0.4])
@pytest.mark.parametrize("clips", [7, None])
def test_parse_decides_by_the_gate_and_the_threshold_that_the_network_keeps(gate, threshold, clips):
    network, found = offered(threshold=threshold, gate=gate, visual_3d_dim=clips)
    inputs = request(network)
    answers = {name: x.numpy() for name, x in network(inputs, training=False).items()}
    gates = [answers[name] for name in GATES[gate]]
    whole = np.stack(gates, axis=1) if len(gates) > 1 else next(iter(gates), None)
    expected = predictions(answers["segment_probability"], whole, threshold, threshold - 0.1)
    parsed = found["parse"].function(**inputs)
    np.testing.assert_array_equal(parsed["events"], expected)
    assert 0 < expected.mean() < 1
    np.testing.assert_array_equal(parsed["segment_probability"], answers["segment_probability"])
    gated = "no gate" if gate == "none" else f"gate: {gate}, at least {threshold - 0.1:g}"
    assert f"at least {threshold}, {gated}" in found["parse"].meaning


def test_a_threshold_that_is_assigned_later_counts_as_well():
    network, found = offered()
    network.pooling.decide_by(0.0, 0.0)
    assert found["parse"].function(**request(network))["events"].numpy().all()


@pytest.mark.parametrize(
    ("assets", "names"), [({"classes": NAMES}, NAMES), (None, ["0", "1", "2"])]
)
def test_each_row_says_the_names_of_the_classes(assets, names):
    network, found = offered(assets)
    for rows in (0, 1, 5):
        answers = found["parse"].function(**request(network, rows))["class_names"].numpy()
        assert answers.shape == (rows, 3)
        assert [[name.decode() for name in row] for row in answers] == [names] * rows


def test_probabilities_are_at_most_1():
    """Those of the video are more where the weights of the streams vary over time."""
    network, found = offered(scale=60.0)
    inputs = request(network, rows=200)
    video = network(inputs, training=False)["video_probability"].numpy()
    assert video.max() > 1
    answers = found["serving_default"].function(**inputs)
    np.testing.assert_allclose(answers["video_probability"], np.minimum(video, 1), atol=FLOAT32)
    assert all(0 <= value.numpy().min() <= value.numpy().max() <= 1 for value in answers.values())
