"""Extractors in the graph: the rows of files, whatever is sent beside them, and what is refused."""

from __future__ import annotations

import dataclasses
import io
import json
import re
import struct
import threading

import keras
import numpy as np
import pytest
import tensorflow as tf

from kavc.data.schema import Field
from kavc.errors import ExportError, ServingError
from kavc.export import jpeg as jpeg_module
from kavc.export.front_end import RECIPE, media_signatures
from kavc.export.jpeg import decoded
from kavc.export.savedmodel import export
from kavc.media.messages import from_json
from kavc.media.moments import Rate, Uniform
from kavc.media.sizes import Crop, Exactly
from kavc.media.windows import frames_of
from kavc.serving.client.blocking import Client
from kavc.serving.configs import BatchingConfig
from kavc.serving.options import ServerOptions
from kavc.serving.server.local import LocalServer

from ..media.conftest import Film, greys
from .small_extractors import RATE, WIDTH, Ears, Eyes, answers, rows_of

EXACT = 1e-6  # the same windows through the same network, in another batch
FLOAT32 = 1e-5  # another program, other fusions of ops


def draw(*shape, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype("float32")


def pictures(count, side=16, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, side, side, 3)).astype("uint8")


def as_jpeg(image, quality=95, mode="RGB"):
    # PIL comes with Matplotlib.
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(image).convert(mode).save(stream, "jpeg", quality=quality, subsampling=0)
    return stream.getvalue()


def heard(extractor, **options):
    base = {"ask": rows_of("audio", **options)}
    return media_signatures(base, {"ask_media": "ask"}, {"audio": extractor})["ask_media"]


def seen(extractor, name="ask_media", **options):
    base = {"ask": rows_of("visual", **options)}
    return media_signatures(base, {"ask_media": "ask"}, {"visual": extractor})[name]


def ask_wave(signature, *waves, size=None):
    """Asks of waveforms in one batch, with ones beyond their ends."""
    size = size or max(map(len, waves))
    batch = np.stack([np.pad(w, (0, size - len(w)), constant_values=1.0) for w in waves])
    lengths = [len(w) for w in waves]
    return answers(signature, waveform=batch.astype("float32"), waveform_length=lengths)


def ask_frames(signature, *films, size=None):
    size = size or max(map(len, films))
    pads = [[(0, size - len(film)), (0, 0), (0, 0), (0, 0)] for film in films]
    batch = np.stack([np.pad(f, p, constant_values=9) for f, p in zip(films, pads, strict=True)])
    return answers(signature, frames=batch, frames_length=[len(film) for film in films])


@pytest.fixture(scope="module")
def wav(tmp_path_factory):
    """Writes sound at the extractor's own rate, so that nothing is resampled."""
    folder = tmp_path_factory.mktemp("wav")

    def write(samples):
        path = folder / f"{samples}.mkv"
        whole = np.round(draw(1, samples, seed=samples) * 32767).astype("int16")
        Film(path).sound(whole, rate=RATE).write()
        return path, whole[0].astype("float32") / 32768

    return write


@pytest.mark.parametrize("short", ["drop", "pad"])
@pytest.mark.parametrize(("hop", "lead"), [(250, 0), (400, 0), (900, 0), (130, 50)])
def test_rows_of_sound_are_those_of_files(wav, short, hop, lead):
    extractor = Ears(hop=hop, lead=lead, short=short).load()
    signature = heard(extractor)
    for samples in (60, 399, 400, 401, 649, 650, 651, 1300, 5000):
        if short == "drop" and samples + 2 * lead < 400:
            continue
        path, wave = wav(samples)
        _, expected = extractor.extract(path)
        found = ask_wave(signature, wave)
        assert found["audio_length_back"].tolist() == [len(expected)], samples
        np.testing.assert_allclose(found["audio_back"][0], expected, rtol=0, atol=FLOAT32)


