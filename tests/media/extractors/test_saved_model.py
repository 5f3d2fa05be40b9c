"""Any SavedModel as an extractor: from a folder, by a handle, and what is refused of strangers."""

from __future__ import annotations

import socket

import numpy as np
import pytest
import tensorflow as tf

from kavc.errors import ConfigError, DataError
from kavc.media.extractors.registry import names
from kavc.media.extractors.saved_model import SavedModelAudio, SavedModelVisual
from kavc.media.networks.hub_cache import cached_folder, handle_of

HANDLE = "https://tfhub.dev/nobody/invented/1"


class Hears(tf.Module):
    """As VGGish on TensorFlow Hub: no signature, one waveform of any length, rows of a frame."""

    def __init__(self):
        super().__init__()
        self.scale = tf.Variable(2.0)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
    def __call__(self, waveform):
        frames = tf.signal.frame(waveform, 400, 400)
        return self.scale * tf.stack([tf.reduce_max(frames, 1), tf.reduce_min(frames, 1)], 1)


def saved(path, functions, model=None):
    model = model or tf.Module()
    tf.saved_model.save(model, str(path), signatures=functions(model) if functions else None)
    return path


def signature(body, *shape, dtype=tf.float32, name="given"):
    return tf.function(body, input_signature=[tf.TensorSpec(shape, dtype, name)])


def moments(given):
    return {"mean": tf.reduce_mean(given, 1, True), "largest": tf.reduce_max(given, 1, True)}


@pytest.fixture
def hears(tmp_path):
    """A model of windows of 0.1 s at 16 kHz with two outputs."""
    return saved(tmp_path / "hears", lambda _: {"serving_default": signature(moments, None, 1600)})


@pytest.fixture
def without_network(monkeypatch):
    def refused(*_, **__):
        raise AssertionError("the network is asked")

    monkeypatch.setattr(socket, "create_connection", refused)
    monkeypatch.setattr(socket.socket, "connect", refused)


def tone(hertz, seconds, rate):
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def answers(recipe, source, values):
    return recipe.load({"saved-model": source})(np.float32(values))


def test_the_window_is_the_models(hears, talkie):
    extractor = SavedModelAudio(output="largest").load({"saved-model": hears})
    assert extractor.recipe.window == 0.1 and extractor.recipe.step == 0.1
    times, rows = extractor.extract(talkie)
    assert rows.shape == (20, 1)
    np.testing.assert_allclose(times, np.arange(20) / 10, 0, 1e-6)
    np.testing.assert_allclose(rows, 0.5, 0, 0.01)
    assert extractor.extract(talkie)[1].tobytes() == rows.tobytes()
    kept = extractor.provenance
    assert kept["options"]["window"] == 0.1 and len(kept["weights"]["saved-model"]["sha256"]) == 64


def test_outputs_inputs_and_signatures_are_listed(tmp_path, hears):
    with pytest.raises(ConfigError, match=r"2 outputs.*output=NAME: largest \(2, 1\), mean"):
        SavedModelAudio().load({"saved-model": hears})
    with pytest.raises(ConfigError, match="unknown output 'means'; did you mean 'mean'"):
        SavedModelAudio(output="means").load({"saved-model": hears})
    with pytest.raises(ConfigError, match=r"unknown signature 'serve'.*Known: serving_default"):
        SavedModelAudio(signature="serve").load({"saved-model": hears})
    two = tf.function(
        lambda a, b: {"sum": a + b},
        input_signature=[tf.TensorSpec((None, 8), name=each) for each in "ab"],
    )
    many = saved(tmp_path / "many", lambda _: {"one": two, "other": two})
    with pytest.raises(ConfigError, match=r"2 signatures; .*signature=NAME: one, other"):
        SavedModelAudio().load({"saved-model": many})
    with pytest.raises(ConfigError, match=r"2 inputs; .*input=NAME: a \(None, 8\), b"):
        SavedModelAudio(signature="one").load({"saved-model": many})
    with pytest.raises(ConfigError, match=r"beside 'a' it wants b .*no extractor gives"):
        SavedModelAudio(signature="one", input="a").load({"saved-model": many})


