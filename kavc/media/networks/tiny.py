"""Small convolutional networks for frames, stacks of flow and sound, to be trained from nothing.

    images (side, side, channels)     log-mel patches (96, 64)
         |                                 |
    scaled to about -1 to 1           likewise
         |                                 |
    four convolutions, each of half the height and width, ReLU
         |
    mean over all places -> dense ---> embedding (dim)

Nothing is normalised on the way: how bright a picture is, and how loud a sound, must not get lost.
They are ours, for tests and for corpora as small as `kavc synth-video` makes them; no weights were
published.
"""

from __future__ import annotations

import keras

from kavc.layers.network import Network
from kavc.media.networks.kinds import PATCH

FILTERS = (16, 32, 64, 64)
DIM = 64
LOG_MEL = (-4.6, 3.4)  # log of 0.01, which is silence, and of what is loud


@keras.saving.register_keras_serializable(package="kavc")
class TinyImages(Network):
    """Four convolutions of images, or of stacks of flow.

    Args:
        side: int. Height and width.
        channels: int.
        dim: int. Numbers of the embedding.
        low, high: float. Between which inputs lie; these are scaled to -1 to 1.
        dtype: `keras.DTypePolicy` or its name.
        name: str.

    Call arguments:
        inputs: dict of "images" `(images, side, side, channels)`.

    Returns:
        dict of "embedding" `(images, dim)`.

    Example:
        TinyImages(side=64)({"images": np.zeros((2, 64, 64, 3))})["embedding"]  # (2, 64)
    """

    def __init__(
        self, *, side=224, channels=3, dim=DIM, low=0.0, high=255.0, dtype=None, name="tiny_images"
    ):
        policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
        images = keras.Input((side, side, channels), dtype=policy.variable_dtype, name="images")
        x = _scaled(images, low, high, policy)
        super().__init__(
            {"images": images},
            {"embedding": _convolved(x, dim, policy)},
            config={"side": side, "channels": channels, "dim": dim, "low": low, "high": high},
            dtype=policy,
            name=name,
        )


@keras.saving.register_keras_serializable(package="kavc")
class TinySounds(Network):
    """Four convolutions of log-mel patches.

    Args:
        dim: int. Numbers of the embedding.
        dtype: `keras.DTypePolicy` or its name.
        name: str.

    Call arguments:
        inputs: dict of "patches" `(patches, 96, 64)`, of `kavc.media.front_ends.VGGISH`.

    Returns:
        dict of "embedding" `(patches, dim)`.

    Example:
        TinySounds(dim=32)({"patches": np.zeros((2, 96, 64))})["embedding"]  # (2, 32)
    """

    def __init__(self, *, dim=DIM, dtype=None, name="tiny_sounds"):
        policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
        patches = keras.Input(PATCH, dtype=policy.variable_dtype, name="patches")
        x = _scaled(keras.ops.expand_dims(patches, -1), *LOG_MEL, policy)
        super().__init__(
            {"patches": patches},
            {"embedding": _convolved(x, dim, policy)},
            config={"dim": dim},
            dtype=policy,
            name=name,
        )


def _scaled(x, low, high, policy):
    half = (high - low) / 2
    return keras.layers.Rescaling(
        1 / half, -(high + low) / 2 / half, dtype=policy.variable_dtype, name="scaled"
    )(x)  # fmt: skip


def _convolved(x, dim, policy):
    for number, filters in enumerate(FILTERS, 1):
        x = keras.layers.Conv2D(
            filters, 5 if number == 1 else 3, strides=2, padding="same", activation="relu",
            kernel_initializer="he_normal", dtype=policy, name=f"conv{number}",
        )(x)  # fmt: skip
    last = policy.variable_dtype
    x = keras.layers.GlobalAveragePooling2D(dtype=last, name="pool")(x)
    return keras.layers.Dense(dim, dtype=last, name="embedding")(x)
