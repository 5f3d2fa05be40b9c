"""The local server over loopback: right answers, and TensorFlow Serving's codes for bad ones."""

from __future__ import annotations

import re
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf

from kavc.errors import ConfigError, ServingError
from kavc.serving import protos
from kavc.serving.server.leases import Leases
from kavc.serving.server.local import LocalServer

# The same graph in the same process; sums may be ordered otherwise.
TOLERANCE = 1e-6
DT_FLOAT, DT_INT32, DT_STRING, DT_RESOURCE = 1, 3, 7, 20


@pytest.fixture
def stub(server):
    with protos.grpc.insecure_channel(server.address) as channel:
        yield protos.PredictionServiceStub(channel)


@pytest.fixture
def request_(tiny):
    """A good request, to be spoilt."""
    inputs = {name: tf.make_tensor_proto(value) for name, value in tiny.batch(3, 5).items()}
    return protos.PredictRequest(model_spec={"name": "tiny"}, inputs=inputs)


def refusal(call, request) -> tuple[str, str]:
    with pytest.raises(protos.grpc.RpcError) as caught:
        call(request, timeout=10)
    return caught.value.code().name, caught.value.details()


@pytest.mark.parametrize(("size", "steps"), [(1, 1), (8, 30)])
def test_answers_are_the_live_networks(stub, tiny, network, size, steps):
    inputs = tiny.batch(size, steps)
    response = stub.Predict(
        protos.PredictRequest(
            model_spec={"name": "tiny"},
            inputs={name: tf.make_tensor_proto(value) for name, value in inputs.items()},
        )
    )
    assert response.model_spec.name == "tiny"
    assert response.model_spec.version.value == 2
    assert response.model_spec.signature_name == "serving_default"
    expected = tiny.answers(network, inputs)
    assert set(response.outputs) == set(expected)
    for name, value in expected.items():
        found = tf.make_ndarray(response.outputs[name])
        np.testing.assert_allclose(found, value, atol=TOLERANCE, rtol=0)


def test_output_filter_and_version_are_honoured(stub, request_):
    request_.output_filter.append("match")
    request_.model_spec.version.value = 2
    assert list(stub.Predict(request_).outputs) == ["match"]


def test_values_listed_one_by_one_are_read(stub, request_):
    expected = stub.Predict(request_).outputs["match"]
    audio = request_.inputs["audio"]
    values = tf.make_ndarray(audio).ravel().tolist()
    audio.ClearField("tensor_content")
    audio.float_val.extend(values)
    assert stub.Predict(request_).outputs["match"] == expected


def set_model(request):
    request.model_spec.name = "tinny"


def set_version(request):
    request.model_spec.version.value = 1


def set_version_0(request):
    request.model_spec.version.value = 0


def set_version_below_0(request):
    request.model_spec.version.value = -1


def set_label(request):
    request.model_spec.version_label = "stable"


def set_empty_label(request):
    request.model_spec.version_label = ""


def set_signature(request):
    request.model_spec.signature_name = "serving"


def drop_spec(request):
    request.ClearField("model_spec")


def drop_input(request):
    del request.inputs["length"]


def rename_input(request):
    request.inputs["them"].CopyFrom(request.inputs["theme"])
    del request.inputs["theme"]


def put(name, value):
    return lambda request: request.inputs[name].CopyFrom(tf.make_tensor_proto(value))


def spoil(**fields):
    """Sets fields of the message of `theme`, as dtype, shape and values."""

    def spoiler(request):
        request.inputs["theme"].CopyFrom(proto(**fields))

    return spoiler


def proto(dtype=DT_INT32, shape=(), **fields):
    message = protos.TensorProto(dtype=dtype, **fields)
    for size in shape:
        message.tensor_shape.dim.add().size = size
    return message


def unknown_rank(request):
    request.inputs["theme"].tensor_shape.unknown_rank = True


def unknown_output(request):
    request.output_filter.append("mach")


def output_twice(request):
    request.output_filter.extend(["match", "match"])