@pytest.mark.parametrize("short", ["drop", "pad"])
@pytest.mark.parametrize(("window", "hop"), [(1, 1), (3, 3), (4, 2), (2, 5)])
def test_rows_of_frames_are_those_of_files(tmp_path, short, window, hop):
    extractor = Eyes(window=window, hop=hop, short=short).load()
    signature = seen(extractor)
    for count in (1, 2, 4, 5, 11):
        if short == "drop" and count < window:
            continue
        path = Film(tmp_path / f"{count}.mkv").picture(greys(count), rate=8).write()
        images = frames_of(path, extractor.recipe.taken())
        _, expected = extractor.extract(path)
        found = ask_frames(signature, images)
        assert found["visual_length_back"].tolist() == [len(expected)], count
        np.testing.assert_allclose(found["visual_back"][0], expected, rtol=0, atol=FLOAT32)


@pytest.mark.parametrize("short", ["drop", "pad"])
@pytest.mark.parametrize("lead", [0, 50])
def test_what_is_beyond_a_sound_changes_nothing(short, lead):
    signature = heard(Ears(lead=lead, short=short).load())
    one, other = draw(2100), draw(700, seed=1)
    together = ask_wave(signature, one, other, size=2500)
    for at, wave in enumerate((one, other)):
        alone = ask_wave(signature, wave)
        rows = alone["audio_length_back"][0]
        assert together["audio_length_back"][at] == rows
        np.testing.assert_allclose(
            together["audio_back"][at, :rows], alone["audio_back"][0], 0, EXACT
        )
        assert not together["audio_back"][at, rows:].any()


@pytest.mark.parametrize("short", ["drop", "pad"])
@pytest.mark.parametrize("name", ["ask_media", "ask_media_jpeg"])
def test_what_is_beyond_frames_changes_nothing(short, name):
    signature = seen(Eyes(window=4, hop=2, short=short).load(), name)
    films = pictures(9), pictures(5, seed=1)
    if name == "ask_media":
        together = ask_frames(signature, *films, size=12)
        alone = [ask_frames(signature, film) for film in films]
    else:
        # What batching puts in is the first file; here it is none, and is never looked at.
        files = [[as_jpeg(image) for image in film] for film in films]
        batch = np.array([f + [b"no picture"] * (12 - len(f)) for f in files], object)
        together = answers(signature, jpeg=batch, jpeg_length=[9, 5])
        alone = [answers(signature, jpeg=np.array([f], object), jpeg_length=[len(f)])
                 for f in files]  # fmt: skip
    for at, one in enumerate(alone):
        rows = one["visual_length_back"][0]
        assert together["visual_length_back"][at] == rows
        np.testing.assert_allclose(together["visual_back"][at, :rows], one["visual_back"][0],
                                   0, EXACT)  # fmt: skip


def test_more_windows_than_go_through_the_network_at_once():
    signature = heard(Ears(hop=10).load())
    wave = draw(400 + 10 * 150)
    windows = np.lib.stride_tricks.sliding_window_view(wave, 400)[::10]
    expected = Ears(hop=10).load()(windows)
    found = ask_wave(signature, wave, wave[:900])
    assert found["audio_length_back"].tolist() == [151, 51]
    np.testing.assert_allclose(found["audio_back"][0], expected, 0, EXACT)
    np.testing.assert_allclose(found["audio_back"][1, :51], expected[:51], 0, EXACT)


def test_the_mean_over_time():
    extractor = Ears().load()
    signature = heard(extractor, mean=True)
    waves = draw(2150), draw(650, seed=1)
    found = ask_wave(signature, *waves)["audio_back"]
    for wave, mean in zip(waves, found, strict=True):
        windows = np.lib.stride_tricks.sliding_window_view(wave, 400)[::250]
        np.testing.assert_allclose(mean, extractor(windows).mean(axis=0), 0, EXACT)


def test_frames_of_each_second_are_averaged_to_its_segment():
    extractor = Eyes(rate=8.0).load()
    signature = seen(extractor, segments=10)
    film = pictures(80)
    expected = extractor(film[:, None]).reshape(10, 8, WIDTH).mean(axis=1)
    found = ask_frames(signature, film, pictures(87, seed=1))["visual_back"]
    np.testing.assert_allclose(found[0], expected, 0, EXACT)
    for count in (79, 88, 200):  # of other videos it would be other seconds
        with pytest.raises(tf.errors.InvalidArgumentError, match="expected 10 s, which are 80 row"):
            ask_frames(signature, pictures(count))


