"""What happens in films, before any of it is encoded."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kavc.data.synthetic.films import THEMES, FilmSettings, film, frames, samples, song
from kavc.data.synthetic.films.shapes import SHAPES, paint
from kavc.data.synthetic.films.sound import RATE
from kavc.data.synthetic.films.textures import TEXTURES, texture
from kavc.errors import ConfigError

ALL = FilmSettings(seconds=4, width=64, height=48, themes=len(THEMES))


def same(one, other):
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in vars(one))


def test_each_theme_has_what_no_other_has():
    for names in ([t.name for t in THEMES], [t.texture for t in THEMES]):
        assert len(set(names)) == len(THEMES)
    assert {theme.name for theme in THEMES} == set(SHAPES)
    assert {theme.texture for theme in THEMES} == set(TEXTURES)
    hues = sorted(theme.hue for theme in THEMES)
    assert min(np.diff([*hues, hues[0] + 1])) > 0.08  # twice the jitter


@pytest.mark.parametrize("drawn", [film, song])
def test_a_film_is_a_function_of_seed_and_number(drawn):
    assert same(drawn(5, ALL), drawn(5, ALL))
    assert not same(drawn(5, ALL), drawn(5, replace(ALL, seed=1)))
    assert not same(drawn(5, ALL), drawn(13, ALL))  # of the same theme
    assert not same(film(5, ALL), song(5, ALL))


def test_what_is_drawn_lies_in_its_bounds():
    moods = set()
    for number in range(60):
        one = film(number, ALL)
        moods.add(one.mood)
        assert one.theme is THEMES[number % len(THEMES)]
        assert 60 <= one.tempo <= 160
        assert one.theme.lowest <= one.root <= one.theme.lowest + 12
        assert len(one.impacts) >= 1
        assert one.impacts[0] >= 0.25 and one.impacts[-1] <= 4 - 0.2
        np.testing.assert_allclose(one.impacts * 25, np.round(one.impacts * 25), atol=1e-9)
        assert (np.diff(one.impacts) > 0.6).all()
        assert not len(song(number, ALL).impacts)
        beats = one.times * one.tempo / 60 - one.phase
        whole = np.round(beats[np.abs(beats - np.round(beats)) < 1e-6])
        np.testing.assert_array_equal(whole, np.arange(len(whole)))  # a note on each beat
    assert moods == {"calm", "lively"}


@pytest.mark.parametrize("seconds", [1, 1.5, 2])
def test_the_shortest_films_have_an_impact_too(seconds):
    for number in range(20):
        impacts = film(number, replace(ALL, seconds=seconds)).impacts
        assert len(impacts) and impacts[0] >= 0.25 and impacts[-1] <= seconds - 0.2


def test_a_song_too_short_for_a_note_is_silent():
    one = song(6, FilmSettings(seconds=1, themes=1, seed=5))
    assert not len(one.times) and not samples(one).any()


def test_frames_and_samples_are_as_many_as_the_seconds_say():
    images = list(frames(film(0, ALL), ALL))
    assert len(images) == 100
    assert {(each.shape, each.dtype) for each in images} == {((48, 64, 3), np.dtype("uint8"))}
    sound = samples(film(0, ALL))
    assert (sound.shape, sound.dtype) == ((2, 4 * RATE), np.dtype("float32"))
    assert 0.3 < np.abs(sound).max() <= 1


@pytest.mark.parametrize("number", range(len(THEMES)))
def test_the_frame_of_an_impact_is_the_first_that_is_light(number):
    light = np.array([image.mean() for image in frames(film(number, ALL), ALL)])
    steps = np.diff(light)
    hits = np.round(film(number, ALL).impacts * 25).astype(int)
    assert steps[hits - 1].min() > 50
    assert np.delete(steps, hits - 1).max() < 20


@pytest.mark.parametrize("number", range(len(THEMES)))
def test_an_impact_is_heard_from_its_sample_on(number):
    one = film(number, ALL)
    loud = samples(one)
    without = samples(replace(one, impacts=np.empty(0)))
    heard = np.flatnonzero((loud != without).any(axis=0)) / RATE
    assert abs(heard[0] - one.impacts[0]) < 1e-3


def test_mood_is_seen_and_heard():
    light, pitch = {"calm": [], "lively": []}, {"calm": [], "lively": []}
    for number in range(0, 24 * len(THEMES), len(THEMES)):
        one = film(number, replace(ALL, seconds=1))
        light[one.mood].append(next(frames(one, ALL)).mean())
        pitch[one.mood].append(one.pitch)
    assert max(light["calm"]) < min(light["lively"])
    assert np.mean(pitch["calm"]) * 1.2 < np.mean(pitch["lively"])


def correlation(one, other):
    return float(np.corrcoef(one, other)[0, 1])


def test_tempo_is_seen_in_what_moves():
    tempos, motion = [], []
    for number in range(24):
        one = replace(film(number, replace(ALL, themes=1)), impacts=np.empty(0))
        images = np.stack(list(frames(one, ALL))).astype(float)
        background = images[:, -4:, :, 0]  # it sways, twice in four beats
        tempos.append(one.tempo)
        motion.append(np.abs(np.diff(background, axis=0)).mean() / background.std())
    assert correlation(tempos, motion) > 0.6


def test_tempo_and_mood_are_heard():
    counts, tempos = {"calm": [], "lively": []}, {"calm": [], "lively": []}
    for number in range(60):
        one = song(number, ALL)
        counts[one.mood].append(len(one.times))
        tempos[one.mood].append(one.tempo)
    for mood in counts:
        assert correlation(tempos[mood], counts[mood]) > 0.8
    assert np.mean(counts["lively"]) > 1.2 * np.mean(counts["calm"])


def test_shapes_hop_once_a_beat():
    one = replace(film(1, ALL), tempo=60, phase=0.0, mood="calm", impacts=np.empty(0))
    one = replace(one, times=np.arange(4.0), steps=np.zeros(4, int))
    heights = []
    for image in frames(one, ALL):
        yellow = image[..., 0].astype(int) - image[..., 2] > 30  # on a background of blue
        heights.append(np.nonzero(yellow)[0].mean())
    heights = np.array(heights)
    assert heights[[12, 37, 62, 87]].max() < heights[[0, 25, 50, 75]].min() - 2  # up is less


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_is_painted_where_it_is_put_and_cut_off_at_the_edge(name):
    white = np.full(3, 255.0)
    image = np.zeros((40, 60, 3), np.uint8)
    paint(image, name, (30.0, 20.0), 10.0, white)
    rows, columns = np.nonzero(image[..., 0])
    assert rows.min() >= 10 and rows.max() <= 30
    assert columns.min() >= 20 and columns.max() <= 40
    assert 90 < (image[..., 0] > 127).sum() < np.pi * 100 + 20
    for place in ((0.0, 0.0), (59.0, 39.0), (-11.5, 20.0), (200.0, 20.0), (30.0, -300.0)):
        paint(image, name, place, 10.0, white, turn=1.0, opacity=0.5)


@pytest.mark.parametrize("name", TEXTURES)
def test_a_texture_fills_its_range(name):
    values = texture(name, 48, 64, np.random.default_rng(0))
    assert (values.shape, values.dtype) == ((48, 64), np.dtype("float32"))
    assert 0 <= values.min() < 0.3 and 0.7 < values.max() <= 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seconds": 0.5}, "seconds must lie in 1 to 600"),
        ({"seconds": 601}, "seconds must lie in 1 to 600"),
        ({"seconds": float("nan")}, "seconds must lie in 1 to 600"),
        ({"width": 63}, "width must be an even number"),
        ({"height": 4000}, "from 32 to 1920"),
        ({"rate": 0}, "rate must lie in 10 to 60"),
        ({"themes": 0}, "themes must lie in 1 to 8"),
        ({"themes": 9}, "themes must lie in 1 to 8"),
        ({"seed": -1}, "seed must be a whole number"),
    ],
)
def test_settings_out_of_range_are_refused(change, message):
    with pytest.raises(ConfigError, match=message):
        FilmSettings(**change)
