"""Exports: reloaded by others than Keras, whole or not there, and nothing but stock ops."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from kavc.data.schema import Field
from kavc.errors import ExportError
from kavc.export.example import EXAMPLE, write_example
from kavc.export.savedmodel import VARYING, export, next_version
from kavc.serving import wire
from kavc.serving.arrays import load_inputs
from kavc.serving.client.cast import cast
from kavc.serving.server.graph import ServedGraph
from kavc.serving.signature import TensorInfo
from kavc.serving.warmup import read_warmup
from kavc.systems.base import Signature

# float32 sums in another order: measured 6e-8 on values below 1.
TOLERANCE = 1e-6
RELOAD = """
import builtins, sys
import numpy as np
import tensorflow as tf
for name in [name for name in sys.modules if name.partition(".")[0] == "keras"]:
    del sys.modules[name]
real = builtins.__import__
def refuse(name, *args, **kwargs):
    if name.partition(".")[0] == "keras":
        raise ImportError("no keras here")
    return real(name, *args, **kwargs)
builtins.__import__ = refuse
loaded = tf.saved_model.load(sys.argv[1])
inputs = {name: tf.constant(value) for name, value in np.load(sys.argv[2] + "/feeds.npz").items()}
outputs = loaded.signatures["serving_default"](**inputs)
np.savez(sys.argv[2] + "/fetches.npz", **{name: value.numpy() for name, value in outputs.items()})
assert "keras" not in sys.modules
"""


def meta_graph(folder: Path):
    (graph,) = SavedModel.FromString((folder / "saved_model.pb").read_bytes()).meta_graphs
    return graph


def run(*arguments: str) -> None:
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def assert_close(folder: Path, expected) -> None:
    with np.load(folder / "fetches.npz") as found:
        assert set(found.files) == set(expected)
        for name, value in expected.items():
            np.testing.assert_allclose(found[name], value, atol=TOLERANCE, rtol=0)


def test_the_c_library_gives_the_same_answers(version_folder, tiny, network, tmp_path):
    signature = meta_graph(version_folder).signature_def["serving_default"]
    task = {
        "model": str(version_folder),
        "feeds": {name: info.name for name, info in signature.inputs.items()},
        "fetches": {name: info.name for name, info in signature.outputs.items()},
    }
    (tmp_path / "task.json").write_text(json.dumps(task))
    inputs = tiny.batch(5, 11)
    np.savez(tmp_path / "feeds.npz", **inputs)
    run(str(Path(__file__).with_name("c_api.py")), str(tmp_path))
    assert_close(tmp_path, tiny.answers(network, inputs))


def test_a_process_without_keras_gives_the_same_answers(version_folder, tiny, network, tmp_path):
    inputs = tiny.batch(3, 6)
    np.savez(tmp_path / "feeds.npz", **inputs)
    run("-c", RELOAD, str(version_folder), str(tmp_path))
    assert_close(tmp_path, tiny.answers(network, inputs))


@pytest.mark.parametrize(("size", "steps"), [(1, 1), (2, 40), (17, 5)])
def test_batch_and_time_are_dynamic(version_folder, tiny, network, size, steps):
    loaded = tf.saved_model.load(version_folder)
    inputs = tiny.batch(size, steps, seed=size)
    found = loaded.signatures["serving_default"](**{k: tf.constant(v) for k, v in inputs.items()})
    for name, value in tiny.answers(network, inputs).items():
        np.testing.assert_allclose(found[name], value, atol=TOLERANCE, rtol=0)


def test_padding_changes_nothing(version_folder, tiny):
    loaded = tf.saved_model.load(version_folder)
    inputs = tiny.batch(4, 6)
    padded = {**inputs, "audio": np.pad(inputs["audio"], ((0, 0), (0, 5), (0, 0)))}
    a, b = (
        loaded.signatures["serving_default"](**{k: tf.constant(v) for k, v in x.items()})
        for x in (inputs, padded)
    )
    np.testing.assert_array_equal(a["match"], b["match"])


def test_wire_names_are_the_fields_and_types(version_folder):
    signatures = meta_graph(version_folder).signature_def
    assert set(signatures) == {"serving_default", "echo", "__saved_model_init_op"}
    default = signatures["serving_default"]
    shapes = {
        name: [axis.size for axis in info.tensor_shape.dim]
        for name, info in [*default.inputs.items(), *default.outputs.items()]
    }
    assert shapes == {
        "audio": [-1, -1, 4],
        "length": [-1],
        "theme": [-1],
        "match": [-1],
        "embedding": [-1, 8],
    }


def test_assets_and_explanations_travel(version_folder, tiny):
    assert (version_folder / "assets" / "themes.txt").read_text(encoding="utf-8") == tiny.THEMES
    assert [a.filename for a in meta_graph(version_folder).asset_file_def] == ["themes.txt"]
    assert tempfile.gettempdir().encode() not in (version_folder / "saved_model.pb").read_bytes()
    extra = version_folder / "assets.extra"
    assert (extra / "model_card.md").read_text() == "# tiny\n"
    explained = json.loads((extra / "signatures.json").read_text())
    assert explained["assets"] == {"themes.txt": ["Sports", "Pets", "Müsic"]}
    assert explained["signatures"]["serving_default"]["inputs"]["audio"] == {
        "dtype": "float32",
        "shape": [None, None, 4],
        "meaning": "audio features, one step a second",
    }


def test_a_warm_up_request_a_signature(version_folder, tiny):
    default, echo = read_warmup(version_folder)
    assert default.model_spec.name == echo.model_spec.name == "tiny"
    assert default.model_spec.signature_name == "serving_default"
    np.testing.assert_array_equal(wire.to_array(default.inputs["audio"], "x"), np.zeros((1, 4, 4)))
    assert echo.model_spec.signature_name == "echo"
    assert wire.to_array(echo.inputs["word"], "x").tolist() == [b""]


def test_a_signatures_own_example_is_its_warm_up(network, tiny, tmp_path):
    example = tiny.batch(1, 7)
    default = dataclasses.replace(tiny.signatures(network)["serving_default"], example=example)
    folder = export(network, {"serving_default": default}, tmp_path, name="m", card="")
    (request,) = read_warmup(folder)
    for name, value in example.items():
        np.testing.assert_array_equal(wire.to_array(request.inputs[name], name), value)


def test_an_example_that_the_graph_refuses(network, tiny, tmp_path):
    example = tiny.batch(1, 7) | {"theme": np.array([3], "int32")}
    default = dataclasses.replace(tiny.signatures(network)["serving_default"], example=example)
    with pytest.raises(
        ExportError, match=r"refuses its example.*(theme out of|is not in)"
    ) as error:
        export(network, {"serving_default": default}, tmp_path / "models", name="m", card="")
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_an_example_of_another_shape(network, tiny, tmp_path):
    example = tiny.batch(1, 7) | {"theme": np.zeros((1, 2), "int32")}
    default = dataclasses.replace(tiny.signatures(network)["serving_default"], example=example)
    with pytest.raises(
        ExportError, match=r"signature 'serving_default', example: input 'theme' is int32 \(1, 2\)"
    ):
        export(network, {"serving_default": default}, tmp_path / "models", name="m", card="")
    assert list(tmp_path.iterdir()) == []


def test_versions_count_up_and_are_never_overwritten(tiny, network, tmp_path):
    def write(**options) -> Path:
        signatures = {"serving_default": tiny.signatures(network)["echo"]}
        return export(network, signatures, tmp_path, name="m", card="", **options)

    (tmp_path / "m" / "notes").mkdir(parents=True)
    assert next_version(tmp_path, "m") == 1
    assert write(version=9) == tmp_path / "m" / "9"
    before = sorted((tmp_path / "m").rglob("*"))
    with pytest.raises(ExportError, match="m/9 exists; a version is never overwritten"):
        write(version=9)
    assert sorted((tmp_path / "m").rglob("*")) == before
    assert write() == tmp_path / "m" / "10"


KILLED = """
import importlib.util, os, signal, sys
import kavc.export.savedmodel as savedmodel
spec = importlib.util.spec_from_file_location("tiny", sys.argv[1])
tiny = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tiny)
savedmodel.write_warmup = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
network = tiny.network()
signatures = {"serving_default": tiny.signatures(network)["echo"]}
savedmodel.export(network, signatures, sys.argv[2], name="m", card="")
"""


def test_what_a_killed_export_left_goes_with_the_next_one(tiny, network, tmp_path):
    words = [sys.executable, "-c", KILLED, tiny.__file__, tmp_path]
    assert subprocess.run(words, capture_output=True).returncode == -signal.SIGKILL
    (left,) = (tmp_path / "m").iterdir()
    assert left.name.startswith(".partial-") and (left / "saved_model.pb").is_file()
    signatures = {"serving_default": tiny.signatures(network)["echo"]}
    export(network, signatures, tmp_path, name="m", card="", version=9)
    assert [path.name for path in (tmp_path / "m").iterdir()] == ["9"]


def test_lstm_is_exported_without_cudnn_and_left_as_it_was(tiny, network, tmp_path):
    layer = network.get_layer("lstm")
    seen = []

    def spy(audio, length, theme):
        seen.append(layer.use_cudnn)
        return signature.function(audio, length, theme)

    signature = tiny.signatures(network)["serving_default"]
    spied = {"serving_default": dataclasses.replace(signature, function=spy)}
    export(network, spied, tmp_path, name="m", card="")
    assert set(seen) == {False}
    assert layer.use_cudnn == "auto"


def python_op(word):
    return {"word": tf.ensure_shape(tf.py_function(lambda x: x, [word], tf.string), [None])}


def read_file(word):
    return {"word": tf.map_fn(tf.io.read_file, word)}


def write_file(word):
    with tf.control_dependencies([tf.io.write_file("x", word[0])]):
        return {"word": tf.identity(word)}


def print_to_file(word):
    with tf.control_dependencies([tf.print(word, output_stream="file:///dev/null")]):
        return {"word": tf.identity(word)}


def save(word):
    op = tf.raw_ops.SaveV2(
        prefix="x", tensor_names=["a"], shape_and_slices=[""], tensors=[tf.constant(1.0)]
    )
    with tf.control_dependencies([op]):
        return {"word": tf.identity(word)}


def dataset(word):
    lines = tf.data.TextLineDataset("x").reduce(tf.constant(""), lambda a, b: a + b)
    return {"word": word + lines}


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (python_op, "the op EagerPyFunc .* is none of those that can do no harm"),
        (read_file, "the op ReadFile .* is none of those that can do no harm"),
        (write_file, "the op WriteFile .* is none of those that can do no harm"),
        (print_to_file, "the op (StringFormat|PrintV2) .* is none of those that can do no harm"),
        (save, "signature 'serving_default' reaches the op SaveV2"),
        (dataset, "Dataset.* is none of those that can do no harm"),
    ],
)
def test_ops_that_reach_outside_are_refused_and_nothing_is_left(
    network, tmp_path, function, message
):
    word = {"word": Field((), "string", "any text")}
    signatures = {"serving_default": Signature(function, word, word, "bad")}
    with pytest.raises(ExportError, match=message):
        export(network, signatures, tmp_path / "models", name="bad", card="")
    assert list(tmp_path.iterdir()) == []


NUMBER = {"x": Field((2,), "float32", "a pair")}


def signature(function, inputs=None, outputs=None) -> Signature:
    return Signature(function, inputs or NUMBER, outputs or NUMBER, "")


GOOD = signature(lambda x: {"x": x})


@pytest.mark.parametrize(
    ("name", "signatures", "options", "message"),
    [
        ("m", {"other": GOOD}, {}, "no signature 'serving_default'"),
        ("../m", {"serving_default": GOOD}, {}, "can't be a model's name"),
        ("12", {"serving_default": GOOD}, {}, "can't be a model's name"),
        ("m", {"serving_default": GOOD}, {"version": 0}, "not a positive number"),
        ("m", {"serving_default": GOOD}, {"assets": {"../x": ""}}, "plain file name"),
        ("m", {"serving_default": GOOD, "a b": GOOD}, {}, "'a b' is not a plain name"),
        (
            "m",
            {"serving_default": signature(lambda x: {"y": x})},
            {},
            r"gives \['y'\]; it declares \['x'\]",
        ),
        (
            "m",
            {"serving_default": signature(lambda x: {"x": x[:, :1]})},
            {},
            r"'x': gives float32 \(None, 1\); it declares float32 \(None, 2\)",
        ),
        (
            "m",
            {"serving_default": signature(lambda x: {"x": tf.cast(x, tf.bfloat16)})},
            {},
            "'x': gives bfloat16",
        ),
        ("m", {"serving_default": signature(lambda y: {"x": y})}, {}, "can't be traced"),
        ("m", {"serving_default": signature(lambda x: x)}, {}, "can't be traced"),
    ],
)
def test_what_can_not_be_served_is_refused_and_nothing_is_left(
    network, tmp_path, name, signatures, options, message
):
    with pytest.raises(ExportError, match=message):
        export(network, signatures, tmp_path / "models", name=name, card="", **options)
    assert list(tmp_path.iterdir()) == []


def test_mixed_bfloat16_network_gives_float32_answers(tmp_path):
    with_policy = keras.Sequential(
        [keras.layers.Dense(3, dtype="mixed_bfloat16"), keras.layers.Dense(2, dtype="float32")]
    )
    with_policy.build((None, 2))
    signatures = {"serving_default": signature(lambda x: {"x": with_policy(x)})}
    folder = export(with_policy, signatures, tmp_path, name="m", card="")
    x = np.ones((4, 2), "float32")
    loaded = tf.saved_model.load(folder)
    found = loaded.signatures["serving_default"](x=tf.constant(x))["x"]
    np.testing.assert_array_equal(found, with_policy(x))


def test_every_folder_has_the_permissions_that_the_umask_leaves(tiny, network, tmp_path):
    before = os.umask(0o002)
    try:
        folder = export(
            network, tiny.signatures(network), tmp_path / "models", name="tiny", card="# tiny\n",
            assets={"themes.txt": tiny.THEMES},
        )  # fmt: skip
    finally:
        os.umask(before)
    folders = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
    assert {path.stat().st_mode & 0o777 for path in folders} == {0o775}


def test_a_request_of_two_rows_to_be_asked_for_a_try(version_folder, tiny, network):
    request = load_inputs(version_folder / EXAMPLE)
    assert {name: value.shape for name, value in request.items()} == {
        "audio": (2, VARYING, tiny.WIDTH), "length": (2,), "theme": (2,),
    }  # fmt: skip
    graph = ServedGraph(version_folder)
    found = graph("serving_default", request)
    graph.close()
    for name, value in tiny.answers(network, request).items():
        np.testing.assert_allclose(found[name], value, atol=TOLERANCE, rtol=0)


def test_the_example_request_is_the_same_each_time(tmp_path):
    rows = {"audio": np.arange(6, dtype="f4").reshape(1, 2, 3), "length": np.array([2], "i4")}
    rows["word"] = np.array([["größe".encode()]], object)
    files = []
    for name in ("a", "b"):
        write_example(tmp_path / name, rows)
        files.append((tmp_path / name / EXAMPLE).read_bytes())
    assert files[0] == files[1]
    found = load_inputs(tmp_path / "a" / EXAMPLE)
    assert found["audio"].tolist() == [[[0, 1, 2], [3, 4, 5]], [[2, 1, 0], [5, 4, 3]]]
    assert found["length"].tolist() == [2, 2]
    assert found["word"].tolist() == [["größe".encode()]] * 2


def test_an_example_request_of_bytes_that_are_no_text(tmp_path):
    jpeg = b"\xff\xd8\xff\x00\xe0\xff\xd9"
    write_example(tmp_path, {"jpeg": np.array([[jpeg, b""]], object)})
    found = load_inputs(tmp_path / EXAMPLE)["jpeg"]
    assert cast(found, TensorInfo("string", (None, None)), "jpeg").tolist() == [[jpeg, b""]] * 2
