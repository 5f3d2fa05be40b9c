"""Windows: in blocks they are those of the whole, and they end where the track does."""

from __future__ import annotations

import struct
import wave

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kavc.errors import ConfigError, DataError
from kavc.media import windows as module
from kavc.media.moments import At, Bursts, Key, Rate, Uniform
from kavc.media.sizes import Exactly
from kavc.media.tracks import probe
from kavc.media.windows import Heard, Seen, Windows, _heard, _mirrored, check_short, windows

from .conftest import greys, tone

SIZE = Exactly(8, 8)
RATE = 16_000


class Sound:
    """Stands for a `SoundStream` of given blocks."""

    def __init__(self, blocks):
        self.blocks, self.start, self.index, self.truncated = blocks, 0.25, 1, ""

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def __iter__(self):
        return iter(self.blocks)


def in_blocks(samples, cuts):
    edges = sorted(min(cut, len(samples)) for cut in cuts)
    return np.split(samples, edges)


def of_whole(samples, kind):
    """Windows of a whole array, and when they begin, by the words of `Heard`."""
    if kind.lead:
        samples = np.pad(samples, (kind.lead, kind.lead), mode="reflect")
    starts, found = range(0, len(samples), kind.hop), []
    for start in starts:
        there = samples[start : start + kind.window]
        held = bool(found) and start - kind.hop + kind.window >= len(samples)
        if len(there) < kind.window and (kind.short == "drop" or held):
            break
        found.append(np.pad(there, (0, kind.window - len(there))))
    return np.array(found), np.arange(len(found)) * kind.hop / kind.rate


def joined(found, rest=-1):
    rows = [each for _, each in found if isinstance(each, Windows)]
    return np.concatenate([each.values for each in rows]), np.concatenate([r.times for r in rows])


@settings(max_examples=300, deadline=None)
@given(
    length=st.integers(2, 90), window=st.integers(1, 12), hop=st.integers(1, 30),
    lead=st.integers(0, 5), short=st.sampled_from(module.SHORT), at_once=st.integers(1, 5),
    cuts=st.lists(st.integers(0, 90), max_size=6),
)  # fmt: skip
def test_windows_of_blocks_are_those_of_the_whole(length, window, hop, lead, short, at_once, cuts):
    samples = np.arange(1, length + 1, dtype=np.float32)
    kind = Heard(8, window, hop, lead, short)
    expected, times = of_whole(samples, kind)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BYTES", 4 * at_once * max(window, hop))
        patch.setattr(module, "SoundStream", lambda *_, **__: Sound(in_blocks(samples, cuts)))
        if not len(expected):
            with pytest.raises(DataError, match=r"^x.wav: its sound of .* is shorter than the"):
                list(_heard("x.wav", kind))
            return
        *found, ended = _heard("x.wav", kind)
    values = np.concatenate([each.values for each in found])
    np.testing.assert_array_equal(values, expected)
    np.testing.assert_allclose(np.concatenate([each.times for each in found]), 0.25 + times)
    assert all(len(each.values) <= at_once for each in found)
    assert ended == {"track": 1, "truncated": ""}


@settings(max_examples=200, deadline=None)
@given(
    count=st.integers(1, 60), window=st.integers(1, 9), hop=st.integers(1, 20),
    short=st.sampled_from(module.SHORT), at_once=st.integers(1, 4),
)  # fmt: skip
def test_windows_of_frames_likewise(count, window, hop, short, at_once):
    images = [np.full((8, 8, 3), number, np.uint8) for number in range(count)]
    kind = Seen(Rate(2), SIZE, window, hop, short)
    expected, starts = of_whole(np.arange(1, count + 1), Heard(1, window, hop, 0, short))
    expected = np.where(expected == 0, count, expected) - 1  # the last one is repeated
    pairs = ((number / 2, image) for number, image in enumerate(images))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BYTES", 3 * 64 * at_once * max(window, hop))
        patch.setattr(module, "_frames", lambda *_: (pairs, lambda: "ended"))
        if not len(expected):
            with pytest.raises(DataError, match="frames are fewer than the"):
                list(module._seen("x.mp4", kind))
            return
        *found, ended = module._seen("x.mp4", kind)
    values = np.concatenate([each.values for each in found])
    np.testing.assert_array_equal(values[:, :, 0, 0, 0], expected)
    np.testing.assert_allclose(np.concatenate([each.times for each in found]), starts / 2)
    assert ended == "ended"


