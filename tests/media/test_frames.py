import math

import numpy as np
import pytest

from kavc.errors import ConfigError, DataError
from kavc.media import At, Crop, Exactly, FrameStream, Rate, Uniform, probe, read_frames
from kavc.media import frames as frames_module
from kavc.media.cursor import Cursor

from .conftest import greys


def shades(frames, step):
    """Which frames of `greys` these are."""
    return np.round(frames.images.mean(axis=(1, 2, 3)) / step).astype(int).tolist()


def test_centres_of_equal_parts(film):
    path = film("film.mp4").picture(greys(20, step=12)).write()
    frames = read_frames(path, Uniform(4))
    assert frames.images.dtype == np.uint8 and frames.images.shape == (4, 32, 48, 3)
    np.testing.assert_allclose(frames.wanted, [0.25, 0.75, 1.25, 1.75])
    # Two are equally near; the earlier is taken.
    np.testing.assert_allclose(frames.times, [0.2, 0.7, 1.2, 1.7])
    assert shades(frames, 12) == [2, 7, 12, 17]
    assert (len(frames), frames.truncated) == (4, "")


def test_a_rate_and_fewer_frames_than_that(film):
    path = film("film.mp4").picture(greys(4, step=40), rate=2).write()
    assert shades(read_frames(path, Rate(1)), 40) == [1, 3]
    assert shades(read_frames(path, Rate(4)), 40) == [0, 1, 1, 2, 2, 3, 3, 3]
    assert shades(read_frames(path, Rate(1, count=5)), 40) == [1, 3, 3, 3, 3]
    assert shades(read_frames(path, Rate(0.01)), 40) == [3]


def test_times_are_those_of_the_frames(film):
    """Steps from 0.1 to 2 s; the average rate would say otherwise."""
    ticks = [0, 1, 2, 22, 24, 40]
    path = film("uneven.mkv").picture(greys(6, step=40), ticks=ticks).write()
    frames = read_frames(path, At([-1, 0.04, 0.19, 1.1, 1.3, 2.29, 2.31, 3.21, 9]))
    assert shades(frames, 40) == [0, 0, 2, 2, 3, 3, 4, 5, 5]
    np.testing.assert_allclose(frames.times, np.array(ticks)[shades(frames, 40)] / 10, atol=1e-3)


def test_a_track_that_starts_late(film):
    path = film("late.mp4").picture(greys(10, step=24), ticks=range(100, 110)).write()
    video = probe(path).video
    assert (probe(path).start, video.start) in ((10, 0), (0, 10))
    frames = read_frames(path, Uniform(5))
    assert shades(frames, 24) == [1, 3, 5, 7, 9]
    np.testing.assert_allclose(frames.times - video.start, [0.1, 0.3, 0.5, 0.7, 0.9], atol=1e-6)


@pytest.fixture(scope="module")
def corners():
    """Frames whose corners are red, green, blue and white, a quarter each."""
    image = np.zeros((32, 64, 3), np.uint8)
    image[:16, :32], image[:16, 32:], image[16:, :32] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    image[16:, 32:] = 255
    return np.stack([image] * 2)


