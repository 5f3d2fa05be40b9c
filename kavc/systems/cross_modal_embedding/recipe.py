"""From the options to what is trained: the network, and its fits."""

from __future__ import annotations

import keras

from kavc.systems.base import Stage
from kavc.systems.cross_modal_embedding import networks
from kavc.systems.cross_modal_embedding.config import CrossModalConfig
from kavc.systems.cross_modal_embedding.stages import ContrastiveStage, PairStage


def build(config: CrossModalConfig) -> keras.Model:
    """Returns the network of the config.

    Reference:
        Surís et al., 2018, section 2.

    Example:
        >>> type(build(CrossModalConfig(network="canonical", units=8, classes=3))).__name__
        'CanonicalEmbedding'
    """
    classes = min(config.classes, config.label_limit or config.classes)
    if config.network == "canonical":
        return networks.CanonicalEmbedding(
            classes,
            config.audio_dim,
            config.visual_dim,
            audio_coordinates=min(config.coordinates, config.audio_dim),
            visual_coordinates=min(config.coordinates, config.visual_dim),
            units=config.units,
            depth=config.depth,
            members=config.members,
            kernel_features=config.kernel_features,
            embedding_dim=config.embedding_dim,
            dropout=config.dropout,
            dtype=config.dtype,
        )
    return networks.CrossModalEmbedding(
        classes,
        config.audio_dim,
        config.visual_dim,
        audio_units=(config.audio_units_1_2,) * 2 + (config.audio_units_3_4,) * 2,
        visual_units=(config.visual_units_1_2,) * 2 + (config.visual_units_3_4,) * 2,
        embedding_dim=config.embedding_dim,
        embedding_activation=config.embedding_activation,
        input_norm=config.input_norm,
        l2=config.l2,
        dtype=config.dtype,
    )


def stages(config: CrossModalConfig) -> list[Stage]:
    """Returns the fits, in order.

    Reference:
        Surís et al., 2018, section 3, for pairs; van den Oord et al., 2018, for InfoNCE.

    Example:
        >>> [stage.name for stage in stages(CrossModalConfig(objective="infonce"))]
        ['contrastive']
    """
    return [ContrastiveStage(config) if config.objective == "infonce" else PairStage(config)]
