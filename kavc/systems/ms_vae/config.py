"""What MS-VAE can be told: its options with their source, presets, search space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from kavc.options import option
from kavc.systems.choices import Choices
from kavc.systems.config import Config

FITTED = ("standard", "canonical")  # scalings that are taken of the training split
GENERATING = ("ms-vae", "ms-vae-without-w", "cm-vae")
CORRESPONDING = ("l3", "ave")
LOCALIZING = ("avsdn", "avfb")
ON_MAPS = ("av-attention", "dmrn")  # networks that attend to the places of a picture
VARIANTS = (*GENERATING, "dcca", "avdln", *CORRESPONDING, *LOCALIZING, *ON_MAPS)

# How the others are trained, whatever preset MS-VAE's own rows have.
TRAINING: Mapping[str, Mapping[str, Any]] = {
    # Tian et al., 2018: pairs of one second, near in events and far in the background.
    "avdln": {"learning_rate": 1e-3, "batch_size": 8, "epochs": 20, "keep": "last"},
    # Rate, optimizer and batch of published PyTorch code, without its weight decay; epochs ours.
    "dcca": {"learning_rate": 1e-3, "optimizer": "rmsprop", "batch_size": 800, "epochs": 20},
    # The batch of a re-implementation on frames, whose rate is 5e-5; rate and epochs ours.
    "l3": {"learning_rate": 1e-4, "batch_size": 64, "epochs": 20},
    "ave": {"learning_rate": 1e-4, "batch_size": 64, "epochs": 20},
    # Published code of AVE, but for its 300 epochs.
    **{
        each: {"learning_rate": 1e-3, "batch_size": 64, "epochs": 30}
        for each in (*LOCALIZING, *ON_MAPS)
    },
}


# The paper's loss with parts of like size: the divergence as a mean, and W in closed form at a
# weight that leaves the latents of two segments apart. It is taken of the coordinates of a linear
# analysis, by networks as shallow as these allow. docs/results/ms-vae.md has what each part brings.
IMPROVED: Mapping[str, Any] = {
    "scaling": "canonical",
    "depth": "shallow",
    "code_units": 64,
    "decoder_units": 256,
    "gain": 2.45,
    "kl_weight": 1e-3,
    "late_kl_weight": 1e-3,
    "kl_over": "features",
    "latent": "gaussians",
    "latent_weight": 0.03,
    "learning_rate": 1e-3,
    "schedule": "cosine",
    "batch_size": 256,
    "epochs": 10,
}


@dataclass(frozen=True)
class MSVAEConfig(Config):
    """Options of MS-VAE and of what it is compared with. The defaults are the paper's.

    Sections and equations are those of Zhu et al., 2021 (arXiv 2102.03424), whose code is "code".

    Example:
        >>> MSVAEConfig().latent_dim, MSVAEConfig.preset("published-code").learning_rate
        (100, 1e-05)
    """

    variant: str = option("ms-vae", "row of Tables 1 and 2", choices=VARIANTS)
    # What the data fix
    classes: int = option(28, "number of event classes; 28 in AVE (section 3.1)", low=1)
    audio_dim: int = option(128, "width of the audio features; VGGish, code", low=1)
    visual_dim: int = option(512, "width of the features of pictures; VGG-19, code", low=1)
    # Data
    segments: int = option(10, "seconds of a video, each a segment (3.1)", low=2)
    audio_array: str = option("audio", "features: name of the array that is heard")
    visual_array: str = option("visual", "features: name of the pictures' array, a row a second")
    map_array: str = option(
        "visual_map", "features: name of the array of pictures with their places, for attention"
    )
    events_array: str = option(
        "events", "features: name of the array (seconds, 1) of 1 where there is the event, else 0"
    )
    order: str = option(
        "match", "ave: its split files, of cross-modal tasks (match; 3) or of supervised "
        "localisation (plain)", choices=("match", "plain"),
    )  # fmt: skip
    train_on: str = option(
        "events",
        "training segments of what is called unsupervised: those of events, which labels tell "
        "(code), or all",
        choices=("events", "all"),
    )
    scaling: str = option(
        "none",
        "of features: none; rows divided by their largest value (peak), or so in evaluation alone "
        "(peak-in-evaluation; code); by the training split, mean 0 and variance 1 (standard), or "
        "coordinates in which sound and pictures agree most (canonical)",
        choices=("none", "peak", "peak-in-evaluation", "standard", "canonical"),
    )
    canonical_dim: int = option(16, "number of these coordinates", low=1)
    # Networks
    latent_dim: int = option(100, "width of the latents; code", low=1)
    depth: str = option(
        "published",
        "of encoders and decoder: the code's; or shallow, which is encoders of one linear layer of "
        "`code_units` and a decoder with one hidden layer",
        choices=("published", "shallow"),
    )
    visual_units: int = option(512, "of the visual encoder's first two layers; code", low=1)
    code_units: int = option(128, "of both encoders' last two layers; code", low=1)
    decoder_units: int = option(
        512, "of the decoder's first three layers; code; the two after are as wide as the pair",
        low=1,
    )  # fmt: skip
    gain: float = option(
        1.0, "of MS-VAE's kernels at first: 1, PyTorch's (code); 2.45, He's, for ReLU", low=0.01
    )
    embedding_units: int | None = option(
        None, "hidden width of the networks it is compared with; none: their own", low=1
    )
    embedding_dim: int | None = option(None, "width of their embeddings; none: their own", low=1)
    # Losses
    error_weight: float = option(1.0, "lambda_1, of the reconstruction (2.2)", low=0)
    kl_weight: float = option(0.1, "lambda_2, of the divergence, at first (2.2)", low=0)
    late_kl_weight: float = option(0.01, "lambda_2 from epoch `kl_epochs` on (2.2)", low=0)
    kl_epochs: int = option(10, "epochs of `kl_weight`, the first ones (2.2)", low=0)
    kl_over: str = option(
        "latent",
        "the divergence is a sum over the latent's coordinates, or, as the error is a mean over "
        "the features, a mean over them",
        choices=("latent", "features"),
    )
    latent_weight: float = option(1.0, "lambda_3, of the latents' distance (2.2)", low=0)
    latent: str = option(
        "samples",
        "the latents' distance: of the samples that are decoded (2.2), of the Gaussians (closed "
        "form of W2), or the norm of a batch's fresh samples (code)",
        choices=("samples", "gaussians", "matrix"),
    )
    margin: float = option(2.0, "avdln: distance that the background should have; code", low=0)
    ridge: float = option(
        1e-3, "dcca: added to the diagonals of covariances; published PyTorch code", low=1e-8
    )
    # Optimisation
    optimizer: str = option("adam", "code", choices=("adam", "rmsprop", "adamw"))
    learning_rate: float = option(1e-4, "the paper gives none; 1e-5 in the code", low=1e-8, high=1)
    weight_decay: float = option(0.0, "decoupled; for adamw", low=0)
    schedule: str = option("constant", "code; cosine: to 0", choices=("constant", "cosine"))
    batches: str = option(
        "segments",
        "a batch is of segments anywhere, or of those of one video, in order (videos; code)",
        choices=("segments", "videos"),
    )
    batch_size: int = option(64, "segments in a batch, or videos where these are learnt from",
                             low=2)  # fmt: skip
    epochs: int = option(15, "epochs; code", low=1)
    keep: str = option("last", "epoch that is kept: the last (code), or the best on validation",
                       choices=("last", "best"))  # fmt: skip
    steps_per_execution: int = option(16, "training steps per call of the compiled graph", low=1)
    dtype: str = option("float32", "dtype policy", choices=("float32", "mixed_bfloat16"))
    # Evaluation
    latent_distance: str = option(
        "means", "of two segments: of the Gaussians' means (code), or W2 of them (3.2)",
        choices=("means", "gaussians"),
    )  # fmt: skip
    draws: int = option(5, "draws of a segment of each video for retrieval; one in the code", low=1)
    scripts_faults: bool = option(
        False,
        "retrieval as the published script has it: squared errors in place of distances, labels "
        "out of step, sounds ranked by the last picture",
    )

    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {},
        "published-code": {
            "scaling": "peak-in-evaluation",
            "latent": "matrix",
            "learning_rate": 1e-5,
            "batches": "videos",
            "scripts_faults": True,
        },
        "improved": IMPROVED,
        **{variant: {"variant": variant, **options} for variant, options in TRAINING.items()},
    }

    @property
    def supervised(self) -> bool:
        """Whether a network is taught the event of each segment.

        Example:
            >>> MSVAEConfig().supervised, MSVAEConfig(variant="dmrn").supervised
            (False, True)
        """
        return self.variant in (*LOCALIZING, *ON_MAPS)


def search_space(hp: Any, config: MSVAEConfig) -> MSVAEConfig:
    """Returns the config with what a sweep chose; the defaults of all choices are `config`'s.

    Args:
        hp: `keras_tuner.HyperParameters`.
        config: the starting point, the paper's for instance.

    Example:
        >>> import keras_tuner
        >>> search_space(keras_tuner.HyperParameters(), MSVAEConfig()) == MSVAEConfig()
        True
    """
    ask = Choices(hp, config)
    ask.log_range("learning_rate", 1e-5, 3e-3)
    ask.one_of("batch_size", 32, 64, 128, 256, 512)
    if config.variant in GENERATING:
        ask.one_of("scaling", "none", "peak", "standard", "canonical")
        ask.one_of("canonical_dim", 8, 12, 16, 24, 32)
        ask.one_of("depth", "published", "shallow")
        ask.one_of("latent_dim", 32, 64, 100)
        ask.one_of("kl_over", "latent", "features")
        ask.one_of("latent", "samples", "gaussians")
        ask.log_range("latent_weight", 0.003, 3.0)
        ask.one_of("latent_distance", "means", "gaussians")
    ask.one_of("schedule", "constant", "cosine")
    return ask.config()
