"""Which of two tracks fits a video better: Figure 4 of Langlois, 2019.

    frame     ─ ResNet-50 ─┐
    flow (20) ─ ResNet-50 ─┤
                           ├─ concatenation ─ hidden layer ─ logit: a fits better than b
    track a   ─ VGGish ────┤
    track b   ─ VGGish ────┘   (the same one)

The symmetric head has one score a track, s(video, track), and the logit is the difference of both:

    video ─┬─ hidden layer ─ s(video, a) ─┐
    track ─┘                              ├─ minus ─ logit
              hidden layer ─ s(video, b) ─┘
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from kavc.layers.masking import LengthMask
from kavc.layers.network import LENGTH, Network, sequence_input
from kavc.layers.pooling import MaskedGlobalAveragePooling1D
from kavc.layers.projection import Projection
from kavc.layers.rows import FlattenRows, RestoreRows
from kavc.layers.standardization import Standardization
from kavc.layers.unit_norm import UnitNorm
from kavc.media.networks import backbones
from kavc.systems.music_match.parts import Head, principal

TRACK = "audio"
TRACKS = ("audio_a", "audio_b")
VIDEO = "video"
GIVEN = (Standardization, Projection)  # norms by what the training split gives
HEADS = ("plain", "symmetric")
INTERACTIONS = ("linear", "hidden", "product")
NORMALIZE = ("none", "l2", "layer", "standard", "principal")


def encoder(name, row, *, backbone="none", dim=64, train_from="all", dtype=None):
    """From the rows of a video or of a track to one vector: their mean.

    Args:
        name: str, of the array.
        row: int or shape of a row; an image or a patch of a spectrogram with a backbone.
        backbone: a name of `kavc.media.networks.backbones`, applied to each row; "none" for rows
            that are features.
        dim: int. Width of what a backbone "tiny" makes.
        train_from: str. Layer of the backbone from which on it is trained; "none" or "all".
        dtype: `keras.DTypePolicy` or its name.

    Returns:
        `keras.Model`: {name `(batch, time, *row)`, name_length `(batch,)`} to `(batch, width)`;
        zeros where there is no row.

    Reference:
        Langlois, 2019, section 3.

    Example:
        >>> network = encoder("audio", 128)
        >>> rows = ops.concatenate([ops.ones((1, 2, 128)), ops.zeros((1, 1, 128))], axis=1)
        >>> mean = network({"audio": rows, "audio_length": ops.ones((1,), "int32") * 2})
        >>> float(mean[0, 0])  # of the two rows that are there
        1.0
    """
    policy = keras.dtype_policies.get(dtype)
    inputs = sequence_input(row, name=name, dtype=policy.compute_dtype)
    x = inputs[name]
    if backbone != "none":
        called = f"{name}_backbone"
        network = backbones.backbone(backbone, shape=x.shape[2:], dim=dim, dtype=policy,
                                     called=called)  # fmt: skip
        # Padding is among the rows, and batches are small: batch normalisation keeps what it has.
        backbones.train_from(network, train_from, norms=False)
        x = RestoreRows(dtype=policy)(network(FlattenRows(dtype=policy)(x)), x)
    mask = LengthMask()(inputs[name + LENGTH], inputs[name])
    x = MaskedGlobalAveragePooling1D(dtype=policy)(x, mask=mask)
    return keras.Model(inputs, x, name=f"{name}_encoder")


def normalization(kind, dim, *, components=32, name=None, dtype=None):
    """What makes the vectors of one stream comparable with those of others.

    Args:
        kind: "none"; "l2", to the root of the width in length; "layer"; or by what the training
            split gives, "standard", mean 0 and variance 1, or "principal", its first principal
            components, each of variance 1.
        dim: int. Width of the stream.
        components: int. Most components of "principal".
        name: str.
        dtype: `keras.DTypePolicy` or its name.

    Returns:
        Layer from `(..., dim)` to `(..., width)`; None for "none".

    Reference:
        Ba et al., 2016, for "layer".

    Example:
        >>> vector = ops.ones((1, 4)) * 5
        >>> ops.convert_to_numpy(normalization("l2", 4)(vector)).tolist(), normalization("none", 4)
        ([[1.0, 1.0, 1.0, 1.0]], None)
    """
    if kind not in NORMALIZE:
        raise ValueError(f"normalize must be one of {', '.join(NORMALIZE)}; received: {kind!r}")
    options = {"name": name, "dtype": dtype}
    if kind == "l2":
        # Length 1 would leave 2,048 numbers too small for a hidden layer that begins as usual.
        return UnitNorm(scale=dim**0.5, **options)
    if kind == "layer":
        return layers.LayerNormalization(**options)
    if kind == "standard":
        return Standardization(**options)
    return Projection(min(components, dim), **options) if kind == "principal" else None


@keras.saving.register_keras_serializable(package="kavc")
class MusicMatch(Network):
    """Prefers one of two tracks for a video.

    Args:
        streams: dict of name to int or shape of a row, what is seen: {"visual": 2048, "flow": 2048}
            are the two streams of the paper, {"flow": 1024} is I3D on flow; none for sound alone.
        audio: int or shape of a row of a track.
        head: "plain", one hidden layer on everything, or "symmetric", a difference of two scores.
        interaction: "hidden", a hidden layer with ReLU on the concatenation; "linear", no hidden
            layer, so that what is seen may favour a place, and never a track; "product", a hidden
            layer on embeddings of the video and of each track and on their products.
        units: int. Width of the hidden layer.
        embedding_dim: int. Of "product".
        normalize: as of `normalization`, of each stream and of the tracks.
        components: int. Likewise.
        dropout: float. After the hidden layer.
        backbones: dict of "visual", "flow" or "audio" to the name of a network that is applied to
            each row. Defaults to none: rows are features.
        backbone_dim: int. Width of what a backbone "tiny" makes.
        train_from: dict of the same names to the layer from which on a backbone is trained, "none"
            or "all", the default.
        dtype: `keras.DTypePolicy` or its name.
        name: str.

    Inputs:
        Of each stream NAME `(batch, time, row)` and NAME_length `(batch,)` int32, and so of
        "audio_a" and "audio_b".

    Outputs:
        "preference" `(batch, 1)`, the logit of a being preferred; "score" `(batch, 2)`, that of
        each track alone, of which the higher is the better. The symmetric head's preference is
        their difference; the plain head's score is half the difference that changing places makes
        in its preference against the mean track of the training split.

    Attributes:
        encoders: name of a stream, or "audio", to its `encoder`.
        norms: likewise to the layer of its `normalization`, where there is one.
        video_network: from the streams to a video's vector, `(batch, width)`; None without streams.
        track_network: {"audio", "audio_length"} to a track's vector, `(batch, width)`.

    Example:
        network = MusicMatch({"visual": 2048, "flow": 2048}, 128)
        answers = network({"visual": frames, "flow": stacks, "audio_a": a, "audio_b": b})
        preferred = keras.ops.sigmoid(answers["preference"])

    Reference:
        Langlois, 2019, section 3; Bradley and Terry, 1952, for the symmetric head.
    """

    def __init__(
        self,
        streams,
        audio=128,
        *,
        head="plain",
        interaction="hidden",
        units=512,
        embedding_dim=32,
        normalize="layer",
        components=32,
        dropout=0.5,
        backbones=None,
        backbone_dim=64,
        train_from=None,
        dtype=None,
        name="music_match",
    ):
        for what, value, known in (
            ("head", head, HEADS), ("interaction", interaction, INTERACTIONS)
        ):  # fmt: skip
            if value not in known:
                raise ValueError(f"{what} must be one of {', '.join(known)}; received: {value!r}")
        policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
        backbones, train_from = dict(backbones or {}), dict(train_from or {})
        config = {
            "streams": dict(streams), "audio": audio, "head": head, "interaction": interaction,
            "units": units, "embedding_dim": embedding_dim, "normalize": normalize,
            "components": components, "dropout": dropout, "backbones": backbones,
            "backbone_dim": backbone_dim, "train_from": train_from,
        }  # fmt: skip
        self.encoders: Any = {}
        self.norms: Any = {}
        for each, row in {**streams, TRACK: audio}.items():
            found = encoder(
                each, row,
                backbone=backbones.get(each, "none"), dim=backbone_dim,
                train_from=train_from.get(each, "all"), dtype=policy,
            )  # fmt: skip
            width = found.output.shape[-1]
            options = {"components": components, "name": f"{each}_norm", "dtype": policy}
            self.encoders[each] = found
            self.norms[each] = normalization(normalize, width, **options)
        self.track_network: Any = self._vectors([TRACK], "track_network")
        self.video_network: Any = None
        if streams:
            self.video_network = self._vectors(list(streams), "video_network")
        head_options = (head, interaction, units, embedding_dim, dropout, policy)
        self.comparison = Head(*head_options)
        inputs = {k: x for each in streams for k, x in self.encoders[each].input.items()}
        for each in TRACKS:
            inputs |= sequence_input(audio, name=each, dtype=policy.compute_dtype)
        video = self.video_network(_of(inputs, streams)) if streams else None
        tracks = ops.stack([self.track_network(_renamed(inputs, each)) for each in TRACKS], axis=1)
        super().__init__(
            inputs, self.comparison(video, tracks), config=config, dtype=policy, name=name
        )

    def _vectors(self, names, name):
        """Returns the network from some streams to one vector."""
        inputs = {k: x for each in names for k, x in self.encoders[each].input.items()}
        found = []
        for each in names:
            x = self._normalised(each, self.encoders[each](_of(inputs, [each])))
            if isinstance(self.norms[each], GIVEN):  # what isn't there is what is usual
                there = ops.cast(inputs[each + LENGTH] > 0, x.dtype)
                x = x * ops.expand_dims(there, -1)
            found.append(x)
        return keras.Model(inputs, _joined(found), name=name)

    @property
    def trains_encoders(self):
        """Whether anything before the norms is trained: a backbone."""
        return any(each.trainable_weights for each in self.encoders.values())

    @property
    def trains_norms(self):
        """Whether a norm is trained."""
        return any(each.trainable_weights for each in self.norms.values() if each is not None)

    def on_encodings(self):
        """Returns inputs and outputs of norms and head, on what the encoders made before.

        Returns:
            Inputs of each stream, "audio_a" and "audio_b", `(batch, width)` each; and the outputs
            of the network.
        """
        names = {name: name for name in self.config["streams"]} | dict.fromkeys(TRACKS, TRACK)
        inputs = self._plain({each: self.encoders[name] for each, name in names.items()})
        found = {}
        for each, name in names.items():
            found[each] = self._normalised(name, inputs[each])
        tracks = ops.stack([found.pop(name) for name in TRACKS], axis=1)
        return inputs, self.comparison(_joined(list(found.values())), tracks)

    def on_vectors(self):
        """Returns inputs and outputs of the head alone, on vectors that were made before.

        Returns:
            Inputs "video", where there are streams, "audio_a" and "audio_b", `(batch, width)` each;
            and the outputs of the network.

        Example:
            >>> network = MusicMatch({"visual": 6}, 4, units=8)
            >>> inputs, outputs = network.on_vectors()
            >>> {name: tensor.shape for name, tensor in inputs.items()}, outputs["score"].shape
            ({'audio_a': (None, 4), 'audio_b': (None, 4), 'video': (None, 6)}, (None, 2))
        """
        networks = dict.fromkeys(TRACKS, self.track_network)
        if self.video_network is not None:
            networks[VIDEO] = self.video_network
        inputs = self._plain(networks)
        tracks = ops.stack([inputs[name] for name in TRACKS], axis=1)
        return inputs, self.comparison(inputs.get(VIDEO), tracks)

    def _plain(self, networks):
        """Returns inputs as wide as what some networks give, by name."""
        return {
            name: keras.Input(each.output.shape[1:], name=name, dtype=self.compute_dtype)
            for name, each in networks.items()
        }

    def _normalised(self, name, x):
        norm = self.norms[name]
        return x if norm is None else norm(x)

    def vector_of(self, encoded, there=None):
        """Returns the vector of some videos, or of tracks, of what the encoders make of each.

        Args:
            encoded: name of each stream, in their order, or "audio", to `(n, width)`.
            there: optional. Name to `(n,)` bool, whether it has any row; all have, if None.

        Returns:
            `(n, width)` array of NumPy, float32: as `video_network` or `track_network`.
        """
        found = []
        for name, rows in encoded.items():
            x = self._normalised(name, ops.cast(rows, self.compute_dtype))
            if there is not None and isinstance(self.norms[name], GIVEN):
                x = x * ops.cast(there[name], x.dtype)[:, None]
            found.append(x)
        return ops.convert_to_numpy(ops.cast(ops.concatenate(found, axis=-1), "float32"))

    def scores(self, video, tracks):
        """Returns how well each of some tracks fits, in graph: the higher, the better.

        Args:
            video: `(batch, width)`, of `video_network`; None for a network that sees nothing.
            tracks: `(batch, n, width)`, of `track_network`.

        Returns:
            `(batch, n)`.

        Example:
            >>> network = MusicMatch({"visual": 6}, 4, units=8, head="symmetric")
            >>> tuple(network.scores(ops.ones((1, 6)), ops.ones((1, 50, 4))).shape)
            (1, 50)
        """
        return self.comparison.many(video, tracks)

    def fit_normalization(self, **vectors):
        """Takes from the training split what `normalization` and the reference are given.

        Args:
            vectors: name of each stream, and "audio", to `(n, width)` arrays of NumPy, as its
                encoder makes them.

        Example:
            >>> import numpy as np
            >>> network = MusicMatch({"visual": 6}, 4, units=8, normalize="standard")
            >>> rows = np.random.default_rng(0).normal(5, 2, (100, 6))
            >>> network.fit_normalization(visual=rows, audio=rows[:, :4])
            >>> round(float(np.mean(network.vector_of({"visual": rows}))), 4) + 0.0
            0.0
        """
        for name, rows in vectors.items():
            norm = self.norms[name]
            if isinstance(norm, Standardization):
                norm.assign(rows)
            elif isinstance(norm, Projection):
                norm.assign(*principal(rows, norm.units))
        self.fit_reference(vectors[TRACK])

    def fit_reference(self, tracks):
        """Takes the mean track, with which the plain head compares each one to be scored.

        Args:
            tracks: `(n, width)` array of NumPy, of the training split, as their encoder makes them.
        """
        if self.comparison.reference is not None:
            mean = self.vector_of({TRACK: tracks}).mean(axis=0, dtype="float64")
            self.comparison.reference.assign(mean.astype("float32"))


def _joined(found):
    """Returns vectors side by side; None where there are none."""
    if len(found) < 2:
        return found[0] if found else None
    return ops.concatenate(found, axis=-1)


def _of(inputs, names):
    return {each: inputs[each] for name in names for each in (name, name + LENGTH)}


def _renamed(inputs, name):
    return {TRACK: inputs[name], TRACK + LENGTH: inputs[name + LENGTH]}
