"""L3-Net and AVE-Net as they were published: a frame and a second of sound as a spectrogram.

Each is two towers of eight convolutions and what stands on them. The rows of the tables are
trained on features (`embeddings`); these are for those who have frames and sound.
"""

from __future__ import annotations

import keras
from keras import ops

from kavc.layers.linear import Linear
from kavc.layers.network import Network
from kavc.layers.unit_norm import UnitNorm
from kavc.losses.variational import distance

CHANNELS = (64, 128, 256, 512)  # of two convolutions each
FRAME = (224, 224, 3)
SPECTROGRAM = {"l3": (257, 199, 1), "ave": (257, 200, 1)}


class _Towers(Network):
    """What both share: a tower for frames, one for spectrograms.

    Args:
        frame_shape, sound_shape: of a frame and of a spectrogram, with their channels.
        channels: of each pair of convolutions.
        strides: int. Of the first convolution.
        dtype: `keras.DTypePolicy` or its name.
        name: str.

    Call arguments:
        inputs: dict of "frame" `(batch, *frame_shape)` and "sound" `(batch, *sound_shape)`.

    Returns:
        dict of "frame_embedding" and "sound_embedding", `(batch, dim)`, and of "logits" `(batch,
        2)`, that of a match second.
    """

    def __init__(
        self, frame_shape, sound_shape, *, channels=CHANNELS, strides=2, dtype=None, name=None
    ):
        policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
        shapes = {"frame": tuple(frame_shape), "sound": tuple(sound_shape)}
        inputs = {
            kind: keras.Input(shape, dtype=policy.variable_dtype, name=kind)
            for kind, shape in shapes.items()
        }
        embedded = {
            kind: self.project(kind, _tower(kind, x, channels, strides, policy), policy)
            for kind, x in inputs.items()
        }
        logits = self.relate(embedded["frame"], embedded["sound"], policy)
        super().__init__(
            inputs,
            {"logits": logits, **{f"{kind}_embedding": x for kind, x in embedded.items()}},
            config={
                "frame_shape": shapes["frame"],
                "sound_shape": shapes["sound"],
                "channels": tuple(channels),
                "strides": strides,
            },
            dtype=policy,
            name=name,
        )

    def project(self, kind, x, policy):
        """Returns the embedding of a tower's pooled features."""
        return x

    def relate(self, frame, sound, policy):
        """Returns the logits of both embeddings."""
        raise NotImplementedError


@keras.saving.register_keras_serializable(package="kavc")
class ConvL3Net(_Towers):
    """Both towers' features, joined: does this sound go with this frame?

    9,516,418 parameters, of which 7,680 are running means and variances.

    Args, returns: as `_Towers`; the published network has strides of 1.

    Reference:
        Arandjelovic and Zisserman, "Look, Listen and Learn", ICCV 2017, figure 2.

    Example:
        >>> network = ConvL3Net((32, 32, 3), (64, 48, 1), channels=(4, 8))
        >>> {name: output.shape for name, output in network.output.items()}
        {'logits': (None, 2), 'frame_embedding': (None, 8), 'sound_embedding': (None, 8)}
    """

    def __init__(self, frame_shape=FRAME, sound_shape=SPECTROGRAM["l3"], *, strides=1,
                 name="conv_l3_net", **more):  # fmt: skip
        super().__init__(frame_shape, sound_shape, strides=strides, name=name, **more)

    def relate(self, frame, sound, policy):
        both = ops.concatenate([frame, sound], axis=-1)
        hidden = Linear(128, activation="relu", dtype=policy, name="fused")(both)
        return Linear(2, dtype=policy.variable_dtype, name="match")(hidden)


@keras.saving.register_keras_serializable(package="kavc")
class ConvAVENet(_Towers):
    """The distance of two unit vectors tells whether they match. 9,549,316 parameters, likewise.

    Args, returns: as `_Towers`.

    Reference:
        Arandjelovic and Zisserman, "Objects that Sound", ECCV 2018, figure 2d.

    Example:
        >>> network = ConvAVENet((32, 32, 3), (64, 48, 1), channels=(4, 8))
        >>> {name: output.shape for name, output in network.output.items()}
        {'logits': (None, 2), 'frame_embedding': (None, 128), 'sound_embedding': (None, 128)}
    """

    def __init__(self, frame_shape=FRAME, sound_shape=SPECTROGRAM["ave"], *, name="conv_ave_net",
                 **more):  # fmt: skip
        super().__init__(frame_shape, sound_shape, name=name, **more)

    def project(self, kind, x, policy):
        x = Linear(128, activation="relu", dtype=policy, name=f"{kind}_hidden")(x)
        x = Linear(128, dtype=policy, name=f"{kind}_projection")(x)
        return UnitNorm(dtype=policy.variable_dtype, name=f"{kind}_embedding")(x)

    def relate(self, frame, sound, policy):
        apart = ops.expand_dims(distance(frame, sound), axis=-1)
        return match_by_distance(policy)(apart)


def match_by_distance(policy):
    """Returns the layer from a distance to two logits, the second of which falls with it at first.

    Begun at random it may have the wrong sign, and what it teaches the embeddings first is then the
    opposite of what they should learn.

    Reference:
        Arandjelovic and Zisserman, ECCV 2018, figure 2d.

    Example:
        >>> layer = match_by_distance(keras.dtype_policies.get("float32"))
        >>> ops.convert_to_numpy(layer(ops.convert_to_tensor([[0.0], [2.0]]))).tolist()
        [[-1.0, 1.0], [1.0, -1.0]]
    """
    return keras.layers.Dense(
        2,
        kernel_initializer=keras.initializers.Constant([[1.0, -1.0]]),
        bias_initializer=keras.initializers.Constant([-1.0, 1.0]),
        dtype=policy.variable_dtype,
        name="match",
    )


def _tower(kind, x, channels, strides, policy):
    """Returns a tower's features, the largest value of each channel anywhere."""
    of = {"dtype": policy}
    for at, width in enumerate(channels):
        for twice in range(2):
            name = f"{kind}_{at}_{twice}"
            stride = strides if at == twice == 0 else 1
            x = keras.layers.Conv2D(
                width, 3, stride, padding="same", name=f"{name}_convolution", **of
            )(x)
            x = keras.layers.BatchNormalization(epsilon=1e-5, name=f"{name}_norm", **of)(x)
            x = keras.layers.ReLU(name=f"{name}_rectified", **of)(x)
        if at < len(channels) - 1:
            x = keras.layers.MaxPooling2D(2, name=f"{kind}_{at}_pool", **of)(x)
    return keras.layers.GlobalMaxPooling2D(name=f"{kind}_pool", dtype=policy.variable_dtype)(x)
