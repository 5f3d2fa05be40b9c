"""`kavc synth-video`."""

from __future__ import annotations

import sys

import pytest

SMALL = ("--seconds", 1, "--size", "64x48")


def test_a_corpus_is_made_and_its_table_named(cli, tmp_path):
    out = tmp_path / "films"
    result = cli("synth-video", out, "--videos", 2, "--tracks", 1, *SMALL)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"{out / 'videos.csv'}\n"
    assert result.stderr.startswith(f"2 films and 1 songs of 1 s, 64x48, into {out}\n")
    assert sorted(path.name for path in out.glob("*/*.m*")) == [
        "m0000.m4a", "v0000.mp4", "v0001.mp4"
    ]  # fmt: skip
    assert (out / "videos.csv").read_text().startswith("id,file,theme,split,mood,tempo,pitch,imp")
    assert (out / "tracks/m0000.m4a").stat().st_size > 1000


def test_judgements_are_made_of_films_and_songs(cli, tmp_path):
    out = tmp_path / "films"
    words = ("--videos", 3, "--tracks", 8, "--triples", 5, "--themes", 1, *SMALL)
    result = cli("synth-video", out, *words)
    assert result.exit_code == 0, result.stderr
    lines = (out / "triples.csv").read_text().splitlines()
    assert lines[0] == "video,track_a,track_b,answer,split" and len(lines) == 6


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (("--videos", 0), "videos must lie in 1 to 100000; got 0"),
        (("--tracks", -1), "tracks must lie in 0 to 100000; got -1"),
        (("--themes", 9), "themes must lie in 1 to 8, as there are no more; got 9"),
        (("--size", "65x48"), "width must be an even number of pixels from 32 to 1920; got 65"),
        (("--size", "64x99"), "height must be an even number of pixels from 32 to 1920; got 99"),
        (("--size", "9999x64"), "width must be an even number of pixels from 32 to 1920; got 9999"),
        (("--size", "64"), "--size 64: expected WIDTHxHEIGHT in pixels, for example 320x240"),
        (("--size", "٦٤x48"), "--size ٦٤x48: expected WIDTHxHEIGHT in pixels, for example 320x240"),
        (("--seconds", 0.5), "seconds must lie in 1 to 600; got 0.5"),
        (("--seconds", 1000), "seconds must lie in 1 to 600; got 1000.0"),
        (("--rate", 1), "rate must lie in 10 to 60 frames a second; got 1"),
        (("--triples", -1), "triples must lie in 1 to 1000000; got -1"),
        (("--triples", 3, "--theta", 0), "theta must lie in 0.001 to 100; got 0.0"),
        (("--triples", 3), "triples need a film and two songs of each split; train has 24 and 0: "
                           "take more films or songs, or fewer themes"),
        (("--seed", -1), "seed must be a whole number, 0 or more; got -1"),
    ],
)  # fmt: skip
def test_bad_arguments_are_one_line(refused, tmp_path, options, line):
    assert refused("synth-video", tmp_path / "out", *options) == line
    assert not list(tmp_path.iterdir())


def test_a_folder_that_exists_is_refused(refused, tmp_path):
    assert refused("synth-video", tmp_path) == (
        f"{tmp_path}: exists; choose another folder or remove it"
    )


def test_without_pyav_the_extra_is_named(refused, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    assert refused("synth-video", tmp_path / "out").endswith("pip install 'kavc[media]'")
    assert not list(tmp_path.iterdir())
