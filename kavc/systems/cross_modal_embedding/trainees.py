"""What the fits train: the network under one of its losses."""

from __future__ import annotations

import math

import keras
from keras import ops

from kavc.layers.network import Network
from kavc.layers.step_counter import add_step_counter
from kavc.losses.contrastive import info_nce
from kavc.losses.pairs import class_term, cosine_pair_loss, multilabel_cross_entropy
from kavc.losses.reduction import batch_mean


class PairTrainee(keras.Model):
    """The network under the paper's loss: pairs with a margin, and labels from some step on.

    Args:
        network: `CrossModalEmbedding`; shares its layers.
        margin: float. See `kavc.losses.pairs.cosine_pair_loss`.
        scale_hinge: bool. See there.
        class_weight: float. Weight of the class term from `switch_step` on; the paper's lambda.
        switch_step: int. Training step, from 0, at which the weight becomes that; before it is 0.
        class_kind: "sum" or "sqrt". See `kavc.losses.pairs.class_term`.
        log_epsilon: float. See `kavc.losses.pairs.multilabel_cross_entropy`.

    Call arguments:
        inputs: dict of "audio" and "visual", one pair a row.

    Attributes:
        gather: function of a device's part of a batch, `(part, ...)`, that returns the whole,
            `(batch, ...)`. On one device the part is the whole; training on several sets it.

    `fit` takes targets "is_negative" `(batch,)`, "audio_labels" and "visual_labels"
    `(batch, classes)`.

    Reference:
        Surís et al., 2018, sections 3 and 3.1.

    Example:
        >>> from kavc.systems.cross_modal_embedding.networks import CrossModalEmbedding
        >>> small = {"audio_units": (8,), "visual_units": (8,), "embedding_dim": 6}
        >>> network = CrossModalEmbedding(classes=3, audio_dim=4, visual_dim=5, **small)
        >>> trainee = PairTrainee(network, switch_step=100)
        >>> found = trainee({"audio": ops.ones((2, 4)), "visual": ops.ones((2, 5))})
        >>> tuple(found["audio_embedding"].shape), int(trainee.steps)
        ((2, 6), 0)
    """

    def __init__(
        self,
        network,
        *,
        margin=0.2,
        scale_hinge=False,
        class_weight=0.02,
        switch_step=10_000,
        class_kind="sum",
        log_epsilon=0.0,
    ):
        super().__init__(name="pair_trainee", dtype=network.dtype_policy)
        self.network = network
        self.margin = margin
        self.scale_hinge = scale_hinge
        self.class_weight = class_weight
        self.switch_step = switch_step
        self.class_kind = class_kind
        self.log_epsilon = log_epsilon
        self.steps = add_step_counter(self)
        self.embed = embedder(network)
        self.gather = lambda part: part
        self.pair_loss = keras.metrics.Mean(name="pair_loss")
        self.class_loss = keras.metrics.Mean(name="class_loss")
        self.built = True

    def call(self, inputs, training=None):
        return self.embed(inputs, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        audio, visual = (
            ops.cast(y_pred[f"{name}_embedding"], "float32") for name in ("audio", "visual")
        )
        pair = ops.mean(
            cosine_pair_loss(
                ops.sum(audio * visual, axis=-1),
                y["is_negative"],
                margin=self.margin,
                scale_hinge=self.scale_hinge,
            )
        )
        active = self.steps >= self.switch_step
        # A third of the work of a step, and without effect before the switch. The ones that stand
        # in keep the root's gradient finite.
        entropies = ops.cond(
            active,
            lambda: self._cross_entropies(y_pred, y),
            lambda: ops.ones((2, ops.shape(audio)[0])),
        )
        means = ops.mean(self.gather(ops.transpose(entropies)), axis=0)
        labels = ops.where(active, self.class_weight, 0.0) * class_term(
            means[0], means[1], kind=self.class_kind
        )
        if training:
            self.steps.assign_add(1)
        self.pair_loss.update_state(pair)
        self.class_loss.update_state(labels)
        return batch_mean(pair + labels + sum(self.losses))

    def _cross_entropies(self, embeddings, y):
        """Returns those of the audio and of the visual branch, `(2, batch)`."""
        return ops.stack(
            [
                multilabel_cross_entropy(
                    ops.cast(self.network.classifier(embeddings[f"{name}_embedding"]), "float32"),
                    y[f"{name}_labels"],
                    epsilon=self.log_epsilon,
                )
                for name in ("audio", "visual")
            ]
        )


class ContrastiveTrainee(keras.Model):
    """The network under symmetric InfoNCE over the whole batch, and labels beside it.

    Each member of the network bears both losses on its own, with a temperature of its own, so that
    members err independently.

    Args:
        network: `CanonicalEmbedding` or `CrossModalEmbedding`; shares its layers.
        class_weight: float. Weight of the class term.

    Attributes:
        gather: see `PairTrainee`.

    `fit` takes targets "audio_labels" and "visual_labels" `(batch, classes)`.

    Reference:
        Radford et al., "Learning Transferable Visual Models From Natural Language Supervision",
        2021: the temperature begins at 0.07, is learned as a logarithm and kept above 0.01.

    Example:
        trainee = ContrastiveTrainee(CanonicalEmbedding(classes=1000), class_weight=0.0075)
        trainee.compile(keras.optimizers.AdamW(2e-3))
        trainee.fit(batches)  # features, and "audio_labels" and "visual_labels"
    """

    def __init__(self, network, *, class_weight=0.01):
        super().__init__(name="contrastive_trainee", dtype=network.dtype_policy)
        self.network = network
        self.class_weight = class_weight
        self.log_temperature = self.add_weight(
            shape=(network.config.get("members", 1),),
            initializer=keras.initializers.Constant(math.log(0.07)),
            dtype="float32",
            name="log_temperature",
        )
        self.embed = embedder(network)
        self.gather = lambda part: part
        self.contrastive_loss = keras.metrics.Mean(name="contrastive_loss")
        self.class_loss = keras.metrics.Mean(name="class_loss")
        self.built = True

    def call(self, inputs, training=None):
        return self.embed(inputs, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        contrastive = self._contrast(y_pred)
        labels = self._cross_entropy("audio", y_pred, y) + self._cross_entropy("visual", y_pred, y)
        self.contrastive_loss.update_state(contrastive)
        self.class_loss.update_state(labels)
        return batch_mean(contrastive + self.class_weight * labels + sum(self.losses))

    def _contrast(self, embeddings):
        audio, visual = (
            self.network.members(self.gather(embeddings[f"{name}_embedding"]))
            for name in ("audio", "visual")
        )
        temperature = ops.exp(ops.maximum(self.log_temperature, math.log(0.01)))
        losses = [
            info_nce(audio[:, member], visual[:, member], temperature=temperature[member])
            for member in range(temperature.shape[0])
        ]
        return ops.mean(ops.stack(losses))

    def _cross_entropy(self, name, embeddings, targets):
        logits = self.network.classify(self.network.members(embeddings[f"{name}_embedding"]))
        labels = targets[f"{name}_labels"][:, None]
        return ops.mean(multilabel_cross_entropy(ops.cast(logits, "float32"), labels))


def embedder(network):
    """Both embeddings of a network, without its classifier.

    Args:
        network: with outputs "audio_embedding" and "visual_embedding".

    Returns:
        `Network` from the same inputs; shares all layers.

    Example:
        >>> from kavc.systems.cross_modal_embedding.networks import CrossModalEmbedding
        >>> small = {"audio_units": (8,), "visual_units": (8,), "embedding_dim": 6}
        >>> network = CrossModalEmbedding(classes=3, audio_dim=4, visual_dim=5, **small)
        >>> sorted(embedder(network).output)
        ['audio_embedding', 'visual_embedding']
    """
    outputs = {name: x for name, x in network.output.items() if name.endswith("_embedding")}
    return Network(network.input, outputs, config={}, dtype=network.dtype_policy, name="embedder")
