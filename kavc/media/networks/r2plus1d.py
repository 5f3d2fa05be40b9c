"""R(2+1)D-18: what moves in a few frames, in 512 numbers. Each 3-D convolution is two of them.

    frames (T, 112, 112, 3)
         |
    1 x 7 x 7, stride 2, 45 channels, then 3 x 1 x 1 in time, 64       stem
    4 x two blocks of 64, 128, 256 and 512 channels                    layer1 .. layer4
         |      block: x + (2-D, in time, 2-D, in time)(x); each layer but the first halves
    mean over time and places ---> embedding (512)                     all of it
         |
    dense                     ---> logits (400) of Kinetics

Between the 2-D convolution and that in time are as many channels as give a block the parameters of
whole 3-D ones. Zeros are padded on both sides alike, as PyTorch does; Keras' "same" pads the even
sides of what is halved at the end alone.

torchvision publishes the weights as a pickle, which is never read here. This line, where PyTorch is
installed, makes an `.npz` of it:

    python -c "import numpy, torch; numpy.savez('r2plus1d_18.npz', **{name: x.numpy() for name, x in
    torch.load('r2plus1d_18-91a641e6.pth', weights_only=True).items()})"

The published weights were not at hand: names and sizes are those of the published code, and random
weights go through the format and back.

Reference:
    Tran et al., "A Closer Look at Spatiotemporal Convolutions for Action Recognition", CVPR 2018,
    and torchvision (models/video/resnet.py).
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from kavc.errors import DataError
from kavc.inputs.arrays import read_npz
from kavc.inputs.opening import named
from kavc.layers.network import Network
from kavc.media.networks.weights import assign

WIDTH, CLASSES = 512, 400
STEM = (45, 64)  # channels between its convolutions, and after them
CHANNELS = (64, 128, 256, WIDTH)
BLOCKS = 2  # of each layer
EPSILON = 1e-5  # of the normalisation
LARGEST = 256 * 2**20  # bytes of a file of weights; the published ones have 126 MB
AXES = (2, 3, 4, 1, 0)  # of PyTorch's kernels: output, input, time, height, width
MAKE_NPZ = (
    "python -c \"import numpy, torch; numpy.savez('r2plus1d_18.npz', **{name: x.numpy() for name, x"
    " in torch.load('r2plus1d_18-91a641e6.pth', weights_only=True).items()})\""
)


@keras.saving.register_keras_serializable(package="kavc")
class R2Plus1D(Network):
    """The network of R(2+1)D-18. 31,505,325 trained parameters.

    Args:
        width: float. Share of the published channels, for tests.
        classes: int.
        dtype: `keras.DTypePolicy` or its name.
        name: str.

    Call arguments:
        inputs: dict of "frames" `(clips, frames, height, width, 3)`, RGB, less the mean and through
            the standard deviation of Kinetics.

    Returns:
        dict of "embedding" `(clips, 512)` and "logits" `(clips, 400)`.

    Reference:
        Tran et al., 2018.

    Example:
        network = load("r2plus1d_18.npz")
        network({"frames": np.zeros((1, 8, 112, 112, 3))})["embedding"]
    """

    def __init__(self, *, width=1.0, classes=CLASSES, dtype=None, name="r2plus1d_18"):
        policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
        share = lambda units: max(1, int(width * units))  # noqa: E731
        frames = keras.Input((None, None, None, 3), dtype=policy.variable_dtype, name="frames")
        build = _Layers(policy)
        x = build.normalised(frames, "stem.0", share(STEM[0]), (1, 7, 7), (1, 2, 2), relu=True)
        x = build.normalised(x, "stem.3", share(STEM[1]), (3, 1, 1), relu=True)
        for number, channels in enumerate(map(share, CHANNELS), 1):
            for block in range(BLOCKS):
                stride = 2 if number > 1 and block == 0 else 1
                x = build.block(x, f"layer{number}.{block}", channels, stride)
        embedding = keras.layers.GlobalAveragePooling3D(
            dtype=policy.variable_dtype, name="embedding"
        )(x)
        logits = keras.layers.Dense(classes, dtype=policy.variable_dtype, name="fc")(embedding)
        super().__init__(
            {"frames": frames},
            {"embedding": embedding, "logits": logits},
            config={"width": width, "classes": classes},
            dtype=policy,
            name=name,
        )

    def published(self):
        """Yields each variable, its name in PyTorch's state, and the axes that it has there."""
        for layer in self.layers:
            there = layer.name.replace("_", ".")
            if isinstance(layer, keras.layers.BatchNormalization):
                names = ("weight", "bias", "running_mean", "running_var")
                variables = layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance
                for name, variable in zip(names, variables, strict=True):
                    yield variable, f"{there}.{name}", (0,)
            elif isinstance(layer, keras.layers.Conv3D):
                yield layer.kernel, f"{there}.weight", AXES
            elif isinstance(layer, keras.layers.Dense):
                yield layer.kernel, f"{there}.weight", (1, 0)
                yield layer.bias, f"{there}.bias", (0,)


