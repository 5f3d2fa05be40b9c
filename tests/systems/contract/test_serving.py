"""What holds for every signature of every network, exported and asked over gRPC."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from contract.inputs import (
    LENGTH,
    assert_close,
    assert_equal,
    draw,
    longer,
    sequences,
    spoilt,
    usual_steps,
)
from contract.systems import Case

from kavc.errors import KavcError, ServingError
from kavc.export import check_version, export, weights_fingerprint
from kavc.retrieval.index import Index
from kavc.serving.client.blocking import Client
from kavc.serving.server.local import LocalServer
from kavc.serving.warmup import read_warmup
from kavc.serving.wire import to_array

MODEL = "model"
ROWS = 5
BFLOAT16 = 0.02  # of the same: a step is 4e-3
FLOAT32 = 2e-5  # of probabilities and cosines: other fusions of ops, other order of sums


@dataclass(frozen=True)
class Served:
    """A network that was saved, loaded and exported, and a client of a server that has it."""

    signatures: dict[str, Any]
    folder: Path
    client: Client

    def draw(self, key: str, rows: int = ROWS) -> dict[str, np.ndarray]:
        return draw(self.signatures[key].inputs, rows, usual_steps(self.signatures))

    def ask(self, key: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return self.client.predict(MODEL, inputs, signature=key, timeout=30)

    def refusal(self, key: str, inputs: dict[str, np.ndarray]) -> str:
        """Returns what the server says of a request that it refuses."""
        with pytest.raises(ServingError) as error:
            self.ask(key, inputs)
        assert error.value.code == "INVALID_ARGUMENT"
        return str(error.value)


def as_with_a_gpu(monkeypatch):
    """Has Keras believe that it sees a GPU, with which an LSTM would trace to cuDNN's op."""
    seen = tf.config.list_logical_devices
    monkeypatch.setattr(
        tf.config,
        "list_logical_devices",
        lambda kind=None: ["GPU:0"] if kind == "GPU" else seen(kind),
    )


def signatures_of(system, network, config, folder):
    """The signatures, with an index to search where a system takes one."""
    assets = None
    if "index" in system.assets:
        modality = system.modalities[0]
        width = system.examples(config)[modality].shape[-1]
        features = np.random.default_rng(0).normal(size=(3, width)).astype("float32")
        vectors = system.embed(network, modality, features, config)
        index = Index(vectors.shape[1], modality=modality, model=weights_fingerprint(network))
        index.add(["a", "b", "c"], vectors)
        index.save(folder / "index")
        assets = {"index": folder / "index"}
    return system.signatures(network, config, assets)