def test_an_object_that_is_called_takes_a_window_alone(tmp_path):
    folder = saved(tmp_path / "called", None, Hears())
    with pytest.raises(ConfigError, match="sound of any length; give window=SECONDS"):
        SavedModelAudio().load({"saved-model": folder})
    values = np.stack([np.full(1600, 0.25), np.linspace(0, 1, 1600)])
    found = answers(SavedModelAudio(window=0.1), folder, values)
    np.testing.assert_allclose(found[0], 0.5, 1e-5)
    edges = [
        2 * values[1].reshape(4, 400).max(1).mean(),
        2 * values[1].reshape(4, 400)[:, 0].mean(),
    ]
    np.testing.assert_allclose(found[1], edges, 1e-5)
    flat = answers(SavedModelAudio(window=0.1, axes="flatten"), folder, values)
    assert flat.shape == (2, 8)


def test_one_window_at_a_time_with_an_axis_of_one(tmp_path):
    folder = saved(
        tmp_path / "one",
        lambda _: {"serving_default": signature(lambda given: {"x": given[:, :3, 0]}, 1, 16, 1)},
    )
    values = np.arange(48).reshape(3, 16)
    np.testing.assert_array_equal(answers(SavedModelAudio(), folder, values), values[:, :3])


def test_switches_are_off(tmp_path):
    both = tf.function(
        lambda given, training: {"x": tf.where(training, 0.0, given)},
        input_signature=[
            tf.TensorSpec((None, 8), name="given"), tf.TensorSpec((), tf.bool, "training")
        ],
    )  # fmt: skip
    folder = saved(tmp_path / "switch", lambda _: {"serving_default": both})
    found = answers(SavedModelAudio(input="given"), folder, np.ones((2, 8)))
    np.testing.assert_array_equal(found, 1)


def test_it_is_exported_into_another(tmp_path, hears):
    extractor = SavedModelAudio(output="mean").load({"saved-model": hears})
    values = np.random.default_rng(0).normal(size=(3, 1600)).astype(np.float32)
    outer = tf.Module()
    outer.network = extractor.network
    outer.rows = tf.function(extractor.rows, input_signature=[tf.TensorSpec((None, 1600))])
    tf.saved_model.save(outer, str(tmp_path / "outer"))
    again = tf.saved_model.load(str(tmp_path / "outer"))
    np.testing.assert_array_equal(again.rows(values), extractor(values))


def test_variables_are_exported_with_it(tmp_path):
    folder = saved(tmp_path / "called", None, Hears())
    extractor = SavedModelAudio(window=0.1).load({"saved-model": folder})
    outer = tf.Module()
    outer.network = extractor.network
    outer.rows = tf.function(extractor.rows, input_signature=[tf.TensorSpec((None, 1600))])
    tf.saved_model.save(outer, str(tmp_path / "outer"))
    again = tf.saved_model.load(str(tmp_path / "outer"))
    values = np.ones((2, 1600), np.float32)
    np.testing.assert_array_equal(again.rows(values), np.full((2, 2), 2.0))


