"""YAMNet: which of AudioSet's 521 sounds are in 0.96 s, and what they sound like in 1,024 numbers.

    log-mel patch (96, 64)
         |
    convolution 3 x 3, stride 2          layer1
    13 x depthwise 3 x 3, pointwise      layer2 .. layer14
         |
    mean over time and bands ---> embedding (1,024)
         |
    one logistic each        ---> scores (521)

References:
    Plakal and Ellis, YAMNet, in tensorflow/models (research/audioset/yamnet).
    Howard et al., "MobileNets", 2017: the network.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np

from kavc.errors import DataError
from kavc.inputs.arrays import read_npz
from kavc.inputs.opening import named
from kavc.layers.network import Network
from kavc.media.networks.weights import assign, load_keras_weights

CLASSES, WIDTH = 521, 1024
FILTERS = (32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, WIDTH)
STRIDES = (2, 1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)
EPSILON = 1e-4  # of the normalisation
LARGEST = 64 * 2**20  # bytes of a file of weights; the published ones have 15 MB


@keras.saving.register_keras_serializable(package="kavc")
class YAMNet(Network):
    """The network of YAMNet, on log-mel patches.

    3,751,369 parameters with those that normalise.

    Args:
        activation: "relu", of the published network, or "relu6", of Coral's int8 one: with the
            other's weights either is wrong.
        width: float. Share of the published filters, for tests.
        classes: int.
        dtype: `keras.DTypePolicy` or its name.
        name: str.

    Call arguments:
        inputs: dict of "patches" `(patches, 96, 64)`, of `kavc.media.front_ends.YAMNET`.

    Returns:
        dict of "embedding" `(patches, 1024)` and "scores" `(patches, 521)`, from 0 to 1.

    Reference:
        Plakal and Ellis, in tensorflow/models (research/audioset/yamnet); the network is that of
        Howard et al., 2017.

    Example:
        network = load_coral("yamnet_coral_int8.npz")
        network({"patches": LogMel(YAMNET)(waveform)[0]})["scores"]
    """

    def __init__(self, *, activation="relu", width=1.0, classes=CLASSES, dtype=None, name="yamnet"):
        policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
        filters = [max(1, int(width * each)) for each in FILTERS]
        patches = keras.Input((96, 64), dtype=policy.variable_dtype, name="patches")
        x = keras.ops.expand_dims(patches, -1)
        for number, (units, stride) in enumerate(zip(filters, STRIDES, strict=True), 1):
            for kind in ("conv",) if number == 1 else ("depthwise_conv", "pointwise_conv"):
                layer = f"layer{number}_{kind}"
                x = _convolution(kind, units, stride, policy, layer)(x)
                # No scale, as published: the kernel has it.
                x = keras.layers.BatchNormalization(
                    scale=False, epsilon=EPSILON, dtype=policy, name=f"{layer}_bn"
                )(x)
                x = keras.layers.Activation(activation, dtype=policy, name=f"{layer}_relu")(x)
        embedding = keras.layers.GlobalAveragePooling2D(
            dtype=policy.variable_dtype, name="embedding"
        )(x)
        scores = keras.layers.Dense(
            classes, activation="sigmoid", dtype=policy.variable_dtype, name="scores"
        )(embedding)
        super().__init__(
            {"patches": patches},
            {"embedding": embedding, "scores": scores},
            config={"activation": activation, "width": width, "classes": classes},
            dtype=policy,
            name=name,
        )

    def convolutions(self):
        """Returns all 27 convolutions in order, each with its normalisation."""
        kernels = [each for each in self.layers if "conv" in each.name and each.weights]
        return list(zip(kernels[::2], kernels[1::2], strict=True))


def _convolution(kind, units, stride, policy, name):
    common = {"padding": "same", "use_bias": False, "dtype": policy, "name": name}
    if kind == "depthwise_conv":
        return keras.layers.DepthwiseConv2D(3, strides=stride, **common)
    if kind == "pointwise_conv":
        return keras.layers.Conv2D(units, 1, **common)
    return keras.layers.Conv2D(units, 3, strides=stride, **common)


def load_coral(path: str | Path, dtype: str | None = None) -> YAMNet:
    """Returns YAMNet with the int8 weights of Google Coral, unpacked into an `.npz`.

    Its arrays are `layerNN/kernel_int8`, with the axes of TensorFlow Lite, `layerNN/scale` of each
    channel and `layerNN/bias`, of 28 layers; normalisation is folded into these. The network that
    they were made for has ReLU6.

    Args:
        path: the file.
        dtype: policy of the network; Keras' own if None.

    Raises:
        DataError: the file is no `.npz`, lacks an array, or one has another shape.
    """
    arrays = read_npz(path, most=LARGEST)
    network = YAMNet(activation="relu6", dtype=dtype)
    convolutions = network.convolutions()
    for number, (layer, norm) in enumerate(convolutions):
        kernel, bias = _coral(path, arrays, number)
        assign(layer.kernel, kernel.transpose(1, 2, 3, 0), path, _named(number))
        assign(norm.beta, bias, path, _named(number))
        norm.moving_variance.assign(np.full(norm.moving_variance.shape, 1 - EPSILON))
    last, number = network.get_layer("scores"), len(convolutions)
    kernel, bias = _coral(path, arrays, number)
    assign(last.kernel, kernel.T, path, _named(number))
    assign(last.bias, bias, path, _named(number))
    return network


def load_published(path: str | Path, dtype: str | None = None) -> YAMNet:
    """Returns YAMNet with the weights that were published with it, `yamnet.h5` of Keras.

    Never seen with that file: its layout is what Keras writes of the published code's layers.

    Args:
        path: the file.
        dtype: policy of the network; Keras' own if None.

    Raises:
        DataError: the file is no HDF5 of this network's weights.
    """
    network = YAMNet(dtype=dtype)
    load_keras_weights(network, path)
    return network


def load(path: str | Path, dtype: str | None = None) -> YAMNet:
    """Returns YAMNet with weights of either format: `.npz` of Coral, `.h5` as published.

    Args, raises: as `load_coral` and `load_published`.
    """
    return (load_coral if Path(path).suffix == ".npz" else load_published)(path, dtype)


def _named(number: int) -> str:
    return f"layer{number:02}"


def _coral(
    path: str | Path, arrays: Mapping[str, np.ndarray], number: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns kernel and bias of a layer; a kernel has its outputs first, or is (1, .., channels).

    The latter is depthwise, and gets the axes of the others.
    """
    names = [f"{_named(number)}/{each}" for each in ("kernel_int8", "scale", "bias")]
    if missing := [name for name in names if name not in arrays]:
        raise DataError(f"{named(path)}: no array {missing[0]!r}; Coral's YAMNet has 28 layers")
    kernel, scale, bias = (arrays[name].astype(np.float32) for name in names)
    channels = 0 if len(kernel) == len(scale) else kernel.ndim - 1
    if len(scale) not in (1, kernel.shape[channels]):  # the last layer has one for all
        raise DataError(f"{named(path)}: {names[0]!r} and {names[1]!r} don't fit each other")
    return kernel * np.expand_dims(scale, [*(set(range(kernel.ndim)) - {channels})]), bias
