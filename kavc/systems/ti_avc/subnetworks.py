"""The three sub-networks that all systems of the paper are made of (section 4.2)."""

from __future__ import annotations

import keras
from keras import layers, ops

from kavc.errors import ConfigError, unknown
from kavc.layers.attention import (
    AdditiveAttentionPooling,
    MultiHeadAttentionPooling,
    SequenceAttentionPooling,
    WeightedAttentionPooling,
)
from kavc.layers.masking import LengthMask, ZeroPadding
from kavc.layers.pooling import MaskedGlobalMaxPooling1D

ATTENTION = {
    "additive": AdditiveAttentionPooling,
    "seq_additive": SequenceAttentionPooling,
    "mha": MultiHeadAttentionPooling,
    "weighted": WeightedAttentionPooling,
}
NORMALIZE = ("none", "layer")
THEME_INPUT = ("conv", "dense")
INTERACTION = ("none", "product")


def check_choice(kind, name, known):
    """Refuses a name that is not among the known ones, with the nearest that is."""
    if name not in known:
        raise ConfigError(unknown(kind, name, known))


def audio_network(
    audio_dim=128,
    *,
    dense_units=128,
    embedding_dim=128,
    attention="additive",
    attention_options=None,
    normalize="none",
    dtype=None,
):
    """Audio sub-network: time-distributed dense, LSTM, self-attention (section 4.2).

    Args:
        audio_dim: int. Width of the audio features.
        dense_units: int. Width of the dense layer.
        embedding_dim: int. Width of the LSTM, and so of the answer; 128 in the paper.
        attention: "additive", "seq_additive", "mha" or "weighted". The paper says
            "self-attention" and a vector for an answer; additive pooling is that as it stands.
        attention_options: dict of further arguments of that attention layer.
        normalize: "none", or "layer" for layer normalisation of the features.
        dtype: `keras.DTypePolicy` or its name.

    Returns:
        `keras.Model`: {audio `(batch, time, audio_dim)`, audio_length `(batch,)`} to
        `(batch, embedding_dim)`; zeros where the length is 0.

    Example:
        >>> network = audio_network(128)
        >>> network.output.shape, network.count_params()
        ((None, 128), 164736)
    """
    check_choice("attention", attention, ATTENTION)
    check_choice("normalize", normalize, NORMALIZE)
    policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
    audio = keras.Input((None, audio_dim), dtype=policy.variable_dtype, name="audio")
    length = keras.Input((), dtype="int32", name="audio_length")
    mask = LengthMask(name="audio_mask")(length, audio)
    # cuDNN refuses a batch that holds an empty row, so the LSTM sees at least one step.
    # The attention sees the true mask and drops that step.
    lstm_mask = LengthMask(name="lstm_mask")(ops.maximum(length, 1), audio)

    x = ZeroPadding(dtype=policy, name="zero_padding")(audio, mask=mask)
    if normalize == "layer":
        x = layers.LayerNormalization(dtype=policy, name="normalization")(x)
    x = layers.Dense(dense_units, "relu", dtype=policy, name="dense")(x)
    x = layers.LSTM(embedding_dim, return_sequences=True, dtype=policy, name="lstm")(
        x, mask=lstm_mask
    )
    x = ATTENTION[attention](**attention_options or {}, dtype=policy, name="attention")(
        x, mask=mask
    )
    return keras.Model({"audio": audio, "audio_length": length}, x, name="audio_network")


def visual_network(visual_dim=1280, *, embedding_dim=128, normalize="none", dtype=None):
    """Visual sub-network: one dense layer shared by all frames (section 4.2).

    Args:
        visual_dim: int. Width of the visual features.
        embedding_dim: int. Width of the answer; 128 in the paper.
        normalize: "none", or "layer" for layer normalisation of the features.
        dtype: `keras.DTypePolicy` or its name.

    Returns:
        `keras.Model`: {visual `(batch, frames, visual_dim)`, visual_length `(batch,)`} to
        `(batch, frames, embedding_dim)`.

    Example:
        >>> network = visual_network(1280)
        >>> network.output.shape, network.count_params()
        ((None, None, 128), 163968)
    """
    check_choice("normalize", normalize, NORMALIZE)
    policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
    visual = keras.Input((None, visual_dim), dtype=policy.variable_dtype, name="visual")
    length = keras.Input((), dtype="int32", name="visual_length")
    mask = LengthMask(name="visual_mask")(length, visual)
    x = ZeroPadding(dtype=policy, name="zero_padding")(visual, mask=mask)
    if normalize == "layer":
        x = layers.LayerNormalization(dtype=policy, name="normalization")(x)
    x = layers.Dense(embedding_dim, "relu", dtype=policy, name="dense")(x)
    return keras.Model({"visual": visual, "visual_length": length}, x, name="visual_network")


