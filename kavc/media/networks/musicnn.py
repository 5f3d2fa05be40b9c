"""musicnn: which of 50 tags fit 3 s of music, and what it is like in 200 numbers.

    power mel, log10(10,000 x + 1)  (187, 96)
         |
    timbral: 7 frames x 38 and x 67 bands, 204 filters each, most over the bands
    temporal: 128, 64 and 32 frames x 1 band, 51 filters each, most over the bands
         |
    3 convolutions over 7 frames, the later two beside what comes in
         |
    largest and mean over time of all of these ---> dense 200 (embedding) ---> 50 tags

Reference:
    Pons and Serra, "musicnn: Pre-trained convolutional neural networks for music audio tagging",
    ISMIR 2019 (late breaking), and the published code and weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from kavc.errors import DataError
from kavc.inputs.arrays import read_npz
from kavc.inputs.opening import named
from kavc.layers.network import Network
from kavc.media.front_ends import power_of
from kavc.media.networks.weights import assign

RATE, FFT, HOP, BANDS, FRAMES = 16_000, 512, 256, 96, 187
COMPRESSION = 10_000
TIMBRAL, TEMPORAL = (0.4, 0.7), (128, 64, 32)  # shares of the bands; frames
TAGS, WIDTH = 50, 200
EPSILON = 1e-3
LARGEST = 64 * 2**20  # bytes of a file of weights; the published ones have 3 MB


@keras.saving.register_keras_serializable(package="kavc")
class MusicMel(keras.layers.Layer):
    """The spectrogram of musicnn, as librosa makes it, in patches of 3 s.

    Args:
        patch_hop: int. Frames of 16 ms from one patch to the next.
        mirrored: bool. Whether the waveform comes mirrored at both ends: windows of a longer sound.

    Call arguments:
        waveform: `(batch, samples)`, from -1 to 1, mono, at 16 kHz; 257 samples at least.

    Returns:
        `(batch, patches, 187, 96)`; what fills no patch is left out.

    Reference:
        Pons and Serra, 2019, and librosa (McFee et al., 2015).

    Example:
        >>> MusicMel()(np.zeros((1, 96_000), "float32")).shape  # 6 s
        TensorShape([1, 2, 187, 96])
    """

    def __init__(self, patch_hop=FRAMES, *, mirrored=False, **kwargs):
        super().__init__(**kwargs)
        self.patch_hop, self.mirrored = patch_hop, mirrored
        self._weights = slaney_matrix()

    def call(self, waveform):
        # Each frame is around its time: the ends are mirrored, as librosa did at that time.
        if not self.mirrored:
            waveform = tf.pad(waveform, [[0, 0], [FFT // 2, FFT // 2]], mode="REFLECT")
        power = power_of(tf.signal.stft(waveform, FFT, HOP, FFT))
        mel = tf.matmul(power, tf.constant(self._weights, power.dtype))
        compressed = tf.math.log1p(COMPRESSION * mel) / np.log(10)
        return tf.signal.frame(compressed, FRAMES, self.patch_hop, axis=-2)

    def compute_output_spec(self, waveform):
        return keras.KerasTensor((waveform.shape[0], None, FRAMES, BANDS), dtype=self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "patch_hop": self.patch_hop, "mirrored": self.mirrored}


def slaney_matrix() -> np.ndarray:
    """Returns the weight of each bin in each band, (257, 96) float64.

    Slaney's mel: straight up to 1 kHz, logarithmic above; triangles over hertz, of equal area.

    Reference:
        Slaney, 1998, "Auditory Toolbox".

    Example:
        >>> weights = slaney_matrix()
        >>> weights.shape, weights[:, 0].argmax() * 16_000 / 512  # the lowest band, in Hz
        ((257, 96), 31.25)
    """
    edges = _hertz(np.linspace(0, _slaney(RATE / 2), BANDS + 2))
    bins = np.linspace(0, RATE / 2, FFT // 2 + 1)[:, None]
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (bins - low) / (centre - low), (high - bins) / (high - centre)
    return np.maximum(0, np.minimum(rising, falling)) * 2 / (high - low)


STEP, KNEE, LOG_STEP = 200 / 3, 1000.0, np.log(6.4) / 27  # of Slaney's mel


def _slaney(hertz: float) -> float:
    return KNEE / STEP + np.log(hertz / KNEE) / LOG_STEP  # of what lies above the knee


def _hertz(mel: np.ndarray) -> np.ndarray:
    above = KNEE * np.exp(LOG_STEP * (mel - KNEE / STEP))
    return np.where(mel < KNEE / STEP, STEP * mel, above)


@keras.saving.register_keras_serializable(package="kavc")
class Musicnn(Network):
    """The network of musicnn. 792,079 parameters.

    Args:
        dtype: `keras.DTypePolicy` or its name.
        name: str.

    Call arguments:
        inputs: dict of "patches" `(patches, 187, 96)`, of `MusicMel`.

    Returns:
        dict of "embedding" `(patches, 200)` and "scores" `(patches, 50)`, from 0 to 1.

    Reference:
        Pons and Serra, 2019.

    Example:
        network = load_npz("MTT_musicnn.npz")
        network({"patches": MusicMel()(waveform)[0]})["scores"]
    """

    def __init__(self, *, dtype=None, name="musicnn"):
        policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
        self.convolutions, self.norms = [], []
        patches = keras.Input((FRAMES, BANDS), dtype=policy.variable_dtype, name="patches")
        x = self._norm(policy)(ops.expand_dims(patches, -1))

        # === Front end ===
        heard = [self._heard(ops.pad(x, SEVEN), (7, int(share * BANDS)), 204, "valid", policy)
                 for share in TIMBRAL]  # fmt: skip
        heard += [self._heard(x, (frames, 1), 51, "same", policy) for frames in TEMPORAL]

        # === Middle ===
        found = [ops.concatenate(heard, axis=-1)]
        for number in range(3):
            new = self._over_time(found[-1], policy)
            found.append(new if number == 0 else new + found[-1])

        # === Back end ===
        all_of = ops.concatenate(found, axis=-1)
        pooled = ops.stack([ops.max(all_of, axis=1), ops.mean(all_of, axis=1)], axis=-1)
        pooled = self._norm(policy)(ops.reshape(pooled, (-1, 2 * all_of.shape[-1])))
        dense = keras.layers.Dense(WIDTH, activation="relu", dtype=policy, name="dense")
        embedding = self._norm(policy.variable_dtype)(dense(pooled))
        scores = keras.layers.Dense(
            TAGS, activation="sigmoid", dtype=policy.variable_dtype, name="scores"
        )
        super().__init__(
            {"patches": patches},
            {"embedding": embedding, "scores": scores(embedding)},
            config={},
            dtype=policy,
            name=name,
        )

    def _heard(self, x, kernel, filters, padding, policy):
        """Returns the largest answer over the bands, (patches, frames, filters)."""
        x = self._convolution(filters, kernel, padding, policy)(x)
        return ops.max(self._norm(policy)(x), axis=2)

    def _over_time(self, x, policy):
        """Returns a convolution over seven frames and all channels, (patches, frames, 64)."""
        x = ops.pad(ops.expand_dims(x, -1), SEVEN)
        x = self._convolution(64, (7, x.shape[2]), "valid", policy)(x)
        return ops.squeeze(self._norm(policy)(x), 2)

    def _convolution(self, filters, kernel, padding, policy):
        layer = keras.layers.Conv2D(
            filters, kernel, padding=padding, activation="relu", dtype=policy,
            name=f"conv2d_{len(self.convolutions)}",
        )  # fmt: skip
        self.convolutions.append(layer)
        return layer

    def _norm(self, dtype):
        layer = keras.layers.BatchNormalization(
            epsilon=EPSILON, dtype=dtype, name=f"batch_normalization_{len(self.norms)}"
        )
        self.norms.append(layer)
        return layer


SEVEN = ((0, 0), (3, 3), (0, 0), (0, 0))  # frames, for as many answers as there are of them


def load_npz(path: str | Path, dtype: str | None = None) -> Musicnn:
    """Returns musicnn with the published weights, as an `.npz` with the names of TensorFlow 1.

    Args:
        path: the file, of arrays `conv2d|kernel`, `batch_normalization_1|gamma` and so on; with
            "/" in place of "|", too.
        dtype: policy of the network; Keras' own if None.

    Raises:
        DataError: the file is no `.npz`, lacks an array, or one has another shape.
    """
    found = read_npz(path, most=LARGEST)
    arrays = {name.replace("|", "/"): array for name, array in found.items()}
    network = Musicnn(dtype=dtype)
    dense = [network.get_layer("dense"), network.get_layer("scores")]
    of_norms = ("gamma", "beta", "moving_mean", "moving_variance")
    for kind, layers, names in (
        ("conv2d", network.convolutions, ("kernel", "bias")),
        ("batch_normalization", network.norms, of_norms),
        ("dense", dense, ("kernel", "bias")),
    ):
        for number, layer in enumerate(layers):
            there = f"{kind}_{number}" if number else kind
            for name in names:
                _take(arrays, f"{there}/{name}", getattr(layer, name), path)
    return network


def _take(
    arrays: Mapping[str, np.ndarray], name: str, variable: keras.Variable, path: str | Path
) -> None:
    if name not in arrays:
        raise DataError(f"{named(path)}: no array {name!r}, which musicnn has")
    assign(variable, arrays[name], path, name)
