"""What the system can be told: its options with their source, presets, search space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from kavc.options import option
from kavc.systems.choices import Choices
from kavc.systems.config import Config
from kavc.systems.cross_modal_embedding.sizes import check_kernel_features


@dataclass(frozen=True)
class CrossModalConfig(Config):
    """Options of the cross-modal embedding. The defaults are the paper's, or its likeliest reading.

    Sections are those of Surís et al., 2018 (arXiv 1801.02200); "code" is what they published. The
    paper names neither optimizer nor learning rate, clipping or number of steps: these are the
    code's, but for the number of epochs.

    Example:
        >>> CrossModalConfig().batch_size, CrossModalConfig.preset("improved").objective
        (1024, 'infonce')
    """

    # What the data fix
    classes: int = option(3862, "number of labels; 3,862 in YouTube-8M of 2018", low=1)
    audio_dim: int = option(128, "width of the audio features (section 3)", low=1)
    visual_dim: int = option(1024, "width of the visual features (section 3)", low=1)
    # Data
    audio_array: str = option("audio", "features: name of the array that is heard")
    visual_array: str = option("visual", "features: name of the array that is seen")
    silent: str = option(
        "keep", "training videos without sound: keep or leave out", choices=("keep", "drop")
    )
    label_limit: int | None = option(
        None, "learn only so many labels, the first; YouTube-8M lists frequent ones first", low=1
    )
    # Network
    network: str = option(
        "paper",
        "paper: CrossModalEmbedding; canonical: CanonicalEmbedding",
        choices=("paper", "canonical"),
    )
    audio_units_1_2: int = option(450, "width of the audio branch's layers 1 and 2 (3)", low=1)
    audio_units_3_4: int = option(200, "of its layers 3 and 4; 250 in the code's README", low=1)
    visual_units_1_2: int = option(2000, "width of the visual branch's layers 1 and 2 (3)", low=1)
    visual_units_3_4: int = option(700, "of its layers 3 and 4 (3)", low=1)
    embedding_dim: int = option(250, "width of both embeddings (3)", low=1)
    embedding_activation: str = option(
        "linear", "of the embedding layer; relu in the code", choices=("linear", "relu")
    )
    input_norm: str = option(
        "none",
        "joint, in the code: both features divided by one norm, which tells pairs apart",
        choices=("none", "per_modality", "joint"),
    )
    l2: float = option(1e-8, "weight of half the squared kernels; code", low=0)
    # Network "canonical"
    coordinates: int = option(512, "most canonical coordinates of a modality", low=1)
    ridge: float = option(0.1, "of both covariances, in mean eigenvalues", low=0)
    units: int = option(1024, "width of its hidden layers", low=1)
    depth: int = option(2, "number of its hidden layers", low=0)
    members: int = option(1, "networks beside each other in a branch", low=1)
    kernel_features: int = option(
        0, "random Fourier features of a kernel machine beside them; 0: none", low=0
    )
    kernel_width: float = option(
        1.0, "reciprocal width of its kernel, in root mean square distances", low=0.01
    )
    kernel_ridge: float = option(0.4, "of its covariances, in mean eigenvalues", low=0)
    dropout: float = option(0.3, "after each of its hidden layers", low=0, high=0.9)
    # Loss and pairs
    objective: str = option(
        "pairs",
        "the paper's pairs with a margin, or InfoNCE over the batch",
        choices=("pairs", "infonce"),
    )
    mixing: float = option(
        0.0, "infonce: pairs are mixed by weights from Beta(x, x); 0: not at all", low=0
    )
    margin: float = option(0.2, "of the cosine loss of negatives (4)", low=0, high=0.99)
    scale_hinge: bool = option(False, "divide that loss by 1 - margin, as the code does")
    negatives_share: float = option(0.6, "share of negative pairs (4)", low=0, high=1)
    negatives_draw: str = option(
        "exact",
        "that share of each batch; bernoulli, in the code: row by row",
        choices=("exact", "bernoulli"),
    )
    negatives: str = option(
        "any",
        "who may be a negative's partner; disjoint_labels, in the code: who shares no label",
        choices=("any", "disjoint_labels"),
    )
    class_weight: float = option(
        0.02, "lambda: weight of the class term after its switch (4)", low=0
    )
    switch_step: int = option(10_000, "training step at which lambda is switched on (4)", low=0)
    class_kind: str = option(
        "sum",
        "both branches' cross-entropies added, or, in the code, the root of that",
        choices=("sum", "sqrt"),
    )
    log_epsilon: float = option(
        0.0, "added to probabilities under the logarithm; 1e-5 in the code", low=0, high=0.1
    )
    # Optimisation
    batch_size: int = option(1024, "pairs in a batch (4)", low=2)
    learning_rate: float = option(1e-4, "of Adam; code", low=1e-8, high=1)
    decay: float = option(0.95, "factor of the learning rate; code", low=0.01, high=1)
    decay_examples: int = option(4_000_000, "... each time so many pairs have passed; code", low=1)
    weight_decay: float = option(0.0, "infonce: of AdamW, decoupled", low=0)
    warm_up_steps: int = option(20, "infonce: steps until the rate is full, then a cosine", low=0)
    ema_momentum: float = option(
        0.0,
        "infonce: of the weights' moving average, which is what is kept; 0: none",
        low=0,
        high=1,
    )
    clip_norm: float = option(1.0, "largest norm of each variable's gradient; code", low=0)
    epochs: int = option(550, "passes over the data; the paper has no number", low=1)
    patience: int | None = option(
        None, "epochs without a better validation recall before it stops; none: never", low=1
    )
    # Search
    hub_correction: str = option(
        "inverted-softmax",
        "what is taken off the scores of items that are near to every query; or csls, or none",
        choices=("inverted-softmax", "csls", "none"),
    )
    hub_bank: int = option(
        500, "groups of training videos that stand for queries there", low=2, high=50_000
    )
    steps_per_execution: int = option(8, "training steps per call of the compiled graph", low=1)
    dtype: str = option("float32", "dtype policy", choices=("float32", "mixed_bfloat16"))

    def __post_init__(self) -> None:
        super().__post_init__()
        check_kernel_features(self.kernel_features, self.embedding_dim)

    @property
    def corrects_hubs(self) -> bool:
        """Whether a correction of hubs is fitted: not where no query is embedded alone.

        Example:
            >>> CrossModalConfig().corrects_hubs, CrossModalConfig(input_norm="joint").corrects_hubs
            (True, False)
        """
        return self.hub_correction != "none" and self.input_norm != "joint"

    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {},
        # As the README's command for Google's cloud, "lambda" 0 included. Its five epochs were
        # over 4.9 million videos, about 24,000 steps.
        "published-code": {
            "embedding_activation": "relu",
            "input_norm": "joint",
            "audio_units_3_4": 250,
            "scale_hinge": True,
            "negatives_draw": "bernoulli",
            "negatives": "disjoint_labels",
            "class_weight": 0.0,
            "class_kind": "sqrt",
            "log_epsilon": 1e-5,
            "epochs": 5,
        },
        # Chosen on the validation split of YouTube-8M, a seed or two a step.
        # benchmarks/cross_modal_embedding_ablation.py measures what each brings.
        "improved": {
            "silent": "drop",
            "label_limit": 1000,
            "network": "canonical",
            "members": 4,
            "kernel_features": 4000,
            "embedding_dim": 256,
            "objective": "infonce",
            "mixing": 0.5,
            "class_weight": 0.0075,
            "learning_rate": 2e-3,
            "weight_decay": 0.5,
            "ema_momentum": 0.98,
            "clip_norm": 0.0,
            "epochs": 16,
        },
        # The winner of the sweep in tuning/cross-modal-embedding.yaml, from `improved` on, with its
        # four members: numbers are as drawn. Twice as large and as slow.
        "tuned": {
            "silent": "drop",
            "label_limit": 1000,
            "network": "canonical",
            "units": 1536,
            "members": 4,
            "dropout": 0.09043200035757225,
            "kernel_features": 4000,
            "kernel_width": 0.7580329436803671,
            "kernel_ridge": 0.16047719456751738,
            "embedding_dim": 512,
            "objective": "infonce",
            "mixing": 0.5398712601381009,
            "class_weight": 0.01,
            "learning_rate": 0.003000820530556483,
            "warm_up_steps": 0,
            "weight_decay": 0.5,
            "ema_momentum": 0.99,
            "clip_norm": 0.0,
            "epochs": 16,
        },
    }


def search_space(hp: Any, config: CrossModalConfig) -> CrossModalConfig:
    """Returns the config with what a sweep chose; the defaults of all choices are `config`'s.

    Args:
        hp: `keras_tuner.HyperParameters`.
        config: the starting point, the paper's for instance.

    Example:
        >>> import keras_tuner
        >>> config = CrossModalConfig.preset("improved")
        >>> search_space(keras_tuner.HyperParameters(), config) == config
        True
    """
    ask = Choices(hp, config)
    ask.log_range("learning_rate", 1e-5, 1e-2)
    ask.one_of("batch_size", 512, 1024, 2048)
    ask.one_of("embedding_dim", 128, 250, 256, 512)
    ask.one_of("class_weight", 0.0, 0.005, 0.01, 0.02)
    if config.network == "canonical":
        _canonical_space(ask)
    else:
        ask.one_of("audio_units_1_2", 256, 450, 900)
        ask.one_of("audio_units_3_4", 200, 400)
        ask.one_of("visual_units_1_2", 1000, 2000)
        ask.one_of("visual_units_3_4", 350, 700)
    if config.objective == "infonce":
        ask.one_of("mixing", 0.0, 0.2, 0.5, 1.0)
        ask.one_of("weight_decay", 0.0, 0.1, 0.5, 1.0)
        ask.one_of("ema_momentum", 0.0, 0.95, 0.98, 0.99)
        ask.one_of("warm_up_steps", 0, 20, 100)
    else:
        ask.one_of("margin", 0.0, 0.1, 0.2, 0.4)
        ask.one_of("scale_hinge")
        ask.one_of("negatives_share", 0.5, 0.6, 0.8)
        ask.one_of("negatives", "any", "disjoint_labels")
        ask.one_of("decay", 0.9, 0.95, 1.0)
        with ask.where("class_weight", lambda weight: weight > 0):
            ask.one_of("switch_step", 0, 2000, 10_000)
    return ask.config()


def _canonical_space(ask: Choices) -> None:
    """Asks for what the network "canonical" alone has."""
    ask.one_of("coordinates", 128, 256, 512)
    ask.one_of("units", 512, 1024, 2048)
    ask.one_of("depth", 1, 2, 3)
    with ask.where("depth", lambda depth: depth > 0):
        ask.one_of("dropout", 0.2, 0.3, 0.4, 0.5)
    ask.one_of("members", 1, 2, 4, 8)
    ask.one_of("kernel_features", 0, 1000, 2000, 4000)
    with ask.where("kernel_features", lambda features: features > 0):
        ask.one_of("kernel_width", 0.5, 1.0, 2.0)
        ask.one_of("kernel_ridge", 0.2, 0.4, 0.8)
