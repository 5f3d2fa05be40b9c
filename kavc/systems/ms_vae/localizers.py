"""Networks that are told the event of each segment: those of AVE's supervised localisation.

    audio (10, 128)       pictures (10, 7, 7, 512)
         |                         |
         |  ----- guides -----> attention
         |                         |
        LSTM                     LSTM           both ways in time
         +-----------+-------------+
                     |
    AVAttention   joined, two FCs
    DMRN          each is changed by both, and their mean
                     |
             classes and background, of each segment

AVSDN and AVFB have no published code. What stands here is our reading of their papers, on pictures
whose places are averaged; each says what is ours.

References:
    Tian et al., "Audio-Visual Event Localization in Unconstrained Videos", ECCV 2018, and published
    code (AVAttention, DMRN).
    Lin, Li and Wang, "Dual-modality seq2seq network for audio-visual event localization", ICASSP
    2019 (AVSDN).
    Ramaswamy and Das, "See the Sound, Hear the Pixels", WACV 2020 (AVFB).
"""

from __future__ import annotations

import keras
from keras import ops

from kavc.layers.guided_attention import GuidedAttention
from kavc.layers.linear import Linear, uniform
from kavc.layers.network import Network


class _Localizer(Network):
    """What the networks share: videos in, a distribution over classes for each segment out.

    Args:
        classes: int. Number of event classes; the background is one more, the last.
        audio_dim: int. Width of the audio features; 128 for VGGish.
        visual_dim: int. Width of the features of pictures; 512 for VGG-19.
        units: int. Of each LSTM, in either direction.
        dtype: `keras.DTypePolicy` or its name.
        name: str.

    Call arguments:
        inputs: dict of "audio" `(batch, segments, audio_dim)` and "visual" `(batch, segments,
            visual_dim)` or, with a grid, `(batch, segments, grid, grid, visual_dim)`.

    Returns:
        dict of "probability" `(batch, segments, classes + 1)`.

    Attributes:
        grid: places along an edge of a picture; None for networks on their mean.
        branches: dict of "audio" and "visual", what either modality is before they are joined,
            `(batch, segments, 2 * units)`, as symbolic tensors.
        weights_of_places: of the attention, `(batch, segments, grid * grid)`; None without.
    """

    grid: int | None = None

    def __init__(
        self,
        classes=28,
        audio_dim=128,
        visual_dim=512,
        *,
        units=128,
        dtype=None,
        name=None,
    ):
        policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
        self.policy, self.units = policy, units
        places = () if self.grid is None else (self.grid, self.grid)
        inputs = {
            kind: keras.Input((None, *shape), dtype=policy.variable_dtype, name=kind)
            for kind, shape in (("audio", (audio_dim,)), ("visual", (*places, visual_dim)))
        }
        audio, visual = inputs["audio"], inputs["visual"]
        self.weights_of_places = None
        if self.grid is not None:
            flat = keras.layers.Reshape((-1, self.grid**2, visual_dim), dtype=policy)
            guided = GuidedAttention(dtype=policy, name="attention")
            visual, self.weights_of_places = guided(audio, flat(visual))
        self.branches = {
            kind: self.both_ways(x, f"{kind}_lstm")
            for kind, x in (("audio", audio), ("visual", visual))
        }
        logits = self.fuse(self.branches["audio"], self.branches["visual"], classes + 1)
        probability = keras.layers.Softmax(dtype=policy.variable_dtype, name="probability")(logits)
        super().__init__(
            inputs,
            {"probability": probability},
            config={
                "classes": classes,
                "audio_dim": audio_dim,
                "visual_dim": visual_dim,
                "units": units,
            },
            dtype=policy,
            name=name,
        )

    def both_ways(self, x, name):
        """Returns what an LSTM in both directions makes of a sequence, `(..., 2 * units)`."""
        lstm = self.lstm(return_sequences=True)
        return keras.layers.Bidirectional(lstm, dtype=self.policy, name=name)(x)

    def lstm(self, **options):
        """An LSTM that begins as PyTorch's, but for its one bias in place of two."""
        begin = uniform(self.units**-0.5)
        return keras.layers.LSTM(
            self.units,
            kernel_initializer=begin,
            recurrent_initializer=begin,
            bias_initializer=begin,
            unit_forget_bias=False,
            use_cudnn=False,  # an exported graph must run where there is none
            dtype=self.policy,
            **options,
        )

    def fuse(self, audio, visual, outputs):
        """Returns logits, `(batch, segments, outputs)`, of both branches."""
        raise NotImplementedError

    def fc(self, units, name, activation=None):
        """A linear layer whose kernel begins as Glorot's, as the published ones do."""
        return keras.layers.Dense(units, activation=activation, dtype=self.policy, name=name)


