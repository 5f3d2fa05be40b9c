"""What parsing can be told: its options with their source, presets, search space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from kavc.errors import ConfigError
from kavc.options import option
from kavc.systems.choices import Choices
from kavc.systems.config import Config

GROUNDED = ("pretrain-uni", "pretrain-cross", "pretrain-multi")
VARIANTS = (
    "han", "refined", "base", "base-gcaa", "base-adv-skip", "base-adv-skip-gcaa", *GROUNDED,
)  # fmt: skip
ADVERSARIAL = ("base-adv-skip", "base-adv-skip-gcaa")

# HAN is trained as its own authors did, whatever preset the other rows have; Tian et al., 2020,
# section 5.1 and code.
HAN_TRAINING: Mapping[str, Any] = {
    "variant": "han",
    "guided_weight": 1.0,
    "learning_rate": 3e-4,
    "decay": 0.1,
    "decay_epochs": 10,
    "batch_size": 16,
}
# Refined by Wu and Yang, 2021: twice as above, but shorter, to the last epoch and under a contrast.
REFINED_TRAINING: Mapping[str, Any] = {
    **HAN_TRAINING,
    "variant": "refined",
    "epochs": 12,
    "keep": "last",
    "contrastive_weight": 1.0,
    "gate": "modality",
}


@dataclass(frozen=True)
class AVParsingConfig(Config):
    """Options of audio-visual video parsing. The defaults are the paper's.

    Sections and equations are those of Lamba et al., 2021 (arXiv 2104.04598), whose code is "code";
    HAN is Tian et al., 2020; "refined" is Wu and Yang, 2021.

    Example:
        >>> AVParsingConfig().guided_weight, AVParsingConfig.preset("published-code").guided_weight
        (0.6, 0.3)
    """

    variant: str = option("base-adv-skip-gcaa", "row of Tables 1 and 2", choices=VARIANTS)
    # What the data fix
    classes: int = option(25, "number of event classes; 25 in LLP", low=1)
    audio_dim: int = option(128, "width of the audio features; VGGish (section 4)", low=1)
    visual_dim: int = option(2048, "width of the frames' features; ResNet-152 (4)", low=1)
    visual_3d_dim: int | None = option(
        512, "width of the clips' features; R(2+1)D-18 (4); none: no such features", low=1
    )
    # Data
    segments: int = option(10, "seconds of a video, each a segment (4)", low=1)
    audio_array: str = option("audio", "features: name of the array that is heard")
    visual_array: str = option("visual", "features: name of the frames' array, one row a second")
    visual_3d_array: str | None = option(
        "visual_3d", "features: name of the clips' array; none: networks without it"
    )
    audio_events_array: str = option(
        "audio_events", "features: name of the array of what is heard: (seconds, classes), 0 or 1"
    )
    visual_events_array: str = option(
        "visual_events", "features: name of the array of what is seen"
    )
    pseudo_labels: str | None = option(
        None, "npz file of soft labels of training segments; see `pseudo_labels.py`"
    )
    pseudo_labels_sha256: str | None = option(None, "of that file; the run finds it out")
    refined_labels: str | None = option(
        None, "npz file of the labels that each modality keeps; see `refined_labels.py`"
    )
    refined_labels_sha256: str | None = option(None, "of that file; the run finds it out")
    silence: str | None = option(
        None, "npy file of the audio features of silence; its segments are joined to no later ones"
    )
    silence_sha256: str | None = option(None, "of that file; the run finds it out")
    # Network
    dim: int = option(512, "width of all features (4)", low=1)
    units: int = option(512, "width of the feed-forward parts; code", low=1)
    heads: int = option(1, "of every attention; code", low=1)
    members: int = option(
        1, "networks that answer by their mean; more than one have no adversary", low=1
    )
    dropout: float = option(0.1, "in attention and feed-forward parts; code", low=0, high=0.9)
    gcaa_first_segment: bool = option(
        False, "the code's fault: the first segment's attention is added to every segment"
    )
    # Pretrained encoder, of the variants that have one
    pretrained: str = option(
        "representations",
        "its outputs are features of the paper's whole model (4), or it is fine-tuned under heads "
        "of its own (code)",
        choices=("representations", "fine-tuned"),
    )
    encoder_dim: int = option(256, "width of its tokens; 1,024 in the code: days of a CPU", low=1)
    encoder_layers: int = option(2, "Transformer layers; 12 in the code", low=1)
    encoder_heads: int = option(4, "of every attention; 8 in the code", low=1)
    encoder_units: int = option(768, "width of its feed-forward parts; 3,072 in the code", low=1)
    # Grounding, which pretrains it
    grounding_epochs: int = option(40, "epochs; code", low=1)
    grounding_batch_size: int = option(16, "videos in a batch; code", low=1)
    grounding_learning_rate: float = option(
        1e-4,
        "of Adam, for an encoder of this size; 1e-6 in the code, for its own",
        low=1e-8,
        high=1,
    )
    grounding_rule: str = option(
        "or", "segments are joined that are seen or heard alike (3.2), or both (code)",
        choices=("or", "and"),
    )  # fmt: skip
    visual_alike: float | None = option(
        None, "least cosine of pictures that are alike; 0.96 in the code; none: see `alike`",
        low=-1, high=1,
    )  # fmt: skip
    audio_alike: float | None = option(
        None, "least cosine of sounds that are alike; 0.99 in the code; none: see `alike`",
        low=-1, high=1,
    )  # fmt: skip
    alike: float = option(
        0.05,
        "share of the pairs of segments of one training video that count as alike in a modality, "
        "where there is no threshold: the paper gives none, and features differ",
        low=0,
        high=1,
    )
    silence_alike: float = option(0.99, "least cosine with silence that is silent; code",
                                  low=-1, high=1)  # fmt: skip
    positive_margin: float = option(
        0.7, "p, of segments of one group (eq. 4); code", low=-1, high=1
    )
    negative_margin: float = option(0.7, "n, of others (eq. 4); code", low=-1, high=1)
    grounding_alternates: bool = option(
        False, "multi: one epoch uni, the next cross, as in the code; not both at once (eq. 6)"
    )
    # Losses
    contrastive_weight: float = option(
        0.0, "of the contrast of segments; 1 in Wu and Yang, 2021", low=0
    )
    guided_weight: float = option(0.6, "lambda_g, of both modalities' losses (4); 1 in HAN", low=0)
    adversarial_weight: float = option(0.4, "lambda_ad, of the discriminator's loss (4)", low=0)
    audio_keep: float = option(1.0, "audio labels are smoothed to keep y + (1 - keep) / 2; HAN",
                               low=0, high=1)  # fmt: skip
    visual_keep: float = option(0.9, "visual labels likewise; HAN", low=0, high=1)
    segment_weight: float = option(1.0, "of the loss of segments, where these have labels", low=0)
    positive_weight: float = option(
        1.0, "of what is there, in that loss: few segments have an event", low=0
    )
    recombination: float = option(
        0.0, "share of the videos that are taught with another one's pictures", low=0, high=1
    )
    mixup: float = option(
        0.0, "videos are mixed in shares from Beta(mixup, mixup); 0, the paper: they are not", low=0
    )
    reversal_from: int = option(
        0,
        "epoch that the reversal's schedule counts from; 1 in the code",
        low=0,
        high=1,
    )
    # Optimisation
    optimizer: str = option("adam", "HAN's code", choices=("adam", "adamw"))
    learning_rate: float = option(3e-4, "section 4", low=1e-8, high=1)
    weight_decay: float = option(0.0, "decoupled; for adamw", low=0)
    clip_norm: float = option(0.0, "largest norm of the whole gradient; 0, the code: any", low=0)
    schedule: str = option(
        "step", "step: times decay every decay_epochs (4); cosine: to 0", choices=("step", "cosine")
    )
    decay: float = option(0.5, "factor of the learning rate (4)", low=0, high=1)
    decay_epochs: int = option(5, "epochs between two of them (4)", low=1)
    warm_up_epochs: int = option(0, "epochs in which the rate rises to its value", low=0)
    batch_size: int = option(64, "videos in a batch (4)", low=2)
    epochs: int = option(40, "epochs (4); of either training, where labels are refined", low=1)
    keep: str = option(
        "best", "epoch that is kept: the best on validation (code), or the last; Wu and Yang, 2021",
        choices=("best", "last"),
    )  # fmt: skip
    steps_per_execution: int = option(8, "training steps per call of the compiled graph", low=1)
    dtype: str = option("float32", "dtype policy", choices=("float32", "mixed_bfloat16"))
    # Decisions
    gate: str = option(
        "video",
        "a segment counts if its video does: by the video's probability (HAN), by that of its own "
        "modality (Wu and Yang, 2021), or in any case",
        choices=("video", "modality", "none"),
    )
    threshold: str = option(
        "half",
        "least probability of what is decided for: one half (HAN), or what is best on validation, "
        "of segments and of the gate, which the network keeps",
        choices=("half", "validation"),
    )

    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {},
        "published-code": {
            "learning_rate": 6e-4,
            "decay_epochs": 6,
            "guided_weight": 0.3,
            "adversarial_weight": 0.3,
            "reversal_from": 1,
            "gcaa_first_segment": True,
            "pretrained": "fine-tuned",
            "grounding_rule": "and",
            "visual_alike": 0.96,
            "audio_alike": 0.99,
            "grounding_alternates": True,
        },
        "han": HAN_TRAINING,
        "refined": REFINED_TRAINING,
        # The rows "Pretrain" as published. A run on LLP takes days of a CPU.
        "published-encoder": {
            "variant": "pretrain-multi",
            "pretrained": "fine-tuned",
            "encoder_dim": 1024,
            "encoder_layers": 12,
            "encoder_heads": 8,
            "encoder_units": 3072,
            "grounding_learning_rate": 1e-6,
            "grounding_rule": "and",
            "visual_alike": 0.96,
            "audio_alike": 0.99,
            "grounding_alternates": True,
            "learning_rate": 1e-6,
            "decay": 1.0,
            "guided_weight": 1.0,
        },
        # Chosen on a synthetic corpus; what it brings there stands in the README.
        "improved": {
            "variant": "han",
            "members": 2,
            "mixup": 0.5,
            "guided_weight": 1.0,
            "visual_keep": 1.0,
            "learning_rate": 3e-4,
            "schedule": "cosine",
            "warm_up_epochs": 2,
            "batch_size": 16,
            "epochs": 12,
            "gate": "modality",
            "threshold": "validation",
        },
    }

    @property
    def adversarial(self) -> bool:
        """Whether an adversary is trained.

        Example:
            >>> AVParsingConfig().adversarial, AVParsingConfig(variant="base").adversarial
            (True, False)
        """
        if self.variant in GROUNDED:
            return self.pretrained == "representations"
        return self.variant in ADVERSARIAL

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.encoder_dim % self.encoder_heads:
            raise ConfigError(
                f"option 'encoder_heads' must divide option 'encoder_dim'; not "
                f"encoder_heads={self.encoder_heads}, encoder_dim={self.encoder_dim}"
            )
        if self.dim % self.heads:
            raise ConfigError(
                f"option 'heads' must divide option 'dim'; not heads={self.heads}, dim={self.dim}"
            )
        if self.members > 1 and (self.adversarial or self.variant in ("refined", *GROUNDED)):
            why = "has an adversary" if self.adversarial else "is trained in several fits"
            raise ConfigError(
                f"option 'members' must be 1 for the variant {self.variant!r}, which {why}; not "
                f"{self.members}"
            )
        if self.members > 1 and self.contrastive_weight:
            raise ConfigError(
                "option 'contrastive_weight' must be 0 for several members; not "
                f"{self.contrastive_weight}"
            )
        if self.recombination and (self.variant == "refined" or self.refined_labels is not None):
            raise ConfigError(
                "option 'recombination' must be 0 where labels are refined; not "
                f"{self.recombination}"
            )


def search_space(hp: Any, config: AVParsingConfig) -> AVParsingConfig:
    """Returns the config with what a sweep chose; the defaults of all choices are `config`'s.

    Args:
        hp: `keras_tuner.HyperParameters`.
        config: the starting point, the paper's for instance.

    Example:
        >>> import keras_tuner
        >>> config = AVParsingConfig.preset("improved")
        >>> search_space(keras_tuner.HyperParameters(), config) == config
        True
    """
    ask = Choices(hp, config)
    ask.log_range("learning_rate", 1e-4, 3e-3)
    ask.one_of("batch_size", 16, 32, 64)
    ask.one_of("dim", 128, 256, 512)
    ask.one_of("units", 128, 256, 512)
    ask.one_of("heads", 1, 4)
    ask.one_of("dropout", 0.0, 0.1, 0.2, 0.3, 0.5)
    ask.one_of("mixup", 0.0, 0.2, 0.5, 1.0)
    if config.variant != "refined" and config.refined_labels is None:
        ask.one_of("recombination", 0.0, 0.3)
    ask.one_of("guided_weight", 0.3, 0.6, 1.0, 2.0)
    ask.one_of("audio_keep", 0.8, 0.9, 1.0)
    ask.one_of("visual_keep", 0.8, 0.9, 1.0)
    if config.adversarial:
        ask.one_of("adversarial_weight", 0.0, 0.1, 0.4)
    elif config.variant not in ("refined", *GROUNDED):
        ask.one_of("members", 1, 2, 4)
    ask.one_of("schedule", "step", "cosine")
    with ask.where("schedule", lambda name: name == "step"):
        ask.one_of("decay", 0.1, 0.5)
        ask.one_of("decay_epochs", 5, 10)
    with ask.where("schedule", lambda name: name == "cosine"):
        ask.one_of("warm_up_epochs", 0, 2)
    ask.one_of("optimizer", "adam", "adamw")
    with ask.where("optimizer", lambda name: name == "adamw"):
        ask.one_of("weight_decay", 0.001, 0.01, 0.1)
    return ask.config()
