"""The networks of audio-visual video parsing, beside Figure 2 of the paper.

            audio (10, 128)                     pictures (10, 2048), clips (10, 512)
                  |                                              |
                 FC                                     FC each, joined, FC
                  +----------------------+-----------------------+
                                         |
    HAN          hybrid attention: itself and the other modality, weights in common
                                         |
    Base         self-attention SAN, one a modality; cross-modal attention CMAN; shared FC
    + GCAA       ... whose attentions let the whole video's mean in
    + Adv + Skip ... SAN's output is added to the shared FC's; a discriminator must not tell which
                                         |                        modality a feature is of
                 attentive MMIL pooling: class probabilities of segments, modalities and the video

Both modalities lie in one tensor, `(batch, 2, segments, dim)`, audio first.

References:
    Tian et al., "Unified Multisensory Perception: Weakly-Supervised Audio-Visual Video Parsing",
    ECCV 2020 (HAN).
    Lamba et al., "Cross-Modal learning for Audio-Visual Video Parsing", Interspeech 2021.
"""

from __future__ import annotations

import keras

from kavc.layers.mmil import AttentiveMMILPooling
from kavc.layers.network import Network
from kavc.layers.segment_attention import ContextAttention, HybridAttention, SegmentAttention
from kavc.systems.av_parsing.parts import Parts


class _Parser(Network):
    """What the networks share: features in front, pooling at the end; `attend` is between.

    Args:
        classes: int. Number of event classes; 25 in LLP.
        audio_dim: int. Width of the audio features; 128 for VGGish.
        visual_dim: int. Width of the features of frames; 2,048 for ResNet-152.
        visual_3d_dim: int or None. Width of the features of clips; 512 for R(2+1)D-18. None for a
            network without them.
        segments: int. Segments of a video, of a second each.
        frames_per_segment: int. Frames of a segment, whose features are averaged: 8 as published,
            1 where that was done before. Both give the same.
        dim: int. Width of all features from the first FC on.
        units: int. Width of the feed-forward parts.
        heads: int. Of every attention.
        dropout: float.
        dtype: `keras.DTypePolicy` or its name.
        name: str.
        **own: what `attend` of a network takes.

    Call arguments:
        inputs: dict of "audio" `(batch, segments, audio_dim)`, "visual"
            `(batch, segments * frames_per_segment, visual_dim)` and "visual_3d"
            `(batch, segments, visual_3d_dim)`.

    Returns:
        dict of "segment_probability" `(batch, segments, 2, classes)`, audio first, and of
        "video_probability", "audio_probability", "visual_probability", `(batch, classes)`; the
        first of these can exceed 1, see `mmil_pooling`.

    Attributes:
        pooling: the `AttentiveMMILPooling`, which keeps the decision threshold.
        features: dict of what is on the way, as symbolic tensors `(batch, 2, segments, dim)`:
            "encoded", after the FCs; "self_attended", where there is self-attention by itself; and
            "joint", before the pooling, which the discriminator sees.

    Example:
        model = HAN(classes=25)
        model({"audio": vggish, "visual": resnet, "visual_3d": r2plus1d})["video_probability"]
    """

    def __init__(
        self,
        classes=25,
        audio_dim=128,
        visual_dim=2048,
        visual_3d_dim=512,
        *,
        segments=10,
        frames_per_segment=1,
        dim=512,
        units=512,
        heads=1,
        dropout=0.1,
        dtype=None,
        name=None,
        **own,
    ):
        policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
        # === Layers ===
        parts = Parts(dim, units, heads, dropout, policy)
        self.pooling = AttentiveMMILPooling(classes, dtype=policy, name="mmil_pooling")

        # === Graph ===
        frames = segments * frames_per_segment
        inputs = _inputs(
            policy,
            audio=(segments, audio_dim),
            visual=(frames, visual_dim),
            visual_3d=(segments, visual_3d_dim),
        )
        encoded = parts.encode(inputs, frames_per_segment)
        self.features = {"encoded": encoded, **self.attend(encoded, parts, **own)}
        super().__init__(
            inputs,
            self.pooling(self.features["joint"]),
            config={
                "classes": classes,
                "audio_dim": audio_dim,
                "visual_dim": visual_dim,
                "visual_3d_dim": visual_3d_dim,
                "segments": segments,
                "frames_per_segment": frames_per_segment,
                "dim": dim,
                "units": units,
                "heads": heads,
                "dropout": dropout,
                **own,
            },
            dtype=policy,
            name=name or type(self).__name__.lower(),
        )

    @staticmethod
    def attend(encoded, parts):
        """Returns "joint" and, where there are such, "self_attended" features by name.

        Args:
            encoded: `(batch, 2, segments, dim)`.
            parts: `Parts`, which makes the layers.
        """
        raise NotImplementedError


