"""Log-mel patches against the published front end's, and what becomes of short sounds."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from kavc.errors import ConfigError
from kavc.media.front_ends import VGGISH, YAMNET, LogMel, MelSettings, mel_matrix

SIGNALS = (
    "tone_1k", "chirp", "noise", "silence", "impulses", "dc_and_clip", "vowels", "len_15600",
    "len_15599", "len_5000", "len_400", "len_399", "stereo_44100", "mono_22050", "speech_real",
)  # fmt: skip
TOLERANCE = {"float32": 1e-3, "float64": 1e-6}
RESAMPLED = 3e-6  # of signals that are stored as float32 once they are resampled


@pytest.fixture(scope="module")
def golden(shared):
    with np.load(shared / "golden" / "vggish_frontend.npz") as arrays:
        return dict(arrays)


def waveform_of(golden, name):
    """What the front end is given: at 16 kHz, resampled by the published code where it wasn't."""
    if f"{name}/resampled" in golden:
        return np.float64(golden[f"{name}/resampled"])
    return golden[f"{name}/waveform"] / 32768.0


def patches_of(waveform, dtype="float32", **options):
    layer = LogMel(dtype=dtype, **options)
    return keras.ops.convert_to_numpy(layer(waveform[None].astype(dtype)))[0]


def test_the_published_matrix(golden):
    np.testing.assert_allclose(mel_matrix(VGGISH), golden["mel_matrix"], 0, 1e-7)


def test_all_signals_are_here(golden):
    assert set(golden["names"]) == set(SIGNALS)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", SIGNALS)
def test_the_published_patches(golden, name, dtype):
    found = patches_of(waveform_of(golden, name), dtype)
    assert found.shape == golden[f"{name}/patches"].shape
    tolerance = TOLERANCE[dtype]
    if f"{name}/resampled" in golden:
        tolerance = max(tolerance, RESAMPLED)
    np.testing.assert_allclose(found, golden[f"{name}/patches"], 0, tolerance)


def test_silence_is_the_logarithm_of_the_offset():
    for settings in (VGGISH, YAMNET):
        found = patches_of(np.zeros(16_000), settings=settings)
        np.testing.assert_allclose(found, np.log(settings.offset), 1e-6)


@pytest.mark.parametrize(
    ("samples", "hop", "dropped", "padded"),
    [(0, 96, 0, 1), (100, 96, 0, 1), (399, 96, 0, 1), (15_599, 96, 0, 1), (15_600, 96, 1, 1),
     (15_601, 96, 1, 2), (160_000, 96, 10, 11), (160_000, 48, 19, 20), (160_000, 100, 10, 11)],
)  # fmt: skip
def test_how_many_patches(samples, hop, dropped, padded):
    for short, patches in (("drop", dropped), ("pad", padded)):
        found = patches_of(np.zeros(samples), patch_hop=hop, short=short)
        assert found.shape == (patches, 96, 64)


def test_what_is_padded_begins_as_what_is_dropped():
    waveform = np.random.default_rng(0).normal(size=40_000)
    dropped, padded = (patches_of(waveform, short=short) for short in ("drop", "pad"))
    np.testing.assert_array_equal(dropped, padded[: len(dropped)])


def test_a_batch_in_graph_is_each_waveform_alone():
    waveforms = np.random.default_rng(0).normal(size=(3, 32_000)).astype("float32")
    layer = LogMel()
    traced = tf.function(layer, input_signature=[tf.TensorSpec((None, None))])
    for row, found in zip(waveforms, traced(waveforms).numpy(), strict=True):
        np.testing.assert_allclose(found, patches_of(row), 0, 1e-4)


def test_in_a_functional_model_and_round_its_config():
    waveform = keras.Input((None,))
    model = keras.Model(waveform, LogMel(YAMNET, patch_hop=48, short="pad")(waveform))
    assert model.output.shape == (None, None, 96, 64)
    again = keras.Model.from_config(model.get_config())
    x = np.random.default_rng(0).normal(size=(2, 20_000)).astype("float32")
    np.testing.assert_array_equal(again(x), model(x))
    assert again.layers[-1].settings == YAMNET


def test_wrong_arguments():
    with pytest.raises(ConfigError, match="short must be one of drop, pad; not 'cut'"):
        LogMel(short="cut")
    with pytest.raises(ConfigError, match="at least 1 frame"):
        LogMel(patch_hop=0)
    with pytest.raises(TypeError):
        MelSettings(speed=3)