def test_an_example_has_the_segments_that_are_wanted():
    signature = seen(Eyes(rate=8.0).load(), segments=10)
    assert signature.example["frames"].shape[:2] == (1, 80)
    assert answers(signature, **signature.example)["visual_back"].shape == (1, 10, WIDTH)


def test_several_arrays_of_one_kind_have_names_of_their_own():
    base = {"ask": rows_of("visual", "visual_3d")}
    extractors = {"visual": Eyes().load(), "visual_3d": Eyes(window=4, hop=4).load()}
    made = media_signatures(base, {"ask_media": "ask"}, extractors)
    assert [name for name in made["ask_media"].inputs if "length" not in name] == [
        "visual_frames", "visual_3d_frames",
    ]  # fmt: skip


def test_the_recipe_says_for_each_signature_what_to_send():
    base = {"one": rows_of("visual"), "other": rows_of("visual_3d"), "none": rows_of("audio")}
    extractors = {"visual": Eyes().load(), "visual_3d": Eyes(rate=2.0).load()}
    wanted = {"one_media": "one", "other_media": "other", "gone_media": "gone"}
    made = media_signatures(base, wanted, extractors)
    assert set(made) == {"one_media", "one_media_jpeg", "other_media", "other_media_jpeg", RECIPE}
    said = json.loads(answers(made[RECIPE], request=[0, 0])["recipe"][1])
    assert said["signatures"] == {"one": "one_media", "other": "other_media"}
    rates = {
        name: from_json(kinds["frames"]).moments.rate for name, kinds in said["inputs"].items()
    }
    assert rates == {"one_media": 8.0, "other_media": 2.0}  # both are called "frames"


def test_what_takes_no_media_stays_as_it_is():
    """As a ranking by sound alone, which takes vectors of tracks and nothing of a video."""
    base = {"ask": rows_of("audio"), "rank": rows_of("tracks")}
    wanted = {"ask_media": "ask", "rank_media": "rank"}
    made = media_signatures(base, wanted, {"audio": Ears().load()})
    assert set(made) == {"ask_media", RECIPE}
    said = json.loads(answers(made[RECIPE], request=[0])["recipe"][0])
    assert said["signatures"] == {"ask": "ask_media"}


@pytest.mark.parametrize("short", ["drop", "pad"])
def test_the_recipe_says_whether_short_sound_is_filled_up(short):
    made = media_signatures(
        {"ask": rows_of("audio")}, {"ask_media": "ask"}, {"audio": Ears(short=short).load()}
    )
    said = json.loads(answers(made[RECIPE], request=[0])["recipe"][0])
    assert from_json(said["inputs"]["ask_media"]["waveform"]).short == short


def test_what_nobody_makes_is_refused_in_one_line():
    base = {"ask": rows_of("visual")}
    with pytest.raises(ExportError, match="nothing makes visual, visual_length of media"):
        media_signatures(base, {"ask_media": "ask"}, {"audio": Ears().load()})
    with pytest.raises(ExportError, match="takes media; leave out --front-end"):
        media_signatures(base, {"ask_media": "gone"}, {"visual": Eyes().load()})


FLOW = {"window": 3, "hop": 2, "flow": "dis-fast"}


def motion(count, window=3, side=16, seed=0):
    shape = (count, window - 1, side, side, 2)
    return np.random.default_rng(seed).normal(0, 3, shape).astype("float32")


def ask_fields(signature, *clips, size=None):
    size = size or max(map(len, clips))
    pads = [[(0, size - len(clip)), *[(0, 0)] * 4] for clip in clips]
    batch = [np.pad(c, p, constant_values=np.nan) for c, p in zip(clips, pads, strict=True)]
    return answers(signature, fields=np.stack(batch), fields_length=[len(clip) for clip in clips])


@pytest.mark.parametrize("short", ["drop", "pad"])
def test_rows_of_motion_are_those_of_files(tmp_path, short):
    from kavc.media.windows import Windows, windows

    extractor = Eyes(short=short, **FLOW).load()
    signature = seen(extractor)
    images = pictures(9, 20)
    path = Film(tmp_path / "film.mkv").picture(images, rate=8).write()
    came = [found for _, found in windows(path, [extractor.recipe.taken()])]
    fields = np.concatenate([each.values for each in came if isinstance(each, Windows)])
    _, expected = extractor.extract(path)
    found = ask_fields(signature, fields)
    assert found["visual_length_back"].tolist() == [len(expected)] == [4]
    np.testing.assert_allclose(found["visual_back"][0], expected, rtol=0, atol=FLOAT32)


