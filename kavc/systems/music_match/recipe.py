"""From the options to what is trained: the network of a variant, and its fit."""

from __future__ import annotations

from typing import Any

from kavc.systems.base import Stage
from kavc.systems.music_match.config import MusicMatchConfig
from kavc.systems.music_match.networks import TRACK, MusicMatch
from kavc.systems.music_match.stages import PreferenceStage


def build(config: MusicMatchConfig) -> MusicMatch:
    """Returns the network of the config's variant.

    Reference:
        Langlois, 2019, section 3 and table 1.

    Example:
        >>> config = MusicMatchConfig(visual_row="6", flow_row="6", audio_row="4", units=8)
        >>> [name for name in sorted(build(config).input) if not name.endswith("_length")]
        ['audio_a', 'audio_b', 'flow', 'visual']
    """
    return MusicMatch(
        {name: _size(config.row(name)) for name in config.streams},
        _size(config.row(TRACK)),
        head=config.head,
        interaction=config.interaction,
        units=config.units,
        embedding_dim=config.embedding_dim,
        normalize=config.normalize,
        components=config.components,
        dropout=config.dropout,
        backbones=config.backbones,
        backbone_dim=config.backbone_dim,
        train_from={name: getattr(config, f"{name}_train_from") for name in config.backbones},
        dtype=config.dtype,
    )


def stages(config: MusicMatchConfig) -> list[Stage]:
    """Returns the only fit.

    Example:
        >>> [stage.name for stage in stages(MusicMatchConfig())]
        ['preference']
    """
    return [PreferenceStage(config)]


def _size(row: tuple[int, ...]) -> Any:
    return row[0] if len(row) == 1 else list(row)