@pytest.mark.parametrize("degrees", [0, 90, 180, -90])
@pytest.mark.parametrize("flips", [(False, False), (True, False), (False, True)])
def test_frames_are_upright(film, corners, degrees, flips):
    """Degrees are counterclockwise as FFmpeg counts; the flips come after them."""
    path = film("turned.mp4").picture(corners, display=(degrees, *flips)).write()
    wanted = np.rot90(corners[0], degrees // 90)
    wanted = np.flip(wanted, [axis for axis, flip in ((1, flips[0]), (0, flips[1])) if flip])
    (image,) = read_frames(path, Uniform(1)).images
    assert image.shape == wanted.shape
    assert np.abs(image.astype(int) - wanted).mean() < 12  # of the codec, at the edges
    video = probe(path).video
    assert (video.height, video.width) == image.shape[:2]
    assert video.mirrored == any(flips)
    stored = corners[0][:, ::-1] if video.mirrored else corners[0]
    np.testing.assert_array_equal(np.rot90(stored, -video.rotation // 90), wanted)
    # A size is that of the upright image.
    assert read_frames(path, Uniform(1), size=Exactly(20, 10)).images.shape == (1, 20, 10, 3)


@pytest.mark.parametrize(
    ("size", "shape"),
    [
        (None, (32, 48)), (Exactly(8, 30), (8, 30)), (Crop(16), (16, 16)),
        (Crop(20, 14), (14, 14)), (Crop(64, 64), (64, 64)),
    ],
)  # fmt: skip
def test_sizes(film, size, shape):
    path = film("film.mp4").picture(greys(3)).write()
    assert read_frames(path, Uniform(2), size=size).images.shape == (2, *shape, 3)


def test_the_centre_is_kept(film):
    image = np.zeros((1, 32, 96, 3), np.uint8)
    image[:, :, 32:64] = 200
    (found,) = read_frames(film("film.mp4").picture(image).write(), At([0]), size=Crop(32)).images
    assert (found[:, 4:-4] > 180).all()


def test_pixels_that_are_no_squares(film):
    """A circle stays a circle: 32 × 32 pixels, each twice as wide as high, are 64 × 32."""
    from fractions import Fraction

    image = np.zeros((1, 32, 32, 3), np.uint8)
    image[:, :, 8:24] = 200
    path = film("wide.mkv").picture(image, sample_aspect_ratio=Fraction(2)).write()
    assert probe(path).video.pixel_aspect == 2
    (found,) = read_frames(path, At([0]), size=Crop(32)).images
    assert (found[:, 2:-2] > 180).all()


@pytest.mark.parametrize("sizes", [lambda: Exactly(0, 9), lambda: Crop(9, 10), lambda: Crop(2**20)])
def test_sizes_that_there_are_not(sizes):
    with pytest.raises(ConfigError, match=r"pixels; got|larger than the side"):
        sizes()


@pytest.mark.parametrize(
    "moments",
    [
        lambda: Uniform(0), lambda: Rate(0), lambda: Rate(math.nan), lambda: Rate(1, count=0),
        lambda: At([]), lambda: At([2, 1]), lambda: At([math.nan]), lambda: Uniform(10**9),
    ],
)  # fmt: skip
def test_moments_that_there_are_not(moments):
    with pytest.raises(ConfigError, match=r"finite|can be asked for"):
        moments()


def test_limits(film):
    path = film("film.mp4").picture(greys(3)).write()
    with pytest.raises(DataError, match=r"film.mp4: frames of 48 × 32 have more than 1000 pixels"):
        read_frames(path, Uniform(1), max_pixels=1000)
    with pytest.raises(ConfigError, match=r"1000 images of 2000 × 2000 are more than 2 GiB"):
        read_frames(path, Uniform(1000), size=Exactly(2000, 2000))
    with pytest.raises(ConfigError, match=r"1 to 1048576 frames .* got 1048577"):
        read_frames(path, Rate(1e9))


@pytest.fixture(scope="module")
def long_film(tmp_path_factory):
    """100 s, of key frames 5 s apart."""
    from .conftest import Film

    path = tmp_path_factory.mktemp("long") / "long.mp4"
    images = greys(240, 32, 48, 1)[np.arange(1000) % 240]
    options = {"x264-params": "keyint=50:scenecut=0:bframes=3"}
    return Film(path).picture(images, options=options).write()


@pytest.mark.parametrize(
    "moments",
    [Uniform(4), Uniform(40), At([0.31, 40, 40.02, 40.04, 40.05, 40.06, 99.9, 500]), Rate(0.05)],
)
def test_a_seek_changes_nothing(long_film, moments):
    through, sought = (read_frames(long_film, moments, seek=seek) for seek in (False, True))
    np.testing.assert_array_equal(sought.times, through.times)
    np.testing.assert_array_equal(sought.images, through.images)
    assert np.abs(sought.times - np.clip(sought.wanted, 0, 99.9)).max() <= 0.0501


def decoded(path, moments, **options):
    """How many frames are decoded for it."""
    cursor = Cursor(path, "best", max_pixels=2**20, **options)
    count = 0
    following = Cursor._next

    def counted(self):
        nonlocal count
        count += 1
        return following(self)

    Cursor._next = counted
    try:
        for time in moments:
            cursor.nearest(time)
    finally:
        Cursor._next = following
        cursor.close()
    return count


def test_far_frames_are_sought(long_film):
    assert decoded(long_film, [20, 52, 98], far=math.inf) > 900
    assert decoded(long_film, [20, 52, 98]) < 160


def test_a_seek_where_key_frames_are_rare(film):
    """The only one is the first frame: it is decoded through, once more at most."""
    options = {"x264-params": "keyint=infinite:scenecut=0"}
    path = film("rare.mp4").picture(greys(240, step=1), rate=4, options=options).write()
    times = [10.0, 27.0, 44.0, 59.0]
    assert decoded(path, times) < 480
    through, sought = (read_frames(path, At(times), seek=seek) for seek in (False, True))
    np.testing.assert_array_equal(sought.images, through.images)


@pytest.mark.parametrize("seek", [False, True])
def test_a_truncated_file(film, seek):
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (100, 32, 48, 3), np.uint8)
    noise[:, :, :24] = greys(100, 32, 24, 2)
    path = film("cut.mp4", options={"movflags": "faststart"}).picture(noise, rate=2).write()
    whole = read_frames(path, At(np.arange(0, 20.5, 5).tolist()))
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    frames = read_frames(path, At(np.arange(0, 50.5, 5).tolist()), seek=seek)
    assert frames.truncated.startswith("after ") and "\n" not in frames.truncated
    np.testing.assert_array_equal(frames.images[:5], whole.images)
    assert 20 < frames.times[-1] < 40 and frames.times[-1] == frames.times[-2]
    assert read_frames(path, At([0.0, 5.0])).truncated == ""  # nobody came to the damage


def test_frames_one_by_one(long_film):
    with FrameStream(long_film, Rate(2), size=Exactly(8, 8)) as stream:
        assert stream.shape == (8, 8) and len(stream.wanted) == 200
        times = [time for time, image in stream if image.shape == (8, 8, 3)]
    np.testing.assert_array_equal(times, read_frames(long_film, Rate(2)).times)


def test_a_file_that_does_not_say_how_long_it_is(film):
    path = film("raw.h264", format="h264").picture(greys(20, step=12), rate=25).write()
    frames = read_frames(path, Uniform(2))
    assert len(set(shades(frames, 12))) == 2 and probe(path).video.duration is None


def test_colours_that_can_not_be_read(film, monkeypatch):
    """As of a damaged header; FFmpeg says so when a frame is converted."""

    def fail(*_):
        raise OSError(95, "Operation not supported")

    path = film("film.mp4").picture(greys(10)).write()
    monkeypatch.setattr(frames_module, "to_image", fail)
    with pytest.raises(DataError, match=r"film.mp4: the frame at 0.50 s has colours that can't be"):
        read_frames(path, At([0.5]))


@pytest.mark.parametrize("rate", [24, 25, 30, 60])
def test_a_file_at_its_own_rate_gives_each_frame_once(film, rate):
    """The wanted times are the middles between frames, whose times Matroska rounds."""
    path = film("own.mkv").picture(greys(50, step=4), rate=rate).write()
    found = read_frames(path, Rate(rate))
    assert len(found) == 50
    np.testing.assert_allclose(found.times, np.arange(50) / rate, 0, 1e-3)