def test_what_is_beyond_motion_changes_nothing():
    signature = seen(Eyes(**FLOW).load())
    clips = motion(20), motion(3, seed=1)  # 16 windows go through at once
    together = ask_fields(signature, *clips, size=25)
    for at, one in enumerate(clips):
        alone = ask_fields(signature, one)
        assert together["visual_length_back"][at] == len(one) == alone["visual_length_back"][0]
        np.testing.assert_allclose(together["visual_back"][at, : len(one)], alone["visual_back"][0],
                                   0, EXACT)  # fmt: skip
        assert not together["visual_back"][at, len(one) :].any()
    mean = seen(Eyes(**FLOW).load(), mean=True)
    found = ask_fields(mean, *clips)["visual_back"]
    expected = Eyes(**FLOW).load()(clips[1]).mean(axis=0)
    np.testing.assert_allclose(found[1], expected, 0, EXACT)


def test_motion_that_is_refused(monkeypatch):
    from kavc.export import media_inputs

    monkeypatch.setattr(media_inputs, "MAX_WINDOWS", 4)
    signature = seen(Eyes(**FLOW).load())
    for given, length, told in (
        (motion(2), [3], "fields_length: expected 1 to"), (motion(2), [0], "expected 1 to"),
        (motion(5), [5], "fields: expected at most 4; got"),
        (np.nan * motion(2), [2], "fields: holds NaN or infinite"),
        (np.stack([motion(2)] * 2), [2], "expected one batch size"),
    ):  # fmt: skip
        given = given if given.ndim == 6 else given[None]
        with pytest.raises(tf.errors.InvalidArgumentError, match=told):
            answers(signature, fields=given, fields_length=length)


def test_motion_beside_frames_and_what_is_said_of_both():
    base = {"ask": rows_of("visual", "flow")}
    extractors = {"visual": Eyes().load(), "flow": Eyes(short="pad", **FLOW).load()}
    made = media_signatures(base, {"ask_media": "ask"}, extractors)
    names = {
        name: [each for each in signature.inputs if "length" not in each]
        for name, signature in made.items()
    }
    assert names == {
        "ask_media": ["frames", "fields"], "ask_media_jpeg": ["jpeg", "fields"],
        RECIPE: ["request"],
    }  # fmt: skip
    field = made["ask_media"].inputs["fields"]
    assert (field.shape, field.dtype) == ((None, 2, 16, 16, 2), "float32")
    assert field.meaning == "motion to the right and down, in pixels, found by dis-fast"
    said = json.loads(answers(made[RECIPE], request=[0])["recipe"][0])["inputs"]["ask_media"]
    kinds = {name: from_json(kind) for name, kind in said.items()}
    assert kinds["fields"] == extractors["flow"].recipe.taken()  # with what becomes of the end
    assert (kinds["frames"].flow, kinds["frames"].short) == (None, "drop")
    films, fields = pictures(3), motion(2)
    files = np.array([[as_jpeg(image) for image in films]], object)
    for name, given in (
        ("ask_media", {"frames": films[None]}),
        ("ask_media_jpeg", {"jpeg": files}),
    ):
        (word,) = given
        given |= {f"{word}_length": [3], "fields": fields[None], "fields_length": [2]}
        found = answers(made[name], **given)
        np.testing.assert_allclose(found["flow_back"][0], extractors["flow"](fields), 0, FLOAT32)
        assert found["visual_length_back"].tolist() == [3]
    only = media_signatures({"ask": rows_of("flow")}, {"ask_media": "ask"}, extractors)
    assert set(only) == {"ask_media", RECIPE}
    segments = media_signatures(
        {"ask": rows_of("flow", segments=2)}, {"ask_media": "ask"}, extractors
    )["ask_media"]
    assert segments.example["fields"].shape == (1, 8, 2, 16, 16, 2)  # four rows a second