# The signature's assertion or the layer's look-up, whichever runs first.
OUT_OF_RANGE = r"theme out of range|is not in \[0, 3\)"
BAD = [
    (set_model, "NOT_FOUND", r"Servable not found for request: Latest\(tinny\).*tiny \[2\]"),
    (set_version, "NOT_FOUND", r"Specific\(tiny, 1\)"),
    (set_version_0, "NOT_FOUND", r"Specific\(tiny, 0\)"),
    (set_version_below_0, "NOT_FOUND", r"Specific\(tiny, -1\)"),
    (set_label, "INVALID_ARGUMENT", "Unrecognized servable version label: stable"),
    (set_empty_label, "INVALID_ARGUMENT", "Unrecognized servable version label:$"),
    (drop_spec, "INVALID_ARGUMENT", "Missing ModelSpec"),
    (set_signature, "FAILED_PRECONDITION", "key 'serving' not found.*known: echo, serving_default"),
    (drop_input, "INVALID_ARGUMENT", r"missing input 'length', int32 \(\?,\)"),
    (rename_input, "INVALID_ARGUMENT", "unknown input 'them'; did you mean 'theme'"),
    (
        put("audio", np.zeros((3, 5, 4))),
        "INVALID_ARGUMENT",
        r"'audio' is float64 \(3, 5, 4\); expected float32 \(\?, \?, 4\)",
    ),
    (put("audio", np.zeros((3, 5, 7), "f")), "INVALID_ARGUMENT", r"float32 \(3, 5, 7\); expected"),
    (put("audio", np.zeros((3, 4), "f")), "INVALID_ARGUMENT", r"float32 \(3, 4\); expected"),
    (
        put("theme", ["a", "b", "c"]),
        "INVALID_ARGUMENT",
        r"'theme' is string \(3,\); expected int32",
    ),
    (put("theme", np.array([0, 9, 0], "i")), "INVALID_ARGUMENT", OUT_OF_RANGE),
    (put("length", np.array([1, 1], "i")), "INVALID_ARGUMENT", "must be broadcastable"),
    (spoil(shape=(3,), tensor_content=b"\0" * 11), "INVALID_ARGUMENT", "11 bytes.*expected 12"),
    (spoil(shape=(3,), int_val=[1]), "INVALID_ARGUMENT", "1 values.*expected 3"),
    (spoil(shape=(3,)), "INVALID_ARGUMENT", "0 values.*expected 3"),
    (spoil(shape=(-3,), int_val=[1]), "INVALID_ARGUMENT", "no valid shape"),
    (spoil(shape=(2**62,), int_val=[1]), "INVALID_ARGUMENT", "1 values"),
    (spoil(dtype=DT_STRING, shape=(3,), string_val=[b"a"]), "INVALID_ARGUMENT", "string"),
    (spoil(dtype=0, shape=(3,)), "INVALID_ARGUMENT", "dtype 0"),
    (spoil(dtype=999, shape=(3,)), "INVALID_ARGUMENT", "dtype 999"),
    (spoil(dtype=DT_RESOURCE, shape=(3,)), "INVALID_ARGUMENT", "dtype 20"),
    (spoil(dtype=DT_INT32 + 100, shape=(3,)), "INVALID_ARGUMENT", "dtype 103"),
    (spoil(shape=[1] * 1000, int_val=[1]), "INVALID_ARGUMENT", "no valid shape"),
    (unknown_rank, "INVALID_ARGUMENT", "no valid shape"),
    (unknown_output, "INVALID_ARGUMENT", "alias not found in signature: mach"),
    (output_twice, "INVALID_ARGUMENT", "duplicate output"),
]


@pytest.mark.parametrize(("spoiler", "code", "message"), BAD)
def test_bad_requests(stub, request_, spoiler, code, message):
    spoiler(request_)
    found, details = refusal(stub.Predict, request_)
    assert found == code, details
    assert re.search(message, details), details
    assert "\n" not in details and "Traceback" not in details and ".py" not in details


def test_an_empty_batch_that_claims_a_giant_is_refused(stub, request_):
    request_.inputs["audio"].CopyFrom(proto(DT_FLOAT, (0, 2**40, 4)))
    for name in ("length", "theme"):
        request_.inputs[name].CopyFrom(proto(DT_INT32, (0,)))
    assert refusal(stub.Predict, request_)[0] == "INVALID_ARGUMENT"


def test_a_message_over_the_limit_is_refused(stub, request_):
    put("audio", np.zeros((3, 2**17, 4), "f"))(request_)  # 6 MiB; the server takes 1
    assert refusal(stub.Predict, request_)[0] == "RESOURCE_EXHAUSTED"


