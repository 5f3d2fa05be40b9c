import numpy as np
import pytest

from kavc.errors import ConfigError, DataError
from kavc.media import SoundStream, probe, read_sound
from kavc.media.sound import BLOCK

from .conftest import greys, tone


def whole(values):
    return np.round(values * 32767).astype(np.int16)


def test_the_mean_of_the_channels(film):
    """FFmpeg's down-mix would be 1.4 times as loud for two, 5 times for six."""
    for channels in (1, 2, 6):
        values = np.stack([tone(200 * (each + 1)) for each in range(channels)]) * 0.4
        path = film(f"{channels}.wav").sound(whole(values)).write()
        sound = read_sound(path)
        assert (sound.rate, sound.start, sound.truncated, sound.cut) == (16000, 0, "", False)
        assert sound.samples.dtype == np.float32
        # half a step of 16 bits
        np.testing.assert_allclose(sound.samples, values.mean(axis=0), atol=1.0 / 2**15)


@pytest.mark.parametrize(
    ("codec", "kind", "scale", "dtype"),
    [
        ("pcm_u8", "u8", 2**7, np.uint8),
        ("pcm_s32le", "s32", 2**31, np.int32),
        ("pcm_f32le", "flt", 1, np.float32),
        ("pcm_f64le", "dbl", 1, np.float64),
        ("flac", "s16", 2**15, np.int16),
    ],
)
def test_types_of_samples(film, codec, kind, scale, dtype):
    values = np.stack([tone(300), tone(500)]) * 0.5
    stored = values * scale + (128 if kind == "u8" else 0)
    stored = (stored.round() if scale > 1 else stored).astype(dtype)
    path = film("sound.mkv").sound(stored, codec=codec, kind=kind).write()
    tolerance = {2**7: 0.5 / 2**7, 2**15: 0.5 / 2**15}.get(scale, 1e-7)
    np.testing.assert_allclose(read_sound(path).samples, values.mean(0), atol=1.01 * tolerance)


def test_what_is_louder_than_1_stays(film):
    path = film("loud.wav").sound(
        2 * tone(300)[None].astype(np.float32), codec="pcm_f32le", kind="flt"
    )
    assert read_sound(path.write()).samples.max() == pytest.approx(2, abs=1e-3)


@pytest.mark.parametrize("rate", [8000, 44100, 48000])
def test_resampling(film, rate):
    path = film("sound.wav").sound(whole(0.5 * tone(440, 1, rate)[None]), rate=rate).write()
    assert read_sound(path, rate=None).rate == rate
    assert len(read_sound(path, rate=None).samples) == rate
    sound = read_sound(path)
    assert abs(len(sound.samples) - 16000) <= 1
    inside = slice(500, 15500)  # a filter rings at the ends
    np.testing.assert_allclose(sound.samples[inside], 0.5 * tone(440)[inside], atol=1e-3)


def test_blocks_are_the_whole(film):
    noise = 0.1 * np.random.default_rng(0).normal(size=(1, 5 * BLOCK + 77))
    path = film("noise.wav").sound(whole(noise), rate=44100).write()
    with SoundStream(path) as stream:
        blocks = list(stream)
    assert len(blocks) >= 5 and max(map(len, blocks)) < BLOCK
    np.testing.assert_array_equal(np.concatenate(blocks), read_sound(path).samples)


def test_a_limit_of_seconds(talkie):
    sound = read_sound(talkie, seconds=0.5)
    assert (len(sound.samples), sound.cut, sound.truncated) == (8000, True, "")
    np.testing.assert_array_equal(sound.samples, read_sound(talkie).samples[:8000])
    assert not read_sound(talkie, seconds=2).cut
    for seconds in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ConfigError, match="limit of seconds"):
            read_sound(talkie, seconds=seconds)
    for rate in (0, 10**7):
        with pytest.raises(ConfigError, match="a rate has 1 to 768000 samples"):
            read_sound(talkie, rate=rate)


def test_sound_that_begins_after_the_picture(film):
    path = film("late.mkv").picture(greys(10)).sound(whole(tone(440)[None]), at=8000).write()
    sound = read_sound(path)
    assert (sound.start, probe(path).audio.start) == (0.5, 0.5)
    assert len(sound.samples) == 16000


def test_a_truncated_file(film):
    noise = 0.3 * np.random.default_rng(0).normal(size=(1, 80000)).astype(np.float32)
    path = film("cut.mp4", options={"movflags": "faststart"}).sound(
        noise, codec="aac", kind="fltp"
    ).write()  # fmt: skip
    whole_sound = read_sound(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    sound = read_sound(path)
    assert 0.4 < len(sound.samples) / len(whole_sound.samples) < 0.7
    assert sound.truncated.startswith("after ") and "\n" not in sound.truncated
    same = slice(0, len(sound.samples) - 2048)
    np.testing.assert_array_equal(sound.samples[same], whole_sound.samples[same])


def test_a_file_that_ends_between_packets(film):
    """No decoder complains; the index says that there should be more."""
    options = {"options": {"movflags": "faststart"}}
    path = film("cut.mov", **options).sound(whole(0.3 * tone(440, 3)[None])).write()
    path.write_bytes(path.read_bytes()[:-32768])
    sound = read_sound(path)
    assert sound.truncated.endswith("the file ends before the track does")
    assert 0 < len(sound.samples) < 48000


def test_garbage_before_the_sound(film):
    noise = 0.3 * np.random.default_rng(0).normal(size=(1, 32000)).astype(np.float32)
    path = film("song.mp3").sound(noise, codec="libmp3lame", kind="fltp", rate=16000).write()
    wanted = len(read_sound(path).samples)
    path.write_bytes(bytes(3000) + path.read_bytes())
    assert len(read_sound(path).samples) == pytest.approx(wanted, abs=4000)


def test_nothing_that_decodes(film):
    path = film("spoilt.mkv").sound(whole(tone(440)[None]), codec="flac", kind="s16").write()
    content = path.read_bytes()
    path.write_bytes(content[:600] + bytes(len(content) - 600))
    with pytest.raises(DataError, match=r"spoilt.mkv: no"):
        read_sound(path)