def test_a_clip_whose_motion_is_found_by_the_client(tmp_path):
    from kavc.extraction.served import decoded as of_clip
    from kavc.extraction.served import inputs_of, served_request, what_to_send

    extractors = {"visual": Eyes().load(), "flow": Eyes(**FLOW).load()}
    base = {"serving_default": rows_of("visual", "flow")}
    signatures = base | media_signatures(base, {"ask_media": "serving_default"}, extractors)
    given = keras.Input((1,))
    network = keras.Model(given, keras.layers.Dense(1)(given))
    export(network, signatures, tmp_path / "models", name="small", card="# small\n")
    clip = Film(tmp_path / "film.mkv").picture(pictures(9, 20), rate=8).write()
    with (
        LocalServer(tmp_path / "models", port=0) as server,
        Client(server.address, timeout=60) as client,
    ):
        called, request = served_request(client, "small", "serving_default", clip)
        found = client.predict("small", request, signature=called)
        asked = what_to_send(client, "small", "serving_default")
    assert list(inputs_of(of_clip(asked, clip, ["fields"]))) == ["fields", "fields_length"]
    for array, extractor in extractors.items():
        _, expected = extractor.extract(clip)
        np.testing.assert_allclose(found[f"{array}_back"][0], expected, 0, FLOAT32)


def test_what_networks_take_is_made_in_graph(tmp_path):
    """Of extractors without a network: frames, stacks, log-mel patches, and what is counted."""
    from kavc.media.extractors import ColourGrid, FlowFields, LogMelPatches, MelStatistics, Pixels

    counted = {"visual": ColourGrid(frames="uniform:2"), "audio": MelStatistics()}
    raw = {
        "visual": Pixels(side=16, frames="uniform:2"), "audio": LogMelPatches(),
        "flow": FlowFields(side=16, method="dis-fast", frames="rate:10"),
    }  # fmt: skip
    for recipes in (raw, counted):
        check_made_in_graph(recipes, tmp_path)


def check_made_in_graph(recipes, tmp_path):
    from kavc.extraction.served import Asked, inputs_of
    from kavc.extraction.served import decoded as of_clip

    extractors = {name: recipe.load({}) for name, recipe in recipes.items()}
    plain = rows_of(*recipes)
    shaped = {n: Field((None, *e.shape), "float32", "rows") for n, e in extractors.items()}
    base = {"ask": dataclasses.replace(plain, inputs={**plain.inputs, **shaped})}
    signature = media_signatures(base, {"ask_media": "ask"}, extractors)["ask_media"]
    sound = (draw(1, 40_000) * 9000).astype("int16")
    clip = Film(tmp_path / "film.mkv").picture(pictures(25, 32), rate=10).sound(sound).write()
    kinds = {"frames": "visual", "fields": "flow", "waveform": "audio"}
    taken = {n: recipes[a].taken() for n, a in kinds.items() if a in recipes}
    asked = Asked("ask_media", taken, None)
    found = answers(signature, **inputs_of(of_clip(asked, clip)))
    for name, extractor in extractors.items():
        _, expected = extractor.extract(clip)
        np.testing.assert_allclose(found[f"{name}_back"][0], expected, 0, 1e-3)


NAN = np.array([[np.nan] * 500], "float32")


@pytest.mark.parametrize(
    ("given", "length", "told"),
    [
        (draw(1, 500), [0], "waveform_length: expected 1 to"),
        (draw(1, 500), [-5], "waveform_length: expected 1 to"),
        (draw(1, 500), [501], "waveform_length: expected 1 to"),
        (draw(1, 500), [2**31 - 1], "waveform_length: expected 1 to"),
        (draw(1, 500), [399], "waveform: expected at least 400 samples for a row"),
        (draw(1, 0), [0], "waveform_length: expected 1 to|waveform: expected at least"),
        (NAN, [500], "waveform: holds NaN or infinite"),
        (np.inf * NAN, [500], "waveform: holds NaN or infinite"),
        (draw(2, 500), [500], "expected one batch size"),
    ],
)
def test_a_sound_that_is_refused(given, length, told):
    with pytest.raises(tf.errors.InvalidArgumentError, match=told):
        answers(heard(Ears().load()), waveform=given, waveform_length=length)


