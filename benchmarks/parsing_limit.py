"""What a training step of audio-visual video parsing can't do without, each alone in a graph.

The products of matrices, with frames pooled before their FC: forward, for the weights' gradients
and for those of what comes in, where that is no data. And the update of the weights.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import keras
import tensorflow as tf

from kavc.optimizers import TorchAdam
from kavc.systems.av_parsing.config import AVParsingConfig

Kernels = list[tuple[int, int, int, bool]]  # rows, width in and out, whether it reads data


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
    dense = [
        (normal(rows, width), normal(rows, units), normal(width, units), reads_data)
        for rows, width, units, reads_data in kernels
    ]
    attention = [
        (normal(*shape, config.dim), normal(*shape, config.dim), normal(*shape, shape[-1]))
        for shape in attentions_of(config)
    ]

    @tf.function
    def step():
        made = []
        for x, y, kernel, reads_data in dense:
            made += [x @ kernel, tf.matmul(x, y, transpose_a=True)]
            if not reads_data:
                made.append(tf.matmul(y, kernel, transpose_b=True))
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


def update(variables: list[keras.Variable]) -> Callable[[int], int]:
    """Returns a function that updates variables of these shapes so many times.

    Args:
        variables: what is trained.
    """
    copies = [keras.Variable(each) for each in variables]
    gradients = [normal(*each.shape) for each in variables]
    optimizer = TorchAdam(3e-4)
    optimizer.build(copies)

    @tf.function
    def step():
        optimizer.apply_gradients(zip([each.value() for each in gradients], copies, strict=True))

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


def normal(*shape: int) -> tf.Variable:
    """Returns noise, which no graph can take for a constant."""
    return tf.Variable(tf.random.normal(shape))


def repeated(step: Callable) -> Callable[[int], int]:
    """Returns a function that calls `step` so many times, and returns that number."""

    def run(steps: int) -> int:
        for _ in range(steps):
            step()
        return steps

    return run
