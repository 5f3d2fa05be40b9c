"""The extractors by name. A table of modules, so that listing them loads none of them."""

from __future__ import annotations

import importlib

from kavc.errors import ConfigError, unknown
from kavc.media.extractors.base import Recipe

EXTRACTORS = {
    "colour-grid": ("plain", "ColourGrid"),
    "flow-fields": ("raw", "FlowFields"),
    "i3d-flow": ("i3d", "I3DFlow"),
    "i3d-rgb": ("i3d", "I3DRGB"),
    "inception-v3": ("inception_v3", "InceptionV3"),
    "log-mel": ("raw", "LogMelPatches"),
    "mel-statistics": ("plain", "MelStatistics"),
    "mobilenet-v2": ("mobilenet_v2", "MobileNetV2"),
    "musicnn": ("musicnn", "Musicnn"),
    "pixels": ("raw", "Pixels"),
    "r2plus1d-18": ("r2plus1d", "R2Plus1D"),
    "resnet-101": ("resnet", "ResNet101"),
    "resnet-152": ("resnet", "ResNet152"),
    "resnet-50": ("resnet", "ResNet50"),
    "resnet-50-flow": ("resnet_50_flow", "ResNet50Flow"),
    "saved-model-audio": ("saved_model", "SavedModelAudio"),
    "saved-model-visual": ("saved_model", "SavedModelVisual"),
    "vgg-19": ("vgg19", "VGG19"),
    "vggish": ("vggish", "VGGish"),
    "yamnet": ("yamnet", "YAMNet"),
}


def names(modality: str | None = None) -> list[str]:
    """Returns the names of all extractors, or of those of a modality, "audio" or "visual".

    >>> "vggish" in names("audio"), "vggish" in names("visual")
    (True, False)
    """
    return sorted(
        name for name in EXTRACTORS if modality is None or modality == recipe_of(name).MODALITY
    )


def recipe_of(name: str) -> type[Recipe]:
    """Returns the class of an extractor's recipe.

    Raises:
        ConfigError: no such extractor; names the nearest one.

    Example:
        >>> recipe_of("vggish").SUMMARY
        'VGGish: 128 numbers for each 0.96 s of sound'
        >>> recipe_of("vgish")
        Traceback (most recent call last):
            ...
        kavc.errors.ConfigError: unknown extractor 'vgish'; did you mean 'vggish'?...
    """
    if name not in EXTRACTORS:
        raise ConfigError(unknown("extractor", name, EXTRACTORS))
    module, attribute = EXTRACTORS[name]
    return getattr(importlib.import_module(f"kavc.media.extractors.{module}"), attribute)
