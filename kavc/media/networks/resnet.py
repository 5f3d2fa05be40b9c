"""ResNet-50, -101 and -152: 2,048 numbers for each image. Two families, of other weights each.

    image (224, 224, 3)
         |
    convolution 7 x 7, stride 2; pool 3 x 3, stride 2
    layer1 .. layer4: bottlenecks 1 x 1, 3 x 3, 1 x 1, each with a way around it
         |
    mean over all places ---> embedding (2048) ---> scores (1000)

torchvision's, with which features of LLP were made, stride in the 3 x 3 of a bottleneck, have no
biases, and take images from 0 to 1 less a mean, through a deviation. Keras Applications' are those
of the paper's authors, from Caffe: they stride in the first 1 x 1 and take blue, green and red.
Features of one family mean nothing to what was trained on those of the other.

torchvision publishes pickles, which run what is in them; none is ever read here. Who has PyTorch
makes an `.npz` of one, in one line; see `LINE`.

References:
    He et al., "Deep Residual Learning for Image Recognition", CVPR 2016.
    torchvision.models.resnet; its weights IMAGENET1K_V1 are those that published features are of.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kavc.errors import DataError
from kavc.inputs.arrays import read_npz
from kavc.inputs.opening import named
from kavc.layers.network import Network
from kavc.media.networks.weights import assign, load_applications

SIDE, CLASSES = 224, 1000
BLOCKS = {  # of layer1 .. layer4, by depth; 26 is for tests
    26: (2, 2, 2, 2),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
FILTERS, WIDER = (64, 128, 256, 512), 4  # of the 3 x 3; the last 1 x 1 has four times as many
EPSILON = 1e-5
LARGEST = 2**29  # bytes of a file of weights; those of ResNet-152 have 242 MB
NORMALISED = ("weight", "bias", "running_mean", "running_var")  # in the order of Keras' weights
LINE = 'np.savez("NAME.npz", **{k: v.numpy() for k, v in model.state_dict().items()})'


@keras.saving.register_keras_serializable(package="kavc")
class ResNet(Network):
    """torchvision's ResNet of bottlenecks. Layers have torch's names, `_` for `.`.

    25,557,032 trained parameters of depth 50, 44,549,160 of 101, 60,192,808 of 152.

    Args:
        depth: 50, 101 or 152; 26 for tests.
        width: float. Share of the published filters, for tests.
        classes: int.
        dtype: `keras.DTypePolicy` or its name.
        name: str.

    Call arguments:
        inputs: dict of "images" `(images, 224, 224, 3)`, RGB from 0 to 1, less (0.485, 0.456,
            0.406), through (0.229, 0.224, 0.225).

    Returns:
        dict of "embedding" `(images, 2048)` and "scores" `(images, 1000)`, before a softmax.

    Reference:
        He et al., 2016; layers and padding of torchvision.models.resnet.

    Example:
        network = load_torchvision("resnet152.npz", depth=152)
        network({"images": images})["embedding"]
    """

    def __init__(self, *, depth=50, width=1.0, classes=CLASSES, dtype=None, name="resnet"):
        policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
        filters = [max(1, int(width * each)) for each in FILTERS]
        images = keras.Input((SIDE, SIDE, 3), dtype=policy.variable_dtype, name="images")
        x = _padded(images, 3, policy, "pad1")
        x = _normalised(x, filters[0], 7, 2, policy, "conv1", "bn1")
        x = keras.layers.ReLU(dtype=policy, name="relu")(x)
        # Nothing is below zero here, so that zeros around it never are a maximum.
        x = _padded(x, 1, policy, "pad_maxpool")
        x = keras.layers.MaxPooling2D(3, 2, dtype=policy, name="maxpool")(x)
        for stage, (blocks, units) in enumerate(zip(BLOCKS[depth], filters, strict=True), 1):
            for block in range(blocks):
                stride = 2 if stage > 1 and block == 0 else 1
                around = block == 0  # by a convolution, since the shape changes
                x = _bottleneck(x, units, stride, around, policy, f"layer{stage}_{block}")
        last = policy.variable_dtype
        embedding = keras.layers.GlobalAveragePooling2D(dtype=last, name="embedding")(x)
        scores = keras.layers.Dense(classes, dtype=last, name="fc")(embedding)
        super().__init__(
            {"images": images},
            {"embedding": embedding, "scores": scores},
            config={"depth": depth, "width": width, "classes": classes},
            dtype=policy,
            name=name,
        )


def _padded(x, by, policy, name):
    return keras.layers.ZeroPadding2D(by, dtype=policy, name=name)(x)


def _normalised(x, units, size, stride, policy, name, norm):
    """Returns a convolution without padding, normalised."""
    x = keras.layers.Conv2D(
        units, size, strides=stride, use_bias=False, dtype=policy, name=name
    )(x)  # fmt: skip
    return keras.layers.BatchNormalization(epsilon=EPSILON, dtype=policy, name=norm)(x)


def _bottleneck(x, units, stride, around, policy, name):
    given = x
    for number, (size, wide) in enumerate(((1, units), (3, units), (1, WIDER * units)), 1):
        if size == 3:  # the same on all sides, which Keras' "same" is not where it strides
            x = _padded(x, 1, policy, f"{name}_pad{number}")
        step = stride if size == 3 else 1
        x = _normalised(x, wide, size, step, policy, f"{name}_conv{number}", f"{name}_bn{number}")
        if number < 3:
            x = keras.layers.ReLU(dtype=policy, name=f"{name}_relu{number}")(x)
    if around:
        names = f"{name}_downsample_0", f"{name}_downsample_1"
        given = _normalised(given, WIDER * units, 1, stride, policy, *names)
    x = keras.layers.Add(dtype=policy, name=f"{name}_add")([x, given])
    return keras.layers.ReLU(dtype=policy, name=f"{name}_relu3")(x)


def published(network: ResNet) -> Iterator[tuple[str, keras.Variable]]:
    """Yields the name of each array in torch's `state_dict`, and the variable that it fills."""
    for layer in network.layers:
        if layer.weights:
            kinds = NORMALISED if len(layer.weights) == 4 else ("weight", "bias")
            there = layer.name.replace("_", ".")
            for kind, variable in zip(kinds, layer.weights, strict=False):
                yield f"{there}.{kind}", variable


