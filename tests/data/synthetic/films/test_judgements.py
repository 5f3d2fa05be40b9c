"""Judgements of films and songs: drawn of their latents, apart by split, with a known best."""

from __future__ import annotations

import csv
import json
import shlex

import numpy as np
import pytest

from kavc.data.synthetic.films import Asked, FilmSettings, film, fit, judge, song, write
from kavc.data.synthetic.films.corpus import split_of
from kavc.data.synthetic.films.judgements import TEMPO, accuracies
from kavc.errors import ConfigError

TINY = FilmSettings(seconds=1, width=32, height=32, rate=10, themes=1, seed=5)
WORLD = FilmSettings(seed=2)


@pytest.fixture(scope="module")
def films():
    return [film(number, WORLD) for number in range(60)]


@pytest.fixture(scope="module")
def songs():
    return [song(number, WORLD) for number in range(60)]


@pytest.fixture(scope="module")
def drawn(films, songs):
    return judge(films, songs, of_world, count=3000, seed=0)


def of_world(number):
    return split_of(number, WORLD.themes)


def test_how_well_a_song_fits(films, songs):
    for one, other in zip(films, songs, strict=True):
        apart = abs(one.tempo - other.tempo) / TEMPO
        assert fit(one, other) == (one.mood == other.mood) - apart
        assert fit(one, other, mood=False) == -apart
        assert fit(one, other, tempo=False) == (one.mood == other.mood)


def test_answers_are_drawn_by_how_well_they_fit(drawn, films, songs):
    right = [
        (each.answers == ("a",)) == (each.chance > 0.5) for each in drawn if each.chance != 0.5
    ]
    oracle = accuracies(drawn, films, songs)["oracle"]
    np.testing.assert_allclose(oracle, np.mean([max(e.chance, 1 - e.chance) for e in drawn]))
    assert abs(np.mean(right) - oracle) < 4 * np.sqrt(0.25 / len(drawn))
    for each in drawn[:20]:
        apart = fit(films[each.video], songs[each.a]) - fit(films[each.video], songs[each.b])
        np.testing.assert_allclose(each.chance, 1 / (1 + np.exp(-apart / 0.25)))


def test_each_latent_says_something_and_the_songs_alone_little(drawn, films, songs):
    found = accuracies(drawn, films, songs)
    assert 0.8 < found["oracle"] < 0.95
    assert found["oracle"] - 0.08 > max(found["mood"], found["tempo"])
    assert min(found["mood"], found["tempo"]) > 0.62 > found["sound"] > 0.45


def test_splits_are_apart_by_film_and_by_song(drawn):
    for each in drawn:
        assert each.split == of_world(each.video) == of_world(each.a) == of_world(each.b)
        assert each.a != each.b
    shares = {name: np.mean([e.split == name for e in drawn]) for name in ("train", "test")}
    np.testing.assert_allclose(list(shares.values()), [0.6, 0.2], 0, 0.05)
    assert len({(e.video, frozenset((e.a, e.b))) for e in drawn}) == len(drawn)


def test_more_triples_leave_those_before_as_they_are(drawn, films, songs):
    few = judge(films, songs, of_world, count=50, seed=0)
    assert few == drawn[:50]
    assert judge(films, songs, of_world, count=50, seed=1) != few


def test_without_noise_the_better_one_is_always_preferred(films, songs):
    sure = judge(films, songs, of_world, count=200, seed=0, theta=0.001)
    assert {each.answers == ("a",) for each in sure if each.chance > 0.5} == {True}
    assert accuracies(sure, films, songs)["oracle"] > 0.98


def test_all_that_can_be_asked_once():
    few = [film(n, TINY) for n in range(3)], [song(n, TINY) for n in range(8)]
    split = lambda number: split_of(number, 1)  # noqa: E731
    # One film of each split; of songs 4, 2 and 2.
    assert len(judge(*few, split, count=8, seed=0)) == 8
    with pytest.raises(ConfigError, match="8 triples can be made of these films and songs; got 9"):
        judge(*few, split, count=9, seed=0)
    with pytest.raises(ConfigError, match="of each split; test has 1 and 1: take more films"):
        judge(few[0], few[1][:7], split, count=1, seed=0)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"count": -1}, "triples must lie in 1 to 1000000; got -1"),
        ({"count": 1, "theta": 0.0}, "theta must lie in 0.001 to 100; got 0.0"),
        ({"count": 1, "theta": float("nan")}, "theta must lie in"),
        ({"count": 1, "raters": 0}, "raters must lie in 1 to 100; got 0"),
    ],
)
def test_what_is_out_of_range(films, songs, asked, message):
    with pytest.raises(ConfigError, match=message):
        judge(films, songs, of_world, seed=0, **asked)


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_folder_with_judgements(tmp_path):
    counts = {"videos": 3, "tracks": 8}
    write(tmp_path / "one", TINY, **counts, asked=Asked(6))
    write(tmp_path / "more", TINY, **counts, asked=Asked(8))
    write(tmp_path / "three", TINY, **counts, asked=Asked(6, 0.5, 3))
    one, more = (rows_of(tmp_path / name / "triples.csv") for name in ("one", "more"))
    assert list(one[0]) == ["video", "track_a", "track_b", "answer", "split"]
    assert more[:6] == one and len(more) == 8
    places = {name: {row["id"]: row["split"] for row in rows_of(tmp_path / "one" / f"{name}.csv")}
              for name in ("videos", "tracks")}  # fmt: skip
    for row in one:
        assert {places["tracks"][row[name]] for name in ("track_a", "track_b")} == {row["split"]}
        assert places["videos"][row["video"]] == row["split"] and row["answer"] in "ab"
    three = rows_of(tmp_path / "three" / "triples.csv")
    assert [row["rater"] for row in three] == ["r0", "r1", "r2"] * 6
    assert [row["video"] for row in three[::3]] == [row["video"] for row in one]
    for path in (tmp_path / "one/clips/v0002.mp4", tmp_path / "one/tracks/m0007.m4a"):
        assert path.read_bytes() == (tmp_path / "three" / path.parent.name / path.name).read_bytes()
    said = json.loads((tmp_path / "three/corpus.json").read_text())
    assert set(said["judgements"]["accuracies"]) == {"oracle", "mood", "tempo", "sound"}
    assert shlex.split(said["command"])[-6:] == [
        "--triples", "6", "--theta", "0.5", "--raters", "3"
    ]  # fmt: skip
    readme = (tmp_path / "three/README.md").read_text()
    assert "6 judgements" in readme and "theta 0.5" in readme and said["command"] in readme


def test_too_few_songs_are_told_before_anything_is_made(tmp_path):
    with pytest.raises(ConfigError, match="two songs of each split; train has 2 and 0"):
        write(tmp_path / "out", TINY, videos=4, asked=Asked(3))
    assert not list(tmp_path.iterdir())