def test_nan_beyond_a_sound_is_not_heard():
    wave = np.concatenate([draw(500), [np.nan] * 3]).astype("float32")
    found = answers(heard(Ears().load()), waveform=wave[None], waveform_length=[500])
    np.testing.assert_array_equal(
        found["audio_back"], ask_wave(heard(Ears().load()), wave[:500])["audio_back"]
    )


def test_a_sound_or_film_that_is_too_long_is_refused(monkeypatch):
    from kavc.export import media_inputs

    monkeypatch.setattr(media_inputs, "MAX_SECONDS", 1)
    monkeypatch.setattr(media_inputs, "MAX_FRAMES", 3)
    with pytest.raises(tf.errors.InvalidArgumentError, match="waveform: expected at most 4000"):
        ask_wave(heard(Ears().load()), draw(4001))
    with pytest.raises(tf.errors.InvalidArgumentError, match="frames: expected at most 3"):
        ask_frames(seen(Eyes().load()), pictures(4))


@pytest.mark.parametrize("length", [0, -1, 6, 2**31 - 1])
def test_lengths_of_frames_that_are_refused(length):
    with pytest.raises(tf.errors.InvalidArgumentError, match="frames_length: expected 1 to"):
        answers(seen(Eyes().load()), frames=pictures(5)[None], frames_length=[length])


def headed(height, width):
    """A JPEG whose header says a size, in few bytes."""
    whole = as_jpeg(pictures(1)[0])
    at = re.search(b"\xff\xc0\x00\x11\x08", whole).end()
    return whole[:at] + struct.pack(">HH", height, width) + whole[at + 4 :]


def png():
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(pictures(1)[0]).save(stream, "png")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("file", "told"),
    [
        (headed(30_000, 30_000), "jpeg: expected at most 16777216 pixels; got"),
        (headed(65_500, 65_500), "jpeg: expected at most 16777216 pixels; got"),
        (png(), "JPEG"),
        (b"", "JPEG"),
        (b"no picture", "JPEG"),
        (as_jpeg(pictures(1)[0])[:30], "JPEG"),
        (b"\xff\xd8\xff\xe0", "JPEG"),
    ],
)
def test_files_that_are_refused(file, told):
    signature = seen(Eyes().load(), "ask_media_jpeg")
    with pytest.raises(tf.errors.InvalidArgumentError, match=told):
        answers(signature, jpeg=np.array([[file]], object), jpeg_length=[1])


def test_a_large_file_is_refused_before_it_is_decoded(monkeypatch):
    """Were it decoded, that would fail of its missing content in another way."""
    monkeypatch.setattr(jpeg_module, "MAX_PIXELS", 16 * 16 - 1)
    cut = as_jpeg(pictures(1)[0])[:-200]
    signature = seen(Eyes().load(), "ask_media_jpeg")
    with pytest.raises(tf.errors.InvalidArgumentError, match="expected at most 255 pixels"):
        answers(signature, jpeg=np.array([[cut]], object), jpeg_length=[1])


def test_a_long_and_narrow_file_is_not_made_larger_than_a_reader_does():
    file = as_jpeg(np.full((1, 3000, 3), 77, "uint8"))
    found = decoded("jpeg", tf.constant(file), Crop(20, 16)).numpy()
    assert found.shape == (16, 16, 3) and abs(found.astype(int) - 77).max() <= 3


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_greys_and_cmyk_are_made_rgb(mode):
    image = np.full((20, 20, 3), 90, "uint8")
    found = decoded("jpeg", tf.constant(as_jpeg(image, mode=mode)), Crop(20, 16)).numpy()
    assert abs(found.astype(int) - 90).max() <= 3


@pytest.mark.parametrize("size", [Crop(20, 16), Crop(32), Exactly(24, 40), Exactly(32, 48, 17),
                                  Exactly(33, 48, 20)])  # fmt: skip
