"""What the fits train: the networks, each under its loss.

Segments are rows. What "event" says of each, `(segments,)`, is whether it has an event; MS-VAE and
the unsupervised networks don't ask it.
"""

from __future__ import annotations

import keras
from keras import ops

from kavc.layers.network import with_outputs
from kavc.layers.step_counter import add_step_counter
from kavc.losses.canonical import canonical_correlation_loss
from kavc.losses.pairs import distance_pair_loss, multilabel_cross_entropy
from kavc.losses.reduction import batch_mean
from kavc.losses.variational import distance, gaussian_kl, gaussian_wasserstein, pair_error
from kavc.systems.ms_vae.networks import MODALITIES

LATENT = ("samples", "gaussians", "none")  # what is compared of the two modalities' latents


class Generating(keras.Model):
    """MS-VAE under `lambda_1 L_MSE + lambda_2 L_KL + lambda_3 W_latent`.

    All three are means over segments; reconstruction and divergence are means over the two
    modalities too, as the bound has them (equation 2).

    Args:
        network: `MSVAE` or `CMVAE`; shares its layers.
        error_weight, latent_weight: float. lambda_1 and lambda_3.
        kl_weights: two floats. lambda_2 before `switch_step`, and from there on.
        switch_step: int. Training step, from 0.
        latent: "samples", the distance of the latents that are decoded, as the paper has it;
            "gaussians", their 2-Wasserstein distance in closed form; or "none".
        kl_over: "latent", summed over the coordinates, as the divergence is; or "features", their
            mean, as the squared error is one over the features.

    Attributes:
        gather: function of a device's part of a batch, `(part, ...)`, that returns the whole. On
            one device the part is the whole; training on several sets it.

    `fit` takes no targets but the inputs.

    Reference:
        Zhu et al., 2021, equations 2 and 3.

    Example:
        trainee = Generating(MSVAE(), kl_weights=(0.1, 0.01), switch_step=4580)
        trainee.compile(TorchAdam(1e-4))
        trainee.fit(batches)  # dicts of "audio" and "visual"
    """

    def __init__(
        self,
        network,
        *,
        error_weight=1.0,
        latent_weight=1.0,
        kl_weights=(0.1, 0.01),
        switch_step=0,
        latent="samples",
        kl_over="latent",
    ):
        super().__init__(name="generating", dtype=network.dtype_policy)
        self.network = network
        self.error_weight = error_weight
        self.latent_weight = latent_weight
        self.kl_weights = kl_weights
        self.switch_step = switch_step
        self.latent = latent
        self.kl_over = kl_over
        self.gather = lambda part: part
        self.steps = add_step_counter(self)
        named = {f"{kind}_latent": network.latents[kind] for kind in MODALITIES}
        named |= {f"{kind}_features": network.features[kind] for kind in MODALITIES}
        named |= {f"{kind}_generated": network.generated[kind] for kind in MODALITIES}
        self.forward = with_outputs(network, named)
        self.error = keras.metrics.Mean(name="error")
        self.kl = keras.metrics.Mean(name="kl")
        self.latent_distance = keras.metrics.Mean(name="latent_distance")
        self.built = True

    def call(self, inputs, training=None):
        return self.forward(inputs, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        answers = {name: in_full(value) for name, value in y_pred.items()}
        error, kl, apart = self.losses_of(answers)
        kl_weight = ops.cast(self.kl_weight(), kl.dtype)
        loss = self.error_weight * error + kl_weight * kl + self.latent_weight * apart
        if training:
            self.steps.assign_add(1)
        for metric, values in ((self.error, error), (self.kl, kl), (self.latent_distance, apart)):
            metric.update_state(values)
        return batch_mean(loss)

    def losses_of(self, answers):
        """Returns error, divergence and distance of each segment, `(segments,)` each.

        Reference:
            Zhu et al., 2021, equations 2 and 3.
        """
        pair = pair_of(answers)
        error = [pair_error(answers[f"{kind}_generated"], pair) for kind in MODALITIES]
        kl = [
            gaussian_kl(answers[f"{kind}_mean"], answers[f"{kind}_log_variance"])
            for kind in MODALITIES
        ]
        coordinates = answers["audio_mean"].shape[-1] if self.kl_over == "features" else 1
        apart = self.latents_apart(answers)
        return sum(error) / 2, sum(kl) / 2 / coordinates, apart

    def latents_apart(self, answers):
        """Returns how far apart each segment's two latents are, `(segments,)`.

        Reference:
            Zhu et al., 2021, section 2.2.
        """
        if self.latent == "none":
            return ops.zeros_like(answers["audio_mean"][:, 0])
        if self.latent == "gaussians":
            moments = [
                answers[f"{kind}_{of}"] for kind in MODALITIES for of in ("mean", "log_variance")
            ]
            return gaussian_wasserstein(*moments)
        return distance(answers["audio_latent"], answers["visual_latent"])

    def kl_weight(self):
        """Returns lambda_2 at this step, a scalar.

        Reference:
            Zhu et al., 2021, section 2.2.
        """
        early, late = self.kl_weights
        return ops.where(self.steps < self.switch_step, early, late)


class Matching(keras.Model):
    """An embedding under AVE's contrastive loss: near in event segments, far in all others.

    Args:
        network: with "audio_embedding" and "visual_embedding"; shares its layers.
        margin: float. See `kavc.losses.pairs.distance_pair_loss`.
        epsilon: float. Least square of a distance.

    `fit` takes the target "event" `(segments,)`, 1 or 0.

    Reference:
        Tian et al., ECCV 2018, section 3.4; published code.
    """

    def __init__(self, network, *, margin=2.0, epsilon=1e-7):
        super().__init__(name="matching", dtype=network.dtype_policy)
        self.network = network
        self.margin = margin
        self.epsilon = epsilon
        self.built = True

    def call(self, inputs, training=None):
        return self.network(inputs, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        audio, visual = (in_full(y_pred[f"{kind}_embedding"]) for kind in MODALITIES)
        apart = distance(audio, visual, epsilon=self.epsilon)
        return batch_mean(distance_pair_loss(apart, y["event"], margin=self.margin))


class Corresponding(keras.Model):
    """A classifier of pairs: those of one segment, and as many that are put together from two.

    Args:
        network: with "logits" `(pairs, 2)`; shares its layers.

    `fit` takes the target "matches" `(pairs,)`, 1 or 0.

    Reference:
        Arandjelovic and Zisserman, ICCV 2017, section 2.
    """

    def __init__(self, network):
        super().__init__(name="corresponding", dtype=network.dtype_policy)
        self.network = network
        self.built = True

    def call(self, inputs, training=None):
        return self.network(inputs, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        chances = ops.log_softmax(in_full(y_pred["logits"]), axis=-1)
        matches = ops.one_hot(ops.cast(y["matches"], "int32"), 2, dtype=chances.dtype)
        return batch_mean(-ops.sum(chances * matches, axis=-1))


class Correlating(keras.Model):
    """Two networks whose outputs should correlate, over each batch as a whole.

    Args:
        network: with "audio_projection" and "visual_projection"; shares its layers.
        ridge: float. See `kavc.losses.canonical.canonical_correlation_loss`.

    Attributes:
        gather: function of a device's part of a batch, `(part, ...)`, that returns the whole. On
            one device the part is the whole; training on several sets it.

    Reference:
        Andrew et al., "Deep Canonical Correlation Analysis", ICML 2013.
    """

    def __init__(self, network, *, ridge=1e-3):
        super().__init__(name="correlating", dtype=network.dtype_policy)
        self.network = network
        self.ridge = ridge
        self.forward = with_outputs(network, network.projections)
        self.gather = lambda part: part
        self.built = True

    def call(self, inputs, training=None):
        return self.forward(inputs, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        audio, visual = (self.gather(in_full(y_pred[f"{kind}_projection"])) for kind in MODALITIES)
        return batch_mean(canonical_correlation_loss(audio, visual, ridge=self.ridge))


class Localizing(keras.Model):
    """A network of `localizers` under the loss of classes, and its branches under AVE's contrast.

    The loss of classes is a soft margin of each class's probability, as published: since these lie
    in 0 to 1, it can't fall below some 0.68. What a segment alone makes of each branch should be
    near in events, and far in the background; that is our rule for the distance of two segments,
    of which the papers say that it is trained, and not how.

    Args:
        network: of `kavc.systems.ms_vae.localizers`; shares its layers.
        branches: optional dict of "audio" and "visual", models of single segments, `(rows, width)`,
            with outputs "audio_embedding" and "visual_embedding".
        margin: float. See `kavc.losses.pairs.distance_pair_loss`.

    `fit` takes the targets "class" `(batch, segments)`, the background last, and "event" `(batch,
    segments)`, 1 or 0.

    Reference:
        Tian et al., ECCV 2018, and published code; Zhu et al., 2021, section 3.3.
    """

    def __init__(self, network, branches=None, *, margin=2.0):
        super().__init__(name="localizing", dtype=network.dtype_policy)
        self.network = network
        self.margin = margin
        self.branches = branches or {}
        self.segment_accuracy = keras.metrics.SparseCategoricalAccuracy(name="segment_accuracy")
        self.built = True

    def call(self, inputs, training=None):
        answers = self.network(inputs, training=training)
        for kind, branch in self.branches.items():
            rows = ops.reshape(inputs[kind], (-1, inputs[kind].shape[-1]))
            answers |= branch(rows, training=training)
        return answers

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        probability = in_full(y_pred["probability"])
        classes = probability.shape[-1]
        truth = ops.one_hot(y["class"], classes, dtype=probability.dtype)
        self.segment_accuracy.update_state(y["class"], probability)
        loss = ops.mean(multilabel_cross_entropy(probability, truth), axis=-1) / classes
        if self.branches:
            audio, visual = (in_full(y_pred[f"{kind}_embedding"]) for kind in MODALITIES)
            event = ops.reshape(y["event"], (-1,))
            pairs = distance_pair_loss(
                distance(audio, visual, epsilon=1e-7), event, margin=self.margin
            )
            loss = loss + ops.mean(ops.reshape(pairs, ops.shape(y["event"])), axis=-1)
        return batch_mean(loss)


def in_full(x):
    """Returns a network's answer in no less than single precision, in which losses are taken.

    Example:
        >>> keras.backend.standardize_dtype(in_full(ops.ones(2, "bfloat16")).dtype)
        'float32'
    """
    return ops.cast(x, keras.backend.result_type(x.dtype, "float32"))


def pair_of(answers):
    """Returns what should be generated, `(segments, visual_dim + audio_dim)`, pictures first.

    Reference:
        Zhu et al., 2021, section 2.1; the order is the published code's.

    Example:
        >>> answers = {"visual_features": ops.ones((3, 512)), "audio_features": ops.ones((3, 128))}
        >>> tuple(pair_of(answers).shape)
        (3, 640)
    """
    return ops.concatenate([answers["visual_features"], answers["audio_features"]], axis=-1)
