"""From the options to what is trained: the network, and its fits."""

from __future__ import annotations

import keras

from kavc.systems.av_parsing import networks
from kavc.systems.av_parsing.config import AVParsingConfig
from kavc.systems.av_parsing.stages import ParsingStage
from kavc.systems.base import Stage

NETWORKS = {
    "han": networks.HAN,
    "base": networks.Base,
    "base-gcaa": networks.BaseGCAA,
    "base-adv-skip": networks.BaseAdvSkip,
    "base-adv-skip-gcaa": networks.BaseAdvSkipGCAA,
}


def build(config: AVParsingConfig) -> keras.Model:
    """Returns the network of the config."""
    own = {"first_segment": config.gcaa_first_segment} if "gcaa" in config.variant else {}
    network = NETWORKS[config.variant]
    arguments = {
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
        **own,
    }
    if config.members == 1:
        return network(**arguments)
    return networks.Ensemble(config.members, network.__name__, **arguments)


def stages(config: AVParsingConfig) -> list[Stage]:
    """Returns the fits, in order."""
    return [ParsingStage(config)]
