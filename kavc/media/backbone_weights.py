"""Which published weights a network needs that is trained as a part of a larger one."""

from __future__ import annotations

from collections.abc import Sequence

from kavc.media.extractors.base import Weights
from kavc.media.extractors.mobilenet_v2 import MobileNetV2
from kavc.media.extractors.resnet import ResNet50
from kavc.media.extractors.vggish import VGGish
from kavc.media.networks.kinds import kind_of

RECIPES = {  # whose weights these are
    "mobilenet-v2": MobileNetV2(),
    "resnet-50": ResNet50(weights_of="keras"),
    "vggish": VGGish(),
}


def weights_of(name: str) -> Sequence[Weights]:
    """Returns the files that a network's published weights are in; none of tiny.

    Raises:
        ConfigError: no such network; names the nearest one.

    >>> [need.name for need in weights_of("resnet-50")]
    ['resnet-50-keras']
    """
    kind_of(name)
    return RECIPES[name].needs() if name in RECIPES else ()
