"""The files of a corpus, read back as any others are."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace

import numpy as np
import pytest

from kavc.data.features.table import read_videos
from kavc.data.synthetic.films import FilmSettings, film, frames, samples, song, write
from kavc.data.synthetic.films.corpus import SPLITS, split_of
from kavc.data.synthetic.films.encoding import write_film
from kavc.data.synthetic.films.sound import RATE
from kavc.errors import ConfigError
from kavc.media import At, probe, read_frames, read_sound

TINY = FilmSettings(seconds=1, width=64, height=48)


def times_of(row):
    return np.array([float(time) for time in row["impacts"].split("|")])


def all_frames(corpus, row):
    times = np.arange(corpus.settings.frames) / corpus.settings.rate
    found = read_frames(corpus.folder / row["file"], At(times.tolist()))
    np.testing.assert_allclose(found.times, times, atol=1e-6)
    return found.images


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_same_seed_gives_the_same_bytes_and_one_more_film_changes_none(corpus, tmp_path):
    write(tmp_path / "again", corpus.settings, videos=3, tracks=1)
    write(tmp_path / "more", corpus.settings, videos=4, tracks=1)
    write(tmp_path / "other", replace(corpus.settings, seed=4), videos=1)
    again, more, first = (
        contents(folder) for folder in (tmp_path / "again", tmp_path / "more", corpus.folder)
    )
    write(tmp_path / "twice", corpus.settings, videos=3, tracks=1)
    assert contents(tmp_path / "twice") == again
    media = [name for name in again if name.endswith((".mp4", ".m4a"))]
    assert len(media) == 4
    for name in media:
        assert again[name] == more[name] == first[name]
    assert (tmp_path / "other/clips/v0000.mp4").read_bytes() != first["clips/v0000.mp4"]


def test_the_same_frames_are_the_same_file_each_time(tmp_path):
    settings = FilmSettings(seconds=4, themes=8, seed=7)  # x264's macroblock tree failed here
    one = film(0, settings)
    images, sound = list(frames(one, settings)), samples(one)
    files = set()
    for number in range(4):
        path = tmp_path / f"{number}.mp4"
        write_film(path, sound, images, 25)
        files.add(path.read_bytes())
    assert len(files) == 1


def test_what_is_in_the_folder(corpus):
    names = sorted(path.name for path in corpus.folder.iterdir())
    assert names == ["README.md", "clips", "corpus.json", "tracks", "tracks.csv", "videos.csv"]
    for kind, rows in (("clips", corpus.videos), ("tracks", corpus.tracks)):
        assert [row["file"] for row in rows] == sorted(
            f"{kind}/{path.name}" for path in (corpus.folder / kind).iterdir()
        )
    described = json.loads((corpus.folder / "corpus.json").read_text())
    assert described["synthetic"] is True
    assert described["seed"] == 3
    assert described["themes"] == ["circle", "square", "triangle", "ring"]
    readme = (corpus.folder / "README.md").read_text()
    assert described["command"] in readme
    assert "nothing was filmed" in readme


def test_the_command_that_is_named_makes_the_same(corpus, tmp_path):
    from kavc.cli.synth_video import _sides

    words = shlex.split(json.loads((corpus.folder / "corpus.json").read_text())["command"])
    assert words[:3] == ["kavc", "synth-video", "OUT"]
    options = dict(zip(words[3::2], words[4::2], strict=True))
    assert _sides(options["--size"]) == (64, 48)
    del options["--size"]
    assert options == {
        "--videos": "20", "--tracks": "4", "--themes": "4", "--seconds": "2", "--rate": "25",
        "--seed": "3",
    }  # fmt: skip


def test_a_film_is_what_a_probe_says(corpus):
    for row in corpus.videos[:4]:
        found = probe(corpus.folder / row["file"])
        assert (found.video.codec, found.audio.codec) == ("h264", "aac")
        assert (found.video.width, found.video.height, found.video.rate) == (64, 48, 25)
        assert (found.audio.rate, found.audio.channels) == (44100, 2)
        assert (found.start, found.video.start, found.audio.start) == (0, 0, 0)
        assert found.duration == pytest.approx(2, abs=0.05)
        assert not found.others


def test_a_song_is_sound_alone(corpus):
    for number, row in enumerate(corpus.tracks):
        found = probe(corpus.folder / row["file"])
        assert found.video is None
        assert found.audio.codec == "aac"
        assert "impacts" not in row
        sound = read_sound(corpus.folder / row["file"], rate=None).samples
        drawn = samples(song(number, corpus.settings)).mean(axis=0)
        assert np.corrcoef(sound[: len(drawn)], drawn)[0, 1] > 0.9


def test_frames_are_those_that_were_drawn(corpus):
    for number in (0, 5):
        images = all_frames(corpus, corpus.videos[number])
        drawn = np.stack(list(frames(film(number, corpus.settings), corpus.settings)))
        assert images.shape == drawn.shape
        # What the codec loses is less than what a frame differs from its neighbours.
        off = [np.abs(images[1:-1] - drawn[1 + by : len(drawn) - 1 + by].astype(float)).mean()
               for by in (0, -1, 1)]  # fmt: skip
        assert off[0] < 20  # colours have half the resolution
        assert off[0] < 0.9 * min(off[1:])
        np.testing.assert_allclose(images.mean(axis=(0, 1, 2)), drawn.mean(axis=(0, 1, 2)), atol=4)


def test_a_flash_is_in_the_frame_that_the_table_says(corpus):
    for row in corpus.videos:
        steps = np.diff(all_frames(corpus, row).mean(axis=(1, 2, 3)))
        hits = np.round(times_of(row) * 25).astype(int)
        assert steps[hits - 1].min() > 50
        assert np.delete(steps, hits - 1).max() < 20


def test_a_click_is_heard_when_the_table_says(corpus):
    for row in corpus.videos:
        sound = read_sound(corpus.folder / row["file"], rate=RATE)
        assert sound.start == 0
        for time in times_of(row):
            around = slice(round((time - 0.1) * RATE), round((time + 0.1) * RATE))
            steps = np.abs(np.diff(sound.samples[around]))
            loud = np.convolve(steps, np.ones(88) / 88, "same")  # 2 ms
            onset = np.argmax(loud > loud.max() / 2) / RATE - 0.1
            assert abs(onset) < 0.025, row["id"]


def test_sound_is_where_it_was_drawn_to_the_sample(corpus):
    for number in range(4):
        sound = read_sound(corpus.folder / corpus.videos[number]["file"], rate=RATE).samples
        drawn = samples(film(number, corpus.settings)).mean(axis=0)
        middle = drawn[5000:70000]
        lags = np.arange(-2200, 2200)  # more than AAC's 1024 samples of priming
        alike = np.correlate(sound[5000 - 2200 : 70000 + 2199], middle, "valid")
        assert abs(lags[np.argmax(alike)]) <= 1


def nearest_of_others(values, themes):
    """Share of films whose nearest other film is of their theme."""
    values = np.array(values)
    apart = np.linalg.norm(values[:, None] - values[None], axis=-1)
    np.fill_diagonal(apart, np.inf)
    return np.mean(np.array(themes)[apart.argmin(axis=1)] == themes)


def test_themes_are_told_apart_by_colours_and_by_spectra(corpus):
    themes = [row["theme"] for row in corpus.videos]
    seen, heard = [], []
    for row in corpus.videos:
        colour = all_frames(corpus, row).mean(axis=(0, 1, 2))
        colour -= colour.mean()
        seen.append(colour / np.linalg.norm(colour))
        power = np.abs(np.fft.rfft(read_sound(corpus.folder / row["file"]).samples)) ** 2
        edges = np.geomspace(100, len(power) - 1, 33).astype(int)
        heard.append(np.log(np.add.reduceat(power, edges)[:-1] + 1e-3))
    assert nearest_of_others(seen, themes) > 0.9
    assert nearest_of_others(heard, themes) > 0.7


def test_the_tables_are_read_as_any_users_table(corpus):
    for name, count in (("videos", 20), ("tracks", 4)):
        videos = read_videos(corpus.folder / f"{name}.csv", keep=["mood", "tempo", "pitch"])
        assert len(videos.rows) == count
        assert videos.labelled
        for number, row in enumerate(videos.rows):
            drawn = (film if name == "videos" else song)(number, corpus.settings)
            assert row.labels == (drawn.theme.name,)
            assert row.split == SPLITS[number // 4]
            assert row.kept == {
                "mood": drawn.mood, "tempo": str(drawn.tempo), "pitch": f"{drawn.pitch:.2f}",
            }  # fmt: skip


@pytest.mark.parametrize("themes", [1, 4, 8])
def test_splits_are_60_20_20_of_each_theme(themes):
    for theme in range(themes):
        found = [split_of(number, themes) for number in range(theme, 20 * themes, themes)]
        assert [found.count(split) for split in ("train", "validation", "test")] == [12, 4, 4]


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({"videos": 0}, "videos must lie in 1 to 100000; got 0"),
        ({"videos": 10**9}, "videos must lie in"),
        ({"tracks": -1}, "tracks must lie in 0 to 100000; got -1"),
    ],
)
def test_counts_out_of_range_are_refused(tmp_path, counts, message):
    with pytest.raises(ConfigError, match=message):
        write(tmp_path / "out", TINY, **counts)
    assert not list(tmp_path.iterdir())


def test_what_fails_leaves_nothing(tmp_path, monkeypatch):
    def full(file, rows):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("kavc.data.synthetic.films.corpus._write_table", full)
    with pytest.raises(OSError, match="No space"):
        write(tmp_path / "out", TINY, videos=2)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_exists_is_left_alone(tmp_path):
    with pytest.raises(ConfigError, match="exists"):
        write(tmp_path, TINY, videos=1)
    assert not list(tmp_path.iterdir())


def test_a_disk_that_is_full_is_told_as_such(tmp_path):
    (tmp_path / "full.mp4").symlink_to("/dev/full")
    one = film(0, TINY)
    with pytest.raises(OSError, match="No space left on device") as told:
        write_film(tmp_path / "full.mp4", samples(one), frames(one, TINY), 25)
    assert type(told.value) is OSError
    assert told.value.filename == str(tmp_path / "full.mp4")
