"""Inception v3 of Keras Applications, with weights from a file.

YouTube-8M's features are of an earlier network, the graph that was published on 5 December 2015.
Its architecture is this one; but

- its weights are others, of another training, which classifies 1,008 things and not 1,000; so its
  2,048 numbers have another order and meaning, and YouTube-8M's PCA was made of these;
- it takes (x - 128) / 128, here it is x / 127.5 - 1;
- TensorFlow scaled the whole frame to 299 x 299 without smoothing; here FFmpeg's libraries do.

Reference:
    Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016.
"""

from __future__ import annotations

from pathlib import Path

import keras

from kavc.media.networks.weights import load_applications

SIDE, WIDTH = 299, 2048


def inception_v3() -> keras.Model:
    """Returns the network, with random weights.

    Takes `(images, 299, 299, 3)`, RGB from -1 to 1; returns a dict of "embedding" `(images, 2048)`,
    the average over all places.

    Reference:
        Szegedy et al., 2016.
    """
    network = keras.applications.InceptionV3(
        weights=None, include_top=False, input_shape=(SIDE, SIDE, 3), pooling="avg"
    )
    return keras.Model(network.input, {"embedding": network.output}, name="inception_v3")


def load(path: str | Path) -> keras.Model:
    """Returns the network with the weights of a file.

    Args:
        path: HDF5 as Keras Applications publishes it, with the layer that classifies or without.

    Raises:
        DataError: the file is missing, damaged, or of another network.

    Example:
        network = load("inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5")
        network(images)["embedding"]  # (images, 2048)
    """
    network = inception_v3()
    load_applications(network, path, top=1)
    return network