@pytest.fixture(scope="module")
def served(case, tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    case.network().save(folder / "model.keras")
    network = keras.models.load_model(folder / "model.keras", compile=False)
    try:
        signatures = signatures_of(case.system, network, case.config, folder)
    except KavcError as error:
        assert case.label != "paper", "what the paper has is to be served"
        pytest.skip(f"it can't be served: {error}")
    with pytest.MonkeyPatch.context() as monkeypatch:
        as_with_a_gpu(monkeypatch)
        version = export(network, signatures, folder / "models", name=MODEL, card="# Card\n")
    with LocalServer(folder / "models", port=0) as server, Client(server.address) as client:
        yield Served(signatures, version, client)


def test_the_version_is_whole_and_has_stock_ops_alone(served):
    found = check_version(served.folder)
    assert found.fault is None
    assert set(found.signatures) == set(served.signatures)


def test_signatures_are_on_the_wire_as_they_are_declared(served):
    offered = served.client.signatures(MODEL)
    assert set(offered) == set(served.signatures) >= {"serving_default"}
    for key, signature in served.signatures.items():
        for fields, tensors in (
            (signature.inputs, offered[key].inputs),
            (signature.outputs, offered[key].outputs),
        ):
            assert {
                name: (field.dtype, (None, *field.shape)) for name, field in fields.items()
            } == {name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in tensors.items()}
            assert signature.meaning and all(field.meaning for field in fields.values())


def test_what_varies_comes_with_its_length(served):
    for signature in served.signatures.values():
        for name, field in signature.inputs.items():
            if None in field.shape:
                assert field.shape.index(None) == 0
                length = signature.inputs[name + LENGTH]
                assert (length.shape, length.dtype) == ((), "int32")


@pytest.mark.parametrize("rows", [1, ROWS])
def test_the_server_answers_as_the_live_network_does(served, rows):
    for key, signature in served.signatures.items():
        inputs = served.draw(key, rows)
        live = signature.function(**as_tensors(inputs))
        found = served.ask(key, inputs)
        assert_close(found, as_arrays(live), FLOAT32)
        for value in found.values():
            assert value.shape[0] == rows
            assert value.dtype == object or np.isfinite(value).all()


def test_each_signature_has_a_warm_up_request_of_its_own(served):
    requests = read_warmup(served.folder)
    assert [each.model_spec.signature_name for each in requests] == list(served.signatures)
    for each in requests:
        inputs = {name: to_array(proto, name) for name, proto in each.inputs.items()}
        answers = served.ask(each.model_spec.signature_name, inputs)
        assert {len(value) for value in answers.values()} == {1}


# === Padding ===


def test_what_lies_in_the_padding_changes_no_answer(served):
    for key in served.signatures:
        inputs = served.draw(key)
        assert_equal(served.ask(key, spoilt(inputs, np.nan)), served.ask(key, inputs))


def test_more_padding_changes_no_answer(served):
    for key, signature in served.signatures.items():
        inputs = served.draw(key)
        padded = longer(inputs, signature.inputs)
        assert_close(served.ask(key, padded), served.ask(key, inputs), FLOAT32)


# === Of nothing ===


def outcome(served, key, inputs):
    """Answers, or what is said in place of them."""
    try:
        return served.ask(key, inputs)
    except ServingError as error:
        assert error.code == "INVALID_ARGUMENT"
        return str(error)


def test_no_rows_are_answered_by_no_rows(served):
    for key, signature in served.signatures.items():
        found = served.ask(key, served.draw(key, rows=0))
        for name, field in signature.outputs.items():
            assert found[name].shape[0] == 0
            assert tf.TensorShape(field.shape).is_compatible_with(found[name].shape[1:])


def test_no_steps_are_answered_or_refused_as_a_length_of_0_is(served):
    for key, signature in served.signatures.items():
        for name in sequences(signature.inputs):
            if signature.inputs[name].shape[0] is not None:
                continue
            some = served.draw(key)
            some[name][:], some[name + LENGTH][:] = np.nan, 0
            none = some | {name: some[name][:, :0]}
            no_rows = {each: value[:0] for each, value in none.items()}
            expected = outcome(served, key, some)
            if isinstance(expected, str):
                assert name in expected
                assert name in served.refusal(key, none)
                assert name in served.refusal(key, no_rows)
            else:
                assert all(np.isfinite(value).all() for value in expected.values())
                assert_close(expected, served.ask(key, none), 0)
                assert {len(value) for value in served.ask(key, no_rows).values()} == {0}


# === What can't be answered ===


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_none_are_refused_by_name(served, value):
    for key, signature in served.signatures.items():
        for name, field in signature.inputs.items():
            if field.dtype == "float32":
                inputs = served.draw(key)
                inputs[name][1, 0] = value
                assert f"{name}: holds NaN or infinite" in served.refusal(key, inputs)


def test_lengths_and_indices_out_of_range_are_refused_by_name(served):
    for key, signature in served.signatures.items():
        for name, field in signature.inputs.items():
            if field.dtype != "int32":
                continue
            inputs = served.draw(key)
            steps = inputs[name.removesuffix(LENGTH)].shape[1] if name.endswith(LENGTH) else 2**30
            for value in (-1, steps + 1):
                inputs[name][1] = value
                assert f"{name}: expected" in served.refusal(key, inputs)


def test_inputs_of_other_batch_sizes_are_refused(served):
    """Of the function itself: our client does not even send such a request."""
    for key, signature in served.signatures.items():
        for name in signature.inputs if len(signature.inputs) > 1 else ():
            inputs = served.draw(key)
            inputs[name] = inputs[name][:1]  # which broadcasting would take
            with pytest.raises(tf.errors.InvalidArgumentError, match="expected one batch size"):
                signature.function(**as_tensors(inputs))


# === Mixed precision ===


def test_a_mixed_network_answers_in_float32_as_it_does_live(small, tmp_path):
    case = Case(small.system, "paper", small.made_small(small.system.Config()))
    plain = case.network()
    network = type(plain).from_config(plain.get_config() | {"dtype": "mixed_bfloat16"})
    network.set_weights(plain.get_weights())
    signatures = signatures_of(case.system, network, case.config, tmp_path)
    folder = export(network, signatures, tmp_path / "models", name=MODEL, card="")
    loaded = tf.saved_model.load(folder)
    for key, signature in signatures.items():
        inputs = as_tensors(draw(signature.inputs, ROWS, usual_steps(signatures)))
        live, found = signature.function(**inputs), loaded.signatures[key](**inputs)
        for name, field in signature.outputs.items():
            assert found[name].dtype.name == live[name].dtype.name == field.dtype
        assert_close(as_arrays(found), as_arrays(live), BFLOAT16, undecided=0.01)


def as_tensors(arrays):
    return {name: tf.constant(value) for name, value in arrays.items()}


def as_arrays(tensors):
    return {name: value.numpy() for name, value in tensors.items()}