def load_torchvision(path: str | Path, *, depth: int, **options: Any) -> ResNet:
    """Returns the ResNet of torchvision with the weights of an `.npz`.

    It is made, where PyTorch is, by

        model = torchvision.models.resnet152(weights="IMAGENET1K_V1")
        np.savez("resnet152.npz", **{k: v.numpy() for k, v in model.state_dict().items()})

    Args:
        path: the file; its arrays have the names and axes of torch's `state_dict`.
        depth: 50, 101 or 152.
        **options: of `ResNet`.

    Raises:
        DataError: the file is no `.npz`, lacks an array, has another network's, or one has another
            shape.
    """
    if Path(path).suffix != ".npz":
        raise DataError(
            f"{named(path)}: weights of torchvision are read from an .npz, since pickles are not;"
            f" make it by {LINE}, or take Keras' .h5 by weights_of=keras"
        )
    arrays = read_npz(path, most=LARGEST)
    network = ResNet(depth=depth, **options)
    wanted = dict(published(network))
    there = {name for name in arrays if not name.endswith(".num_batches_tracked")}
    # ResNet-101 has all that ResNet-50 has, of the same shapes.
    for words, names in (
        ("no array", wanted.keys() - there),
        ("an odd one,", there - wanted.keys()),
    ):
        if names:
            raise DataError(
                f"{named(path)}: {words} {min(names)!r}, where torchvision's ResNet-{depth} has"
                f" {len(wanted)}; make the file of that network by {LINE}"
            )
    for name, variable in wanted.items():
        assign(variable, _turned(arrays[name]), path, name)
    return network


def _turned(array: np.ndarray) -> np.ndarray:
    """Returns an array of torch's with Keras' axes: outputs last."""
    return array.transpose(2, 3, 1, 0) if array.ndim == 4 else array.T


def load_keras(path: str | Path, *, depth: int) -> keras.Model:
    """Returns the ResNet of Keras Applications with the weights of a file.

    It takes `(images, 224, 224, 3)`, blue, green, red, less their means; returns a dict of
    "embedding" `(images, 2048)`.

    Args:
        path: HDF5 as Keras Applications publishes it, with the layer that classifies or without.
        depth: 50, 101 or 152.

    Raises:
        DataError: the file is missing, damaged, or of another network.

    Reference:
        He et al., 2016.
    """
    if Path(path).suffix == ".npz":
        raise DataError(
            f"{named(path)}: weights of Keras Applications are an .h5; this may be torchvision's,"
            " of weights_of=torchvision"
        )
    name = f"ResNet{depth}"
    network = getattr(keras.applications, name)(
        weights=None, include_top=False, input_shape=(SIDE, SIDE, 3), pooling="avg"
    )
    network = keras.Model(network.input, {"embedding": network.output}, name=f"keras_{name}")
    load_applications(network, path, top=1)
    return network
