"""I3D of Kinetics: what moves in some frames, or in their optical flow, in 1,024 numbers.

    RGB (T, 224, 224, 3) or flow (T, 224, 224, 2), from -1 to 1
         |
    7 x 7 x 7, stride 2, 64; pool in space; 1 x 1 x 1, 64; 3 x 3 x 3, 192; pool in space
    Mixed_3b, 3c; pool, all of it halved; Mixed_4b .. 4f; pool; Mixed_5b, 5c
         |
    average of 2 x 7 x 7, mean over time ---> embedding (1,024)
         |
    dense                                ---> logits (400) of Kinetics

A mixed block is four branches side by side: 1 x 1 x 1; 1 x 1 x 1 and 3 x 3 x 3, twice; a pool and
1 x 1 x 1. Normalisation shifts and does not scale, as Sonnet's did. The published code takes the
mean of the logits of each time; that is the dense layer of the mean.

The published weights were not at hand: layers, their names and sizes are those of the published
code, and random weights go through each format and back.

Reference:
    Carreira and Zisserman, "Quo Vadis, Action Recognition? A New Model and the Kinetics Dataset",
    CVPR 2017, and published code (google-deepmind/kinetics-i3d).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kavc.errors import ConfigError, DataError
from kavc.inputs.arrays import read_npz
from kavc.inputs.opening import named
from kavc.layers.network import Network
from kavc.media.networks.weights import assign, open_checkpoint

WIDTH, CLASSES, SIDE = 1024, 400, 224
LEAST = 9  # frames: an eighth of them, rounded up, is 2, which the last pool takes
EPSILON = 1e-3  # of the normalisation
LARGEST = 128 * 2**20  # bytes of a file of weights; the published ones have 49 MB
KINDS = {"rgb": ("RGB", 3), "flow": ("Flow", 2)}  # first part of the names, channels
# Filters: of branch 0; of branches 1 and 2, before and in the 3 x 3 x 3; of the pool's branch.
# A number is a pool's size, of height and width and, but for the first two, of time.
BLOCKS = (
    ("Mixed_3b", (64, 96, 128, 16, 32, 32)),
    ("Mixed_3c", (128, 128, 192, 32, 96, 64)),
    ("MaxPool3d_4a_3x3", 3),
    ("Mixed_4b", (192, 96, 208, 16, 48, 64)),
    ("Mixed_4c", (160, 112, 224, 24, 64, 64)),
    ("Mixed_4d", (128, 128, 256, 24, 64, 64)),
    ("Mixed_4e", (112, 144, 288, 32, 64, 64)),
    ("Mixed_4f", (256, 160, 320, 32, 128, 128)),
    ("MaxPool3d_5a_2x2", 2),
    ("Mixed_5b", (256, 160, 320, 32, 128, 128)),
    ("Mixed_5c", (384, 192, 384, 48, 128, 128)),
)
LAST = "Logits/Conv3d_0c_1x1"


@keras.saving.register_keras_serializable(package="kavc")
class I3D(Network):
    """The network of I3D. 12,689,984 trained parameters on RGB, 12,668,032 on flow.

    Copies of it with a scale in each normalisation have 7,280 more.

    Args:
        kind: "rgb" or "flow".
        width: float. Share of the published filters, for tests.
        classes: int.
        dtype: `keras.DTypePolicy` or its name.
        name: str.

    Call arguments:
        inputs: dict of "frames" `(clips, frames, 224, 224, 3)`, of "flow" 2 channels, from -1 to 1;
            9 frames or more.

    Returns:
        dict of "embedding" `(clips, 1024)` and "logits" `(clips, 400)`.

    Raises:
        ConfigError: no such kind.

    Reference:
        Carreira and Zisserman, 2017.

    Example:
        network = load("rgb_imagenet/model.ckpt", kind="rgb")
        network({"frames": np.zeros((1, 64, 224, 224, 3))})["embedding"]
    """

    def __init__(self, *, kind="rgb", width=1.0, classes=CLASSES, dtype=None, name="i3d"):
        if kind not in KINDS:
            raise ConfigError(f"kind must be one of {', '.join(KINDS)}; not {kind!r}")
        policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
        _, channels = KINDS[kind]
        frames = keras.Input(
            (None, SIDE, SIDE, channels), dtype=policy.variable_dtype, name="frames"
        )
        build = _Layers(policy, width)
        x = build.unit(frames, "Conv3d_1a_7x7", 64, 7, strides=2)
        x = build.pool(x, "MaxPool3d_2a_3x3", (1, 3, 3), (1, 2, 2))
        x = build.unit(x, "Conv3d_2b_1x1", 64, 1)
        x = build.unit(x, "Conv3d_2c_3x3", 192, 3)
        x = build.pool(x, "MaxPool3d_3a_3x3", (1, 3, 3), (1, 2, 2))
        for block, filters in BLOCKS:
            pools = isinstance(filters, int)
            x = build.pool(x, block, filters, 2) if pools else build.mixed(x, block, filters)
        x = keras.layers.AveragePooling3D((2, 7, 7), 1, dtype=policy, name="average")(x)
        embedding = keras.layers.GlobalAveragePooling3D(
            dtype=policy.variable_dtype, name="embedding"
        )(x)
        logits = keras.layers.Dense(classes, dtype=policy.variable_dtype, name=_ours(LAST))
        super().__init__(
            {"frames": frames},
            {"embedding": embedding, "logits": logits(embedding)},
            config={"kind": kind, "width": width, "classes": classes},
            dtype=policy,
            name=name,
        )

    def published(self):
        """Yields each variable and its name in the published checkpoint."""
        scope = f"{KINDS[self.config['kind']][0]}/inception_i3d"
        for unit in units():
            yield self.get_layer(_ours(unit)).kernel, f"{scope}/{unit}/conv_3d/w"
            norm = self.get_layer(f"{_ours(unit)}_norm")
            for name in ("beta", "moving_mean", "moving_variance"):
                yield getattr(norm, name), f"{scope}/{unit}/batch_norm/{name}"
        last = self.get_layer(_ours(LAST))
        yield last.kernel, f"{scope}/{LAST}/conv_3d/w"
        yield last.bias, f"{scope}/{LAST}/conv_3d/b"


def units() -> list[str]:
    """Returns the published names of the 57 convolutions that are normalised, in order.

    Reference:
        Carreira and Zisserman, 2017, figure 3; names of google-deepmind/kinetics-i3d.

    Example:
        >>> len(units()), units()[3:5]
        (57, ['Mixed_3b/Branch_0/Conv3d_0a_1x1', 'Mixed_3b/Branch_1/Conv3d_0a_1x1'])
    """
    found = ["Conv3d_1a_7x7", "Conv3d_2b_1x1", "Conv3d_2c_3x3"]
    for block, filters in BLOCKS:
        if not isinstance(filters, int):
            found += [f"{block}/{branch}" for branch in _branches(block)]
    return found


def _branches(block):
    # One was published by the name of the layer before it.
    odd = "0a" if block == "Mixed_5b" else "0b"
    return (
        "Branch_0/Conv3d_0a_1x1",
        "Branch_1/Conv3d_0a_1x1",
        "Branch_1/Conv3d_0b_3x3",
        "Branch_2/Conv3d_0a_1x1",
        f"Branch_2/Conv3d_{odd}_3x3",
        "Branch_3/Conv3d_0b_1x1",
    )


class _Layers:
    """Layers whose names are the published ones, with "_" for "/"."""

    def __init__(self, policy, width):
        self._policy, self._width = policy, width

    def unit(self, x, name, filters, kernel, *, strides=1):
        filters = max(1, int(self._width * filters))
        common = {"dtype": self._policy}
        x = keras.layers.Conv3D(
            filters, kernel, strides=strides, padding="same", use_bias=False, name=_ours(name),
            **common,
        )(x)  # fmt: skip
        x = keras.layers.BatchNormalization(
            scale=False, epsilon=EPSILON, name=f"{_ours(name)}_norm", **common
        )(x)
        return keras.layers.ReLU(name=f"{_ours(name)}_relu", **common)(x)

    def pool(self, x, name, size, strides):
        return keras.layers.MaxPooling3D(
            size, strides, padding="same", dtype=self._policy, name=_ours(name)
        )(x)

    def mixed(self, x, block, filters):
        names = [f"{block}/{branch}" for branch in _branches(block)]
        kernels = (1, 1, 3, 1, 3, 1)
        units = [
            lambda x, at=at: self.unit(x, names[at], filters[at], kernels[at]) for at in range(6)
        ]
        pooled = self.pool(x, f"{block}/Branch_3/MaxPool3d_0a_3x3", 3, 1)
        branches = [units[0](x), units[2](units[1](x)), units[4](units[3](x)), units[5](pooled)]
        return keras.layers.Concatenate(dtype=self._policy, name=_ours(block))(branches)


def _ours(name):
    return name.replace("/", "_")


def load_checkpoint(path: str | Path, **options: Any) -> I3D:
    """Returns I3D with the weights of the published checkpoint of TensorFlow 1.

    Args:
        path: the checkpoint, without what TensorFlow adds to its name: `rgb_imagenet/model.ckpt`.
        **options: of `I3D`.

    Raises:
        DataError: there is no such checkpoint, or it is of another network.

    Reference:
        Carreira and Zisserman, 2017; published at google-deepmind/kinetics-i3d.
    """
    names, read = open_checkpoint(path)
    return _loaded(path, names, read, options)


def load_npz(path: str | Path, **options: Any) -> I3D:
    """Returns I3D with weights in an `.npz` whose arrays have the checkpoint's names.

    Args, raises: as `load_checkpoint`.
    """
    arrays = read_npz(path, most=LARGEST)
    return _loaded(path, arrays, arrays.__getitem__, options)


def load(path: str | Path, **options: Any) -> I3D:
    """Returns I3D with weights of either format, by the file's suffix.

    Args, raises: as `load_checkpoint`.
    """
    return (load_npz if Path(path).suffix == ".npz" else load_checkpoint)(path, **options)


def _loaded(
    path: str | Path,
    names: Collection[str],
    read: Callable[[str], np.ndarray],
    options: dict[str, Any],
) -> I3D:
    network = I3D(**options)
    for variable, name in network.published():
        if name not in names:
            kind = network.config["kind"]
            raise DataError(f"{named(path)}: no array {name!r}; expected I3D's weights of {kind}")
        array = np.asarray(read(name))
        assign(variable, array.reshape(_without_ones(array, len(variable.shape))), path, name)
    return network


def _without_ones(array, axes):
    """Returns the shape without leading ones, of which Sonnet's shifts and the last kernel have."""
    shape = list(array.shape)
    while len(shape) > axes and shape[0] == 1:
        del shape[0]
    return shape