@settings(max_examples=100, deadline=None)
@given(
    length=st.integers(2, 40), lead=st.integers(1, 12),
    cuts=st.lists(st.integers(0, 40), max_size=5),
)  # fmt: skip
def test_mirrored_ends(length, lead, cuts):
    samples = np.random.default_rng(length).normal(size=length).astype(np.float32)
    found = np.concatenate(list(_mirrored(in_blocks(samples, cuts), lead)))
    np.testing.assert_array_equal(found, np.pad(samples, (lead, lead), mode="reflect"))


def test_a_long_sound_is_never_held(tmp_path, monkeypatch):
    """Ten minutes of silence: what waits is a few blocks, also where rows are far apart."""
    path, held = tmp_path / "long.wav", []
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1), file.setsampwidth(2), file.setframerate(RATE)
        for _ in range(10):
            file.writeframes(bytes(2 * 60 * RATE))
    real = np.concatenate

    def watched(parts, *args, **options):
        found = real(parts, *args, **options)
        held.append(found.nbytes)
        return found

    for kind in (
        Heard(RATE, 15_600, 15_360),
        Heard(RATE, 15_600, 40 * RATE),
        Heard(RATE, 400, 160),
    ):
        held.clear()
        with monkeypatch.context() as patch:
            patch.setattr(module.np, "concatenate", watched)
            found = list(windows(path, [kind]))
        count = sum(len(each.values) for _, each in found[:-1])
        assert count == 1 + (600 * RATE - kind.window) // kind.hop
        assert max(each.values.nbytes for _, each in found[:-1]) <= module.BYTES
        assert max(held) < 2 * module.BYTES


def test_vggish_hears_what_it_hears_of_the_whole(film):
    from kavc.media.front_ends import VGGISH, LogMel
    from kavc.media.sound import read_sound

    noise = np.random.default_rng(0).normal(size=(1, 20 * RATE)) * 3000
    path = film("noise.wav").sound(noise.astype(np.int16)).write()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BYTES", 4 * 3 * 15_600)
        values, _ = joined(windows(path, [Heard(RATE, 15_600, 15_360)]))
    mel = LogMel(VGGISH)
    whole = mel(read_sound(path).samples[None])[0]
    assert len(whole) == len(values) == 20
    np.testing.assert_allclose(mel(values)[:, 0], whole, 0, 1e-5)


def test_musicnn_hears_what_it_hears_of_the_whole(film):
    from kavc.media.extractors.musicnn import Musicnn
    from kavc.media.networks.musicnn import MusicMel
    from kavc.media.sound import read_sound

    noise = np.random.default_rng(0).normal(size=(1, 12 * RATE)) * 3000
    path = film("noise.wav").sound(noise.astype(np.int16)).write()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BYTES", 1)
        values, _ = joined(windows(path, [Musicnn().taken()]))
    whole = MusicMel()(read_sound(path).samples[None])[0]
    assert len(whole) == len(values) == 4
    np.testing.assert_allclose(MusicMel(mirrored=True)(values)[:, 0], whole, 0, 1e-6)


def test_sound_shorter_than_a_row(film):
    path = film("short.wav").sound(np.full((1, 4000), 9000, np.int16)).write()
    words = r"short.wav: its sound of 0.25 s is shorter than the 0.975 s that a row .* short=pad"
    with pytest.raises(DataError, match=words):
        list(windows(path, [Heard(RATE, 15_600, 15_360)]))
    values, times = joined(windows(path, [Heard(RATE, 15_600, 15_360, short="pad")]))
    assert values.shape == (1, 15_600) and times.tolist() == [0]
    assert values[0, :4000].min() > 0.2 and not values[0, 4000:].any()


