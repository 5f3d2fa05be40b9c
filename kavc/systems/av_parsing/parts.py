"""The boxes of Figure 2, each of which the networks put together in their own way."""

from __future__ import annotations

import keras
from keras import ops

from kavc.layers.attention_block import AttentionBlock, layer_norm
from kavc.layers.linear import Linear


class Parts:
    """Makes layers of one width, and applies them to `(batch, 2, segments, dim)`, audio first.

    Args:
        dim: int. Width of the features.
        units: int. Width of the feed-forward parts.
        heads: int. Of every attention.
        dropout: float.
        dtype: `keras.DTypePolicy`.

    Reference:
        Lamba et al., 2021, section 3.1 and figure 2.
    """

    def __init__(self, dim, units, heads, dropout, dtype):
        self.dim = dim
        self.units = units
        self.heads = heads
        self.dropout = dropout
        self.dtype = dtype

    def encode(self, inputs, frames_per_segment):
        """The FCs: features of both modalities, of one width.

        Frames are averaged before their FC: the mean of what it makes of them is what it makes of
        their mean, at a part of the work.

        Reference:
            Lamba et al., 2021, figure 2; published code of Tian et al., ECCV 2020.
        """
        audio = self.fc("fc_audio")(inputs["audio"])
        visual = inputs["visual"]
        if frames_per_segment > 1:
            visual = keras.layers.AveragePooling1D(
                frames_per_segment, dtype=self.dtype, name="frames"
            )(visual)
        visual = self.fc("fc_visual")(visual)
        if "visual_3d" in inputs:
            clips = self.fc("fc_visual_3d")(inputs["visual_3d"])
            visual = self.fc("fc_fusion")(ops.concatenate([visual, clips], axis=-1))
        return ops.stack([audio, visual], axis=1)

    def fc(self, name):
        """A linear layer of the width of the features."""
        return Linear(self.dim, dtype=self.dtype, name=name)

    def block(self, attention, name, **options):
        """A Transformer layer around an attention: a class of `kavc.layers.segment_attention`.

        Reference:
            Vaswani et al., 2017, section 3.1.
        """
        options |= {"dtype": self.dtype, "name": f"{name}_attention"}
        attention = attention(self.dim, self.heads, self.dropout, **options)
        return AttentionBlock(attention, self.units, self.dropout, dtype=self.dtype, name=name)

    def self_attention(self, x, attention, **options):
        """SAN: an attention layer of each modality's own.

        Reference:
            Lamba et al., 2021, section 4: "separate self attention modules".
        """
        streams = [
            self.block(attention, f"{name}_san", **options)(stream)
            for name, stream in zip(("audio", "visual"), _streams(x), strict=True)
        ]
        return ops.concatenate(streams, axis=1)

    def cross_modal_attention(self, x, attention, **options):
        """CMAN: one attention layer by which each modality asks the other.

        Reference:
            Lamba et al., 2021, section 4; published code.
        """
        return self.block(attention, "cman", keys="other", **options)(x)

    def shared_fc(self, x):
        """The linear layer that both modalities share.

        Reference:
            Lamba et al., 2021, section 3 and figure 2.
        """
        return self.fc("shared_fc")(x)

    def skip(self, joint, attended):
        """Adds the self-attended features, and normalises each modality by itself.

        Reference:
            Lamba et al., 2021, section 3.1.
        """
        streams = [
            layer_norm(self.dtype, f"{name}_norm")(stream)
            for name, stream in zip(("audio", "visual"), _streams(joint + attended), strict=True)
        ]
        return ops.concatenate(streams, axis=1)


def _streams(x):
    return ops.split(x, 2, axis=1)
