"""The published weights that backbones begin with: where they are."""

from __future__ import annotations

from pathlib import Path

from kavc.extraction.weights import WeightFiles
from kavc.media.backbone_weights import weights_of
from kavc.systems.music_match.config import MusicMatchConfig


def weight_files(config: MusicMatchConfig) -> dict[str, dict[str, Path]]:
    """Returns the files of weights of each backbone that begins with published ones.

    Raises:
        ConfigError: one isn't there; says what to fetch, and where to put it.
    """
    if config.backbone_weights != "published":
        return {}
    files = WeightFiles.parse()
    return {
        name: files.needed(needs, backbone)
        for name, backbone in config.backbones.items()
        if (needs := weights_of(backbone))
    }
