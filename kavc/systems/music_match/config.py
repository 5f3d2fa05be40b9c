"""What music for video can be told: its options with their source, presets, search space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from kavc.errors import ConfigError
from kavc.media.networks.kinds import taken_by
from kavc.options import option
from kavc.systems.choices import Choices
from kavc.systems.config import Config

# What is seen, by variant; "sound" is a baseline that sees nothing.
STREAMS: Mapping[str, tuple[str, ...]] = {
    "two-stream": ("visual", "flow"),
    "i3d": ("flow",),
    "visual": ("visual",),
    "flow": ("flow",),
    "sound": (),
}
BACKBONES = {
    "visual": ("none", "tiny", "mobilenet-v2", "resnet-50"),
    "flow": ("none", "tiny", "resnet-50"),
    "audio": ("none", "tiny", "vggish"),
}


FROM = "layer of its backbone from which on that is trained; none, or all"


@dataclass(frozen=True)
class MusicMatchConfig(Config):
    """Options of music for video. The defaults are the paper's where it says anything.

    Sections, tables and figures are those of Langlois, 2019 (UCB/EECS-2019-14), which names the
    networks and little else: where no source stands, the choice is ours.

    Example:
        >>> MusicMatchConfig().streams, MusicMatchConfig.preset("i3d").row("flow")
        (('visual', 'flow'), (1024,))
    """

    variant: str = option(
        "two-stream",
        "row of Table 1: two-stream or i3d; or one stream of the former, or sound alone",
        choices=tuple(STREAMS),
    )
    # What the data fix
    visual_row: str = option("2048", "shape of a row of frames: features, or HEIGHTxWIDTHx3")
    flow_row: str = option("2048", "shape of a row of flow: features, or HEIGHTxWIDTHx20")
    audio_row: str = option("128", "shape of a row of sound: features, or 96x64")
    # Data
    visual_array: str = option("visual", "triples: name of the videos' array of frames")
    flow_array: str = option("flow", "triples: name of the videos' array of flow")
    audio_array: str = option("audio", "triples: name of the tracks' array")
    split_by: str = option(
        "video",
        "where nobody split the judgements: what is in one split alone, by the hash of its id",
        choices=("video", "track", "both"),
    )
    # Network
    head: str = option(
        "plain",
        "one network of both tracks (Figure 4), or the difference of a score each",
        choices=("plain", "symmetric"),
    )
    interaction: str = option(
        "hidden",
        "of video and tracks: a hidden layer (section 3), none, or products of embeddings first",
        choices=("hidden", "linear", "product"),
    )
    units: int = option(512, "width of the hidden layer", low=1)
    embedding_dim: int = option(32, "width of the embeddings of products", low=1)
    normalize: str = option(
        "layer",
        "of each stream: without it 4,096 numbers that are the same for both tracks drown theirs",
        choices=("none", "l2", "layer", "standard", "principal"),
    )
    components: int = option(
        32, "principal components of each stream, at most; more than tell anything add noise", low=1
    )
    dropout: float = option(0.5, "after the hidden layer", low=0, high=0.95)
    visual_backbone: str = option(
        "none", "network on pixels; none: rows are features", choices=BACKBONES["visual"]
    )
    flow_backbone: str = option(
        "none", "network on stacks of flow; none: rows are features", choices=BACKBONES["flow"]
    )
    audio_backbone: str = option(
        "none", "network on log-mel patches; none: rows are features", choices=BACKBONES["audio"]
    )
    backbone_dim: int = option(64, "width of what a tiny backbone makes of a row", low=1)
    backbone_weights: str = option(
        "published",
        "what backbones but tiny ones begin with (section 3); their files are looked for in the "
        "folders of KAVC_WEIGHTS",
        choices=("published", "random"),
    )
    visual_train_from: str = option("all", FROM)
    flow_train_from: str = option("all", FROM)
    audio_train_from: str = option("all", FROM)
    # Optimisation
    swaps: str = option(
        "random",
        "in training of the plain head, whether tracks change places at random, and their answer",
        choices=("random", "none"),
    )
    optimizer: str = option("adam", "the report names none", choices=("adam", "adamw"))
    learning_rate: float = option(1e-3, "of the optimizer", low=1e-8, high=1)
    weight_decay: float = option(0.0, "decoupled; for adamw", low=0)
    batch_size: int = option(256, "judgements in a batch", low=1)
    epochs: int = option(50, "most epochs", low=1)
    patience: int = option(5, "epochs without a lower validation loss before it stops", low=1)
    steps_per_execution: int = option(32, "training steps per call of the compiled graph", low=1)
    dtype: str = option("float32", "dtype policy", choices=("float32", "mixed_bfloat16"))

    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {},
        "i3d": {"variant": "i3d", "flow_array": "i3d", "flow_row": "1024"},
        # Chosen on validation of the synthetic corpus; docs/results/music-match.md tells how.
        "improved": {
            "head": "symmetric",
            "normalize": "principal",
            "components": 8,
            "units": 256,
        },
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("visual", "flow", "audio"):
            row, backbone = self.row(name), self.backbone(name)
            if backbone != "none" and len(row) > 1:
                taken_by(backbone, row)
            elif len(row) > 1:
                shape, known = getattr(self, f"{name}_row"), "|".join(BACKBONES[name][1:])
                raise ConfigError(
                    f"{name}: rows of {shape} are no features; name a network for them: "
                    f"{name}_backbone={known}"
                )

    @property
    def streams(self) -> tuple[str, ...]:
        """Names of what is seen."""
        return STREAMS[self.variant]

    def row(self, name: str) -> tuple[int, ...]:
        """Returns the shape of a row of "visual", "flow" or "audio".

        Raises:
            ConfigError: the option is no shape.

        Example:
            >>> MusicMatchConfig(visual_row="224x224x3", visual_backbone="tiny").row("visual")
            (224, 224, 3)
            >>> MusicMatchConfig(visual_row="224 x 224").row("visual")
            Traceback (most recent call last):
                ...
            kavc.errors.ConfigError: option 'visual_row' must be a shape, as 2048 or ...
        """
        text = getattr(self, f"{name}_row")
        sides = text.split("x")
        if not all(side.isdecimal() and 0 < int(side) < 2**20 for side in sides):
            raise ConfigError(
                f"option '{name}_row' must be a shape, as 2048 or 64x64x3; not {text!r}"
            )
        return tuple(map(int, sides))

    def backbone(self, name: str) -> str:
        """Returns the backbone of "visual", "flow" or "audio"; "none" where rows are features."""
        return getattr(self, f"{name}_backbone")

    @property
    def backbones(self) -> dict[str, str]:
        """The backbones that there are, by "visual", "flow" or "audio".

        Example:
            >>> MusicMatchConfig().backbones, MusicMatchConfig(audio_backbone="tiny").backbones
            ({}, {'audio': 'tiny'})
        """
        names = {name: self.backbone(name) for name in (*self.streams, "audio")}
        return {name: kind for name, kind in names.items() if kind != "none"}


def search_space(hp: Any, config: MusicMatchConfig) -> MusicMatchConfig:
    """Returns the config with what a sweep chose; the defaults of all choices are `config`'s.

    Args:
        hp: `keras_tuner.HyperParameters`.
        config: the starting point, the paper's for instance.

    Example:
        >>> import keras_tuner
        >>> config = MusicMatchConfig.preset("improved")
        >>> search_space(keras_tuner.HyperParameters(), config) == config
        True
    """
    ask = Choices(hp, config)
    ask.log_range("learning_rate", 1e-5, 1e-2)
    ask.one_of("batch_size", 32, 64, 128, 256, 512)
    ask.one_of("head", "plain", "symmetric")
    ask.one_of("interaction", "hidden", "product")
    with ask.where("interaction", lambda kind: kind == "product"):
        ask.one_of("embedding_dim", 8, 16, 32, 64)
    ask.one_of("normalize", "l2", "layer", "standard", "principal")
    with ask.where("normalize", lambda kind: kind == "principal"):
        ask.one_of("components", 8, 16, 32, 64)
    ask.one_of("units", 32, 64, 128, 256, 512)
    ask.one_of("dropout", 0.0, 0.2, 0.5)
    ask.one_of("optimizer", "adam", "adamw")
    with ask.where("optimizer", lambda name: name == "adamw"):
        ask.one_of("weight_decay", 0.0, 0.01, 0.1)
    return ask.config()
