"""From a waveform to log-mel patches, in graph: what VGGish and YAMNet hear.

waveform (16 kHz) -> frames of 25 ms, every 10 ms -> |FFT| -> mel bands -> log -> patches
"""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from kavc.errors import ConfigError

SHORT = ("drop", "pad")  # what becomes of the end that fills no patch


@dataclass(frozen=True)
class MelSettings:
    """How a log-mel spectrogram is made. The defaults are VGGish's, as published.

    Args:
        rate: samples a second.
        window, hop: samples of a frame, and from one frame to the next: 25 ms and 10 ms.
        fft: samples that a frame is filled up to with zeros.
        bands: number of mel bands.
        low, high: Hz, of the lowest and of the highest edge.
        offset: added before the logarithm; 0.01 of VGGish, 0.001 of YAMNet.
        frames: of a patch.

    Reference:
        Hershey et al., "CNN Architectures for Large-Scale Audio Classification", ICASSP 2017, and
        `mel_features.py` of the published code.

    Example:
        >>> MelSettings(frames=100).patch_samples  # of 1 s and 15 ms
        16240
    """

    rate: int = 16_000
    window: int = 400
    hop: int = 160
    fft: int = 512
    bands: int = 64
    low: float = 125.0
    high: float = 7500.0
    offset: float = 0.01
    frames: int = 96

    @property
    def patch_samples(self) -> int:
        """Samples that a patch is made of: 15,600 of VGGish."""
        return (self.frames - 1) * self.hop + self.window


VGGISH = MelSettings()
YAMNET = MelSettings(offset=0.001)


@keras.saving.register_keras_serializable(package="kavc")
class LogMel(keras.layers.Layer):
    """Log-mel patches of waveforms.

    Args:
        settings: `MelSettings`, or a dict of its fields.
        patch_hop: int. Frames from one patch to the next: 96, 0.96 s, of VGGish; 48 of YAMNet; 100
            for a patch a second.
        short: "drop": what fills no patch is left out, so that sound of less than 0.975 s gives
            none, as in the code of VGGish; or "pad": it is filled up with silence, so that there
            is a patch at least, as in the code of YAMNet.

    Call arguments:
        waveform: `(batch, samples)`, from -1 to 1, mono, at the rate of the settings.

    Returns:
        `(batch, patches, frames, bands)`.

    Raises:
        ConfigError: an argument is none of these.

    Reference:
        Hershey et al., 2017; `pad` is that of YAMNet (research/audioset/yamnet).

    Example:
        patches = LogMel(VGGISH)(tf.zeros((1, 160_000)))  # 10 s: (1, 10, 96, 64)
    """

    def __init__(self, settings=VGGISH, *, patch_hop=96, short="drop", **kwargs):
        super().__init__(**kwargs)
        if short not in SHORT:
            raise ConfigError(f"short must be one of {', '.join(SHORT)}; not {short!r}")
        if patch_hop < 1:
            raise ConfigError(f"patch_hop must be at least 1 frame; not {patch_hop}")
        self.settings = settings if isinstance(settings, MelSettings) else MelSettings(**settings)
        self.patch_hop = patch_hop
        self.short = short
        # Of float64, then rounded: made in float32 the weights are off by 1e-5.
        self._weights = mel_matrix(self.settings)

    def call(self, waveform):
        s, samples = self.settings, tf.shape(waveform)[-1]
        step = self.patch_hop * s.hop
        whole = 1 + (samples - s.patch_samples) // step  # patches without silence
        patches = tf.maximum(whole, 1)
        if self.short == "pad":
            patches = tf.maximum(1 - (s.patch_samples - samples) // step, 1)
        # The transform takes no waveform of less than a frame: some silence is always there.
        wanted = s.patch_samples + (patches - 1) * step
        waveform = tf.pad(waveform, [[0, 0], [0, tf.maximum(wanted - samples, 0)]])
        spectrum = tf.sqrt(power_of(tf.signal.stft(waveform, s.window, s.hop, s.fft)))
        mel = tf.matmul(spectrum, tf.constant(self._weights, spectrum.dtype))
        found = tf.math.log(mel + s.offset)
        if self.patch_hop == s.frames:  # then they needn't be gathered
            found = tf.reshape(found[:, : patches * s.frames], (-1, patches, s.frames, s.bands))
        else:
            found = tf.signal.frame(found, s.frames, self.patch_hop, axis=-2)
        return found if self.short == "pad" else found[:, : tf.maximum(whole, 0)]

    def compute_output_spec(self, waveform):
        shape = (waveform.shape[0], None, self.settings.frames, self.settings.bands)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "settings": vars(self.settings),
            "patch_hop": self.patch_hop,
            "short": self.short,
        }


def power_of(spectrum: tf.Tensor) -> tf.Tensor:
    """Returns squared magnitudes, in graph.

    `tf.abs` takes twice as long, to guard against sizes of numbers that no sound has.

    >>> power_of(tf.constant([3 + 4j])).numpy().tolist()
    [25.0]
    """
    return tf.square(tf.math.real(spectrum)) + tf.square(tf.math.imag(spectrum))


def mel_matrix(settings: MelSettings) -> np.ndarray:
    """Returns the weight of each bin of the spectrum in each band, (bins, bands) float64.

    Triangles whose sides are straight in mel, 1127 ln(1 + f / 700); no area is made equal, and the
    mean of the signal counts nowhere.

    Reference:
        Hershey et al., 2017, and `mel_features.py` of the published code.

    Example:
        >>> weights = mel_matrix(VGGISH)
        >>> weights.shape, int(weights[:, 0].argmax()) * 16_000 / 512  # the lowest band, in Hz
        ((257, 64), 156.25)
    """
    s = settings
    bins = _mel(np.linspace(0, s.rate / 2, s.fft // 2 + 1))[:, None]
    edges = np.linspace(_mel(s.low), _mel(s.high), s.bands + 2)
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (bins - low) / (centre - low), (high - bins) / (high - centre)
    weights = np.maximum(0, np.minimum(rising, falling))
    weights[0] = 0
    return weights


def _mel(hertz: np.ndarray | float) -> np.ndarray:
    return 1127 * np.log1p(np.asarray(hertz, np.float64) / 700)
