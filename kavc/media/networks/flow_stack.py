"""ResNet-50 on a stack of optical flow: a network of images whose first convolution is inflated.

    10 fields -> x1, y1, ..., x10, y10 (224, 224, 20), in units of pixels of an image
         |
    7 x 7, 64    kernel of 3 channels made one of 20
         |
    the rest of ResNet-50, unchanged ---> mean over places (2,048)

Published weights are of images. Their kernel becomes one of 20 channels either as its mean over
the colours, 20 times, or as its colours in turn. A sum of 20 channels is larger than one of 3;
times 3/20 a constant answers as it did.

Reference:
    Simonyan and Zisserman, "Two-Stream Convolutional Networks for Action Recognition in Videos",
    NeurIPS 2014: the stack. Wang et al., "Temporal Segment Networks", ECCV 2016: the mean.
    He et al., "Deep Residual Learning for Image Recognition", CVPR 2016: the network.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from kavc.errors import ConfigError, DataError
from kavc.inputs.opening import check_file
from kavc.media.networks.weights import load_keras_weights

SIDE, WIDTH, CHANNELS = 224, 2048, 20
INFLATIONS = ("mean", "tiled")
FIRST = "conv1_conv"


def inflated(
    kernel: np.ndarray, channels: int = CHANNELS, *, how: str = "mean", rescale: bool = False
) -> np.ndarray:
    """Returns a kernel of other channels.

    Args:
        kernel: (height, width, channels, filters).
        channels: of the result.
        how: "mean" over the channels, repeated; "tiled": the channels in turn.
        rescale: whether it keeps the answer to a constant; of "tiled", that to equal channels only
            where these are a multiple of the former ones.

    Returns:
        (height, width, channels, filters), of the kernel's dtype.

    Raises:
        ConfigError: no such way.

    Reference:
        Wang et al., 2016, of the mean; Langlois, 2019, section 3, replicates the weights.

    Example:
        >>> kernel = np.arange(3.0).reshape(1, 1, 3, 1)  # 0, 1 and 2 of red, green and blue
        >>> inflated(kernel, 4).ravel().tolist(), inflated(kernel, 4, how="tiled").ravel().tolist()
        ([1.0, 1.0, 1.0, 1.0], [0.0, 1.0, 2.0, 0.0])
        >>> inflated(kernel, 4, rescale=True).sum() == kernel.sum()
        True
    """
    if how not in INFLATIONS:
        raise ConfigError(f"a kernel is inflated by {' or '.join(INFLATIONS)}; not {how!r}")
    former = kernel.shape[2]
    if how == "mean":
        large = np.repeat(kernel.mean(2, keepdims=True), channels, axis=2)
    else:
        large = kernel[:, :, np.arange(channels) % former]
    return large * kernel.dtype.type(former / channels if rescale else 1)


def resnet_50_flow(channels: int = CHANNELS) -> keras.Model:
    """Returns the network, with random weights.

    Takes `(stacks, 224, 224, channels)`; returns a dict of "embedding" `(stacks, 2048)`.

    Reference:
        Langlois, 2019, section 3 and figure 4; He et al., 2016.
    """
    network = _resnet(channels)
    return keras.Model(network.input, {"embedding": network.output}, name="resnet_50_flow")


def load(path: str | Path, *, how: str = "mean", rescale: bool = False) -> keras.Model:
    """Returns the network with the weights of ResNet-50 on images.

    Args:
        path: HDF5 as Keras Applications publishes it, with or without the layer that classifies.
        how, rescale: as of `inflated`.

    Raises:
        DataError: the file is missing, damaged, or of another network.

    Example:
        network = load("resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5", rescale=True)
        network(np.zeros((1, 224, 224, 20)))["embedding"]  # (1, 2048)
    """
    check_file(path)  # before anything is built
    network = resnet_50_flow()
    fill(network, path, how=how, rescale=rescale)
    return network


def fill(
    network: keras.Model, path: str | Path, *, how: str = "mean", rescale: bool = False
) -> None:
    """Gives a ResNet-50 on stacks the weights of one on images, in place.

    Args:
        network: a ResNet-50 of Keras Applications whose first convolution takes any channels.
        path, how, rescale: as of `load`.

    Raises:
        DataError: as `load`.
    """
    check_file(path)
    channels = network.get_layer(FIRST).kernel.shape[2]
    for layer in _images(path).layers:
        if layer.name == FIRST:
            kernel, bias = layer.get_weights()
            kernel = inflated(kernel, channels, how=how, rescale=rescale)
            network.get_layer(FIRST).set_weights([kernel, bias])
        elif layer.weights and not isinstance(layer, keras.layers.Dense):
            network.get_layer(layer.name).set_weights(layer.get_weights())


def _images(path: str | Path) -> keras.Model:
    network = _resnet(3)
    try:
        load_keras_weights(network, path)
    except DataError as refused:
        whole = keras.applications.ResNet50(weights=None, name="resnet_50")
        try:
            load_keras_weights(whole, path)
        except DataError:
            raise refused from None
        return whole
    return network


def _resnet(channels: int) -> keras.Model:
    # As a tensor: of a shape with other channels than an image's, Keras warns.
    images = keras.Input((SIDE, SIDE, channels))
    return keras.applications.ResNet50(
        weights=None, include_top=False, pooling="avg", input_tensor=images, name="resnet_50"
    )
