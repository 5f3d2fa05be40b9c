"""From the options to what is trained: the network, and its fits."""

from __future__ import annotations

from typing import Any

import keras

from kavc.systems.av_parsing import composed, networks
from kavc.systems.av_parsing.config import GROUNDED, AVParsingConfig
from kavc.systems.av_parsing.pretraining import GroundingStage, RepresentationStage
from kavc.systems.av_parsing.refining import EstimationStage, RefinedStage
from kavc.systems.av_parsing.stages import ParsingStage
from kavc.systems.base import Stage

NETWORKS = {
    "han": networks.HAN,
    "refined": networks.HAN,
    "base": networks.Base,
    "base-gcaa": networks.BaseGCAA,
    "base-adv-skip": networks.BaseAdvSkip,
    "base-adv-skip-gcaa": networks.BaseAdvSkipGCAA,
}
ON_ENCODER = {"representations": networks.BaseAdvSkipGCAA, "fine-tuned": networks.Heads}


def build(config: AVParsingConfig) -> keras.Model:
    """Returns the network of the config.

    Reference:
        Lamba et al., 2021, section 4, whose rows the variants are.

    Example:
        >>> small = {"audio_dim": 4, "visual_dim": 5, "visual_3d_dim": 6, "dim": 8, "units": 8}
        >>> type(build(AVParsingConfig(variant="han", members=2, **small))).__name__
        'Ensemble'
    """
    if config.variant in GROUNDED:
        parser = ON_ENCODER[config.pretrained]
        return composed.Pretrained(
            of=parser.__name__, encoder=_encoder(config), **_arguments(config, parser)
        )
    network = NETWORKS[config.variant]
    arguments = _arguments(config, network)
    if config.members == 1:
        return network(**arguments)
    return composed.Ensemble(config.members, network.__name__, **arguments)


def stages(config: AVParsingConfig) -> list[Stage]:
    """Returns the fits, in order.

    Reference:
        Lamba et al., 2021, section 4; Wu and Yang, CVPR 2021, for "refined".

    Example:
        >>> for variant in ("han", "refined", "pretrain-uni"):
        ...     print([stage.name for stage in stages(AVParsingConfig(variant=variant))])
        ['parsing']
        ['estimation', 'refined']
        ['grounding', 'parsing']
    """
    if config.variant in GROUNDED:
        frozen = config.pretrained == "representations"
        return [GroundingStage(config), (RepresentationStage if frozen else ParsingStage)(config)]
    if config.variant == "refined" and config.refined_labels is None:
        return [EstimationStage(config), RefinedStage(config)]
    return [ParsingStage(config)]


def _arguments(config: AVParsingConfig, network: type) -> dict[str, Any]:
    """Returns the arguments of a network, or of a parser that stands on an encoder."""
    gcaa = network in (networks.BaseGCAA, networks.BaseAdvSkipGCAA)
    return {
        "classes": config.classes,
        "audio_dim": config.audio_dim,
        "visual_dim": config.visual_dim,
        "visual_3d_dim": config.visual_3d_dim,
        "segments": config.segments,
        "dim": config.dim,
        "units": config.units,
        "heads": config.heads,
        "dropout": config.dropout,
        "dtype": config.dtype,
        **({"first_segment": config.gcaa_first_segment} if gcaa else {}),
    }


def _encoder(config: AVParsingConfig) -> dict[str, Any]:
    """Returns the arguments of the encoder that the data don't fix."""
    return {
        "dim": config.encoder_dim,
        "layers": config.encoder_layers,
        "heads": config.encoder_heads,
        "units": config.encoder_units,
        "dropout": config.dropout,
    }
