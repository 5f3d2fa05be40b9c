import os

import numpy as np
import pytest

from kavc.errors import ConfigError, DataError
from kavc.media import At, Uniform, probe, read_frames, read_sound

from .conftest import greys, tone

SOUND = (np.stack([tone(440)]) * 20000).astype(np.int16)


def test_what_is_in_a_file(talkie):
    media = probe(talkie)
    video, audio = media.video, media.audio
    assert (media.start, media.others, media.format) == (0, (), "matroska,webm")
    assert media.duration == pytest.approx(2, abs=0.02)
    assert (video.index, video.codec, video.width, video.height) == (0, "h264", 48, 32)
    assert (video.rotation, video.mirrored, video.damage, video.pixel_aspect) == (0, False, "", 1)
    assert (video.start, video.rate) == (0, 10)
    assert (audio.index, audio.rate, audio.channels, audio.layout) == (1, 16000, 2, "2 channels")
    assert (media.video_choice, media.audio_choice) == ("best", "best")


def test_of_two_video_tracks(film):
    path = film("two.mp4").picture(greys(5, 32, 48)).picture(greys(5, 64, 96)).write()
    assert probe(path, video="first").video.index == 0
    assert probe(path, video=1).video.width == 96
    media = probe(path)
    (other,) = media.others
    assert {media.video.index, other.index} == {0, 1} and other.reason == "another is the best"
    assert read_frames(path, Uniform(2), track=1).images.shape == (2, 64, 96, 3)
    assert read_frames(path, Uniform(2), track="first").images.shape == (2, 32, 48, 3)


def test_a_thumbnail_is_no_video(film):
    """FFmpeg's best is the first of them, the small one."""
    path = film("thumbnail.mp4").picture(greys(5, 10, 12)).picture(greys(5, 120, 160)).write()
    media = probe(path)
    assert media.video.width == 160
    assert media.others[0].reason == "a thumbnail beside a larger track"
    assert probe(path, video="first").video.width == 160
    assert probe(path, video=0).video.width == 12


def test_a_cover_is_no_video(film):
    from av.stream import Disposition

    song = film("song.mp4").sound(SOUND.astype(np.float32) / 32768, codec="aac", kind="fltp")
    song.picture(greys(1), codec="mjpeg", pix_fmt="yuvj420p", disposition=Disposition.attached_pic)
    media = probe(song.write())
    assert media.video is None and media.audio.codec == "aac"
    assert [each.reason for each in media.others] == ["an attached picture, as a cover"]
    with pytest.raises(DataError, match=r"no video track; track 1: an attached picture, as a c"):
        read_frames(song.path, Uniform(8))


def test_a_video_beside_a_large_cover(film):
    from av.stream import Disposition

    cover = {"codec": "mjpeg", "pix_fmt": "yuvj420p", "disposition": Disposition.attached_pic}
    path = film("covered.mp4").picture(greys(5)).picture(greys(1, 640, 640), **cover).write()
    assert probe(path).video.width == 48
    assert probe(path, video=1).video.width == 640


def test_a_track_that_is_missing(film):
    silent = film("silent.mp4").picture(greys(5)).write()
    assert probe(silent).audio is None
    with pytest.raises(DataError, match=r"silent.mp4: no audio track; a file with one is expected"):
        read_sound(silent)
    blind = film("blind.wav").sound(SOUND).write()
    assert probe(blind).video is None
    with pytest.raises(DataError, match=r"blind.wav: no video track; a file with one is expected"):
        read_frames(blind, Uniform(1))


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ("last", "unknown choice of a track 'last'.* Known: an index, best, first"),
        (1, r"track 1 is no video that can be decoded; video tracks: 0"),
        (-1, r"track -1 is no video"),
    ],
)
def test_choices_that_there_are_not(talkie, choice, words):
    for call in (
        lambda: probe(talkie, video=choice),
        lambda: read_frames(talkie, At([0.0]), track=choice),
    ):
        with pytest.raises(ConfigError, match=words):
            call()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is empty; a video or a sound is expected"),
        (b"Dear reader,\nthis is a text.\n", "no video or sound that can be read"),
        (b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n/etc/passwd\n", "or a list of files"),
        (b"ffconcat version 1.0\nfile talkie.mkv\n", "or a list of files"),
        (b"version https://git-lfs.github.com/spec/v1\n", "no video or sound that can be read"),
        (bytes(10000), "no video or sound that can be read"),
    ],
)
def test_what_is_no_media_file(talkie, tmp_path, content, words):
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"clip.mp4: .*{words}") as error:
        probe(path)
    assert "\n" not in str(error.value)


def test_what_is_no_file(tmp_path):
    with pytest.raises(DataError, match="a folder; a file is expected"):
        probe(tmp_path)
    with pytest.raises(DataError, match="no such file"):
        probe(tmp_path / "none.mp4")
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(DataError, match="a FIFO; a file is expected"):
        probe(tmp_path / "pipe.mp4")


def test_an_index_that_was_cut_off(film):
    path = film("cut.mp4").picture(greys(20)).write()
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=r"cut.mp4: no video or sound .*it was not written whole"):
        probe(path)


def test_files_are_closed(talkie):
    def count():
        links = (f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd"))
        return sum(os.path.realpath(link) == str(talkie) for link in links)

    probe(talkie)
    read_sound(talkie)
    read_frames(talkie, Uniform(2))
    with pytest.raises(ConfigError):
        read_frames(talkie, Uniform(2), track=7)
    assert count() == 0
