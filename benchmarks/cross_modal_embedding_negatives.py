"""Would other negatives help the cross-modal embedding's preset `improved`?

Four ideas that are not in the package, each against the plain symmetric InfoNCE over the batch:
hard negatives weigh more; negatives that share a label count less or not at all; videos of
(nearly) equal sound are no negatives of each other; a queue of earlier batches adds negatives. One
member and no kernel machine, so that a run takes a minute or two; several seeds; recall at 1 on the
*validation* split, differences with the paired bootstrap over videos.

    python benchmarks/cross_modal_embedding_negatives.py --data youtube8m:PATH --splits FILE \
        --out runs/negatives
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import keras
from cross_modal_embedding_ablation import measure
from keras import ops

from kavc.systems.cross_modal_embedding.stages import ContrastiveStage
from kavc.systems.cross_modal_embedding.system import CrossModalEmbeddingSystem
from kavc.systems.cross_modal_embedding.trainees import ContrastiveTrainee

BASE = {"members": 1, "kernel_features": 0}


@dataclass(frozen=True)
class Negatives:
    """How the negatives of a batch count.

    Args:
        hardness: a negative's weight is exp(hardness x logit), normalised to mean 1 a query
            (Robinson et al., "Contrastive Learning with Hard Negative Samples", 2021).
        sharing: weight of negatives that share a label; 1 as any other.
        equal_audio: cosine of two sounds' features from which they are no negatives; None: never.
        queue: embeddings of so many earlier pairs join the negatives (Wang et al., "Cross-Batch
            Memory for Embedding Learning", 2020).
        begin: training step from which the queue counts, when embeddings no longer move fast.
    """

    hardness: float = 0.0
    sharing: float = 1.0
    equal_audio: float | None = None
    queue: int = 0
    begin: int = 110


VARIANTS = {
    "every other pair of the batch": Negatives(),
    "hard ones weigh more (0.5)": Negatives(hardness=0.5),
    "hard ones weigh more (1)": Negatives(hardness=1.0),
    "sharing a label: half": Negatives(sharing=0.5),
    "sharing a label: none": Negatives(sharing=0.0),
    "queue of 4,096": Negatives(queue=4096),
    "equal sound: none": Negatives(equal_audio=0.999),
}


class NegativesTrainee(ContrastiveTrainee):
    """`ContrastiveTrainee` of one member whose negatives count as `Negatives` says."""

    def __init__(self, network, *, negatives: Negatives, class_weight: float, batch_size: int):
        super().__init__(network, class_weight=class_weight)
        self.negatives = negatives
        self.batch_size = batch_size
        width = network.output["audio_embedding"].shape[-1]
        self.queues = [
            self.add_weight(
                shape=(negatives.queue, width), initializer="zeros", trainable=False, name=name
            )
            for name in ("audio_queue", "visual_queue")
            if negatives.queue
        ]
        self.steps = self.add_weight(shape=(), initializer="zeros", dtype="int32", trainable=False)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        audio, visual = y_pred["audio_embedding"], y_pred["visual_embedding"]
        weights = self._weights(x, y)
        scale = ops.exp(-ops.maximum(self.log_temperature[0], math.log(0.01)))
        logits = ops.matmul(audio, ops.transpose(visual)) * scale
        positive = ops.diagonal(logits)
        both = self._log_sum(logits, weights, self._queued(audio, 1) * scale)
        both += self._log_sum(
            ops.transpose(logits), ops.transpose(weights), self._queued(visual, 0) * scale
        )
        contrastive = ops.mean(both / 2 - positive)
        if training:
            self._enqueue(audio, visual)
        labels = self._cross_entropy("audio", y_pred, y) + self._cross_entropy("visual", y_pred, y)
        self.contrastive_loss.update_state(contrastive)
        self.class_loss.update_state(labels)
        return contrastive + self.class_weight * labels

    def _weights(self, x, y):
        """Returns the weight of each negative, `(batch, batch)`; the diagonal is 1."""
        labels = ops.cast(y["audio_labels"] > 0, "float32")
        share = ops.matmul(labels, ops.transpose(labels)) > 0
        weights = ops.where(share, self.negatives.sharing, 1.0)
        if self.negatives.equal_audio is not None:
            sound = ops.normalize(x["audio"], axis=-1)
            equal = ops.matmul(sound, ops.transpose(sound)) >= self.negatives.equal_audio
            weights = ops.where(equal, 0.0, weights)
        return ops.where(ops.eye(ops.shape(labels)[0], dtype="bool"), 1.0, weights)

    def _queued(self, queries, side):
        """Returns cosines with the queue, `(batch, queue)`; -1 before it counts."""
        if not self.queues:
            return ops.zeros((ops.shape(queries)[0], 0))
        cosines = ops.matmul(queries, ops.transpose(self.queues[side]))
        return ops.where(self.steps >= self.negatives.begin, cosines, -1.0)

    def _log_sum(self, logits, weights, queued):
        """Returns the log of the denominator for each row, `(batch,)`."""
        eye = ops.eye(ops.shape(logits)[0], dtype="bool")
        hardness = ops.stop_gradient(self.negatives.hardness * logits)
        mean = ops.logsumexp(ops.where(eye, -1e9, hardness), axis=1, keepdims=True)
        mean -= ops.log(ops.cast(ops.shape(logits)[0] - 1, "float32"))
        bonus = ops.where(eye, 0.0, hardness - mean)
        masked = ops.log(ops.maximum(weights, 1e-9))
        return ops.logsumexp(ops.concatenate([logits + bonus + masked, queued], axis=1), axis=1)

    def _enqueue(self, audio, visual):
        self.steps.assign_add(1)
        for queue, new in zip(self.queues, (audio, visual)[: len(self.queues)], strict=True):
            kept = queue[: self.negatives.queue - self.batch_size]
            queue.assign(ops.concatenate([ops.stop_gradient(new), kept]))


class NegativesStage(ContrastiveStage):
    """`ContrastiveStage` with that trainee."""

    def __init__(self, config, negatives: Negatives):
        super().__init__(config)
        self.negatives = negatives

    def trainee(self, network: keras.Model) -> keras.Model:
        return NegativesTrainee(
            network,
            negatives=self.negatives,
            class_weight=self.config.class_weight,
            batch_size=self.config.batch_size,
        )


class NegativesSystem(CrossModalEmbeddingSystem):
    """The system, trained with other negatives."""

    def __init__(self, negatives: Negatives):
        self.negatives = negatives

    def stages(self, config):
        return [NegativesStage(config, self.negatives)]


if __name__ == "__main__":
    measure(
        "negatives",
        __doc__.splitlines()[0],
        {row: (NegativesSystem(negatives), BASE) for row, negatives in VARIANTS.items()},
    )
