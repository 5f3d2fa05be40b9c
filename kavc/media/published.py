"""The features that each system was published with: which extractor makes which array."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kavc.errors import ConfigError, unknown
from kavc.media.extractors.base import Recipe
from kavc.media.extractors.registry import recipe_of

Chosen = tuple[str, Mapping[str, Any]]

# System -> array -> extractor and the options that differ from its defaults.
PUBLISHED: Mapping[str, Mapping[str, Chosen]] = {
    # Su et al., 2020, section 4.1: VGGish, and MobileNetV2 of 8 key frames.
    "ti-avc": {"audio": ("vggish", {}), "visual": ("mobilenet-v2", {"frames": "key:8"})},
    # YouTube-8M: VGGish each second and Inception at 1 frame a second, both after PCA, in 8 bits.
    # That of VGGish was fitted without a ReLU: of what has one, a fifth lies at the ends of 8 bits.
    "cross-modal-embedding": {
        "audio": ("vggish", {"hop": 1.0, "relu": False, "pca": True, "quantised": True}),
        "visual": ("inception-v3", {"pca": True, "quantised": True}),
    },
    # LLP: Tian et al., 2020, section 6.1.
    "av-parsing": {
        "audio": ("vggish", {}),
        "visual": ("resnet-152", {"frames": "rate:8"}),
        "visual_3d": ("r2plus1d-18", {}),
    },
    # AVE: Tian et al., 2018, section 5.1.
    "ms-vae": {"audio": ("vggish", {}), "visual": ("vgg-19", {})},
    # Langlois, UCB/EECS-2019-14: a frame, a stack of flow, and the sound of a track.
    "music-match": {
        "audio": ("vggish", {}),
        "visual": ("resnet-50", {"weights_of": "keras", "frames": "uniform:1"}),
        "flow": ("resnet-50-flow", {}),
    },
}


def recipes_for(system: str) -> dict[str, Recipe]:
    """Returns the recipe of each array that a system reads, as its paper has it.

    Raises:
        ConfigError: no such system.

    Reference:
        Su et al., 2020, section 4.1; Surís et al., 2018, section 3; Lamba et al., 2021, section 4;
        Langlois, 2019, section 3. Of the files of AVE and LLP, Tian et al., 2018 and 2020.

    Example:
        >>> {array: recipe.NAME for array, recipe in recipes_for("ti-avc").items()}
        {'audio': 'vggish', 'visual': 'mobilenet-v2'}
    """
    if system not in PUBLISHED:
        raise ConfigError(unknown("system", system, PUBLISHED))
    return {
        array: recipe_of(name)(**options) for array, (name, options) in PUBLISHED[system].items()
    }
