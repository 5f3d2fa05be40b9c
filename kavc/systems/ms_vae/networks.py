"""The networks of MS-VAE, beside Figure 1 of the paper.

        audio (128)                 pictures (512)
             |                            |
         encoder a                    encoder v
      mean, variance               mean, variance
             |                            |
          sample  <--- W_latent --->   sample
             |                            |
             +-------- decoder p ---------+          shared by both
                          |
          the pair: pictures and audio, from either

Each row is a segment: a second of a video, in sound and picture.

References:
    Zhu et al., "Learning Audio-Visual Correlations from Variational Cross-Modal Generation", ICASSP
    2021 (MS-VAE). Widths are its published code's; the paper gives none.
    Spurr et al., "Cross-modal Deep Variational Hand Pose Estimation", CVPR 2018 (CM-VAE).
"""

from __future__ import annotations

import functools

import keras
from keras import ops

from kavc.data.canonical import canonical_correlation
from kavc.layers.canonical_coordinates import CanonicalCoordinates
from kavc.layers.linear import Linear
from kavc.layers.network import Network
from kavc.layers.peaks import PeakNorm
from kavc.layers.sampling import GaussianSampling
from kavc.layers.standardization import Standardization

MODALITIES = ("audio", "visual")
RIDGE = 0.1  # of the linear analysis, in units of the mean variance of a feature


@keras.saving.register_keras_serializable(package="kavc")
class MSVAE(Network):
    """Two encoders and one decoder, which gives the pair of both modalities from either.

    Args:
        audio_dim: int. Width of the audio features; 128 for VGGish.
        visual_dim: int. Width of the features of pictures; 512 for VGG-19.
        latent_dim: int.
        audio_units, visual_units: widths of the layers of the encoders, the last of which is
            linear.
        decoder_units: widths of the decoder's hidden layers; None for the pair's own width.
        scaling: of what is encoded and generated, see `fit_scaling`: "none"; "peak", where each row
            is divided by its largest absolute value; "standard", where features have mean 0 and
            variance 1; or "canonical", where they are the coordinates in which sound and pictures
            agree most, by a linear analysis.
        canonical_dim: int. Number of these coordinates of either modality, or the narrower
            modality's width.
        gain: float. Of all kernels at first, see `kavc.layers.linear.Linear`; 1 in the code.
        dtype: `keras.DTypePolicy` or its name.
        name: str.

    Call arguments:
        inputs: dict of "audio" `(segments, audio_dim)` and "visual" `(segments, visual_dim)`.
        training: bool. Whether latents are sampled; else they are their means.

    Returns:
        dict of "audio_mean", "audio_log_variance", "visual_mean", "visual_log_variance",
        `(segments, latent_dim)`, and of "from_audio" and "from_visual", the pairs that each
        generates, `(segments, visual_dim + audio_dim)`, pictures first; as large as the inputs
        are, but for "peak".

    Attributes:
        latents: dict of "audio" and "visual", what is sampled, as symbolic tensors.
        features: dict of the network's inputs as the encoders see them, likewise.
        generated: dict of the pairs as the decoder gives them, which should be these features.

    Reference:
        Zhu et al., 2021, section 2 and figure 1; widths of the published code.

    Example:
        model = MSVAE()
        model({"audio": vggish, "visual": vgg})["from_audio"][:, :512]  # pictures, from sound
    """

    def __init__(
        self,
        audio_dim=128,
        visual_dim=512,
        *,
        latent_dim=100,
        audio_units=(128, 128),
        visual_units=(512, 512, 128, 128),
        decoder_units=(512, 512, 512, None, None),
        scaling="none",
        canonical_dim=16,
        gain=1.0,
        dtype=None,
        name="ms_vae",
    ):
        policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
        widths = {"audio": audio_dim, "visual": visual_dim}
        inputs = {
            kind: keras.Input((width,), dtype=policy.variable_dtype, name=kind)
            for kind, width in widths.items()
        }
        # === Layers ===
        units = min(canonical_dim, *widths.values())
        self.scale = {kind: _scaling(scaling, kind, units, policy) for kind in MODALITIES}
        stack = _Stacks(policy, gain)
        self.encoders = {
            kind: _Encoder(stack, units, latent_dim, f"{kind}_encoder")
            for kind, units in (("audio", audio_units), ("visual", visual_units))
        }
        self.sampling = {
            kind: GaussianSampling(dtype=policy.variable_dtype, name=f"{kind}_sampling")
            for kind in MODALITIES
        }
        self.features = {kind: self.scale[kind](inputs[kind]) for kind in MODALITIES}
        encoded = {kind: x.shape[-1] for kind, x in self.features.items()}
        self.decode = self._decoder(stack, encoded["audio"], encoded["visual"], decoder_units)

        # === Graph ===
        gaussians = {kind: self.encoders[kind](self.features[kind]) for kind in MODALITIES}
        self.latents = {kind: self.sampling[kind](*gaussians[kind]) for kind in MODALITIES}
        self.generated = {kind: self.decode(z) for kind, z in self.latents.items()}
        outputs = {}
        for kind, (mean, log_variance) in gaussians.items():
            outputs[f"{kind}_mean"] = mean
            outputs[f"{kind}_log_variance"] = log_variance
            outputs[f"from_{kind}"] = self._as_inputs(self.generated[kind])
        super().__init__(
            inputs,
            outputs,
            config={
                "audio_dim": audio_dim,
                "visual_dim": visual_dim,
                "latent_dim": latent_dim,
                "audio_units": tuple(audio_units),
                "visual_units": tuple(visual_units),
                "decoder_units": tuple(decoder_units),
                "scaling": scaling,
                "canonical_dim": canonical_dim,
                "gain": gain,
            },
            dtype=policy,
            name=name,
        )

    def fit_scaling(self, audio, visual):
        """Takes what the scalings "standard" and "canonical" need of matching rows.

        Args:
            audio, visual: `(n, width)` arrays of NumPy, of the training split.

        Example:
            >>> import numpy as np
            >>> network = MSVAE(4, 6, latent_dim=2, scaling="standard")
            >>> rows = np.random.default_rng(0).normal(3, 2, (50, 6)).astype("float32")
            >>> network.fit_scaling(rows[:, :4], rows)
            >>> abs(float(np.mean(network.scale["visual"](rows)))) < 1e-5
            True
        """
        rows = {"audio": audio, "visual": visual}
        if isinstance(self.scale["audio"], Standardization):
            for kind, own in rows.items():
                self.scale[kind].assign(own)
        elif isinstance(self.scale["audio"], CanonicalCoordinates):
            units = self.scale["audio"].units
            agreed = canonical_correlation(audio, visual, RIDGE, units)
            for kind, own in rows.items():
                centre, all_directions = (
                    getattr(agreed, f"{kind}_{of}") for of in ("mean", "directions")
                )
                directions = all_directions[:, :units] * agreed.correlations[:units]
                self.scale[kind].assign(centre, directions, own)

    def _decoder(self, stack, audio_dim, visual_dim, units):
        """Returns a function from latents to pairs."""
        width = visual_dim + audio_dim
        return stack([each or width for each in units] + [width], "decoder", exact=True)

    def _as_inputs(self, pair):
        """Returns a generated pair as large as the inputs are."""
        if not isinstance(self.scale["audio"], Standardization | CanonicalCoordinates):
            return pair
        at = self.features["visual"].shape[-1]
        parts = {"visual": pair[:, :at], "audio": pair[:, at:]}
        return ops.concatenate(
            [self.scale[kind](part, inverse=True) for kind, part in parts.items()], axis=-1
        )