def fusion_network(
    outputs,
    audio_dim=128,
    visual_dim=128,
    *,
    theme_widths=(),
    depth=2,
    filters=128,
    kernel_size=3,
    units=128,
    branches=1,
    theme_input="conv",
    interaction="none",
    dropout=0.0,
    dtype=None,
    name="fusion_network",
):
    """Fusion sub-network: Conv1D layers over the frames, max-pool, dense layers (section 4.2).

    Args:
        outputs: int. Number of logits.
        audio_dim, visual_dim: int. Widths of the embeddings.
        theme_widths: widths of the theme inputs, in order.
        depth: int. Number of Conv1D layers, and of dense layers, the logits' included.
        filters, kernel_size: of each Conv1D, padding "same".
        units: int. Width of the hidden dense layers.
        branches: int. Copies of everything up to the first dense layer, side by side.
        theme_input: "conv" repeats the themes along the frames into the first Conv1D (Table 2
            measures them there); "dense" joins them to the pooled vector.
        interaction: "none", or "product" to append the product of both embeddings, which must
            then be equally wide.
        dropout: float. After each hidden dense layer.
        dtype: `keras.DTypePolicy` or its name. The logits are computed in the variables' dtype.
        name: str.

    Returns:
        `keras.Model`: {audio_embedding `(batch, audio_dim)`, visual_embedding
        `(batch, frames, visual_dim)`, visual_length `(batch,)`, theme_0 `(batch, width)`, ...} to
        logits `(batch, outputs)`.

    Example:
        >>> network = fusion_network(1, theme_widths=(19, 19))
        >>> sorted(network.input), network.count_params()
        (['audio_embedding', 'theme_0', 'theme_1', 'visual_embedding', 'visual_length'], 178945)
    """
    check_choice("theme_input", theme_input, THEME_INPUT)
    check_choice("interaction", interaction, INTERACTION)
    policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
    compute = policy.compute_dtype
    audio = keras.Input((audio_dim,), dtype=compute, name="audio_embedding")
    visual = keras.Input((None, visual_dim), dtype=compute, name="visual_embedding")
    length = keras.Input((), dtype="int32", name="visual_length")
    themes = [
        keras.Input((width,), dtype=compute, name=f"theme_{i}")
        for i, width in enumerate(theme_widths)
    ]
    mask = LengthMask(name="frame_mask")(length, visual)

    joined = [visual, _repeated(audio, visual)]
    if interaction == "product":
        joined.append(joined[0] * joined[1])
    if theme_input == "conv":
        joined += [_repeated(theme, visual) for theme in themes]
    joined = layers.Concatenate(dtype=policy, name="concatenate")(joined)

    def branch(suffix):
        x = joined
        for i in range(1, depth + 1):
            # Biases make padded frames non-zero, and a kernel wider than 1 would see them.
            x = ZeroPadding(dtype=policy, name=f"zero_padding{i}{suffix}")(x, mask=mask)
            convolution = layers.Conv1D(
                filters, kernel_size, padding="same", data_format="channels_last",
                activation="relu", dtype=policy, name=f"conv{i}{suffix}",
            )  # fmt: skip
            x = convolution(x)
        x = MaskedGlobalMaxPooling1D(dtype=policy, name=f"max_pool{suffix}")(x, mask=mask)
        if theme_input == "dense" and themes:
            x = layers.Concatenate(dtype=policy, name=f"join_themes{suffix}")([x, *themes])
        for i in range(1, depth):
            x = layers.Dense(units, "relu", dtype=policy, name=f"fc{i}{suffix}")(x)
            if dropout:
                x = layers.Dropout(dropout, dtype=policy, name=f"dropout{i}{suffix}")(x)
        return x

    if branches == 1:
        x = branch("")
    else:
        x = [branch(f"_{i}") for i in range(branches)]
        x = layers.Concatenate(dtype=policy, name="join_branches")(x)
    logits = layers.Dense(outputs, dtype=policy.variable_dtype, name=f"fc{depth}")(x)
    inputs = {"audio_embedding": audio, "visual_embedding": visual, "visual_length": length}
    return keras.Model(inputs | {theme.name: theme for theme in themes}, logits, name=name)


def _repeated(vector, frames):
    """Repeats `(batch, dim)` along the frames of `(batch, frames, any)`."""
    # Not a sum: Keras 3.15's `ops.add` on TensorFlow takes some of these shapes for a bias's.
    return ops.expand_dims(vector, 1) * ops.ones_like(frames[:, :, :1])