def patched(path, seconds=10**6, frames=None):
    """Rewrites how long an MP4 says that it lasts; or of how many frames it speaks."""
    content = bytearray(path.read_bytes())

    def number(name, at, value=None):
        place = content.find(name) + at
        if value is not None:
            struct.pack_into(">I", content, place, min(value, 2**32 - 2))
        return struct.unpack_from(">I", content, place)[0]

    of_file, of_track = number(b"mvhd", 16), number(b"mdhd", 16)
    for name, at, scale in (
        (b"mvhd", 20, of_file), (b"tkhd", 24, of_file), (b"elst", 12, of_file),
        (b"mdhd", 20, of_track),
    ):  # fmt: skip
        number(name, at, seconds * scale)
    assert number(b"stts", 8) == 1
    # As many as to fill this time, so that FFmpeg believes it.
    number(b"stts", 12, frames or seconds * of_track // number(b"stts", 16))
    path.write_bytes(content)
    return path


@pytest.fixture
def film_of_two_seconds(film):
    return lambda: film("film.mp4").picture(greys(20)).write()


def shades(path, moments):
    values, times = joined(windows(path, [Seen(moments, SIZE)]))
    return values[:, 0].mean(axis=(1, 2, 3)).round().tolist(), times.tolist()


@pytest.mark.parametrize("claim", [{}, {"frames": 10**9}, {"seconds": 100}])
@pytest.mark.parametrize(
    "moments",
    [
        Rate(1),
        Rate(4),
        Rate(8),
        Rate(2, seconds=1.0),
        Uniform(8),
        Uniform(1),
        Bursts(2, 3, 10),
        Key(8),
    ],
)
def test_a_file_that_claims_more_than_it_has(film_of_two_seconds, claim, moments):
    path = film_of_two_seconds()
    expected = shades(path, moments)
    patched(path, **claim)
    assert probe(path).video.duration >= 100
    found = shades(path, moments)
    assert found == expected
    if isinstance(moments, Uniform | Bursts):
        assert len(found[0]) == len(moments.times(0, 2))


def test_many_frames_of_a_file_that_claims_too_much(film_of_two_seconds, monkeypatch):
    path = film_of_two_seconds()
    expected = shades(path, Uniform(40))
    monkeypatch.setattr(module, "HELD", 5 * 3 * 64)
    assert shades(path, Uniform(40)) == expected
    with pytest.raises(DataError, match=r"its frames end at 2\.00 s, before the file says"):
        shades(patched(path, 3), Uniform(40))


@pytest.mark.parametrize("count", [1, 2, 3, 14, 15, 16, 25])
def test_a_row_each_second_of_short_films(film, count):
    for name in ("film.mp4", "film.mkv"):
        path = film(name).picture(greys(count)).write()
        found, _ = shades(path, Rate(1))
        assert len(found) == max(1, round(count / 10))


def test_damage_is_told_also_where_rows_end_before(film, tmp_path):
    path = (
        film("film.mp4", options={"movflags": "faststart"})
        .picture(np.random.default_rng(0).integers(0, 255, (40, 32, 48, 3), np.uint8))
        .write()
    )
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 6 // 10])
    for moments in (Rate(1), Rate(4), Uniform(8)):
        *_, (_, ended) = windows(path, [Seen(moments, SIZE)])
        assert "after" in ended["truncated"], moments
    _, times = shades(path, Uniform(8))
    assert len(set(times)) == 8 and max(times) < 2.5


def test_given_times_stay(film_of_two_seconds):
    path = film_of_two_seconds()
    assert len(shades(path, At([0.5, 1.0, 9.0]))[0]) == 3
    assert len(shades(path, Rate(1, count=5))[0]) == 5


def test_too_many_frames(film_of_two_seconds, monkeypatch):
    monkeypatch.setattr(module, "MOST", 4)
    with pytest.raises(DataError, match="more than 4 frames at this rate; cut it"):
        shades(film_of_two_seconds(), Rate(4))


def test_a_file_without_what_is_wanted(talkie, film):
    picture = film("mute.mkv").picture(greys(5)).write()
    with pytest.raises(DataError, match="audio"):
        list(windows(picture, [Heard(RATE, 100, 100)]))
    sound = film("blind.wav").sound(np.stack([tone(99)]).astype(np.int16)).write()
    with pytest.raises(DataError, match="video"):
        list(windows(sound, [Seen(Rate(1), SIZE)]))
    found = list(windows(talkie, [Heard(RATE, 15_600, 15_360), Seen(Rate(1), SIZE)]))
    assert [index for index, _ in found] == [0, 0, 1, 1]


def test_words_of_short():
    check_short("pad")
    with pytest.raises(ConfigError, match="short must be one of drop, pad; not 'cut'"):
        check_short("cut")