class _Layers:
    """Layers whose names are those of PyTorch's state, with "_" for its "."."""

    def __init__(self, policy):
        self._policy = policy

    def block(self, x, name, channels, stride):
        into = x.shape[-1]
        # That of the first convolution, for both, as published.
        between = (into * channels * 3 * 3 * 3) // (into * 3 * 3 + 3 * channels)
        rest = x
        if stride != 1 or into != channels:
            rest = self.normalised(x, f"{name}.downsample.0", channels, (1, 1, 1), (stride,) * 3)
        for part in (1, 2):
            step = stride if part == 1 else 1
            inner = f"{name}.conv{part}.0"
            x = self.normalised(x, f"{inner}.0", between, (1, 3, 3), (1, step, step), relu=True)
            x = self.normalised(
                x, f"{inner}.3", channels, (3, 1, 1), (step, 1, 1),
                norm=f"{name}.conv{part}.1", relu=part == 1,
            )  # fmt: skip
        x = keras.layers.Add(dtype=self._policy, name=_ours(f"{name}.add"))([x, rest])
        return keras.layers.ReLU(dtype=self._policy, name=_ours(f"{name}.relu"))(x)

    def normalised(self, x, name, channels, kernel, strides=(1, 1, 1), *, norm=None, relu=False):
        """A convolution and its normalisation, which is the one after it unless named."""
        common = {"dtype": self._policy, "name": _ours(name)}
        if any(size > 1 for size in kernel):
            x = keras.layers.ZeroPadding3D(
                [size // 2 for size in kernel], **common | {"name": _ours(f"{name}.pad")}
            )(x)
        x = keras.layers.Conv3D(channels, kernel, strides=strides, use_bias=False, **common)(x)
        before, _, number = name.rpartition(".")
        norm = norm or f"{before}.{int(number) + 1}"
        x = keras.layers.BatchNormalization(
            epsilon=EPSILON, **common | {"name": _ours(norm)}
        )(x)  # fmt: skip
        return keras.layers.ReLU(**common | {"name": _ours(f"{norm}.relu")})(x) if relu else x


def _ours(name):
    return name.replace(".", "_")


def load(path: str | Path, *, width: float = 1.0, dtype: str | None = None) -> R2Plus1D:
    """Returns the network with the weights of an `.npz` with the names of torchvision's state.

    Args:
        path: the file; the module's docstring says how it is made.
        width: as of `R2Plus1D`.
        dtype: policy of the network; Keras' own if None.

    Raises:
        DataError: the file is no `.npz`, lacks an array, or one has another shape.
    """
    if Path(path).suffix in (".pth", ".pt"):
        raise DataError(
            f"{named(path)}: a pickle, which is never read; make an .npz of it where PyTorch is: "
            f"{MAKE_NPZ}"
        )
    arrays = read_npz(path, most=LARGEST)
    network = R2Plus1D(width=width, dtype=dtype)
    for variable, name, axes in network.published():
        if name not in arrays:
            raise DataError(
                f"{named(path)}: no array {name!r}; expected torchvision's state of r2plus1d_18, by"
                f" {MAKE_NPZ}"
            )
        array = arrays[name]
        if array.ndim == len(axes):
            array = np.transpose(array, axes)
        assign(variable, array, path, name)
    return network
