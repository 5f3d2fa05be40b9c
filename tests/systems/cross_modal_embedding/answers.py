"""Answers of networks, layers and losses on the backend that Keras has: `answers.py OUT.npz`.

All weights and inputs come from NumPy, since each backend's initialisers draw numbers of their own.
`test_jax.py` compares.
"""

from __future__ import annotations

import sys

import keras
import numpy as np
from keras import ops

from kavc.layers.fourier import FourierFeatures
from kavc.layers.projection import Projection
from kavc.layers.unit_norm import UnitNorm
from kavc.losses.contrastive import info_nce
from kavc.losses.pairs import class_term, cosine_pair_loss, multilabel_cross_entropy
from kavc.losses.reduction import batch_mean
from kavc.systems.cross_modal_embedding.networks import CanonicalEmbedding, CrossModalEmbedding

ROWS, CLASSES = 12, 7
PAPER = {"audio_units": (20, 12), "visual_units": (24, 16), "embedding_dim": 10}
CANONICAL = {
    "audio_coordinates": 16, "visual_coordinates": 32, "units": 24, "members": 2,
    "embedding_dim": 10, "dropout": 0.0, "kernel_features": 40,
}  # fmt: skip
NETWORKS = {
    "paper": (CrossModalEmbedding, PAPER),
    "per modality": (CrossModalEmbedding, PAPER | {"input_norm": "per_modality"}),
    "published code": (
        CrossModalEmbedding, PAPER | {"input_norm": "joint", "embedding_activation": "relu"}
    ),
    "canonical": (CanonicalEmbedding, CANONICAL),
}  # fmt: skip


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def with_weights(layer, shape=None):
    """Gives a layer weights that keep the scale of what passes, and are not 0."""
    if shape is not None:
        layer.build(shape)
    for number, weight in enumerate(layer.weights):
        value = normal(*weight.shape, seed=number) / weight.shape[0] ** 0.5
        weight.assign(1 + value**2 if weight.name == "moving_variance" else value)
    return layer


def of_networks():
    inputs = {"audio": normal(ROWS, 128, seed=1), "visual": normal(ROWS, 1024, seed=2)}
    found = {}
    for name, (kind, options) in NETWORKS.items():
        network = with_weights(kind(CLASSES, **options))
        for training in (False, True):  # In training BatchNormalization has the batch's statistics.
            outputs = network(inputs, training=training)
            found |= {f"{name}, training {training}: {key}": x for key, x in outputs.items()}
        found[f"{name}: penalty"] = sum(network.losses, start=ops.zeros(()))
    return found


def of_layers():
    x = normal(ROWS, 128)
    zeros = np.concatenate([x, np.zeros_like(x[:1])])
    return {
        "Projection": with_weights(Projection(30), x.shape)(x),
        "FourierFeatures": with_weights(FourierFeatures(40), x.shape)(x),
        "UnitNorm": UnitNorm()(zeros),
    }


def of_losses():
    one, other, logits = normal(ROWS, 30), normal(ROWS, 30, seed=1), normal(ROWS, CLASSES)
    cosine, truth = np.tanh(one[:, 0]), one[:, 1] > 0
    labels = (normal(ROWS, CLASSES, seed=1) > 0).astype("float32")
    found = {f"info_nce {t}": info_nce(one, other, temperature=t) for t in (0.07, 1.0)}
    for scale in (False, True):
        loss = cosine_pair_loss(ops.convert_to_tensor(cosine), truth, scale_hinge=scale)
        found[f"cosine_pair_loss {scale}"] = loss
    for epsilon in (0.0, 1e-5):
        loss = multilabel_cross_entropy(ops.convert_to_tensor(logits), labels, epsilon=epsilon)
        found[f"multilabel_cross_entropy {epsilon}"] = loss
    for kind in ("sum", "sqrt"):
        found[f"class_term {kind}"] = class_term(ops.ones(()), ops.ones(()) * 2, kind=kind)
    return found | {"batch_mean": batch_mean(ops.convert_to_tensor(cosine))}


if __name__ == "__main__":
    answers = of_networks() | of_layers() | of_losses()
    arrays = {name: ops.convert_to_numpy(x) for name, x in answers.items()}
    np.savez(sys.argv[1], backend=keras.backend.backend(), **arrays)
