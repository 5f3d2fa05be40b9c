"""From the options to what is trained: the network, and its fit."""

from __future__ import annotations

from typing import Any

import keras

from kavc.systems.base import Stage
from kavc.systems.ms_vae import embeddings, localizers, networks
from kavc.systems.ms_vae.canonical import CorrelatingStage
from kavc.systems.ms_vae.config import GENERATING, MSVAEConfig
from kavc.systems.ms_vae.localizing import LocalizingStage
from kavc.systems.ms_vae.stages import CorrespondingStage, GeneratingStage, MatchingStage

KINDS = {
    "ms-vae": (networks.MSVAE, GeneratingStage),
    "ms-vae-without-w": (networks.MSVAE, GeneratingStage),
    "cm-vae": (networks.CMVAE, GeneratingStage),
    "avdln": (embeddings.MatchingNetwork, MatchingStage),
    "dcca": (embeddings.DCCA, CorrelatingStage),
    "l3": (embeddings.L3Net, CorrespondingStage),
    "ave": (embeddings.AVENet, CorrespondingStage),
    "avsdn": (localizers.AVSDN, LocalizingStage),
    "avfb": (localizers.AVFB, LocalizingStage),
    "av-attention": (localizers.AVAttention, LocalizingStage),
    "dmrn": (localizers.DMRN, LocalizingStage),
}


def build(config: MSVAEConfig) -> keras.Model:
    """Returns the network of the config.

    Reference:
        Zhu et al., 2021, tables 1 and 2, whose rows the variants are.

    Example:
        >>> type(build(MSVAEConfig(variant="avdln"))).__name__
        'MatchingNetwork'
    """
    network, _ = KINDS[config.variant]
    widths = {"audio_dim": config.audio_dim, "visual_dim": config.visual_dim}
    return network(**widths, **_arguments(config), dtype=config.dtype)


def stages(config: MSVAEConfig) -> list[Stage]:
    """Returns the fits, in order.

    Example:
        >>> [stages(MSVAEConfig(variant=name))[0].name for name in ("ms-vae", "dcca", "l3", "avfb")]
        ['generation', 'correlation', 'correspondence', 'localization']
    """
    _, stage = KINDS[config.variant]
    return [stage(config)]


def _arguments(config: MSVAEConfig) -> dict[str, Any]:
    if config.variant in GENERATING:
        return _generating_arguments(config)
    own = {"units": config.embedding_units, "dim": config.embedding_dim}
    if config.supervised:
        own = {"units": config.embedding_units, "classes": config.classes}
    return {name: value for name, value in own.items() if value is not None}


def _generating_arguments(config: MSVAEConfig) -> dict[str, Any]:
    shallow = config.depth == "shallow"
    code, decoder = (config.code_units,), (config.decoder_units,)
    arguments = {
        "latent_dim": config.latent_dim,
        "audio_units": code if shallow else code * 2,
        "visual_units": code if shallow else (config.visual_units,) * 2 + code * 2,
        "decoder_units": decoder if shallow else decoder * 3 + (None, None),
        "scaling": "none" if config.scaling == "peak-in-evaluation" else config.scaling,
        "canonical_dim": config.canonical_dim,
        "gain": config.gain,
    }
    if config.variant == "cm-vae":
        del arguments["decoder_units"]  # its decoders have widths of their own
    return arguments
