"""The ops that Keras' layers are traced to are all on the list: what users export must pass."""

from __future__ import annotations

import keras
import pytest
import tensorflow as tf
from keras import layers

from kavc.serving.inspection.allowed_ops import ALLOWED

ROWS, SOUND = (None, 8), (None, 32, 4)
PICTURE, VIDEO = (None, 16, 16, 4), (None, 8, 8, 8, 4)
SHAPES = {"1D": SOUND, "2D": PICTURE, "3D": VIDEO}
# Name of the layer, or of the layer with dimensions in place of "*", to arguments.
PLAIN = {
    "AlphaDropout": (0.5,), "BatchNormalization": (), "Dense": (4,), "Dropout": (0.5,), "ELU": (),
    "Flatten": (), "GaussianDropout": (0.5,), "GaussianNoise": (0.5,), "GroupNormalization": (2,),
    "LayerNormalization": (), "LeakyReLU": (), "Masking": (), "PReLU": (), "ReLU": (),
    "RMSNormalization": (), "RepeatVector": (3,), "Rescaling": (0.5,), "Softmax": (),
    "UnitNormalization": (),
}  # fmt: skip
SPATIAL = {
    "AdaptiveAveragePooling*": (4,), "AveragePooling*": (2,), "Conv*": (4, 3),
    "Conv*Transpose": (4, 3), "Cropping*": (1,), "GlobalAveragePooling*": (),
    "GlobalMaxPooling*": (), "MaxPooling*": (2,), "SpatialDropout*": (0.5,), "UpSampling*": (2,),
    "ZeroPadding*": (1,),
}  # fmt: skip
FLAT_ALONE = {"DepthwiseConv*": (3,), "SeparableConv*": (4, 3)}
PICTURES = {
    "CenterCrop": (4, 4), "RandomBrightness": (0.2,), "RandomContrast": (0.2,),
    "RandomCrop": (4, 4), "RandomFlip": (), "RandomRotation": (0.2,),
    "RandomTranslation": (0.1, 0.1), "RandomZoom": (0.2,), "Resizing": (5, 5),
}  # fmt: skip
CASES = [
    *((name, args, ROWS) for name, args in PLAIN.items()),
    *(
        (name.replace("*", axes), args, shape)
        for name, args in SPATIAL.items()
        for axes, shape in SHAPES.items()
    ),
    *(
        (name.replace("*", axes), args, SHAPES[axes])
        for name, args in FLAT_ALONE.items()
        for axes in ("1D", "2D")
    ),
    *((name, args, (None, 8, 8, 3)) for name, args in PICTURES.items()),
    *((name, (4,), SOUND) for name in ("GRU", "LSTM", "SimpleRNN")),
    ("ConvLSTM1D", (4, 3), (None, 3, 16, 4)),
    ("ConvLSTM2D", (4, 3), (None, 3, 8, 8, 4)),
]
ACTIVATIONS = """
celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_tanh leaky_relu linear
log_sigmoid log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign
sparsemax squareplus tanh tanh_shrink
""".split()  # noqa: SIM905


def ops_of(function, *specs) -> set[str]:
    graph = tf.function(function, autograph=False).get_concrete_function(*specs).graph
    definition = graph.as_graph_def()
    bodies = (definition.node, *(each.node_def for each in definition.library.function))
    return {node.op for nodes in bodies for node in nodes}


@pytest.mark.slow
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("name", "args", "shape"), CASES, ids=lambda case: str(case))
def test_a_layer(name, args, shape, training):
    layer = getattr(layers, name)(*args)
    takes = "training" in layer._call_signature.parameters
    options = {"training": training} if takes else {}
    spec = tf.TensorSpec(shape, tf.float32)
    assert ops_of(lambda x: layer(x, **options), spec) <= ALLOWED


@pytest.mark.slow
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation(name):
    function = keras.activations.get(name)
    assert ops_of(function, tf.TensorSpec(ROWS, tf.float32)) <= ALLOWED


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["AdditiveAttention", "Attention", "Dot", "Concatenate", "Average"]
)
def test_a_layer_of_two(name):
    layer = getattr(layers, name)(*((2,) if name == "Dot" else ()))
    spec = tf.TensorSpec((None, 5, 8), tf.float32)
    assert ops_of(lambda a, b: layer([a, b]), spec, spec) <= ALLOWED


@pytest.mark.slow
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("make", [layers.MultiHeadAttention, layers.GroupQueryAttention])
def test_attention(make, causal):
    args = (2, 4) if make is layers.MultiHeadAttention else (4, 2, 2)
    layer = make(*args)
    spec = tf.TensorSpec((None, 5, 8), tf.float32)
    assert ops_of(lambda x: layer(x, x, use_causal_mask=causal), spec) <= ALLOWED