@pytest.mark.parametrize(
    ("shape", "dtype", "options", "expected"),
    [
        ((None, 8, 8, 3), tf.float32, {}, 0.2),
        ((None, 8, 8, 3), tf.float32, {"scale": "-1..1"}, -0.6),
        ((None, 8, 8, 3), tf.float32, {"scale": "0..255"}, 51),
        ((None, 8, 8, 3), tf.uint8, {}, 51),
        ((1, 8, 8, 3), tf.float32, {}, 0.2),
        ((None, 4, 8, 8, 3), tf.float32, {}, 0.2),
        ((None, None, None, None, 3), tf.float32, {"window": 2, "size": "8"}, 0.2),
    ],
)
def test_pictures_as_a_model_takes_them(tmp_path, film, shape, dtype, options, expected):
    places = tuple(range(1, len(shape) - 1))

    def colours(given):
        return {"colours": tf.reduce_mean(tf.cast(given, tf.float32), places)}

    folder = saved(
        tmp_path / "sees", lambda _: {"serving_default": signature(colours, *shape, dtype=dtype)}
    )
    extractor = SavedModelVisual(**options).load({"saved-model": folder})
    taken = extractor.recipe.taken()
    assert taken.size.shape == (8, 8)
    values = np.full((2, taken.window, 8, 8, 3), 51, np.uint8)
    np.testing.assert_allclose(extractor(values), np.full((2, 3), expected), 1e-5)
    clip = film("grey.mkv").picture(np.full((40, 16, 32, 3), 51, np.uint8)).write()
    rows = extractor.extract(clip)[1]
    assert rows.shape == (4 // taken.window, 3)
    assert extractor.extract(clip)[1].tobytes() == rows.tobytes()


def test_axes_between_windows_and_features(tmp_path):
    folder = saved(
        tmp_path / "map", lambda _: {"serving_default": signature(tf.identity, None, 4, 6, 3)}
    )
    values = np.random.default_rng(0).integers(0, 255, (2, 1, 4, 6, 3)).astype(np.uint8)
    for axes, expected in {
        "mean": values[:, 0].mean((1, 2)),
        "flatten": values.reshape(2, -1),
    }.items():
        extractor = SavedModelVisual(axes=axes, scale="0..255").load({"saved-model": folder})
        np.testing.assert_allclose(extractor(values), expected, 1e-5)


def test_inputs_that_do_not_fit(tmp_path, hears):
    pictures = saved(
        tmp_path / "sees", lambda _: {"serving_default": signature(tf.identity, None, 8, 8, 3)}
    )
    with pytest.raises(DataError, match=r"input float32 \(None, 8, 8, 3\) is no sound"):
        SavedModelAudio().load({"saved-model": pictures})
    with pytest.raises(DataError, match=r"input float32 \(None, 1600\) is no images"):
        SavedModelVisual().load({"saved-model": hears})
    with pytest.raises(ConfigError, match=r"1600 samples, 0\.1 s at 16000 Hz; not window=0\.2"):
        SavedModelAudio(window=0.2).load({"saved-model": hears})
    with pytest.raises(ConfigError, match=r"\(None, 8, 8, 3\); not 1 frames of 9x9"):
        SavedModelVisual(size="9").load({"saved-model": pictures})
    whole = saved(
        tmp_path / "all",
        lambda _: {"serving_default": signature(lambda x: {"x": tf.reshape(x, [-1, 2])}, None, 8)},
    )
    with pytest.raises(DataError, match=r"'x' has the shape \(8, 2\) for 2 windows"):
        SavedModelAudio().load({"saved-model": whole})
    assert SavedModelAudio().step is None and SavedModelAudio(window=0.5).step == 0.5
    with pytest.raises(ConfigError, match="the model is not loaded"):
        SavedModelAudio().taken()
    with pytest.raises(ConfigError, match="expected SIDE or HEIGHTxWIDTH; not 'large'"):
        SavedModelVisual(size="large")


def test_strangers_that_are_refused(tmp_path, hears):
    def reads(given):
        return {
            "x": given + tf.cast(tf.strings.length(tf.io.read_file("/etc/hostname")), tf.float32)
        }

    folder = saved(tmp_path / "reads", lambda _: {"serving_default": signature(reads, None, 8)})
    with pytest.raises(DataError, match=r"refused: the op ReadFile .*can do no harm") as caught:
        SavedModelAudio().load({"saved-model": folder})
    assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match=r"no SavedModel; expected a folder with saved_model\.pb"):
        SavedModelAudio().load({"saved-model": tmp_path})
    (hears / "saved_model.pb").write_bytes(b"\xff\xff")
    with pytest.raises(DataError, match=r"refused: .*damaged, or no SavedModel"):
        SavedModelAudio().load({"saved-model": hears})


