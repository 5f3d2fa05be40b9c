"""From films and songs to a ranking: judgements, pixels, training end to end, a server.

Two extractions, one training of convolutions and one export are made for all tests here: that is
what takes longer than ten seconds.
"""

from __future__ import annotations

import csv
import json

import pytest
from typer.testing import CliRunner

from kavc.cli.main import app
from kavc.serving.server.local import LocalServer

SAME = 2e-5  # between programs: other fusions of ops, other order of sums
SIDE = 16
TINY = {
    "visual_backbone": "tiny", "flow_backbone": "tiny", "audio_backbone": "tiny",
    "backbone_dim": 8, "head": "symmetric", "units": 8, "epochs": 1, "batch_size": 16,
    "steps_per_execution": 1,
}  # fmt: skip


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def cli(*words, code=0):
    result = run(*words)
    assert result.exit_code == code, result.stderr or result.exception
    return result.stdout


@pytest.fixture(scope="module")
def road(tmp_path_factory):
    """A folder with `films`, `data`, their judgements and features, and `run`, trained on these."""
    folder = tmp_path_factory.mktemp("music")
    films, data = folder / "films", folder / "data"
    small = ["--themes", 1, "--seconds", 2, "--size", "48x32", "--rate", 10]
    cli("synth-video", films, "--videos", 10, "--tracks", 15, "--triples", 40, *small)
    arrays = ["--array", "visual=pixels", "--array", "flow=flow-fields"]
    sides = ["--set", f"visual.side={SIDE}", "--set", f"flow.side={SIDE}"]
    bursts = ["--set", "flow.frames=burst:1x11@10"]
    cli("extract", films / "clips", "--out", data / "videos", *arrays, *sides, *bursts)
    cli("extract", films / "tracks", "--out", data / "tracks", "--audio", "log-mel")
    (data / "triples.csv").write_bytes((films / "triples.csv").read_bytes())
    options = [f"--set={name}={value}" for name, value in TINY.items()]
    words = ["--data", f"triples:{data}", "--out", folder / "run", *options]
    cli("train", "music-match", *words)
    return folder


@pytest.fixture(scope="module")
def server(road):
    cli("export", road / "run", "--to", road / "models", "--front-end")
    # The export ran its own warm-up requests; here they would take longer than what is asked.
    with LocalServer(road / "models", port=0, warmup=False) as running:
        yield running


@pytest.fixture(scope="module")
def songs(road):
    """Two songs, a text that is called one, and a song that is too short for a row."""
    folder = road / "songs"
    folder.mkdir()
    for name in ("m0003", "m0007"):
        (folder / f"{name}.m4a").write_bytes((road / "films/tracks" / f"{name}.m4a").read_bytes())
    (folder / "text.mp3").write_text("no song\n")
    from ..media.conftest import Film, tone

    sound = (tone(440, 0.5)[None] * 9999).astype("i2")
    Film(folder / "short.wav").sound(sound).write()
    return folder


def both(road, server, *about, code=0):
    """The ranking by the run in this process, and by the server."""
    served = ["--server", server.address, "--model", "music-match", "--timeout", 60]
    answers = [cli("rank", *who, *about, "--json", code=code) for who in ([road / "run"], served)]
    return [json.loads(answer) for answer in answers]


def same(own, served):
    assert [each["track"] for each in served] == [each["track"] for each in own]
    for here, there in zip(own, served, strict=True):
        for name in ("score", "chance", "start", "end"):
            assert there[name] == pytest.approx(here[name], abs=SAME), name


def test_a_report_of_what_was_learnt(road):
    report = json.loads(cli("evaluate", road / "run", "--json"))
    assert 0 <= report["headline"]["value"] <= 100


def test_songs_for_a_film_here_and_by_a_server(road, server):
    films = road / "films"
    about = ["--media", films / "clips" / "v0002.mp4", "--tracks", films / "tracks"]
    own, served = both(road, server, *about)
    assert len({each["score"] for each in own}) == 15
    same(own, served)
    file = road / "ranking.csv"
    cli("rank", "--server", server.address, *about, "--csv", file, "--top", 3)
    with open(file, newline="", encoding="utf-8") as stream:
        assert [row["track"] for row in csv.DictReader(stream)] == [x["track"] for x in own[:3]]
    # The corpus of the tracks has the same features.
    of_corpus = json.loads(cli("rank", road / "run", *about[:2], "--tracks",
                               road / "data/tracks", "--json"))  # fmt: skip
    same(own, of_corpus)


def test_a_server_ranks_songs_without_tensorflow(alone, road, server):
    about = ["--media", road / "films/clips/v0002.mp4", "--tracks", road / "films/tracks"]
    words = ["rank", "--server", server.address, *about, "--top", 3, "--json"]
    assert json.loads(alone(*words)) == json.loads(cli(*words))


def test_the_best_moment_here_and_by_a_server(road, server):
    films = road / "films"
    about = ["--media", films / "clips" / "v0004.mp4", "--tracks", films / "tracks", "--moment"]
    own, served = both(road, server, *about, "--seconds", 1)
    same(own, served)
    assert {round(each["end"] - each["start"], 3) for each in own} == {0.96}
    # As long as the clip: two rows, which is all of a song.
    whole, by_server = both(road, server, *about)
    same(whole, by_server)
    assert {round(each["start"], 3) for each in whole} == {0.0}


def test_what_is_no_song_is_told_and_left_out(road, server, songs):
    about = ["--media", road / "films/clips/v0000.mp4", "--tracks", songs]
    own, served = both(road, server, *about, code=1)
    same(own, served)
    assert {each["track"] for each in own} == {"m0003", "m0007"}
    for who in ([road / "run"], ["--server", server.address]):
        told = run("rank", *who, *about).stderr
        lines = [line for line in told.splitlines() if line.startswith("error: ")]
        assert len(lines) == 2
        assert "0.50 s is shorter than the 0.975 s that a row of features takes" in told
        assert "text.mp3: no video or sound that can be read" in told


def test_a_song_in_place_of_a_film_is_refused_before_tracks_are_sent(road, server):
    about = ["--media", road / "films/tracks/m0000.m4a", "--tracks", road / "films/tracks"]
    for who in ([road / "run"], ["--server", server.address]):
        result = run("rank", *who, *about)
        assert result.exit_code == 2 and "no video track" in result.stderr
        assert "tracks are sent" not in result.stderr


def test_how_well_a_clips_own_sound_fits_it(road, server):
    about = ["--media", road / "films/clips/v0001.mp4", "--signature", "score", "--json"]
    here = json.loads(cli("predict", road / "run", *about))
    there = json.loads(cli("predict", "--server", server.address, "--model", "music-match", *about))
    assert there["score"] == pytest.approx(here["score"], abs=SAME)
    result = run("predict", road / "run", *about[:2], "--signature", "rank")
    assert result.exit_code == 2
    assert "signature 'rank' also takes tracks, which no clip has" in result.stderr
