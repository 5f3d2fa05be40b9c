"""The network of Surís et al., 2018: two branches into one space, and a classifier for both.

visual (1024) ─ 2000 ─ 2000 ─ 700 ─ 700 ─ 250 ─ unit norm ─┬─ cosine
audio   (128) ─  450 ─  450 ─ 200 ─ 200 ─ 250 ─ unit norm ─┤
                                                           └─ classifier, shared
"""

from __future__ import annotations

import keras
from keras import layers, ops, regularizers

from kavc.errors import ConfigError, unknown
from kavc.layers.network import Network
from kavc.layers.unit_norm import UnitNorm

VISUAL_UNITS = (2000, 2000, 700, 700)
AUDIO_UNITS = (450, 450, 200, 200)
INPUT_NORM = ("none", "per_modality", "joint")
EMBEDDING_ACTIVATION = ("linear", "relu")


def embedding_branch(
    input_dim,
    units,
    *,
    embedding_dim=250,
    embedding_activation="linear",
    l2=1e-8,
    normalize_input=False,
    name=None,
    dtype=None,
):
    """One branch: dense layers with ReLU, then an embedding of norm 1.

    Args:
        input_dim: int. Width of the features.
        units: sequence of int. Widths of the hidden layers.
        embedding_dim: int. 250 in the paper.
        embedding_activation: "linear", as the paper reads, or "relu", as the published code does.
        l2: float. Weight of half the squared norm of each kernel; 1e-8 in the published code.
        normalize_input: whether the features are scaled to norm 1 first.
        name: str.
        dtype: `keras.DTypePolicy` or its name.

    Returns:
        `keras.Model`: `(batch, input_dim)` to `(batch, embedding_dim)`.
    """
    _check("embedding activation", embedding_activation, EMBEDDING_ACTIVATION)
    penalty = regularizers.L2(l2 / 2)
    features = keras.Input((input_dim,), name="features", dtype=_compute(dtype))
    x = UnitNorm(name="input_norm", dtype=dtype)(features) if normalize_input else features
    for number, width in enumerate(units, 1):
        x = layers.Dense(
            width, "relu", kernel_regularizer=penalty, name=f"dense{number}", dtype=dtype
        )(x)
    x = layers.Dense(
        embedding_dim,
        embedding_activation,
        kernel_regularizer=penalty,
        name="embedding",
        dtype=dtype,
    )(x)
    return keras.Model(features, UnitNorm(name="unit_norm", dtype=dtype)(x), name=name)


@keras.saving.register_keras_serializable(package="kavc")
class CrossModalEmbedding(Network):
    """Embeds sound and picture of a video into one space, and classifies each from there.

    Args:
        classes: int. Number of labels; 3,862 in YouTube-8M of 2018.
        audio_dim: int. Width of the audio features; 128.
        visual_dim: int. Width of the visual features; 1024.
        audio_units, visual_units: widths of the hidden layers (section 3).
        embedding_dim: int. Width of the embeddings; 250.
        embedding_activation: "linear" (paper) or "relu" (published code).
        input_norm: "none" (paper), "per_modality", or "joint" (published code): both features
            divided by one norm. A joint norm tells each branch of the other's input, so matching
            pairs share a scale, and neither can be embedded alone.
        l2: float. See `embedding_branch`.
        dtype: `keras.DTypePolicy` or its name.
        name: str.

    Call arguments:
        inputs: dict of "audio" `(batch, audio_dim)` and "visual" `(batch, visual_dim)`.

    Returns:
        Dict of "audio_embedding" and "visual_embedding", `(batch, embedding_dim)` of norm 1, and
        of "audio_logits" and "visual_logits", `(batch, classes)`.

    Raises:
        ConfigError: an option is unknown.

    Reference:
        Surís et al., 2018, Figure 1 and section 3.
    """

    def __init__(
        self,
        classes=3862,
        audio_dim=128,
        visual_dim=1024,
        *,
        audio_units=AUDIO_UNITS,
        visual_units=VISUAL_UNITS,
        embedding_dim=250,
        embedding_activation="linear",
        input_norm="none",
        l2=1e-8,
        dtype=None,
        name="cross_modal_embedding",
    ):
        _check("input norm", input_norm, INPUT_NORM)
        policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
        # === Layers ===
        shared = {
            "embedding_dim": embedding_dim,
            "embedding_activation": embedding_activation,
            "l2": l2,
            "normalize_input": input_norm == "per_modality",
            "dtype": policy,
        }
        self.audio_branch = embedding_branch(audio_dim, audio_units, **shared, name="audio_branch")
        self.visual_branch = embedding_branch(
            visual_dim, visual_units, **shared, name="visual_branch"
        )
        self.classifier = layers.Dense(
            classes, kernel_regularizer=regularizers.L2(l2 / 2), name="classifier", dtype=policy
        )

        # === Graph ===
        inputs = {
            "audio": keras.Input((audio_dim,), name="audio", dtype=policy.compute_dtype),
            "visual": keras.Input((visual_dim,), name="visual", dtype=policy.compute_dtype),
        }
        audio, visual = inputs["audio"], inputs["visual"]
        if input_norm == "joint":
            both = UnitNorm(name="joint_norm", dtype=policy)(ops.concatenate([visual, audio], -1))
            visual, audio = both[:, :visual_dim], both[:, visual_dim:]
        embeddings = {
            "audio_embedding": self.audio_branch(audio),
            "visual_embedding": self.visual_branch(visual),
        }
        logits = {
            "audio_logits": self.classifier(embeddings["audio_embedding"]),
            "visual_logits": self.classifier(embeddings["visual_embedding"]),
        }
        super().__init__(
            inputs,
            embeddings | logits,
            config={
                "classes": classes,
                "audio_dim": audio_dim,
                "visual_dim": visual_dim,
                "audio_units": list(audio_units),
                "visual_units": list(visual_units),
                "embedding_dim": embedding_dim,
                "embedding_activation": embedding_activation,
                "input_norm": input_norm,
                "l2": l2,
            },
            dtype=policy,
            name=name,
        )


def _check(kind, name, known):
    if name not in known:
        raise ConfigError(unknown(kind, name, known))


def _compute(dtype):
    return keras.dtype_policies.get(dtype or keras.config.dtype_policy()).compute_dtype