def test_a_model_whose_variables_are_cut_short(tmp_path):
    folder = saved(tmp_path / "called", None, Hears())
    data = folder / "variables" / "variables.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:2])
    with pytest.raises(DataError, match=r"refused: .*damaged or cut short"):
        SavedModelAudio(window=0.1).load({"saved-model": folder})


def test_a_handle_from_the_cache_alone(tmp_path, hears, monkeypatch, without_network):
    hub = pytest.importorskip("tensorflow_hub")
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))
    recipe = SavedModelAudio(output="mean")
    place = cached_folder(HANDLE)
    with pytest.raises(DataError, match=rf"fetch {HANDLE}\?tf-hub-format=compressed and") as caught:
        recipe.load({"saved-model": HANDLE})
    assert str(place) in str(caught.value) and "download=true" in str(caught.value)
    place.parent.mkdir()
    place.symlink_to(hears, target_is_directory=True)
    asked = []
    resolve = hub.resolve
    monkeypatch.setattr(hub, "resolve", lambda handle: asked.append(handle) or resolve(handle))
    values = np.ones((2, 1600))
    found = answers(recipe, HANDLE, values)
    np.testing.assert_array_equal(found, answers(recipe, hears, values))
    assert asked == [HANDLE]


def test_a_handle_that_cannot_be_fetched(tmp_path, monkeypatch):
    pytest.importorskip("tensorflow_hub")
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))

    def cut(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr("urllib.request.urlopen", cut)
    with pytest.raises(DataError, match=r"TensorFlow Hub can't fetch it \(.*no network") as caught:
        SavedModelAudio(download=True).load({"saved-model": HANDLE})
    assert "\n" not in str(caught.value)


def test_where_the_hub_keeps_a_handle(monkeypatch):
    monkeypatch.setenv("TFHUB_CACHE_DIR", "/cache")
    vggish = "https://tfhub.dev/google/vggish/1"
    assert cached_folder(vggish).name == "a2d9c70b5c312dce4d2cde46297518f806bd50d0"
    from pathlib import Path

    assert handle_of(Path(vggish)) == vggish
    assert handle_of("models/https") is None


@pytest.fixture
def pitch(shared):
    folder = shared / "data" / "saved_model" / "nmp"
    if not folder.is_dir():
        pytest.skip("Basic Pitch is not there")
    return folder


def test_basic_pitch_hears_a_tone_by_path_and_by_handle(
    pitch, tmp_path, monkeypatch, without_network, film
):
    pytest.importorskip("tensorflow_hub")
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))
    cached_folder(HANDLE).parent.mkdir()
    cached_folder(HANDLE).symlink_to(pitch, target_is_directory=True)
    recipe = SavedModelAudio(rate=22_050, output="note", axes="flatten")
    extractor = recipe.load({"saved-model": pitch})
    assert extractor.recipe.taken().window == 43_844
    sound = np.float32(2 * tone(440, 43_844 / 22_050, 22_050))[None]
    (notes,) = extractor(sound).reshape(-1, 172, 88)
    assert notes.max(0).argmax() == 48  # keys above the lowest, 27.5 Hz
    np.testing.assert_allclose(notes.max(), 0.75, 0, 0.02)
    by_handle = recipe.load({"saved-model": HANDLE})
    assert by_handle(sound).tobytes() == extractor(sound).tobytes()
    assert by_handle.provenance["weights"] == extractor.provenance["weights"]
    clip = film("tone.wav").sound(np.int16(32767 * tone(440, 4.2, 22_050))[None], rate=22_050)
    clip = clip.write()
    rows = by_handle.extract(clip)[1]
    assert rows.shape == (2, 172 * 88)
    assert by_handle.extract(clip)[1].tobytes() == rows.tobytes()


def test_they_are_registered():
    assert "saved-model-audio" in names("audio") and "saved-model-visual" in names("visual")
