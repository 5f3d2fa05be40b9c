"""Networks that are trained as a part of a larger one: from rows as they are to vectors.

    pixels (side, side, 3), 0 to 255         ─┐
    flow-fields (side, side, 20), ±128        ├─ scaled as the network has it ─▶ network ─▶ (width)
    log-mel (96, 64)                         ─┘

What an extractor's network takes is made of the rows within the graph. Weights are random, until
published ones are set in place. Layers have their published names, so that training may begin at
any of them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from kavc.errors import ConfigError, unknown
from kavc.media.networks import flow_stack, vggish
from kavc.media.networks.kinds import IMAGES, PATCHES, kind_of, taken_by
from kavc.media.networks.tiny import DIM, TinyImages, TinySounds
from kavc.media.networks.weights import load_applications

CAFFE = (103.939, 116.779, 123.68)  # mean blue, green and red, of 255
# To which tiny networks scale. Small pictures move little: 32 are 5 pixels from frame to frame.
RANGES = {IMAGES: (0.0, 255.0), "stacks": (-32.0, 32.0)}
NONE, ALL = "none", "all"


@keras.saving.register_keras_serializable(package="kavc")
class Caffe(keras.layers.Layer):
    """Images as Caffe's networks take them: blue first, less the means of ImageNet.

    Call arguments:
        images: `(images, height, width, 3)`, RGB, 0 to 255.

    Reference:
        Jia et al., 2014.

    Example:
        >>> import numpy as np
        >>> grey = Caffe()(np.full((1, 1, 1, 3), 128.0, "float32"))
        >>> [round(float(value), 1) for value in np.ravel(grey)]
        [24.1, 11.2, 4.3]
    """

    def call(self, images):
        return keras.ops.flip(images, axis=-1) - keras.ops.cast(CAFFE, images.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape


def backbone(
    name: str,
    *,
    shape: Sequence[int],
    dim: int = DIM,
    dtype: Any = None,
    called: str | None = None,
) -> keras.Model:
    """Returns a network with random weights, from rows to vectors, each by itself.

    Args:
        name: of `kavc.media.networks.kinds.KINDS`: "tiny", of frames, stacks of flow and sound;
            "mobilenet-v2", of frames; "resnet-50", of frames or stacks; "vggish", of sound, with
            the last ReLU.
        shape: of a row: (side, side, 3) of pixels, (side, side, 20) of flow-fields, (96, 64) of
            log-mel. Sides need not be those that the network was published for.
        dim: numbers of a vector of tiny; the others have their own, of `kinds.width_of`.
        dtype: `keras.DTypePolicy` or its name; vectors are of its variables' dtype.
        called: its name in Keras.

    Returns:
        A functional model from `(n, *shape)`, as the extractors of these names make it, to
        `(n, width)`.

    Raises:
        ConfigError: no such network, or it takes no rows of this shape.

    Reference:
        Sandler et al., 2018; He et al., 2016; Hershey et al., 2017. The tiny one is ours.

    Example:
        network = backbone("mobilenet-v2", shape=(96, 96, 3))
        network(np.zeros((2, 96, 96, 3), "float32")).shape  # (2, 1280)
    """
    takes = taken_by(name, shape)
    policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
    called = called or name.replace("-", "_")
    if name == "tiny" and takes == PATCHES:
        return _plain(TinySounds(dim=dim, dtype=policy), "patches", called)
    if name == "vggish":
        return _plain(vggish.VGGish(relu=True, dtype=policy), "patches", called)
    if name == "tiny":
        if shape[0] != shape[1]:
            raise ConfigError(f"backbone tiny takes images as wide as high; not {tuple(shape)}")
        low, high = RANGES[takes]
        network = TinyImages(
            side=shape[0], channels=shape[2], dim=dim, low=low, high=high, dtype=policy
        )  # fmt: skip
        return _plain(network, "images", called)
    return _of_applications(name, tuple(shape), takes, policy, called)


def load_backbone_weights(
    network: keras.Model,
    name: str,
    files: Mapping[str, Path],
    *,
    inflation: str = "mean",
    rescale: bool = True,
) -> None:
    """Gives a network its published weights, in place.

    Args:
        network: of `backbone`.
        name: that it was made by.
        files: of weights, by name, of `kavc.media.backbone_weights.weights_of`.
        inflation, rescale: of the first convolution where it takes stacks of flow, as `how` and
            `rescale` of `kavc.media.networks.flow_stack.inflated`.

    Raises:
        ConfigError: nothing was published of it.
        DataError: the file is missing, damaged, or of another network.
    """
    if kind_of(name).width is None:
        raise ConfigError(f"backbone {name}: no weights were published; leave them out")
    (path,) = files.values()
    if name == "vggish":
        vggish.fill(network, path)
    elif network.input_shape[-1] == 3:
        load_applications(network, path, top=1)
    else:
        flow_stack.fill(network, path, how=inflation, rescale=rescale)


def train_from(network: keras.Model, layer: str, *, norms: bool = True) -> None:
    """Freezes the layers before one; of these, batch normalisation keeps its statistics.

    Args:
        network: of `backbone`.
        layer: name of the first one that is trained, in the order of `network.layers`; "none": all
            are frozen; "all": none is.
        norms: whether batch normalisation is trained where other layers are. False: all of it
            keeps its statistics, scale and offset, as small batches and folded weights want.

    Raises:
        ConfigError: it has no such layer; names the nearest one.

    Example:
        train_from(backbone("resnet-50", shape=(224, 224, 3)), "conv5_block1_1_conv")
    """
    names = [each.name for each in network.layers]
    if layer not in (NONE, ALL, *names):
        there = [NONE, ALL, *(each.name for each in network.layers if each.weights)]
        raise ConfigError(f"{network.name}: {unknown('layer', layer, there)}")
    first = {ALL: 0, NONE: len(names)}.get(layer, -1)
    first = names.index(layer) if first < 0 else first
    network.trainable = True
    for at, each in enumerate(network.layers):
        is_norm = isinstance(each, keras.layers.BatchNormalization)
        each.trainable = at >= first and (norms or not is_norm)


def _plain(network: keras.Model, given: str, called: str) -> keras.Model:
    """Returns a network of one named input and output as one from tensor to tensor."""
    return keras.Model(network.input[given], network.output["embedding"], name=called)


def _of_applications(name: str, shape: tuple[int, ...], takes: str, policy, called) -> keras.Model:
    """Returns one of Keras Applications, with what scales its images in front."""
    rows = keras.Input(shape, dtype=policy.variable_dtype, name="rows")
    make, x = keras.applications.ResNet50, rows
    if name == "mobilenet-v2":
        make = keras.applications.MobileNetV2
        x = keras.layers.Rescaling(
            1 / 127.5, -1, dtype=policy.variable_dtype, name="scaled"
        )(rows)  # fmt: skip
    elif takes == IMAGES:
        x = Caffe(dtype=policy.variable_dtype, name="scaled")(rows)
    with _policy(policy):
        body = make(weights=None, include_top=False, input_tensor=x)
    last = policy.variable_dtype
    vectors = keras.layers.GlobalAveragePooling2D(dtype=last, name="embedding")(body.output)
    return keras.Model(rows, vectors, name=called)


@contextlib.contextmanager
def _policy(policy: keras.DTypePolicy) -> Iterator[None]:
    """Has layers that are given no dtype take a policy's, as those of Keras Applications."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