@keras.saving.register_keras_serializable(package="kavc")
class HAN(_Parser):
    """Hybrid attention network: each segment asks its own modality and the other at once.

    Takes what `_Parser` says.

    Reference:
        Tian et al., ECCV 2020, section 4.1; layers and initialisers of the published code.

    Example:
        >>> network = HAN(classes=3, audio_dim=4, visual_dim=5, visual_3d_dim=6, dim=8, units=8)
        >>> network.output["segment_probability"].shape, network.output["video_probability"].shape
        ((None, 10, 2, 3), (None, 3))
    """

    @staticmethod
    def attend(encoded, parts):
        return {"joint": parts.block(HybridAttention, "hybrid")(encoded)}


@keras.saving.register_keras_serializable(package="kavc")
class Base(_Parser):
    """HAN with self-attention of each modality's own, and cross-modal attention after it.

    Takes what `_Parser` says.

    Reference:
        Lamba et al., 2021, section 4 ("Base").

    Example:
        >>> network = Base(classes=3, audio_dim=4, visual_dim=5, visual_3d_dim=None, dim=8, units=8)
        >>> sorted(network.input), sorted(network.features)
        (['audio', 'visual'], ['encoded', 'joint', 'self_attended'])
    """

    @staticmethod
    def attend(encoded, parts):
        attended = parts.self_attention(encoded, SegmentAttention)
        crossed = parts.cross_modal_attention(attended, SegmentAttention)
        return {"self_attended": attended, "joint": parts.shared_fc(crossed)}


@keras.saving.register_keras_serializable(package="kavc")
class BaseGCAA(_Parser):
    """Base whose attentions all are global-context-aware.

    Takes what `_Parser` says, and

    Args:
        first_segment: bool. The published code's fault, see `ContextAttention`.

    Reference:
        Lamba et al., 2021, section 3.1 ("Base + GCAA").

    Example:
        >>> widths = {"audio_dim": 4, "visual_dim": 5, "visual_3d_dim": 6, "dim": 8, "units": 8}
        >>> network = BaseGCAA(classes=3, **widths)
        >>> network.output["segment_probability"].shape
        (None, 10, 2, 3)
    """

    @staticmethod
    def attend(encoded, parts, first_segment=False):
        attended = parts.self_attention(encoded, ContextAttention, first_segment=first_segment)
        crossed = parts.cross_modal_attention(
            attended, ContextAttention, first_segment=first_segment
        )
        return {"self_attended": attended, "joint": parts.shared_fc(crossed)}


@keras.saving.register_keras_serializable(package="kavc")
class BaseAdvSkip(_Parser):
    """Base with skip connections, to be trained against a modality discriminator.

    The adversary is no part of what is kept: see `kavc.systems.av_parsing.trainees.Adversarial`.
    Takes what `_Parser` says.

    Reference:
        Lamba et al., 2021, section 3.1 ("Base + Adv + Skip").

    Example:
        >>> widths = {"audio_dim": 4, "visual_dim": 5, "visual_3d_dim": 6, "dim": 8, "units": 8}
        >>> network = BaseAdvSkip(classes=3, **widths)
        >>> network.features["joint"].shape  # what the discriminator is to see
        (None, 2, 10, 8)
    """

    @staticmethod
    def attend(encoded, parts):
        attended = parts.self_attention(encoded, SegmentAttention)
        crossed = parts.cross_modal_attention(attended, SegmentAttention)
        joint = parts.skip(parts.shared_fc(crossed), attended)
        return {"self_attended": attended, "joint": joint}


@keras.saving.register_keras_serializable(package="kavc")
class BaseAdvSkipGCAA(_Parser):
    """The paper's whole model: `BaseGCAA` with the skip connections of `BaseAdvSkip`.

    Takes what `BaseGCAA` takes.

    Reference:
        Lamba et al., 2021, section 3.1 ("Base + Adv + Skip + GCAA").

    Example:
        >>> widths = {"audio_dim": 4, "visual_dim": 5, "visual_3d_dim": 6, "dim": 8, "units": 8}
        >>> network = BaseAdvSkipGCAA(classes=3, segments=5, **widths)
        >>> network.output["segment_probability"].shape
        (None, 5, 2, 3)
    """

    @staticmethod
    def attend(encoded, parts, first_segment=False):
        attended = parts.self_attention(encoded, ContextAttention, first_segment=first_segment)
        crossed = parts.cross_modal_attention(
            attended, ContextAttention, first_segment=first_segment
        )
        joint = parts.skip(parts.shared_fc(crossed), attended)
        return {"self_attended": attended, "joint": joint}


@keras.saving.register_keras_serializable(package="kavc")
class Heads(_Parser):
    """FCs and pooling, and no attention between: what stands on an encoder that has its own.

    Takes what `_Parser` says.

    Reference:
        Published code of Lamba et al., 2021, of the rows "Pretrain".

    Example:
        >>> network = Heads(classes=3, audio_dim=16, visual_dim=16, visual_3d_dim=16, dim=8)
        >>> sorted(network.features)
        ['encoded', 'joint']
    """

    @staticmethod
    def attend(encoded, parts):
        return {"joint": encoded}


def _inputs(policy, **shapes):
    """Returns an input of each shape, by name; none where a width is None."""
    return {
        name: keras.Input(shape, dtype=policy.variable_dtype, name=name)
        for name, shape in shapes.items()
        if None not in shape
    }
