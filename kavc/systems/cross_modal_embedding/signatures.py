"""What an exported network answers, in graph: embeddings, how well two fit, and what fits best."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kavc.data.schema import Field
from kavc.errors import ConfigError, ExportError
from kavc.layers.fingerprint import weights_fingerprint
from kavc.retrieval.index import Index
from kavc.retrieval.served import CatalogueSearch
from kavc.serving.input_checks import check_batch, check_finite
from kavc.systems.base import Signature
from kavc.systems.cross_modal_embedding.config import CrossModalConfig

JOINT = (
    "a network with input_norm=joint divides sound and picture by one norm, so it embeds neither "
    "without the other; train one with input_norm none or per_modality for that"
)
OTHER = {"audio": "visual", "visual": "audio"}


def signatures(
    network: keras.Model, config: CrossModalConfig, assets: Mapping[str, Any] | None = None
) -> dict[str, Signature]:
    """Returns "serving_default", "embed_audio", "embed_visual" and, with an index, its search.

    Args:
        network: trained.
        config: the config that it was built with.
        assets: "index" to the folder of an index of sounds, which "retrieve_audio" searches for
            pictures, or of pictures, which "retrieve_visual" searches for sounds.

    Raises:
        ExportError: the network needs both modalities at once.
        ConfigError, DataError: the index is not of this network, or damaged.

    Example:
        >>> from kavc.systems.cross_modal_embedding import recipe
        >>> config = CrossModalConfig(classes=3, audio_dim=4, visual_dim=5)
        >>> served = signatures(recipe.build(config), config)
        >>> served["embed_audio"].inputs["audio"].shape, sorted(served)
        ((4,), ['embed_audio', 'embed_visual', 'serving_default'])
    """
    if config.input_norm == "joint":
        raise ExportError(JOINT)
    found = {"serving_default": _match(network, config)}
    for modality in OTHER:
        found[f"embed_{modality}"] = _embed(network, config, modality)
    if assets and "index" in assets:
        index = Index.load(assets["index"])
        if index.modality not in OTHER:
            raise ConfigError(
                f"{assets['index']}: an index of the modality {index.modality!r}; expected "
                f"{' or '.join(map(repr, OTHER))}"
            )
        found[f"retrieve_{index.modality}"] = _retrieve(network, config, index)
    return found


def _match(network: keras.Model, config: CrossModalConfig) -> Signature:
    def match(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        check_batch(inputs)
        audio, visual = (_embedding(network, name, inputs[name]) for name in ("audio", "visual"))
        return {"similarity": tf.reduce_sum(audio * visual, axis=-1)}

    inputs = {name: _features(config, name) for name in OTHER}
    return Signature(
        match,
        inputs,
        {"similarity": Field((), "float32", "cosine of both embeddings, -1 to 1")},
        "How well does this sound fit this picture?",
        {name: _example(field) for name, field in inputs.items()},
    )


def _embed(network: keras.Model, config: CrossModalConfig, modality: str) -> Signature:
    def embed(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"embedding": _embedding(network, modality, inputs[modality])}

    field = _features(config, modality)
    width = network.output[f"{modality}_embedding"].shape[-1]
    return Signature(
        embed,
        {modality: field},
        {"embedding": Field((width,), "float32", "of norm 1, in the space of both modalities")},
        f"{modality.capitalize()} embedding, to be compared by cosine.",
        {modality: _example(field)},
    )


def _retrieve(network: keras.Model, config: CrossModalConfig, index: Index) -> Signature:
    query = OTHER[index.modality]
    index.check(
        model=weights_fingerprint(network),
        modality=index.modality,
        dim=network.output[f"{index.modality}_embedding"].shape[-1],
    )
    search = CatalogueSearch(index)

    def retrieve(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return search(_embedding(network, query, inputs[query]))

    field = _features(config, query)
    return Signature(
        retrieve,
        {query: field},
        search.fields,
        f"The {search.k} of {len(index):,} {index.modality} vectors that fit best.",
        {query: _example(field)},
        resources=[search],
    )


def _embedding(network: keras.Model, modality: str, features: tf.Tensor) -> tf.Tensor:
    check_finite(modality, features)
    branch = network.audio_branch if modality == "audio" else network.visual_branch
    return tf.cast(branch(features, training=False), tf.float32)


def _features(config: CrossModalConfig, modality: str) -> Field:
    width = config.audio_dim if modality == "audio" else config.visual_dim
    return Field((width,), "float32", f"{modality} features, their mean over the video")


def _example(field: Field) -> np.ndarray:
    (width,) = field.shape
    return np.random.default_rng(0).normal(size=(1, width or 1)).astype(np.float32)
