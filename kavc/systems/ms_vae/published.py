"""MS-VAE as its published code trains it, which differs from the paper in each of its terms.

The code has two optimizers, one of the visual encoder and the decoder, one of the audio encoder and
the decoder. Both take the gradient of the same loss, and step one after the other, so the decoder
steps twice. Their moments of the decoder are the same numbers: one optimizer that takes each step
of the decoder twice is both.
"""

from __future__ import annotations

import keras
from keras import ops

from kavc.losses.variational import distance, gaussian_kl, pair_error
from kavc.optimizers import TorchAdam
from kavc.systems.ms_vae.networks import MODALITIES
from kavc.systems.ms_vae.trainees import Generating, pair_of

DECODER = "decoder"  # the names of its layers begin with it


class PublishedGenerating(Generating):
    """`Generating` under the published code's loss of a batch, which was one video.

    The error is a mean over segments and features, the divergence a sum over segments and
    coordinates, and the latents' distance the norm of the whole batch's difference, once for either
    half of the loss, of fresh draws each time.

    Args:
        network: `MSVAE`.
        **weights: as of `Generating`, without `kl_over`.

    Reference:
        Published code of Zhu et al., 2021; equation 3 is what it stands for.
    """

    def losses_of(self, answers):
        pair = pair_of(answers)
        losses = []
        for kind in ("visual", "audio"):
            mean, log_variance = (answers[f"{kind}_{of}"] for of in ("mean", "log_variance"))
            error = ops.mean(pair_error(answers[f"{kind}_generated"], pair))
            kl = ops.sum(self.gather(gaussian_kl(mean, log_variance)))
            losses.append((error, kl, self.latents_apart(answers)))
        return tuple(sum(each) for each in zip(*losses, strict=True))

    def latents_apart(self, answers):
        """Returns the norm of the difference of fresh draws, a scalar.

        Reference:
            Published code of Zhu et al., 2021.
        """
        if self.latent == "none":
            return ops.zeros_like(answers["audio_mean"][0, 0])
        audio, visual = (self.gather(self._draw(kind, answers)) for kind in MODALITIES)
        return distance(audio, visual, axis=None)

    def _draw(self, kind, answers):
        moments = (answers[f"{kind}_{of}"] for of in ("mean", "log_variance"))
        return self.network.sampling[kind].draw(*moments)


@keras.saving.register_keras_serializable(package="kavc")
class TwiceAdam(TorchAdam):
    """Adam that takes each step of some variables twice; see above.

    Args:
        learning_rate: float or schedule.
        twice: beginning of the names of the layers whose variables these are.
        **kwargs: see `kavc.optimizers.TorchAdam`.

    Reference:
        Published code of Zhu et al., 2021.
    """

    def __init__(self, learning_rate=1e-5, twice=DECODER, **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.twice = twice

    def build(self, variables):
        super().build(variables)
        self._times = [2 if each.path.startswith(self.twice) else 1 for each in variables]

    def update_step(self, gradient, variable, learning_rate):
        times = self._times[self._get_variable_index(variable)]
        super().update_step(gradient, variable, times * learning_rate)

    def get_config(self):
        return {**super().get_config(), "twice": self.twice}
