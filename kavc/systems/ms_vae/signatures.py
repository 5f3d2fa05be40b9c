"""What an exported network answers, in graph, with its inputs checked there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from kavc.data.schema import Field
from kavc.errors import ExportError
from kavc.layers.peaks import peak_norm
from kavc.serving.input_checks import check_batch, check_finite, check_range
from kavc.systems.base import Signature
from kavc.systems.ms_vae.config import GENERATING, ON_MAPS, MSVAEConfig
from kavc.systems.ms_vae.scoring import Space, named_codes, one_modality, spaces
from kavc.systems.ms_vae.videos import MODALITIES

Answer = Callable[..., dict[str, tf.Tensor]]
MEANT = {"audio": "audio features of a second", "visual": "features of pictures of a second"}
QUERY = 4  # seconds of the query in an example


def signatures(network: keras.Model, config: MSVAEConfig) -> dict[str, Signature]:
    """Returns what can be asked: distance of a pair, codes, what is generated, and where.

    "serving_default", "encode_audio", "encode_visual" and "localize"; and of what generates,
    "generate_from_audio" and "generate_from_visual".

    Args:
        network: trained network of a variant whose segments are coded one by one.
        config: the config that it was built with.

    Raises:
        ExportError: the network attends to the places of pictures, whose segments aren't.

    Example:
        >>> from kavc.systems.ms_vae.networks import MSVAE
        >>> served = signatures(MSVAE(), MSVAEConfig())
        >>> sorted(served)[:3], sorted(served["localize"].outputs)
        (['encode_audio', 'encode_visual', 'generate_from_audio'], ['costs', 'start', 'windows'])
    """
    if config.variant in ON_MAPS:
        raise ExportError(
            f"the variant {config.variant!r} labels segments and is for comparison; it is not "
            "served: export one that codes segments, as ms-vae"
        )
    models = {kind: one_modality(network, kind, config) for kind in MODALITIES}
    found = {"serving_default": _serving_default(models, config)}
    for kind in MODALITIES:
        found[f"encode_{kind}"] = _encode(models[kind], kind, config)
        if config.variant in GENERATING:
            found[f"generate_from_{kind}"] = _generate(models[kind], kind, config)
    return found | {"localize": _localize(models, config)}


def _serving_default(models: Mapping[str, keras.Model], config: MSVAEConfig) -> Signature:
    def distance(audio: tf.Tensor, visual: tf.Tensor) -> dict[str, tf.Tensor]:
        check_batch({"audio": audio, "visual": visual})
        heard = _codes(models["audio"], "audio", _checked("audio", audio), config)
        seen = _codes(models["visual"], "visual", _checked("visual", visual), config)
        return {"distance": _distances(heard, seen, spaces(config))}

    inputs = {kind: _row(kind, config) for kind in MODALITIES}
    return Signature(
        distance,
        inputs,
        {"distance": Field((), "float32", "how far apart the two are")},
        "How well a second of sound and one of pictures fit: the smaller the better.",
        {kind: _example(kind, config) for kind in MODALITIES},
    )


def _encode(model: keras.Model, kind: str, config: MSVAEConfig) -> Signature:
    generates = config.variant in GENERATING
    names = (f"{kind}_mean", f"{kind}_log_variance") if generates else (f"{kind}_embedding",)

    def encode(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        answers = _ask(model, _checked(kind, inputs[kind]), config)
        return {name.removeprefix(f"{kind}_"): answers[name] for name in names}

    outputs = {
        name.removeprefix(f"{kind}_"): Field(
            tuple(model.output[name].shape[1:]), "float32", "of the latent" if generates else
            "near that of what belongs to it",
        )
        for name in names
    }  # fmt: skip
    of = "Mean and logarithm of the variance of the latent" if generates else "Embedding"
    return Signature(
        encode, {kind: _row(kind, config)}, outputs, f"{of} of {MEANT[kind]}.",
        {kind: _example(kind, config)},
    )  # fmt: skip


def _generate(model: keras.Model, kind: str, config: MSVAEConfig) -> Signature:
    split = config.visual_dim

    def generate(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        pair = _ask(model, _checked(kind, inputs[kind]), config)[f"from_{kind}"]
        return {"visual": pair[:, :split], "audio": pair[:, split:]}

    outputs = {other: _row(other, config) for other in ("visual", "audio")}
    return Signature(
        generate, {kind: _row(kind, config)}, outputs,
        f"The pair of sound and pictures that {MEANT[kind]} generates.",
        {kind: _example(kind, config)},
    )  # fmt: skip


def _localize(models: Mapping[str, keras.Model], config: MSVAEConfig) -> Signature:
    def localize(
        audio: tf.Tensor, audio_length: tf.Tensor, visual: tf.Tensor, visual_length: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        lengths = {"audio": audio_length, "visual": visual_length}
        given = {"audio": audio, "visual": visual}
        check_batch({**given, **{f"{kind}_length": x for kind, x in lengths.items()}})
        codes = []
        for kind, rows in given.items():
            steps = tf.shape(rows)[1]
            tf.debugging.Assert(steps > 0, [f"{kind}: expected at least one second"])
            check_range(f"{kind}_length", lengths[kind], 1, steps)
            there = tf.sequence_mask(lengths[kind], steps)[..., None]
            rows = _checked(kind, tf.where(there, rows, 0.0))
            flat = _codes(models[kind], kind, tf.reshape(rows, (-1, rows.shape[-1])), config)
            shape = tf.shape(rows)[:2]
            codes.append(
                {
                    name: tf.reshape(x, tf.concat([shape, [x.shape[-1]]], axis=0))
                    for name, x in flat.items()
                }
            )
        heard = {name: x[:, :, None] for name, x in codes[0].items()}
        seen = {name: x[:, None] for name, x in codes[1].items()}
        between = _distances(heard, seen, spaces(config))
        return cheapest_window(between, audio_length, visual_length)

    def sequence(kind: str) -> dict[str, Field]:
        width = _row(kind, config).shape
        return {
            kind: Field((None, *width), "float32", f"{MEANT[kind]}, one row each", 1.0),
            f"{kind}_length": Field((), "int32", "how many seconds there are"),
        }

    outputs = {
        "start": Field((), "int32", "second of the longer one at which the shorter one fits best"),
        "windows": Field((), "int32", "places at which it can be"),
        "costs": Field((None,), "float32", "distance at each place; 0 beyond"),
    }
    example = {
        "audio": _example("audio", config, QUERY),
        "audio_length": np.array([QUERY], np.int32),
        "visual": _example("visual", config, config.segments),
        "visual_length": np.array([config.segments], np.int32),
    }
    return Signature(
        localize,
        sequence("audio") | sequence("visual"),
        outputs,
        "Where in the longer of sound and pictures the shorter one is.",
        example,
    )


def cheapest_window(
    between: tf.Tensor, audio_length: tf.Tensor, visual_length: tf.Tensor
) -> dict[str, tf.Tensor]:
    """Finds the shorter of two sequences in the longer one; of equal length, at 0.

    Args:
        between: (batch, audio steps, visual steps) distances.
        audio_length, visual_length: (batch,) int32 valid steps, at least 1.

    Returns:
        "start" (batch,) int32; "windows" (batch,) int32; "costs" (batch, longest) float32.

    Reference:
        Zhu et al., 2021, section 3.2; Tian et al., ECCV 2018, section 3.4.

    Example:
        >>> between = tf.constant([[[3.0, 1.0, 2.0], [1.0, 0.0, 5.0], [9.0, 9.0, 9.0]]])
        >>> found = cheapest_window(between, tf.constant([2]), tf.constant([3]))  # third: padding
        >>> found["start"].numpy().tolist(), found["windows"].numpy().tolist()
        ([0], [2])
    """
    size = tf.reduce_max(tf.shape(between)[1:])
    room = size - tf.shape(between)[1:]
    square = tf.pad(between, [[0, 0], [0, room[0]], [0, room[1]]])
    sound_asks = (audio_length <= visual_length)[:, None, None]
    square = tf.where(sound_asks, square, tf.transpose(square, (0, 2, 1)))
    query = tf.minimum(audio_length, visual_length)
    windows = tf.maximum(audio_length, visual_length) - query + 1
    step = tf.range(size)
    places = step * size + tf.minimum(step[:, None] + step, size - 1)  # [t, k] of k at t + k
    along = tf.gather(tf.reshape(square, (-1, size * size)), places, axis=1)
    costs = tf.reduce_sum(tf.where(step < query[:, None, None], along, 0.0), axis=-1)
    valid = step < windows[:, None]
    start = tf.argmin(tf.where(valid, costs, costs.dtype.max), axis=1, output_type=tf.int32)
    return {"start": start, "windows": windows, "costs": tf.where(valid, costs, 0.0)}


def _distances(
    one: Mapping[str, tf.Tensor], other: Mapping[str, tf.Tensor], of: Sequence[Space]
) -> tf.Tensor:
    """Returns the distances of codes whose shapes broadcast."""
    return tf.add_n([space.weight * tf.norm(one[space.name] - other[space.name], axis=-1)
                     for space in of])  # fmt: skip


def _codes(
    model: keras.Model, kind: str, rows: tf.Tensor, config: MSVAEConfig
) -> dict[str, tf.Tensor]:
    return named_codes(_ask(model, rows, config), kind, config)


def _ask(model: keras.Model, rows: tf.Tensor, config: MSVAEConfig) -> dict[str, tf.Tensor]:
    rows = peak_norm(rows) if config.scaling == "peak-in-evaluation" else rows
    return {name: tf.cast(x, tf.float32) for name, x in model(rows, training=False).items()}


def _checked(kind: str, rows: tf.Tensor) -> tf.Tensor:
    check_finite(kind, rows)
    return rows


def _row(kind: str, config: MSVAEConfig) -> Field:
    width = {"audio": config.audio_dim, "visual": config.visual_dim}[kind]
    return Field((width,), "float32", MEANT[kind], 1.0)


def _example(kind: str, config: MSVAEConfig, steps: int | None = None) -> np.ndarray:
    shape = (1, *(() if steps is None else (steps,)), *_row(kind, config).shape)
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)