def test_files_are_scaled_and_cut_as_frames_are(tmp_path, size):
    from kavc.media.windows import Seen

    ramp = np.linspace(0, 255, 64)[None, :, None] * np.linspace(0.3, 1, 48)[:, None, None]
    image = np.broadcast_to(np.round(ramp), (48, 64, 3)).astype("uint8")
    film = Film(tmp_path / "film.mkv").picture(
        np.stack([image] * 3), codec="ffv1", rate=8, pix_fmt="bgr0"
    )
    (expected,) = {frame.tobytes() for frame in frames_of(film.write(), Seen(Rate(8.0), size))}
    expected = np.frombuffer(expected, "uint8").reshape(*size.shape, 3).astype(int)
    found = decoded("jpeg", tf.constant(as_jpeg(image, 100)), size).numpy().astype(int)
    assert abs(found - expected).mean() < 1.5  # a crop that is a pixel off would be 3 or more


def test_real_clips_as_jpegs(shared):
    from kavc.media.windows import Seen

    clip = shared / "data" / "clips" / "dog_02677.mp4"
    if not clip.is_file():
        pytest.skip("no real clips")
    moments, size = Uniform(2), Crop(256, 224)
    expected = frames_of(clip, Seen(moments, size)).astype(int)
    whole = frames_of(clip, Seen(moments, Exactly(224, 398)))  # its own size
    found = np.stack([decoded("jpeg", tf.constant(as_jpeg(x)), size) for x in whole]).astype(int)
    assert 0 < abs(found - expected).mean() < 2.5  # 1.5 was measured


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """An export whose signatures share two extractors."""
    base = {
        "serving_default": rows_of("audio", "visual"),
        "sounds": rows_of("audio", mean=True),
    }
    extractors = {"audio": Ears(short="pad").load(), "visual": Eyes().load()}
    wanted = {"media": "serving_default", "sounds_media": "sounds"}
    signatures = base | media_signatures(base, wanted, extractors)
    folder = tmp_path_factory.mktemp("media") / "models"
    given = keras.Input((1,))
    network = keras.Model(given, keras.layers.Dense(1)(given))
    export(network, signatures, folder, name="small", card="# small\n")
    return folder


def test_an_export_holds_each_weight_once(models):
    checkpoint = tf.train.load_checkpoint(models / "small" / "1" / "variables" / "variables")
    sizes = [
        np.prod(shape, dtype=int)
        for name, shape in checkpoint.get_variable_to_shape_map().items()
        if name.endswith("VARIABLE_VALUE")
    ]
    networks = [Ears(short="pad").load().network, Eyes().load().network]
    expected = [int(np.prod(w.shape)) for network in networks for w in network.weights]
    assert sorted(size for size in sizes if size > 1) == sorted(expected)


def test_requests_of_different_lengths_in_one_batch_of_a_server(models):
    batching = BatchingConfig(
        max_batch_size=8, batch_timeout_micros=200_000, num_batch_threads=1,
        pad_variable_length_inputs=True,
    )  # fmt: skip
    waves = [draw(size, seed=size) for size in (500, 1200, 2900)]
    films = [pictures(count, seed=count) for count in (2, 7, 4)]
    found = {}
    options = ServerOptions(port=0, batching=batching)

    with LocalServer(models, options=options) as server, Client(server.address) as client:

        def ask(at, length):
            given = {
                "waveform": waves[at][None], "waveform_length": np.array([length], np.int32),
                "frames": films[at][None], "frames_length": np.array([len(films[at])], np.int32),
            }  # fmt: skip
            try:
                found[at] = client.predict("small", given, signature="media")
            except ServingError as error:
                found[at] = error

        threads = [
            threading.Thread(target=ask, args=(at, length))
            for at, length in enumerate((500, 1200, -1))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found[2].code == "INVALID_ARGUMENT" and "waveform_length: expected 1 to" in str(found[2])
    assert "\n" not in str(found[2])
    ears, eyes = Ears(short="pad").load(), Eyes().load()
    for at in (0, 1):
        rows = found[at]["audio_length_back"][0]
        windows = -(-max(0, len(waves[at]) - 400) // 250) + 1
        assert rows == windows
        filled = np.pad(waves[at], (0, 4000))
        expected = ears(np.lib.stride_tricks.sliding_window_view(filled, 400)[::250][:rows])
        np.testing.assert_allclose(found[at]["audio_back"][0, :rows], expected, 0, FLOAT32)
        np.testing.assert_allclose(
            found[at]["visual_back"][0, : len(films[at])], eyes(films[at][:, None]), 0, FLOAT32
        )
