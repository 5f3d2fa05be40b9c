"""What must pass: networks of Keras, functions of TensorFlow, tables, and models of others."""

from __future__ import annotations

from pathlib import Path

import keras
import pytest
import tensorflow as tf
from keras import layers, ops

from kavc.errors import ExportError
from kavc.serving.inspection import inspect

FOREIGN = Path(__file__).parents[4] / "shared" / "data" / "saved_model" / "nmp"


def test_an_export_of_ours(models_dir):
    assert {"While", "MatMul", "StatefulPartitionedCall"} <= inspect(models_dir / "tiny" / "2").ops


@pytest.mark.skipif(not FOREIGN.exists(), reason="the foreign model is not here")
def test_a_model_of_others():
    assert "Conv2D" in inspect(FOREIGN).ops


def exported(model, folder):
    """Saves a network as Keras exports it."""
    model.export(str(folder), verbose=False)
    return folder


def recurrent(layer):
    return [keras.Input((None, 3)), layers.Masking(), layer(4, return_sequences=True), layer(4)]


def images(*more):
    return [keras.Input((16, 16, 3)), *more]


NETWORKS = {
    "lstm": lambda: recurrent(layers.LSTM),
    "gru": lambda: recurrent(layers.GRU),
    "bidirectional": lambda: recurrent(
        lambda width, **options: layers.Bidirectional(layers.LSTM(width, **options))
    ),
    "transposed": lambda: images(
        layers.Conv2D(4, 3, groups=1), layers.Conv2DTranspose(3, 3, strides=2, padding="same"),
        layers.DepthwiseConv2D(3), layers.UpSampling2D(2, interpolation="bilinear"),
    ),
    "grouped": lambda: images(layers.Conv2D(6, 3, groups=3), layers.Activation("silu")),
    "resized": lambda: images(
        layers.Resizing(8, 8), layers.RandomFlip(), layers.RandomRotation(0.1),
        layers.RandomContrast(0.1), layers.Rescaling(1 / 255), layers.GlobalMaxPooling2D(),
    ),
    "dense": lambda: [
        keras.Input((8,)), layers.Dense(4, activation="gelu"), layers.BatchNormalization(),
        layers.Dropout(0.5), layers.LayerNormalization(), layers.Softmax(),
    ],
    "mel": lambda: [
        keras.Input((2000,)),
        layers.MelSpectrogram(num_mel_bins=8, sampling_rate=8000, sequence_stride=64),
    ],
    "stft": lambda: [
        keras.Input((2000, 1)),
        layers.STFTSpectrogram(mode="log", frame_length=64, frame_step=32, fft_length=64),
    ],
    "lookup": lambda: [
        keras.Input((2,), dtype="string"), layers.StringLookup(vocabulary=["a", "b"]),
        layers.CategoryEncoding(3, output_mode="multi_hot"),
    ],
    "hashing": lambda: [keras.Input((1,), dtype="string"), layers.Hashing(5)],
    "numbers": lambda: [
        keras.Input((1,)), layers.Normalization(mean=1.0, variance=2.0),
        layers.Discretization([0.0, 1.0]), layers.Embedding(3, 2), layers.Flatten(),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_what_keras_exports(tmp_path, name):
    inspect(exported(keras.Sequential(NETWORKS[name]()), tmp_path / "1"))


@pytest.mark.parametrize("name", ["MobileNetV2", pytest.param("ResNet50", marks=pytest.mark.slow)])
def test_a_network_of_keras(tmp_path, name):
    network = getattr(keras.applications, name)(weights=None)
    assert "Conv2D" in inspect(exported(network, tmp_path / "1")).ops


def decoded(x):
    picture = tf.io.decode_image(x, expand_animations=False)
    picture.set_shape([None, None, 3])
    small = tf.image.resize(tf.cast(picture, tf.float32), [8, 8])
    return {"y": small, "z": tf.io.decode_jpeg(x), "w": tf.io.decode_png(x)}


def heard(x):
    sound, rate = tf.audio.decode_wav(x, desired_channels=1, desired_samples=16_000)
    spectra = tf.signal.stft(sound[:, 0], 400, 160)
    mel = tf.abs(spectra) @ tf.signal.linear_to_mel_weight_matrix(8, 257)
    return {"y": mel, "z": tf.signal.inverse_stft(spectra, 400, 160), "rate": rate}


def listed(x):
    lengths = tf.map_fn(tf.strings.length, tf.reshape(x, [1]), fn_output_signature=tf.int32)
    return {"y": ops.vectorized_map(lambda each: each + 1, lengths)}


def branched(x):
    number = tf.strings.to_number(x)
    chosen = tf.switch_case(tf.cast(number, tf.int32), [lambda: 1.0, lambda: 2.0])
    return {"y": tf.cond(number > 1, lambda: chosen, lambda: number)}


@pytest.mark.parametrize("body", [decoded, heard, listed, branched])
def test_what_tensorflow_exports(graphs, tmp_path, body):
    inspect(graphs.save_function(tmp_path / "1", body))


def test_tables_from_tensors_and_mutable_ones(tmp_path):
    module = tf.Module()
    rows = tf.lookup.KeyValueTensorInitializer(["a", "b"], [0, 1])
    module.fixed = tf.lookup.StaticHashTable(rows, -1)
    module.open = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "x")])
    def find(x):
        module.open.insert(x, tf.ones_like(x, tf.int64))
        return {"fixed": module.fixed.lookup(x), "open": module.open.lookup(x)}

    tf.saved_model.save(module, str(tmp_path / "1"), {"serving_default": find})
    assert "LookupTableInsertV2" in inspect(tmp_path / "1").ops


# Functions of `keras.ops` that take one matrix, and that compute as a network does.
OF_A_MATRIX = """
abs all amax any arccos arctan argmax argmin argsort average cast ceil celu cholesky concatenate
conj copy cos count_nonzero cumprod cumsum det diag diagonal diff dot eig eigh elu erf exp
expand_dims expm1 flip floor gelu glu hard_sigmoid inv isfinite leaky_relu log log1p log_softmax
logical_not logsumexp lu_factor matmul max mean median min moveaxis multiply nan_to_num negative
norm normalize ones_like prod qr ravel real relu relu6 repeat reshape roll round rsqrt selu sigmoid
sign silu sin size slogdet softmax softplus softsign sort sqrt square squeeze stack std sum svd take
tanh tile top_k trace transpose tril triu var where zeros_like
""".split()  # noqa: SIM905
MORE = {
    "cast": ["int32"], "concatenate": None, "dot": ["x"], "expand_dims": [0], "matmul": ["x"],
    "moveaxis": [0, 1], "multiply": ["x"], "repeat": [2], "reshape": [(-1,)], "roll": [1],
    "stack": None, "take": [[0]], "tile": [2], "top_k": [2],
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", OF_A_MATRIX)
def test_functions_of_keras(graphs, tmp_path, name):
    function, more = getattr(ops, name), MORE.get(name, [])

    def body(x):
        if more is None:
            found = function([x, x])
        else:
            found = function(x, *(x if each == "x" else each for each in more))
        return {f"y{i}": ops.convert_to_tensor(y) for i, y in enumerate(keras.tree.flatten(found))}

    spec = tf.TensorSpec([4, 4], tf.float32, "x")
    saved = graphs.save_function(tmp_path / "1", body, spec)
    try:
        inspect(saved)
    except ExportError as error:  # complex numbers do not travel
        assert name == "eig" and "no signature that can be asked" in str(error)
