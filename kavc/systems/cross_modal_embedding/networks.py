"""Two branches into one space, and a classifier for both.

`CrossModalEmbedding`, Surís et al., 2018:

    visual (1024) ─ 2000 ─ 2000 ─ 700 ─ 700 ─ 250 ─ unit norm ─┬─ cosine
    audio   (128) ─  450 ─  450 ─ 200 ─ 200 ─ 250 ─ unit norm ─┤
                                                               └─ classifier, shared

`CanonicalEmbedding`, ours: each branch starts from canonical coordinates; several members, each
with a linear skip, and a kernel machine, which is not trained but fitted, embed them side by side:

                           ┌───────────────── linear ─────────────────┐
    features ─ coordinates ┼ (dense ─ norm ─ GELU ─ dropout) x 2 ─ dense ┴ unit norm ─┬ concatenate
                           ├ ... the same for every other member ...              ─┤
                           └ Fourier features ─ canonical directions ─ unit norm ──┘
"""

from __future__ import annotations

import keras
from keras import layers, ops, regularizers

from kavc.errors import ConfigError, unknown
from kavc.layers.fourier import FourierFeatures
from kavc.layers.network import Network
from kavc.layers.projection import Projection
from kavc.layers.unit_norm import UnitNorm
from kavc.systems.cross_modal_embedding.sizes import check_kernel_features

