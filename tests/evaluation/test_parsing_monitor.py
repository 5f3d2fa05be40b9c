from __future__ import annotations

import keras
import numpy as np
import pytest

from kavc.errors import ConfigError, DataError
from kavc.evaluation.parsing_monitor import ParsingMonitor
from kavc.evaluation.table import logged_unit
from kavc.metrics.parsing import parsing_metrics, predictions
from kavc.metrics.parsing_threshold import fit_parsing_threshold

RANDOM = np.random.default_rng(0)
VIDEOS, SEGMENTS, CLASSES = 30, 10, 4
TRUTH = (RANDOM.random((VIDEOS, SEGMENTS, 2, CLASSES)) < 0.4).astype(np.float32)
INPUTS = {
    name: (TRUTH[:, :, i] + 0.5 * RANDOM.normal(size=TRUTH[:, :, i].shape)).astype(np.float32)
    for i, name in enumerate(("audio", "visual"))
}
NAMES = [f"val_{level}_{x}_at_av" for level in ("segment", "event") for x in ("type", "event")]
OUTPUTS = {"segment_probability", "video_probability", "audio_probability", "visual_probability"}


def parser(outputs=OUTPUTS):
    """A network that hears and sees noisy truth; noise in training alone."""
    inputs = {x: keras.Input((SEGMENTS, CLASSES), name=x) for x in ("audio", "visual")}
    dense = keras.layers.Dense(
        CLASSES, "sigmoid", bias_initializer=keras.initializers.Constant(0.3)
    )
    heard, seen = (dense(keras.layers.GaussianNoise(0.5)(x)) for x in inputs.values())
    given = {
        "segment_probability": keras.ops.stack([heard, seen], axis=2),
        "audio_probability": keras.ops.mean(heard, axis=1),
        "visual_probability": keras.ops.max(seen, axis=1),
        "video_probability": keras.ops.mean(heard, axis=1) / 2 + keras.ops.mean(seen, axis=1) / 2,
    }
    return keras.Model(inputs, {name: given[name] for name in given if name in outputs})


def monitor_of(model, **options):
    monitor = ParsingMonitor(INPUTS, TRUTH, **options)
    monitor.set_model(model)
    return monitor


@pytest.mark.parametrize("gate", ["video", "modality", "none"])
@pytest.mark.parametrize("batch_size", [7, 30, 64])
def test_numbers_are_those_of_the_metrics(gate, batch_size):
    model = parser()
    found = monitor_of(model, gate=gate, batch_size=batch_size, threshold=0.6).measure()
    # In batches of the same size: products of another shape may round a tie the other way.
    outputs = model.predict(INPUTS, batch_size=min(batch_size, VIDEOS), verbose=0)
    own = [outputs[f"{x}_probability"] for x in ("audio", "visual")]
    gates = {"video": outputs["video_probability"], "modality": np.stack(own, 1), "none": None}
    predicted = predictions(outputs["segment_probability"], gates[gate], 0.6)
    expected = parsing_metrics(predicted, TRUTH).as_dict()
    assert list(found) == NAMES
    assert found == pytest.approx({x: expected[x.removeprefix("val_")] / 100 for x in NAMES})
    assert all(0 < number < 1 for number in found.values())


def test_gates_are_not_the_same():
    model = parser()
    gates = ("video", "modality", "none")
    found = [monitor_of(model, gate=gate, threshold=0.6).measure() for gate in gates]
    assert len({numbers["val_segment_type_at_av"] for numbers in found}) == 3


