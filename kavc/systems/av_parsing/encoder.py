"""The encoder that grounding pretrains: a Transformer over the tokens of a video (section 3.2).

    pictures (10, 2048)    audio (10, 128)    clips (10, 512)
          |                     |                   |
    + offset, FC, LN      + offset, FC, LN    + offset, FC, LN
          |                     |                   |
    + place, kind 0, LN   + place, kind 1, LN  + place, kind 1, LN
          +---------------------+-------------------+
                      30 tokens, in this order
                                |
             Transformer layers, normalised after each sum
                                |
          +---------------------+-------------------+
    "visual" (10, d)      "audio" (10, d)     "visual_3d" (10, d)

References:
    Chen et al., "UNITER: Universal Image-Text Representation Learning", ECCV 2020.
    Lamba et al., "Cross-Modal learning for Audio-Visual Video Parsing", Interspeech 2021, and
    published code, which the sizes are of: the paper gives none.
"""

from __future__ import annotations

import keras
from keras import ops

from kavc.layers.network import Network
from kavc.layers.token_embedding import Offset, PositionAndKind, normal

EPSILON = 1e-12  # of all normalisations
KINDS = {"visual": 0, "audio": 1, "visual_3d": 1}  # in the tokens' order; clips are of audio's kind


@keras.saving.register_keras_serializable(package="kavc")
class GroundingEncoder(Network):
    """Features of all segments of a video in the light of each other.

    125,976,576 parameters in the layers of the published size.

    Args:
        audio_dim: int. Width of the audio features; 128 for VGGish.
        visual_dim: int. Width of the features of frames; 2,048 for ResNet-152.
        visual_3d_dim: int or None. Width of the features of clips; 512 for R(2+1)D-18. None for an
            encoder without them.
        segments: int. Segments of a video, a token of each kind for each.
        dim: int. Width of the tokens.
        layers: int. Transformer layers.
        heads: int. Of every attention; divides `dim`.
        units: int. Width of the feed-forward parts.
        dropout: float. Of tokens, attention weights and what either part of a layer adds.
        dtype: `keras.DTypePolicy` or its name.
        name: str.

    Call arguments:
        inputs: dict of "audio" `(batch, segments, audio_dim)`, "visual" `(batch, segments,
            visual_dim)` and "visual_3d" `(batch, segments, visual_3d_dim)`.

    Returns:
        dict of the same names, `(batch, segments, dim)` each.

    Reference:
        Lamba et al., 2021, section 3.2; Chen et al., "UNITER", ECCV 2020; sizes of the published
        code.

    Example:
        encoder = GroundingEncoder(dim=256, layers=2, heads=4, units=768)
        encoder({"audio": vggish, "visual": resnet, "visual_3d": r2plus1d})["audio"]
    """

    def __init__(
        self,
        audio_dim=128,
        visual_dim=2048,
        visual_3d_dim=512,
        *,
        segments=10,
        dim=1024,
        layers=12,
        heads=8,
        units=3072,
        dropout=0.1,
        dtype=None,
        name="grounding_encoder",
    ):
        policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
        widths = {"visual": visual_dim, "audio": audio_dim, "visual_3d": visual_3d_dim}
        widths = {kind: width for kind, width in widths.items() if width is not None}
        inputs = {
            kind: keras.Input((segments, width), dtype=policy.variable_dtype, name=kind)
            for kind, width in widths.items()
        }
        # === Layers ===
        place = PositionAndKind(dtype=policy, name="place_and_kind")
        self.embed = {kind: _embedding(kind, place, dim, dropout, policy) for kind in widths}
        self.blocks = [
            _transformer_layer(f"layer_{at}", dim, heads, units, dropout, policy)
            for at in range(layers)
        ]
        # === Graph ===
        super().__init__(
            inputs,
            self.attend(inputs),
            config={
                "audio_dim": audio_dim,
                "visual_dim": visual_dim,
                "visual_3d_dim": visual_3d_dim,
                "segments": segments,
                "dim": dim,
                "layers": layers,
                "heads": heads,
                "units": units,
                "dropout": dropout,
            },
            dtype=policy,
            name=name,
        )

    def attend(self, inputs):
        """Returns the tokens of some kinds, which see each other alone, by name.

        Reference:
            Devlin et al., 2019, whose layers these are.
        """
        kinds = [kind for kind in KINDS if kind in inputs]
        x = ops.concatenate([self.embed[kind](inputs[kind]) for kind in kinds], axis=1)
        for block in self.blocks:
            x = block(x)
        return dict(zip(kinds, ops.split(x, len(kinds), axis=1), strict=True))

    def without_clips(self):
        """Returns the encoder of sounds and pictures alone, of the same weights.

        The published pretraining hides the clips from the other tokens by a mask; what nobody sees
        may as well not be there.

        Reference:
            Published code of Lamba et al., 2021.

        Example:
            >>> encoder = GroundingEncoder(4, 5, 6, dim=16, layers=1, heads=2, units=16)
            >>> sorted(encoder.without_clips().input)
            ['audio', 'visual']
        """
        inputs = {kind: self.input[kind] for kind in KINDS if kind in ("visual", "audio")}
        outputs = self.attend(inputs)
        return Network(inputs, outputs, config={}, dtype=self.dtype_policy, name="without_clips")


def _embedding(kind, place, dim, dropout, policy):
    """Returns a function from features of a kind to tokens."""
    of_kind = {"dtype": policy}
    offset = Offset(name=f"{kind}_offset", **of_kind)
    project = _dense(dim, policy, f"{kind}_projection")
    norm = _norm(policy, f"{kind}_norm")
    token_norm = _norm(policy, f"{kind}_token_norm")
    drop = keras.layers.Dropout(dropout, name=f"{kind}_drop", **of_kind)

    def tokens(x):
        x = norm(project(offset(x)))
        return drop(token_norm(place(x, kind=KINDS[kind])))

    return tokens


def _transformer_layer(name, dim, heads, units, dropout, policy):
    """Returns a function of tokens: attention and feed-forward part, normalised after each sum."""
    attention = keras.layers.MultiHeadAttention(
        heads,
        dim // heads,
        dropout=dropout,
        kernel_initializer=normal(),
        dtype=policy,
        name=f"{name}_attention",
    )
    hidden = _dense(units, policy, f"{name}_hidden", activation=exact_gelu)
    output = _dense(dim, policy, f"{name}_output")
    norms = [_norm(policy, f"{name}_norm_{at}") for at in (1, 2)]
    drops = [keras.layers.Dropout(dropout, dtype=policy, name=f"{name}_drop_{at}") for at in (1, 2)]

    def transform(x):
        x = norms[0](x + drops[0](attention(x, x)))
        return norms[1](x + drops[1](output(hidden(x))))

    return transform


@keras.saving.register_keras_serializable(package="kavc")
def exact_gelu(x):
    """GELU by the error function. TensorFlow's has the root of 2 in single precision.

    Reference:
        Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016.

    Example:
        >>> round(float(exact_gelu(ops.convert_to_tensor(1.0))), 4)
        0.8413
    """
    return x * (1 + ops.erf(x * 0.5**0.5)) / 2


def _dense(units, policy, name, activation=None):
    return keras.layers.Dense(
        units, activation=activation, kernel_initializer=normal(), dtype=policy, name=name
    )


def _norm(policy, name):
    return keras.layers.LayerNormalization(epsilon=EPSILON, dtype=policy, name=name)