def test_the_unforeseen_is_internal_and_tells_nothing(stub, server, request_, caplog):
    class Broken:
        name, version, leases = "broken", 1, Leases()

        def predict(self, request, wanted):
            raise RuntimeError("secret /path")

        def close(self):
            pass

    server.catalogue.offer(Broken())
    request_.model_spec.name = "broken"
    try:
        found = refusal(stub.Predict, request_)
    finally:
        server.catalogue.withdraw("broken", 1)
    assert found == ("INTERNAL", "internal error; see the server's log")
    assert "secret /path" in caplog.text


def test_metadata_is_the_files(stub):
    request = protos.GetModelMetadataRequest(
        model_spec={"name": "tiny"}, metadata_field=["signature_def"]
    )
    response = stub.GetModelMetadata(request)
    assert response.model_spec.version.value == 2
    signatures = protos.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    assert "serving_default" in signatures.signature_def
    del request.metadata_field[:]
    assert refusal(stub.GetModelMetadata, request)[0] == "INVALID_ARGUMENT"


def test_status(server):
    with protos.grpc.insecure_channel(server.address) as channel:
        stub = protos.ModelServiceStub(channel)
        request = protos.GetModelStatusRequest(model_spec={"name": "tiny"})
        (status,) = stub.GetModelStatus(request).model_version_status
        assert (status.version, status.state) == (2, protos.ModelVersionStatus.AVAILABLE)
        assert status.HasField("status") and status.status.error_code == 0
        for version in (7, 0):
            request.model_spec.version.value = version
            assert refusal(stub.GetModelStatus, request) == (
                "NOT_FOUND",
                f"Could not find version {version} of model tiny",
            )


def test_many_callers_get_their_own_answers(client, tiny, network):
    batches = [tiny.batch(2, 7, seed=seed) for seed in range(16)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda inputs: client.predict("tiny", inputs), batches))
    for outputs, inputs in zip(found, batches, strict=True):
        expected = tiny.answers(network, inputs)["match"]
        np.testing.assert_allclose(outputs["match"], expected, atol=TOLERANCE, rtol=0)


def test_port_in_use(models_dir, server):
    with pytest.raises(ServingError, match=f"127.0.0.1:{server.port}: the port is in use"):
        LocalServer(models_dir, port=server.port).start()


def damage(folder):
    (folder / "tiny" / "3" / "saved_model.pb").write_bytes(b"\xff not a graph")


def lose_variables(folder):
    shutil.rmtree(folder / "tiny" / "3" / "variables")


@pytest.mark.parametrize("spoiler", [damage, lose_variables])
def test_a_damaged_version_is_named(models_dir, tmp_path, spoiler):
    shutil.copytree(models_dir / "tiny" / "2", tmp_path / "tiny" / "3")
    spoiler(tmp_path)
    with pytest.raises(ServingError, match=r"tiny/3 (can't be|is refused)"):
        LocalServer(tmp_path, port=0).start()


def test_folders_without_models(models_dir, tmp_path):
    with pytest.raises(ConfigError, match="no such folder"):
        LocalServer(tmp_path / "none", port=0).start()
    for other in ("notes", "tiny/.partial-x-3", "tiny/v3"):
        (tmp_path / other).mkdir(parents=True)
        (tmp_path / other / "saved_model.pb").touch()
    with pytest.raises(ConfigError, match="holds no model; expected NAME/VERSION/"):
        LocalServer(tmp_path, port=0).start()
    with pytest.raises(ConfigError, match="versions of one model; give the folder above"):
        LocalServer(models_dir / "tiny", port=0).start()


@pytest.mark.parametrize(
    "message",
    [
        "bad theme",
        "Graph execution error:\n\nDetected at node a/b defined at (most recent call last):\n"
        "<stack traces unavailable>\nbad theme\n\t [[{{node a/b}}]] [Op:__inference_1]",
        'Detected at node a defined at (most recent call last):\n  File "/home/x.py", line 1\n'
        "    secret()\nbad theme\n\t [[{{node a}}]]",
        "2 root error(s) found.\n  (0) INVALID_ARGUMENT:  bad theme\n\t [[{{node a}}]]\n"
        "  (1) INVALID_ARGUMENT:  other\n0 successful operations.",
    ],
)
def test_of_a_graphs_error_only_what_the_op_said_is_told(message):
    from kavc.serving.server.graph import graph_message

    assert graph_message(tf.errors.InvalidArgumentError(None, None, message)) == "bad theme"
