"""The products of matrices in a training step of audio-visual video parsing, and nothing else.

Frames are pooled before their FC.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import keras
import tensorflow as tf
from limits import Kernels, dense_products, normal, repeated

from kavc.systems.av_parsing.config import AVParsingConfig


def products(config: AVParsingConfig, variables: list[keras.Variable]) -> Callable[[int], int]:
    """Returns a function that makes the products of so many steps, and returns that number.

    Args:
        config: of HAN or of the paper's whole model.
        variables: what is trained; the kernels have to be those that are known here.
    """
    kernels = kernels_of(config)
    known = sorted((width, units) for _, width, units, _ in kernels)
    if known != sorted(tuple(each.shape) for each in variables if len(each.shape) == 2):
        raise SystemExit(f"the kernels of {config.variant} are not those of {__file__}")
    dense = dense_products(kernels)
    attention = [
        (normal(*shape, config.dim), normal(*shape, config.dim), normal(*shape, shape[-1]))
        for shape in attentions_of(config)
    ]

    @tf.function
    def step():
        made = dense()
        for query, key, weights in attention:
            scores = tf.matmul(query, key, transpose_b=True)  # as are the weights' gradients
            made += [
                scores,
                weights @ key,
                tf.matmul(key, query, transpose_b=True),
                weights @ query,
            ]
            made += [tf.matmul(weights, each, transpose_a=True) for each in (key, query)]
        return made

    return repeated(step)


def kernels_of(config: AVParsingConfig) -> Kernels:
    """Returns every kernel, with the rows that it meets in a batch."""
    dim, units, videos = config.dim, config.units, config.batch_size
    segments = videos * config.segments  # of one modality
    front = [
        (segments, config.audio_dim, dim, True),
        (segments, config.visual_dim, dim, True),
        (segments, config.visual_3d_dim, dim, True),
        (segments, 2 * dim, dim, False),
    ]
    heads = (2 * segments, dim, 3 * config.classes, False)
    if config.variant == "han":
        hybrid = [(2 * segments, dim, 6 * dim, False), *[(2 * segments, dim, dim, False)] * 2]
        return [*front, *hybrid, *feed_forward(2 * segments, dim, units), heads]
    if config.variant != "base-adv-skip-gcaa":
        raise SystemExit(f"the kernels of {config.variant} are not known")
    layers = [
        each
        for streams in (1, 1, 2)  # the self-attentions, and the one across
        for each in context_layer(streams * videos, config.segments, dim, units)
    ]
    shared = (2 * segments, dim, dim, False)
    widths = (dim, 128, 10, 1)  # of the discriminator
    adversary = [(2 * segments, *pair, False) for pair in itertools.pairwise(widths)]
    return [*front, *layers, shared, heads, *adversary]


def context_layer(sequences: int, segments: int, dim: int, units: int) -> Kernels:
    """Returns the kernels of a Transformer layer around global-context-aware attention."""
    rows = sequences * segments
    of_segments = [(rows, dim, 3 * dim, False), *[(rows, dim, 1, False)] * 2]
    of_context = [(sequences, dim, 2 * dim, False), *[(sequences, dim, 1, False)] * 2]
    return [*of_segments, *of_context, (rows, dim, dim, False), *feed_forward(rows, dim, units)]


def feed_forward(rows: int, dim: int, units: int) -> Kernels:
    """Returns both kernels of a feed-forward part."""
    return [(rows, dim, units, False), (rows, units, dim, False)]


def attentions_of(config: AVParsingConfig) -> list[tuple[int, int, int]]:
    """Returns videos, streams and segments of every attention of one head."""
    streams = (2, 2) if config.variant == "han" else (1, 1, 2)
    return [(config.batch_size, each, config.segments) for each in streams]
