"""MobileNetV2 of Keras Applications, with weights from a file.

Reference:
    Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018.
"""

from __future__ import annotations

from pathlib import Path

import keras

from kavc.media.networks.weights import load_keras_weights

SIDE, WIDTH, CLASSES = 224, 1280, 1000


def mobilenet_v2() -> keras.Model:
    """Returns the network of width 1, with random weights.

    Takes `(images, 224, 224, 3)`, RGB from -1 to 1; returns a dict of "embedding" `(images, 1280)`,
    the average over all places, and "scores" `(images, 1000)`, probabilities of ImageNet's classes.

    Reference:
        Sandler et al., 2018.
    """
    network = keras.applications.MobileNetV2(
        weights=None, input_shape=(SIDE, SIDE, 3), name="mobilenet_v2"
    )
    outputs = {"embedding": network.layers[-2].output, "scores": network.output}
    return keras.Model(network.input, outputs, name="mobilenet_v2")


def load(path: str | Path) -> keras.Model:
    """Returns the network with the weights of a file.

    Args:
        path: HDF5 as Keras Applications publishes it, with the layer that classifies.

    Raises:
        DataError: the file is missing, damaged, or of another network.
    """
    network = mobilenet_v2()
    load_keras_weights(network, path)
    return network
