"""From the options to what is trained: the network of a variant, and its fits."""

from __future__ import annotations

import keras

from kavc.systems.base import Stage
from kavc.systems.ti_avc import networks
from kavc.systems.ti_avc.config import TiAVCConfig
from kavc.systems.ti_avc.stages import (
    AlignmentStage,
    CorrespondenceStage,
    PairStage,
    ThemeStage,
)


def build(config: TiAVCConfig) -> keras.Model:
    """Returns the network of the config's variant.

    Reference:
        Su et al., 2020, section 5.1, whose systems the variants are.

    Example:
        >>> type(build(TiAVCConfig(variant="baseline-1", audio_dim=4, visual_dim=5))).__name__
        'Baseline1'
    """
    network = {
        "ti-avc": networks.TiAVC,
        "joint": networks.JointTiAVC,
        "baseline-1": networks.Baseline1,
        "baseline-2": networks.Baseline2,
    }[config.variant]
    encoder = {"embedding_dim": config.embedding_dim, "normalize": config.normalize}
    audio = {"dense_units": config.embedding_dim, "attention": config.attention}
    if config.variant in ("ti-avc", "joint"):
        further = {
            "predicted_theme": config.predicted_theme,
            "stop_gradient": config.stop_gradient,
        }
    else:
        further = {"doubling": config.doubling}
    return network(
        config.themes,
        config.audio_dim,
        config.visual_dim,
        audio=encoder | audio,
        visual=encoder,
        fusion={
            "filters": config.filters,
            "kernel_size": config.kernel_size,
            "units": config.units,
            "dropout": config.dropout,
            "interaction": config.interaction,
            "theme_input": config.theme_input,
        },
        dtype=config.dtype,
        **further,
    )


def stages(config: TiAVCConfig) -> list[Stage]:
    """Returns the fits of the config's variant, in order.

    Reference:
        Su et al., 2020, section 5.1.

    Example:
        >>> [stage.name for stage in stages(TiAVCConfig())]
        ['theme', 'correspondence']
        >>> [stage.name for stage in stages(TiAVCConfig(variant="joint", alignment_epochs=5))]
        ['alignment', 'pairs']
    """
    pretraining = [AlignmentStage(config)] if config.alignment_epochs else []
    if config.variant == "ti-avc":
        return [*pretraining, ThemeStage(config), CorrespondenceStage(config)]
    return [*pretraining, PairStage(config)]
