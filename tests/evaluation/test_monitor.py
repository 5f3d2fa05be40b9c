from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from kavc.errors import ConfigError, DataError
from kavc.evaluation.monitor import MatchMonitor, RetrievalMonitor
from kavc.metrics.auc import roc_auc
from kavc.metrics.random_galleries import RandomGalleries
from kavc.metrics.retrieval import match_ranks

RANDOM = np.random.default_rng(0)
VIDEOS = 30
AUDIO, VISUAL = (RANDOM.normal(size=(VIDEOS, width)).astype(np.float32) for width in (3, 5))


def towers(extra=False):
    """Two linear towers that learn to say the same; `extra` takes a third input."""
    inputs = {"audio": keras.Input((3,), name="audio"), "visual": keras.Input((5,), name="visual")}
    outputs = {
        f"{name}_embedding": keras.layers.UnitNormalization(name=f"{name}_embedding")(
            keras.layers.Dense(4)(keras.layers.GaussianNoise(0.5)(x))
        )
        for name, x in inputs.items()
    }
    outputs["difference"] = outputs["audio_embedding"] - outputs["visual_embedding"]
    network = keras.Model(inputs, outputs)
    if not extra:
        return network
    weight = keras.Input((1,), name="weight")
    answer = network(inputs)["difference"] * weight
    return network, keras.Model(inputs | {"weight": weight}, {"difference": answer})


def inputs(model):
    data = {"audio": AUDIO, "visual": VISUAL, "weight": np.ones((VIDEOS, 1), np.float32)}
    return {name: data[name] for name in model.input}


class Seen(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.logs = []

    def on_epoch_end(self, epoch, logs=None):
        self.logs.append(dict(logs))


def fit(model, callbacks, epochs=3):
    model.compile("sgd", loss={"difference": "mse"})
    targets = {"difference": np.zeros((VIDEOS, 4), np.float32)}
    return model.fit(inputs(model), targets, epochs=epochs, callbacks=callbacks, verbose=0)


@pytest.mark.parametrize("batch_size", [7, 30, 1024])
def test_numbers_are_those_of_the_metrics(batch_size):
    model = towers()
    monitor = RetrievalMonitor(AUDIO, VISUAL, gallery=10, ks=(1, 4), batch_size=batch_size)
    monitor.set_model(model)
    found = monitor.measure()
    outputs = model(inputs(model), training=False)
    audio, visual = (np.asarray(outputs[f"{name}_embedding"]) for name in ("audio", "visual"))
    both = match_ranks(audio, visual), match_ranks(visual, audio)
    galleries = RandomGalleries(10, VIDEOS)
    assert found == pytest.approx(
        {
            "val_recall_at_1": np.mean([galleries.recall_at(ranks, 1) for ranks in both]),
            "val_recall_at_4": np.mean([galleries.recall_at(ranks, 4) for ranks in both]),
            "val_median_rank": np.mean([ranks.median_rank() for ranks in both]),
            "val_mrr": np.mean([ranks.mean_reciprocal_rank() for ranks in both]),
        }
    )


def test_a_plain_fit_logs_them_and_later_callbacks_see_them():
    model, before, after = towers(), Seen(), Seen()
    monitor = RetrievalMonitor(AUDIO, VISUAL)
    history = fit(model, [before, monitor, after])
    names = {"val_recall_at_1", "val_recall_at_10", "val_median_rank", "val_mrr"}
    assert names <= history.history.keys()
    assert all(names <= logs.keys() for logs in after.logs)
    assert not any(names & logs.keys() for logs in before.logs)
    for name in names:
        assert history.history[name] == [logs[name] for logs in after.logs]
        assert len(history.history[name]) == 3
    assert monitor.measure() == pytest.approx({name: after.logs[-1][name] for name in names})


def test_a_network_that_diverged_is_not_a_number():
    model = towers()
    for weight in model.weights:
        weight.assign(np.full(weight.shape, np.nan))
    monitor = RetrievalMonitor(AUDIO, VISUAL, ks=(2,))
    monitor.set_model(model)
    found = monitor.measure()
    assert list(found) == ["val_recall_at_2", "val_median_rank", "val_mrr"]
    assert np.isnan(list(found.values())).all()


def test_one_graph_for_all_batches_and_epochs():
    model = towers()
    fit(model, [RetrievalMonitor(AUDIO, VISUAL, batch_size=7)])
    if keras.backend.backend() == "tensorflow":
        assert model.predict_function.experimental_get_tracing_count() == 1


def test_a_trainee_with_more_inputs_is_measured_by_its_network():
    network, trainee = towers(extra=True)
    history = fit(trainee, [RetrievalMonitor(AUDIO, VISUAL, embed=network)], epochs=1)
    assert history.history["val_recall_at_10"][0] > 0


def test_refused():
    with pytest.raises(DataError, match="30 audio and 29 visual vectors"):
        RetrievalMonitor(AUDIO, VISUAL[1:])
    network = towers()
    monitor = RetrievalMonitor(AUDIO, VISUAL)
    monitor.set_model(keras.Model(network.input, network.output["difference"], name="other"))
    with pytest.raises(ConfigError, match="'other' does not give audio_embedding and visual_emb"):
        monitor.measure()


def pairs(count=50, batch_size=16):
    """Vectors whose sum tells, with noise, whether they are pairs; the last batch is smaller."""
    x = RANDOM.normal(size=(count, 3)).astype(np.float32)
    label = (x.sum(axis=1) + RANDOM.normal(size=count) > 0).astype(np.float32)
    batches = tf.data.Dataset.from_tensor_slices(({"x": x}, {"match": label})).batch(batch_size)
    return x, label, batches


def matcher():
    x = keras.Input((3,), name="x")
    return keras.Model({"x": x}, {"match": keras.layers.Dense(1, name="match")(x)})


def test_auc_is_that_of_all_batches_together():
    x, label, batches = pairs()
    model, seen = matcher(), Seen()
    model.compile("sgd", loss={"match": keras.losses.BinaryCrossentropy(from_logits=True)})
    model.fit(batches, epochs=2, callbacks=[MatchMonitor(batches), seen], shuffle=False, verbose=0)
    logits = model.predict({"x": x}, verbose=0)["match"][:, 0]
    assert seen.logs[1]["val_auc"] == pytest.approx(roc_auc(label, logits), abs=1e-12)
    assert 0 < seen.logs[1]["val_auc"] < 1


def test_auc_of_a_model_that_diverged_is_no_number():
    _, _, batches = pairs()
    model = matcher()
    model.set_weights([np.full_like(each, np.nan) for each in model.get_weights()])
    monitor = MatchMonitor(batches)
    monitor.set_model(model)
    assert np.isnan(monitor.measure())