VISUAL_UNITS = (2000, 2000, 700, 700)
AUDIO_UNITS = (450, 450, 200, 200)
INPUT_NORM = ("none", "per_modality", "joint")
EMBEDDING_ACTIVATION = ("linear", "relu")
# Statistics of the whole batch on several devices; Keras has that for TensorFlow alone.
SYNCHRONIZED = keras.backend.backend() == "tensorflow"


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

    Reference:
        Surís et al., 2018, sections 2 and 3.1.

    Example:
        >>> branch = embedding_branch(128, (450, 450, 200, 200))
        >>> branch.output.shape, branch.count_params()
        ((None, 250), 441650)
    """
    _check("embedding activation", embedding_activation, EMBEDDING_ACTIVATION)
    policy = _policy(dtype)
    options = {"kernel_regularizer": regularizers.L2(l2 / 2), "dtype": dtype}
    features = keras.Input((input_dim,), name="features", dtype=policy.compute_dtype)
    x = UnitNorm(name="input_norm", dtype=dtype)(features) if normalize_input else features
    for number, width in enumerate(units, 1):
        x = layers.Dense(width, "relu", name=f"dense{number}", **options)(x)
    x = layers.Dense(embedding_dim, embedding_activation, name="embedding", **options)(x)
    x = UnitNorm(name="unit_norm", dtype=policy.variable_dtype)(x)
    return keras.Model(features, x, name=name)


class TwoBranches(Network):
    """The graph of both networks: a branch for each modality, and a classifier that they share.

    Args:
        audio_branch, visual_branch: `keras.Model`, from features to embeddings of norm 1.
        classifier: layer from embeddings to logits.
        joint_norm: layer that both features, side by side, pass before the branches; None for none.
        config: the subclass's arguments, beside the number of classes and the features' widths.
        policy: `keras.DTypePolicy` of all of these.
        name: str.

    Attributes:
        hubs: what `kavc.systems.cross_modal_embedding.hubs` fits to the trained network and keeps
            beside its weights; None before.

    Reference:
        Surís et al., 2018, figure 1.
    """

    hubs = None

    def __init__(
        self, audio_branch, visual_branch, classifier, *, joint_norm=None, config, policy, name
    ):
        self.audio_branch, self.visual_branch = audio_branch, visual_branch
        self.classifier = classifier
        inputs = {
            modality: keras.Input(branch.input_shape[1:], name=modality, dtype=policy.compute_dtype)
            for modality, branch in (("audio", audio_branch), ("visual", visual_branch))
        }
        audio, visual = inputs["audio"], inputs["visual"]
        width = visual.shape[-1]
        sizes = {"classes": classifier.units, "audio_dim": audio.shape[-1], "visual_dim": width}
        if joint_norm is not None:
            both = joint_norm(ops.concatenate([visual, audio], -1))
            visual, audio = both[:, :width], both[:, width:]
        audio, visual = audio_branch(audio), visual_branch(visual)
        outputs = {
            "audio_embedding": audio,
            "visual_embedding": visual,
            "audio_logits": self.logits(audio),
            "visual_logits": self.logits(visual),
        }
        super().__init__(inputs, outputs, config=sizes | config, dtype=policy, name=name)

    def logits(self, embedding):
        """Returns logits of the labels, `(batch, classes)`, from an embedding of either branch.

        Reference:
            Surís et al., 2018, section 3: "sharing the weights between the two branches".
        """
        return self.classifier(embedding)


@keras.saving.register_keras_serializable(package="kavc")
class CrossModalEmbedding(TwoBranches):
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

    Example:
        >>> network = CrossModalEmbedding(classes=10)
        >>> found = network({"audio": ops.ones((2, 128)), "visual": ops.ones((2, 1024))})
        >>> {name: tuple(output.shape) for name, output in found.items() if "audio" in name}
        {'audio_embedding': (2, 250), 'audio_logits': (2, 10)}
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
        policy = _policy(dtype)
        shared = {
            "embedding_dim": embedding_dim,
            "embedding_activation": embedding_activation,
            "l2": l2,
        }
        options = {**shared, "normalize_input": input_norm == "per_modality", "dtype": policy}
        super().__init__(
            embedding_branch(audio_dim, audio_units, **options, name="audio_branch"),
            embedding_branch(visual_dim, visual_units, **options, name="visual_branch"),
            layers.Dense(
                classes,
                kernel_regularizer=regularizers.L2(l2 / 2),
                name="classifier",
                dtype=policy.variable_dtype,
            ),
            joint_norm=UnitNorm(name="joint_norm", dtype=policy) if input_norm == "joint" else None,
            config={
                "audio_units": list(audio_units),
                "visual_units": list(visual_units),
                "input_norm": input_norm,
                **shared,
            },
            policy=policy,
            name=name,
        )

    def members(self, embedding):
        """Returns `(batch, 1, embedding_dim)`: it is its only member."""
        return embedding[:, None]

    def classify(self, members):
        """Returns logits of the labels, `(batch, 1, classes)`."""
        return self.classifier(members)


def canonical_branch(
    input_dim,
    *,
    coordinates,
    units=1024,
    depth=2,
    members=1,
    embedding_dim=256,
    dropout=0.3,
    kernel_features=0,
    kernel_coordinates=128,
    seed=0,
    name=None,
    dtype=None,
):
    """One branch of `CanonicalEmbedding`.

    Args:
        input_dim: int. Width of the features.
        coordinates: int. Canonical coordinates that are kept. Their directions are the weights of
            the layer "coordinates", a `kavc.layers.Projection`, and are given, not trained.
        units, depth: width and number of each member's hidden layers.
        members: int. Networks beside each other, each with an embedding of its own.
        embedding_dim: int. Width of each member's embedding.
        dropout: float. After each hidden layer.
        kernel_features: int. Random Fourier features of the kernel machine; 0 for none. Its scales
            and directions are the weights of the layers "fourier" and "kernel_directions".
        kernel_coordinates: int. Coordinates, the first, that enter the kernel.
        seed: int. Of the Fourier features.
        name: str.
        dtype: `keras.DTypePolicy` or its name.

    Raises:
        ConfigError: see `check_kernel_features`.

    Returns:
        `keras.Model`: `(batch, input_dim)` to `(batch, parts * embedding_dim)` of norm 1; the parts
        are the members and, last, the kernel machine. The dot product of two such embeddings is
        the mean over parts of their cosines.

    Reference:
        Rahimi and Recht, 2007, for the kernel machine.

    Example:
        >>> branch = canonical_branch(128, coordinates=16, units=8, members=2, embedding_dim=4)
        >>> branch.output.shape  # two members of 4 each
        (None, 8)
    """
    policy = _policy(dtype)
    exact = policy.variable_dtype
    features = keras.Input((input_dim,), name="features", dtype=policy.compute_dtype)
    start = Projection(coordinates, name="coordinates", dtype=dtype)(features)
    embeddings = []
    for member in range(1, members + 1):
        x = start
        for number in range(1, depth + 1):
            place = f"{member}_{number}"
            x = layers.Dense(units, use_bias=False, name=f"dense{place}", dtype=dtype)(x)
            x = layers.BatchNormalization(
                momentum=0.9, synchronized=SYNCHRONIZED, name=f"norm{place}", dtype=dtype
            )(x)
            x = layers.Activation("gelu", name=f"gelu{place}", dtype=dtype)(x)
            x = layers.Dropout(dropout, name=f"dropout{place}", dtype=dtype)(x)
        x = layers.Dense(embedding_dim, name=f"embedding{member}", dtype=dtype)(x)
        linear = layers.Dense(embedding_dim, use_bias=False, name=f"linear{member}", dtype=dtype)(
            start
        )
        x = layers.Add(name=f"sum{member}", dtype=dtype)([x, linear])
        embeddings.append(UnitNorm(name=f"unit_norm{member}", dtype=exact)(x))
    if kernel_features:
        check_kernel_features(kernel_features, embedding_dim)
        first = start[:, :kernel_coordinates]
        x = FourierFeatures(kernel_features, seed, name="fourier", dtype=dtype)(first)
        x = Projection(embedding_dim, name="kernel_directions", dtype=dtype)(x)
        embeddings.append(UnitNorm(name="kernel_unit_norm", dtype=exact)(x))
    if len(embeddings) == 1:
        return keras.Model(features, embeddings[0], name=name)
    both = layers.Concatenate(name="members", dtype=exact)(embeddings)
    return keras.Model(features, UnitNorm(name="unit_norm", dtype=exact)(both), name=name)


@keras.saving.register_keras_serializable(package="kavc")
class CanonicalEmbedding(TwoBranches):
    """As `CrossModalEmbedding`, but regularised, and starting from canonical coordinates.

    Args:
        classes: int. Number of labels.
        audio_dim, visual_dim: widths of the features.
        audio_coordinates, visual_coordinates: canonical coordinates that enter each branch.
        units, depth, members, embedding_dim, dropout, kernel_features: see `canonical_branch`.
        dtype: `keras.DTypePolicy` or its name.
        name: str.

    Call arguments, returns: as `CrossModalEmbedding`.

    Reference:
        Hotelling, 1936, for the coordinates.

    Example:
        >>> network = CanonicalEmbedding(10, units=8, members=2, embedding_dim=4)
        >>> found = network({"audio": ops.ones((3, 128)), "visual": ops.ones((3, 1024))})
        >>> tuple(found["audio_embedding"].shape), tuple(found["visual_logits"].shape)
        ((3, 8), (3, 10))
    """

    def __init__(
        self,
        classes=1000,
        audio_dim=128,
        visual_dim=1024,
        *,
        audio_coordinates=128,
        visual_coordinates=512,
        units=1024,
        depth=2,
        members=1,
        embedding_dim=256,
        dropout=0.3,
        kernel_features=0,
        dtype=None,
        name="canonical_embedding",
    ):
        policy = _policy(dtype)
        shared = {
            "units": units,
            "depth": depth,
            "members": members,
            "embedding_dim": embedding_dim,
            "dropout": dropout,
            "kernel_features": kernel_features,
        }
        coordinates = {
            "audio_coordinates": audio_coordinates,
            "visual_coordinates": visual_coordinates,
        }
        # As many as have a correlation.
        options = {**shared, "kernel_coordinates": min(coordinates.values()), "dtype": policy}
        # The dimensions that `members` takes apart; named before the graph is built with it.
        self._shape = members, embedding_dim, members + bool(kernel_features)
        super().__init__(
            canonical_branch(
                audio_dim, coordinates=audio_coordinates, **options, seed=1, name="audio_branch"
            ),
            canonical_branch(
                visual_dim, coordinates=visual_coordinates, **options, seed=2, name="visual_branch"
            ),
            layers.Dense(classes, name="classifier", dtype=policy.variable_dtype),
            config=coordinates | shared,
            policy=policy,
            name=name,
        )

    def logits(self, embedding):
        """Returns the mean of the members' logits, `(batch, classes)`."""
        return ops.mean(self.classify(self.members(embedding)), axis=1)

    def members(self, embedding):
        """Returns what each member makes of its input, `(batch, members, embedding_dim)` of norm 1.

        Args:
            embedding: `(batch, parts * embedding_dim)`, of either branch.

        Example:
            >>> network = CanonicalEmbedding(10, units=8, members=2, embedding_dim=4)
            >>> tuple(network.members(ops.ones((3, 8))).shape)
            (3, 2, 4)
        """
        members, width, parts = self._shape
        trained = embedding[:, : members * width]
        return ops.reshape(trained, (-1, members, width)) * parts**0.5

    def classify(self, members):
        """Returns logits of the labels from each member, `(batch, members, classes)`.

        Args:
            members: `(batch, members, embedding_dim)` of norm 1; scaled to entries of about 1.
        """
        return self.classifier(members * members.shape[-1] ** 0.5)


def _check(kind, name, known):
    if name not in known:
        raise ConfigError(unknown(kind, name, known))


def _policy(dtype):
    return keras.dtype_policies.get(dtype or keras.config.dtype_policy())