@keras.saving.register_keras_serializable(package="kavc")
class CMVAE(MSVAE):
    """MS-VAE whose decoder isn't shared: each modality is generated by one of its own.

    The paper compares with it in Figure 3; Spurr et al. have it for images and poses of hands. Its
    widths are those of the history of MS-VAE's published code.

    Args, returns: as `MSVAE`; `decoder_units` are those of the pictures' decoder, and the audio's
        has two of the width of the audio.

    Reference:
        Spurr et al., "Cross-modal Deep Variational Hand Pose Estimation", CVPR 2018; Zhu et al.,
        2021, figure 3.

    Example:
        >>> network = CMVAE()
        >>> network.output["from_audio"].shape, network.output["audio_mean"].shape
        ((None, 640), (None, 100))
    """

    def __init__(
        self,
        audio_dim=128,
        visual_dim=512,
        *,
        decoder_units=(128,),
        name="cm_vae",
        **arguments,
    ):
        super().__init__(audio_dim, visual_dim, decoder_units=decoder_units, name=name, **arguments)

    def _decoder(self, stack, audio_dim, visual_dim, units):
        of_visual = stack([*units, visual_dim], "visual_decoder", exact=True)
        of_audio = stack([audio_dim] * 3, "audio_decoder", exact=True)
        return lambda z: ops.concatenate([of_visual(z), of_audio(z)], axis=-1)


class _Stacks:
    """Makes functions of linear layers with ReLU between them, the last without.

    Args:
        policy: `keras.DTypePolicy`.
        gain: float. Of all kernels.
    """

    def __init__(self, policy, gain):
        self.policy = policy
        self.gain = gain

    def __call__(self, widths, name, *, exact=False):
        *hidden, last = widths
        layers = [
            self.linear(width, f"{name}_{at}", activation="relu") for at, width in enumerate(hidden)
        ]
        layers.append(self.linear(last, f"{name}_{len(hidden)}", exact=exact))
        return lambda x: functools.reduce(lambda y, layer: layer(y), layers, x)

    def linear(self, width, name, *, activation=None, exact=False):
        """A layer; what is exact computes in the dtype of the weights."""
        dtype = self.policy.variable_dtype if exact else self.policy
        return Linear(width, activation, gain=self.gain, dtype=dtype, name=name)


class _Encoder:
    """A function from features to the mean and the logarithm of the variance of a Gaussian."""

    def __init__(self, stack, widths, latent_dim, name):
        self.stack = stack(widths, name)
        self.heads = [
            stack.linear(latent_dim, f"{name}_{head}", exact=True)
            for head in ("mean", "log_variance")
        ]

    def __call__(self, x):
        x = self.stack(x)
        return tuple(head(x) for head in self.heads)


def _scaling(kind, modality, units, policy):
    """Returns the function by which features are scaled."""
    exact = {"dtype": policy.variable_dtype}
    if kind == "none":
        return lambda x: x
    if kind == "peak":
        return PeakNorm(name=f"{modality}_peak", **exact)
    if kind == "standard":
        return Standardization(name=f"{modality}_standard", **exact)
    if kind == "canonical":
        return CanonicalCoordinates(units, name=f"{modality}_canonical", **exact)
    raise ValueError(f"scaling must be none, peak, standard or canonical; received: {kind!r}")