@pytest.mark.parametrize("gate", ["video", "modality", "none"])
def test_thresholds_that_are_fitted_are_given_to_who_keeps_them(gate):
    model, kept = parser(), []
    found = monitor_of(
        model, gate=gate, threshold=None, keep=lambda *thresholds: kept.append(thresholds)
    ).measure()
    (thresholds,) = kept
    outputs = model.predict(INPUTS, batch_size=VIDEOS, verbose=0)
    own = [outputs[f"{x}_probability"] for x in ("audio", "visual")]
    gates = {"video": outputs["video_probability"], "modality": np.stack(own, 1), "none": None}
    best = fit_parsing_threshold(outputs["segment_probability"], gates[gate], TRUTH)
    assert thresholds == (best.value, best.gate)
    assert found["val_segment_type_at_av"] == pytest.approx(best.score / 100)
    predicted = predictions(outputs["segment_probability"], gates[gate], *thresholds)
    expected = parsing_metrics(predicted, TRUTH).as_dict()
    assert found == pytest.approx({x: expected[x.removeprefix("val_")] / 100 for x in NAMES})


class Seen(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.logs = []

    def on_epoch_end(self, epoch, logs=None):
        self.logs.append(dict(logs))


def test_a_plain_fit_logs_them_and_later_callbacks_see_them():
    model, seen = parser(), Seen()
    model.compile("adam", loss={"segment_probability": "binary_crossentropy"})
    monitor = ParsingMonitor(INPUTS, TRUTH, batch_size=7)
    targets = {"segment_probability": TRUTH}
    history = model.fit(INPUTS, targets, epochs=2, callbacks=[monitor, seen], verbose=0).history
    assert history.keys() >= set(NAMES)
    for name in NAMES:
        assert history[name] == [logs[name] for logs in seen.logs]
        assert logged_unit(name) == "fraction"
    assert monitor.measure() == pytest.approx({name: history[name][-1] for name in NAMES})
    if keras.backend.backend() == "tensorflow":
        assert model.predict_function.experimental_get_tracing_count() == 1


def test_several_devices_that_each_answer_it_all():
    class Doubled:
        name = "doubled"

        def predict_on_batch(self, inputs):
            outputs = model.predict_on_batch(inputs)
            return {name: np.concatenate([x, 1 - x]) for name, x in outputs.items()}

    model = parser()
    found = monitor_of(model, network=Doubled(), batch_size=7).measure()
    assert found == monitor_of(model, batch_size=7).measure()


@pytest.mark.parametrize("wrong", ["segment_probability", "video_probability"])
def test_what_is_not_finite_is_no_number(wrong):
    class Diverged:
        name = "diverged"

        def predict_on_batch(self, inputs):
            outputs = model.predict_on_batch(inputs)
            outputs[wrong][3, ..., 0] = np.nan
            return outputs

    model = parser()
    for options in ({}, {"threshold": None, "keep": pytest.fail}):
        found = monitor_of(model, network=Diverged(), **options).measure()
        assert list(found) == NAMES
        assert np.isnan(list(found.values())).all()
    without_gate = monitor_of(model, network=Diverged(), gate="none").measure()
    assert np.isnan(without_gate["val_segment_type_at_av"]) == (wrong == "segment_probability")


def test_refused():
    with pytest.raises(DataError, match=r"truth of 30 videos, inputs {'audio': 30, 'visual': 29}"):
        ParsingMonitor(INPUTS | {"visual": INPUTS["visual"][1:]}, TRUTH)
    with pytest.raises(DataError, match="truth of 0 videos"):
        ParsingMonitor({name: x[:0] for name, x in INPUTS.items()}, TRUTH[:0])
    with pytest.raises(DataError, match=r"truth \(30, 10, 4\): expected \(videos, segments, 2, cl"):
        ParsingMonitor(INPUTS, TRUTH[:, :, 0])
    with pytest.raises(ConfigError, match=r"unknown gate 'modal'; did you mean 'modality'\?"):
        ParsingMonitor(INPUTS, TRUTH, gate="modal")
    model = parser({"segment_probability", "audio_probability"})
    with pytest.raises(ConfigError, match="does not give segment_probability and video_prob"):
        monitor_of(model).measure()
    assert list(monitor_of(model, gate="none").measure()) == NAMES
