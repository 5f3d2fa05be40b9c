"""What is asked of backbones before a training: where their weights are, and their layers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kavc.extraction.weights import WeightFiles
from kavc.media.backbone_weights import weights_of
from kavc.media.extractors.base import Weights
from kavc.systems.music_match.config import MusicMatchConfig


def weight_files(config: MusicMatchConfig) -> dict[str, dict[str, Path]]:
    """Returns the files of weights of each backbone that begins with published ones.

    Raises:
        ConfigError: one isn't there; says what to fetch, and where to put it.

    Example:
        >>> weight_files(MusicMatchConfig(backbone_weights="random"))
        {}
    """
    if not (wanted := weights_wanted(config)):
        return {}
    files, otherwise = WeightFiles.parse(), "say backbone_weights=random"
    return {
        name: files.needed(needs, f"{name}_backbone={config.backbone(name)}", otherwise=otherwise)
        for name, needs in wanted.items()
    }


def weights_wanted(config: MusicMatchConfig) -> dict[str, Sequence[Weights]]:
    """Returns what each backbone needs that begins with published weights.

    Example:
        >>> weights_wanted(MusicMatchConfig(audio_backbone="tiny"))  # begins with random ones
        {}
    """
    if config.backbone_weights != "published":
        return {}
    needs = {name: weights_of(backbone) for name, backbone in config.backbones.items()}
    return {name: each for name, each in needs.items() if each}


def check_layers(config: MusicMatchConfig) -> None:
    """Raises unless backbones have the layers from which on they are to be trained.

    Raises:
        ConfigError: one has none of that name; names the nearest one.

    Example:
        >>> check_layers(MusicMatchConfig())  # no backbone: nothing to check
    """
    for name, kind in config.backbones.items():
        layer = getattr(config, f"{name}_train_from")
        if layer in ("none", "all"):
            continue
        from kavc.media.networks.backbones import backbone, train_from

        shape, dim = config.row(name), config.backbone_dim
        network = backbone(kind, shape=shape, dim=dim, called=f"{name}_train_from")
        train_from(network, layer)
