"""What Ti-AVC can be told: its options with their source in the paper, presets, search space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from kavc.options import option
from kavc.systems.choices import Choices
from kavc.systems.config import Config

VARIANTS = ("ti-avc", "joint", "baseline-1", "baseline-2")


@dataclass(frozen=True)
class TiAVCConfig(Config):
    """Options of Ti-AVC. The defaults are the paper's, or the likeliest reading where it is silent.

    Sections and tables are those of Su et al., 2020 (arXiv 2009.06573).

    Example:
        >>> TiAVCConfig(variant="joint").batch_size
        8
        >>> TiAVCConfig.preset("improved").embedding_dim
        512
    """

    variant: str = option("ti-avc", "row of Table 1", choices=VARIANTS)
    # What the data fix
    themes: int = option(19, "number of themes (section 3)", low=2)
    audio_dim: int = option(128, "width of the audio features; VGGish (section 4.1)", low=1)
    visual_dim: int = option(1280, "width of the visual features; MobileNetV2 (4.1)", low=1)
    # Data
    audio_array: str = option("audio", "features: name of the array that is heard")
    visual_array: str = option("visual", "features: name of the array that is seen")
    silent: str = option(
        "drop", "videos without audio: leave out or keep as zeros", choices=("drop", "keep")
    )
    frames: int = option(
        8, "YouTube-8M, frame level: key frames of a video; all would be as many as audio", low=1
    )
    max_steps: int | None = option(None, "crop audio to so many steps of 0.96 s; none: all", low=1)
    min_theme_count: int = option(
        1, "YouTube-8M: leave out themes with fewer training videos", low=1
    )
    # Network
    embedding_dim: int = option(128, "width of both embeddings (section 4.2)", low=1)
    attention: str = option(
        "additive",
        "kind of audio self-attention (4.2)",
        choices=("additive", "seq_additive", "mha", "weighted"),
    )
    kernel_size: int = option(3, "kernel of the fusion's Conv1D; 1 ignores frame order", low=1)
    filters: int = option(128, "filters of the fusion's Conv1D", low=1)
    units: int = option(128, "width of the fusion's hidden dense layers", low=1)
    dropout: float = option(0.0, "after each hidden dense layer of a fusion", low=0, high=0.9)
    normalize: str = option(
        "none", "layer normalisation of the input features", choices=("none", "layer")
    )
    interaction: str = option(
        "none",
        "product: both embeddings multiplied, as a further input of a fusion",
        choices=("none", "product"),
    )
    theme_input: str = option(
        "conv",
        "themes enter the first Conv1D (Table 2) or the first dense layer",
        choices=("conv", "dense"),
    )
    predicted_theme: str = option(
        "probabilities",
        "how the predicted theme enters the correspondence learner",
        choices=("probabilities", "logits", "onehot"),
    )
    doubling: str = option(
        "matched",
        "how the baselines double the fusion (section 5.1)",
        choices=("matched", "depth", "parallel"),
    )
    # Losses and pairs
    theme_stage_on: str = option(
        "positives", "pairs that train the theme learner alone", choices=("positives", "all")
    )
    theme_loss_on: str = option(
        "positives", "pairs that bear the joint model's theme loss", choices=("positives", "all")
    )
    theme_loss_weight: float = option(1.0, "lambda of the joint model's theme loss", low=0)
    stop_gradient: bool = option(
        False, "joint model: keep the match loss out of the predicted theme"
    )
    negatives: str = option(
        "fresh", "training negatives: new in every epoch or drawn once", choices=("fresh", "fixed")
    )
    same_theme_share: float = option(
        0.0, "share of training negatives that have the theme of the visual", low=0, high=1
    )
    alignment_epochs: int = option(
        0, "epochs of InfoNCE pretraining of both sub-networks; 0, the paper: none", low=0
    )
    alignment_batch_size: int = option(512, "videos in a batch of that pretraining", low=2)
    temperature: float = option(0.07, "of InfoNCE", low=0.001, high=10)
    label_smoothing: float = option(0.0, "of the theme's cross-entropy", low=0, high=0.5)
    contributions: str = option(
        "elementwise", "reading of equation (1)", choices=("elementwise", "grouped")
    )
    # Optimisation
    optimizer: str = option("adam", "section 5.1", choices=("adam", "adamw"))
    learning_rate: float = option(1e-4, "section 5.1", low=1e-8, high=1)
    weight_decay: float = option(0.0, "decoupled; for adamw", low=0)
    batch_size: int = option(8, "pairs in a batch (section 5.1)", low=1)
    epochs: int = option(200, "most epochs of a stage; the paper stops early", low=1)
    patience: int = option(
        5, "epochs without a lower validation loss before a stage stops (5.1)", low=1
    )
    steps_per_execution: int = option(32, "training steps per call of the compiled graph", low=1)
    dtype: str = option("float32", "dtype policy", choices=("float32", "mixed_bfloat16"))

    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {},
        # Chosen on the validation split of YouTube-8M; docs/results/ti-avc.md has what each brings.
        "improved": {
            "variant": "joint",
            "embedding_dim": 512,
            "kernel_size": 1,
            "interaction": "product",
            "normalize": "layer",
            "dropout": 0.2,
            "alignment_epochs": 30,
            "batch_size": 256,
            "learning_rate": 3e-4,
        },
    }


def search_space(hp: Any, config: TiAVCConfig) -> TiAVCConfig:
    """Returns the config with what a sweep chose; the defaults of all choices are `config`'s.

    Args:
        hp: `keras_tuner.HyperParameters`.
        config: the starting point, the paper's for instance.

    Example:
        >>> import keras_tuner
        >>> hp = keras_tuner.HyperParameters()
        >>> search_space(hp, TiAVCConfig()) == TiAVCConfig(), "learning_rate" in hp
        (True, True)
    """
    ask = Choices(hp, config)
    ask.log_range("learning_rate", 1e-5, 1e-2)
    ask.one_of("batch_size", 8, 32, 128, 256)
    ask.one_of("optimizer", "adam", "adamw")
    with ask.where("optimizer", lambda name: name == "adamw"):
        ask.one_of("weight_decay", 0.0, 0.01, 0.1)
    ask.one_of("embedding_dim", 64, 128, 256, 512)
    ask.one_of("filters", 64, 128, 256)
    ask.one_of("units", 64, 128, 256)
    ask.one_of("kernel_size", 1, 3)
    ask.one_of("dropout", 0.0, 0.1, 0.2, 0.3, 0.5)
    ask.one_of("normalize", "none", "layer")
    ask.one_of("interaction", "none", "product")
    ask.one_of("label_smoothing", 0.0, 0.05, 0.1)
    ask.one_of("negatives", "fresh", "fixed")
    ask.one_of("same_theme_share", 0.0, 0.25, 0.5)
    ask.one_of("alignment_epochs", 0, 30)
    with ask.where("alignment_epochs", lambda epochs: epochs > 0):
        ask.one_of("alignment_batch_size", 256, 512, 1024)
        ask.one_of("temperature", 0.03, 0.07, 0.2)
    if config.variant == "joint":
        ask.one_of("theme_loss_weight", 0.3, 1.0, 3.0)
        ask.one_of("stop_gradient")
    return ask.config()
