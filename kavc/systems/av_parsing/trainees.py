"""What the fits train: a network under the losses of weak labels, and against an adversary."""

from __future__ import annotations

import keras
from keras import ops

from kavc.layers.gradient_reversal import GradientReversal, reversal_strength
from kavc.layers.modality_discriminator import ModalityDiscriminator
from kavc.layers.network import with_outputs
from kavc.layers.step_counter import add_step_counter
from kavc.losses.contrastive import segment_contrastive_loss
from kavc.losses.grounding import cross_modal_grounding_loss, unimodal_grounding_loss
from kavc.losses.parsing import (
    modality_cross_entropy,
    parsing_losses,
    probability_cross_entropy,
)
from kavc.losses.reduction import batch_mean

APART = "apart_"  # in front of the names of what each member answers


class Weak(keras.Model):
    """A network under `L_wsl + guided_weight * L_g`: labels of whole videos, all that is known.

    Where segments have labels of their own, which come from elsewhere, they bear a loss too.

    Args:
        network: of `kavc.systems.av_parsing.networks`; shares its layers.
        guided_weight: float. lambda_g: weight of the losses of either modality.
        audio_keep, visual_keep: float. See `kavc.losses.parsing.smooth_labels`.
        segment_weight: float. Weight of the loss of segments.
        positive_weight: float. In that loss, weight of what is there.
        contrastive_weight: float. Weight of the loss by which each segment's joint audio features
            should tell the pictures' encoded features of their own segment.

    `fit` takes targets "video", "audio" and "visual" `(batch, classes)` and, for a segment weight
    above 0, "segments" `(batch, segments, 2, classes)`. Where there is "dropped" `(batch, 2,
    classes)`, 1 says of a label of the video that it isn't one of this modality: its target there
    is 0, and not smoothed.

    Reference:
        Tian et al., ECCV 2020, equations 7 and 8; Lamba et al., 2021, equation 3; "dropped" and the
        contrast are of Wu and Yang, CVPR 2021.

    Example:
        trainee = Weak(HAN(), guided_weight=1.0, visual_keep=0.9)
        trainee.compile(TorchAdam(3e-4))
        trainee.fit(batches(store, 0, seed=0, batch_size=16))
    """

    def __init__(
        self,
        network,
        *,
        guided_weight=0.6,
        audio_keep=1.0,
        visual_keep=0.9,
        segment_weight=0.0,
        positive_weight=1.0,
        contrastive_weight=0.0,
    ):
        super().__init__(name="weak", dtype=network.dtype_policy)
        self.network = network
        self.guided_weight = guided_weight
        self.audio_keep = audio_keep
        self.visual_keep = visual_keep
        self.segment_weight = segment_weight
        self.positive_weight = positive_weight
        self.contrastive_weight = contrastive_weight
        self.forward = with_outputs(network, network.features if contrastive_weight else {})
        self.built = True

    def call(self, inputs, training=None):
        return self.forward(inputs, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return batch_mean(self.losses_of(y_pred, y))

    def losses_of(self, answers, targets):
        """Returns the loss of each video, `(batch,)`.

        Reference:
            Lamba et al., 2021, equation 3.
        """
        losses = parsing_losses(
            answers, targets, audio_keep=self.audio_keep, visual_keep=self.visual_keep
        )
        total = losses["video"] + self.guided_weight * (losses["audio"] + losses["visual"])
        if self.segment_weight and "segments" in targets:  # of validation nothing is said
            segments = probability_cross_entropy(
                answers["segment_probability"],
                targets["segments"],
                positive_weight=self.positive_weight,
            )
            total = total + self.segment_weight * ops.mean(segments, axis=(-2, -1))
        if self.contrastive_weight:
            contrast = segment_contrastive_loss(answers["joint"][:, 0], answers["encoded"][:, 1])
            total = total + self.contrastive_weight * contrast
        return total


class WeakApart(Weak):
    """`Weak` for an `Ensemble`: each member bears the losses by itself.

    Args:
        network: `Ensemble`.
        **weak: arguments of `Weak`.
    """

    def __init__(self, network, **weak):
        super().__init__(network, **weak)
        apart = {f"{APART}{name}": x for name, x in network.apart.items()}
        self.forward = with_outputs(network, apart)

    def losses_of(self, answers, targets):
        members = {name: answers[f"{APART}{name}"] for name in self.network.apart}
        alike = {name: ops.expand_dims(x, 1) for name, x in targets.items()}
        return ops.mean(super().losses_of(members, alike), axis=1)


class Adversarial(Weak):
    """`Weak`, and a discriminator that looks for the modality behind a gradient reversal.

    It sees the rectified joint features of every segment of either modality. What it learns makes
    them tell less: it descends `adversarial_weight * L_ad`, the encoder the same times minus the
    reversal's strength, which rises over the training as Ganin et al. have it.

    Args:
        network: as of `Weak`, with `network.features["joint"]`.
        adversarial_weight: float. lambda_ad.
        total_steps: int. Steps of the whole training, over which the strength rises.
        first_step: int. Step at which it is thought to begin; the code counts epochs from 1.
        **weak: arguments of `Weak`.

    Attributes:
        gather: function of a device's part of a batch, `(part, ...)`, that returns the whole. On
            one device the part is the whole; training on several sets it, so that the
            discriminator normalises over all.

    Reference:
        Lamba et al., 2021, equations 2 and 3; Ganin et al., JMLR 2016, section 5.2.2.
    """

    def __init__(self, network, *, adversarial_weight=0.4, total_steps=1, first_step=0, **weak):
        super().__init__(network, **weak)
        self.adversarial_weight = adversarial_weight
        self.total_steps = total_steps
        self.first_step = first_step
        self.steps = add_step_counter(self)
        self.forward = with_outputs(network, network.features)
        self.reversal = GradientReversal(dtype=network.dtype_policy)
        self.discriminator = ModalityDiscriminator(dtype=network.dtype_policy)
        self.discriminator.build((None, network.features["joint"].shape[-1]))
        self.gather = lambda part: part
        self.adversarial_loss = keras.metrics.Mean(name="adversarial_loss")

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        weak = super().compute_loss(x, y, y_pred, sample_weight, training)
        adversarial = ops.mean(self.tell_apart(y_pred["joint"], training))
        if training:
            self.steps.assign_add(1)
        self.adversarial_loss.update_state(adversarial)
        return weak + batch_mean(self.adversarial_weight * adversarial)

    def strength(self):
        """Returns the reversal's strength at this step, a scalar.

        Reference:
            Ganin et al., JMLR 2016, section 5.2.2.

        Example:
            >>> from kavc.systems.av_parsing.networks import BaseAdvSkip
            >>> network = BaseAdvSkip(3, 4, 5, 6, dim=8, units=8)
            >>> float(Adversarial(network, total_steps=100).strength())  # at the beginning
            0.0
        """
        done = ops.cast(self.steps + self.first_step, "float32") / self.total_steps
        return reversal_strength(done)

    def tell_apart(self, joint, training):
        """Returns the discriminator's loss of each segment of either modality, `(rows,)`.

        Reference:
            Lamba et al., 2021, equation 2.
        """
        rows = ops.reshape(self.gather(ops.relu(joint)), (-1, joint.shape[-1]))
        logits = self.discriminator(self.reversal(rows, self.strength()), training=training)
        segments = joint.shape[2]
        is_visual = ops.arange(ops.shape(rows)[0]) // segments % 2
        logits = ops.cast(logits, keras.backend.result_type(logits.dtype, "float32"))
        return modality_cross_entropy(logits, is_visual)


class Grounding(keras.Model):
    """An encoder under the losses of grounding: segments of one group alike, others apart.

    Args:
        encoder: takes and returns "audio" and "visual", `(batch, segments, width)`; shares its
            layers.
        positive_margin, negative_margin: float. See `kavc.losses.grounding`.

    `fit` takes targets "groups" `(batch, segments, segments)`, "anchor" `(batch,)`, and the weights
    of either loss, "unimodal" and "cross_modal" `(batch,)`.

    Reference:
        Lamba et al., 2021, equations 4 to 6. The mean over segments is the published code's.
    """

    def __init__(self, encoder, *, positive_margin=0.7, negative_margin=0.7):
        super().__init__(name="grounding", dtype=encoder.dtype_policy)
        self.encoder = encoder
        self.margins = {"positive_margin": positive_margin, "negative_margin": negative_margin}
        self.built = True

    def call(self, inputs, training=None):
        return self.encoder(inputs, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        audio, visual = y_pred["audio"], y_pred["visual"]
        arguments = (audio, visual, y["groups"], y["anchor"])
        losses = y["unimodal"] * unimodal_grounding_loss(*arguments, **self.margins)
        losses += y["cross_modal"] * cross_modal_grounding_loss(*arguments, **self.margins)
        return batch_mean(losses / audio.shape[1])