@keras.saving.register_keras_serializable(package="kavc")
class AVAttention(_Localizer):
    """A+V-att: both branches joined. 1,333,198 parameters; PyTorch's LSTMs have 2,048 more biases.

    Args, returns: as `_Localizer`, on a grid of 7 x 7 places.

    Reference:
        Tian et al., ECCV 2018; published code.

    Example:
        >>> network = AVAttention(classes=3, audio_dim=4, visual_dim=5, units=6)
        >>> network.input["visual"].shape, network.output["probability"].shape
        ((None, None, 7, 7, 5), (None, None, 4))
    """

    grid = 7

    def __init__(self, classes=28, audio_dim=128, visual_dim=512, *, name="av_attention", **more):
        super().__init__(classes, audio_dim, visual_dim, name=name, **more)

    def fuse(self, audio, visual, outputs):
        both = ops.relu(ops.concatenate([audio, visual], axis=-1))
        return self.fc(outputs, "classes")(self.fc(64, "joined", "relu")(both))


@keras.saving.register_keras_serializable(package="kavc")
class DMRN(_Localizer):
    """Dual multimodal residual network: each branch is changed by both. 1,569,102 parameters.

    Args, returns: as `_Localizer`, on a grid of 7 x 7 places.

    Reference:
        Tian et al., ECCV 2018; published code.

    Example:
        >>> network = DMRN(classes=3, audio_dim=4, visual_dim=5, units=6)
        >>> network.output["probability"].shape  # the background is one class more
        (None, None, 4)
    """

    grid = 7

    def __init__(self, classes=28, audio_dim=128, visual_dim=512, *, name="dmrn", **more):
        super().__init__(classes, audio_dim, visual_dim, name=name, **more)

    def fuse(self, audio, visual, outputs):
        mean = (self._changed(visual, "visual") + self._changed(audio, "audio")) / 2
        both = ops.tanh(audio + mean) + ops.tanh(visual + mean)
        return self.fc(outputs, "classes")(both / 2)

    def _changed(self, x, kind):
        width = x.shape[-1]
        hidden = Linear(width, activation="tanh", dtype=self.policy, name=f"{kind}_residual_0")(x)
        return Linear(width, dtype=self.policy, name=f"{kind}_residual_1")(hidden)


@keras.saving.register_keras_serializable(package="kavc")
class AVSDN(_Localizer):
    """Dual-modality sequence to sequence, our reading: the video's state starts the labelling.

    What each modality is at the video's ends becomes the first state of an LSTM that reads both
    branches segment by segment. From the abstract are the joint reading, global and local
    information, and the encoder's state that begins the decoder; all widths are ours.

    Args, returns: as `_Localizer`.

    Reference:
        Lin, Li and Wang, "Dual-modality seq2seq network for audio-visual event localization", 2019.

    Example:
        >>> network = AVSDN(classes=3, audio_dim=4, visual_dim=5, units=6)
        >>> network.input["visual"].shape, network.output["probability"].shape
        ((None, None, 5), (None, None, 4))
    """

    def __init__(self, classes=28, audio_dim=128, visual_dim=512, *, name="avsdn", **more):
        super().__init__(classes, audio_dim, visual_dim, name=name, **more)

    def fuse(self, audio, visual, outputs):
        both = ops.concatenate([audio, visual], axis=-1)
        ends = ops.concatenate([both[:, -1], both[:, 0]], axis=-1)
        state = [self.fc(self.units, f"state_{at}", "tanh")(ends) for at in range(2)]
        decoded = self.lstm(return_sequences=True, name="decoder")(both, initial_state=state)
        return self.fc(outputs, "classes")(decoded)


@keras.saving.register_keras_serializable(package="kavc")
class AVFB(_Localizer):
    """Audio-visual fusion block, our reading: factorised bilinear pooling, and segments that weigh.

    The product of both branches' projections is summed over groups of factors, its signed root
    taken and its length made 1; what the segments weigh of the whole is added to each. Pooling is
    Yu et al.'s (ICCV 2017); number of factors, widths and the weighing are ours.

    Args, returns: as `_Localizer`.

    Reference:
        Ramaswamy and Das, "See the Sound, Hear the Pixels", WACV 2020.

    Example:
        >>> network = AVFB(classes=3, audio_dim=4, visual_dim=5, units=6)
        >>> network.input["visual"].shape, network.output["probability"].shape
        ((None, None, 5), (None, None, 4))
    """

    factors = 4

    def __init__(self, classes=28, audio_dim=128, visual_dim=512, *, name="avfb", **more):
        super().__init__(classes, audio_dim, visual_dim, name=name, **more)

    def fuse(self, audio, visual, outputs):
        width = audio.shape[-1]
        product = self.fc(width * self.factors, "audio_factors")(audio)
        product = product * self.fc(width * self.factors, "visual_factors")(visual)
        factors = keras.layers.Reshape((-1, width, self.factors), dtype=self.policy)(product)
        pooled = ops.sum(factors, axis=-1)
        root = ops.sign(pooled) * ops.sqrt(ops.abs(pooled) + 1e-8)
        joint = root / ops.sqrt(ops.sum(ops.square(root), axis=-1, keepdims=True) + 1e-8)
        weights = ops.softmax(self.fc(1, "weight_of_segments")(joint), axis=1)
        whole = ops.sum(weights * joint, axis=1, keepdims=True)
        return self.fc(outputs, "classes")(joint + whole)
