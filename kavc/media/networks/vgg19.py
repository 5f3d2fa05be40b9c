"""VGG-19 without the layers that classify, of Keras Applications, with weights from a file.

    image (224, 224, 3) -> 2 x 64, pool, 2 x 128, pool, 4 x 256, pool, 4 x 512, pool, 4 x 512, pool
         |
    map (7, 7, 512), pool5 ---> mean over all places ---> embedding (512)

Reference:
    Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition",
    ICLR 2015.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras

from kavc.layers.network import Network
from kavc.media.networks.weights import load_applications

SIDE = 224
BLOCKS = ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512))  # convolutions and their filters
TOP = 3  # layers that classify


@keras.saving.register_keras_serializable(package="kavc")
class VGG19(Network):
    """The convolutions of VGG-19, under the names of Keras Applications. 20,024,384 parameters.

    Args:
        width: float. Share of the published filters, for tests.
        dtype: `keras.DTypePolicy` or its name.
        name: str.

    Call arguments:
        inputs: dict of "images" `(images, 224, 224, 3)`: blue, green, red from 0 to 255, less their
            means 103.939, 116.779 and 123.68.

    Returns:
        dict of "map" `(images, 7, 7, 512)` and "embedding" `(images, 512)`.

    Reference:
        Simonyan and Zisserman, 2015.

    Example:
        network = load("vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5")
        network({"images": images})["map"]
    """

    def __init__(self, *, width=1.0, dtype=None, name="vgg19"):
        policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
        images = keras.Input((SIDE, SIDE, 3), dtype=policy.variable_dtype, name="images")
        x = images
        for block, (count, filters) in enumerate(BLOCKS, 1):
            for number in range(1, count + 1):
                x = keras.layers.Conv2D(
                    max(1, int(width * filters)), 3, padding="same", activation="relu",
                    dtype=policy, name=f"block{block}_conv{number}",
                )(x)  # fmt: skip
            x = keras.layers.MaxPooling2D(dtype=policy, name=f"block{block}_pool")(x)
        embedding = keras.layers.GlobalAveragePooling2D(
            dtype=policy.variable_dtype, name="embedding"
        )(x)
        super().__init__(
            {"images": images},
            {"map": x, "embedding": embedding},
            config={"width": width},
            dtype=policy,
            name=name,
        )


def load(path: str | Path, **options: Any) -> VGG19:
    """Returns the network with the weights of a file.

    Args:
        path: HDF5 as Keras Applications publishes it, with the layers that classify or without.
        **options: of `VGG19`.

    Raises:
        DataError: the file is missing, damaged, or of another network.
    """
    network = VGG19(**options)
    load_applications(network, path, top=TOP)
    return network
