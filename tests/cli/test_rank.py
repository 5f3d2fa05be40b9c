"""`kavc rank`: a run and a server, tracks as features, moments, and what is typed wrongly."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from kavc.serving.server.local import LocalServer

FLOAT32 = 2e-5  # other fusions of ops, other order of sums
WIDTHS = {"visual_dim": 16, "flow_dim": 16, "audio_dim": 8}
OPTIONS = {"epochs": 1, "units": 8, "components": 4}
SONGS = 5


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run, `video.npz` and the corpus `tracks`; not to be changed."""
    from kavc.data.features import write_corpus
    from kavc.data.synthetic import music
    from kavc.data.synthetic.music_knobs import knobs
    from kavc.training.fit import train

    folder = tmp_path_factory.mktemp("rank")
    music.write(folder / "corpus", knobs("small", **WIDTHS), videos=100)
    source = f"synthetic:{folder / 'corpus'}"
    train("music-match", source, folder / "run", preset="improved", overrides=OPTIONS)
    rng = np.random.default_rng(0)
    video = {name: rng.normal(size=(1, 16)).astype("f4") for name in ("visual", "flow")}
    np.savez(folder / "video.npz", **video)
    write_corpus(folder / "tracks", [_song(n, rng) for n in range(SONGS)])
    return folder


def _song(n, rng):
    rows = 4 + n
    times = (0.96 * np.arange(rows)).astype("f4")
    return {
        "id": f"song{n}",
        "audio": rng.normal(size=(rows, 8)).astype("f4"),
        "audio_times": times,
    }


@pytest.fixture(scope="module")
def server(folder, tmp_path_factory):
    from kavc.export.run import export_run
    from kavc.training.run import Run

    models = tmp_path_factory.mktemp("served") / "models"
    export_run(Run(folder / "run"), models)
    with LocalServer(models, port=0) as running:
        yield running.address


@pytest.fixture
def about(folder):
    """What is asked of a run."""
    return "rank", folder / "run", "--input", folder / "video.npz", "--tracks", folder / "tracks"


def found(result):
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_all_tracks_the_best_first_as_table_json_and_csv(cli, about, tmp_path):
    ranking = found(cli(*about, "--json", "--csv", tmp_path / "ranking.csv"))
    assert {each["track"] for each in ranking} == {f"song{n}" for n in range(SONGS)}
    scores = [each["score"] for each in ranking]
    assert scores == sorted(scores, reverse=True) and len(set(scores)) == SONGS
    assert np.mean([each["chance"] for each in ranking]) == pytest.approx(0.5)
    with open(tmp_path / "ranking.csv", newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["track"] for row in rows] == [each["track"] for each in ranking]
    assert [row["rank"] for row in rows] == list("12345") and rows[0]["start"] == ""
    table = cli(*about).stdout
    places = [table.index(each["track"]) for each in ranking]
    assert places == sorted(places)


def test_the_best_moment_of_each_track(cli, about):
    whole = {each["track"]: each for each in found(cli(*about, "--json"))}
    cut = found(cli(*about, "--moment", "--seconds", 2, "--json"))
    assert len(cut) == SONGS
    for each in cut:
        assert each["end"] - each["start"] == pytest.approx(2 * 0.96)
        rows = 4 + int(each["track"].removeprefix("song"))
        assert 0 <= each["start"] <= 0.96 * (rows - 2) + 1e-4
    # The longest moments are the tracks themselves.
    longest = found(cli(*about, "--moment", "--seconds", 60, "--json"))
    for each in longest:
        assert each["score"] == pytest.approx(whole[each["track"]]["score"], abs=1e-5)


def test_moments_of_rows_that_follow_each_other_at_a_hop(cli, about, folder, tmp_path):
    from kavc.data.features import write_corpus
    from kavc.data.schema import Field

    songs = [{"id": "a", "audio": np.random.default_rng(0).normal(size=(6, 8)).astype("f4")}]
    field = {"audio": Field((None, 8), "float32", "sound", 0.5)}
    write_corpus(tmp_path / "songs", songs, fields=field)
    more = "--tracks", tmp_path / "songs", "--moment", "--seconds", 1, "--json"
    (each,) = found(cli(*about[:4], *more))
    assert each["end"] - each["start"] == pytest.approx(1) and each["start"] % 0.5 == 0


def test_a_server_ranks_as_the_run_does(cli, about, server):
    asked = "rank", "--server", server, *about[2:], "--json"
    for more in ((), ("--moment", "--seconds", 3)):
        own, served = found(cli(*about, "--json", *more)), found(cli(*asked, *more))
        assert [each["track"] for each in served] == [each["track"] for each in own]
        for one, other in zip(served, own, strict=True):
            assert one["score"] == pytest.approx(other["score"], abs=FLOAT32)
            assert one["start"] == other["start"]


def test_a_server_is_asked_about_a_corpus_without_tensorflow(alone, cli, about, server):
    words = "rank", "--server", server, *about[2:], "--json"
    assert json.loads(alone(*words)) == found(cli(*words))


def test_so_many_of_them(cli, about):
    assert [len(found(cli(*about, "--top", n, "--json"))) for n in (2, 99)] == [2, SONGS]


def test_what_does_not_go_together(refused, about, folder, tmp_path):
    assert refused(*about[:4]) == "expected tracks to be ranked, --tracks FOLDER"
    assert "add --moment" in refused(*about, "--seconds", 2)
    assert "--seconds SECONDS" in refused(*about, "--moment")
    assert refused(*about[:5], tmp_path / "no") == f"{tmp_path / 'no'}: no such folder"
    assert refused(*about[:5], folder / "video.npz").endswith("no folder")
    taken = tmp_path / "taken.csv"
    taken.write_text("")
    assert refused(*about, "--csv", taken).startswith(f"{taken}: exists")
    assert "--server HOST:PORT" in refused("rank", *about[2:])
    assert refused(*about, "--model", "m").startswith("--model is that of a server")
    other = tmp_path / "other"
    other.mkdir()
    (other / "corpus.json").write_text('{"kind": "films"}')
    assert "not a corpus of features" in refused(*about[:5], other)
    assert "no media files" in refused(*about[:5], tmp_path)


def test_a_video_that_lacks_an_array_and_a_run_of_another_system(refused, about, tmp_path):
    np.savez(tmp_path / "still.npz", visual=np.zeros((1, 16), "f4"))
    line = refused(*about[:3], tmp_path / "still.npz", *about[4:])
    assert line.endswith("no array 'flow', which the model takes of a video; it has visual")
    line = refused("rank", "preset:cross-modal-embedding/youtube8m", *about[2:])
    assert line.endswith("a run of cross-modal-embedding; music-match is what ranks")


def test_tracks_of_another_array(refused, about, folder, tmp_path, server):
    from kavc.data.features import write_corpus

    rows = np.ones((2, 8), "f4")
    write_corpus(tmp_path / "sounds", [{"id": "a", "first": rows, "second": rows}])
    said = f"{tmp_path / 'sounds'}: no array 'audio', the sound of tracks; it has first, second"
    assert refused(*about[:5], tmp_path / "sounds") == said
    asked = "rank", "--server", server, *about[2:5], tmp_path / "sounds"
    assert refused(*asked) == said


def test_a_server_takes_the_only_array_of_tracks_whatever_its_name(cli, about, folder, server,
                                                                   tmp_path):  # fmt: skip
    from kavc.data.features import write_corpus

    rng = np.random.default_rng(1)
    write_corpus(tmp_path / "sounds", [{"id": "a", "sound": rng.normal(size=(2, 8)).astype("f4")}])
    asked = "rank", "--server", server, *about[2:5], tmp_path / "sounds", "--json"
    assert [each["track"] for each in found(cli(*asked))] == ["a"]


def test_what_made_the_features_is_not_known_of_media(refused, about, tmp_path):
    (tmp_path / "song.m4a").write_bytes(b"")
    assert "what made its features isn't known" in refused(*about[:5], tmp_path)


def test_weights_are_for_what_is_media(refused, about, tmp_path):
    weights = "--weights", tmp_path
    said = "--weights are for a run that is asked about a clip; leave them out"
    assert refused(*about, *weights) == said
    assert refused("rank", "--server", "a:1", *about[2:], *weights) == said
    (tmp_path / "song.m4a").write_bytes(b"")
    assert "what made its features isn't known" in refused(*about[:5], tmp_path, *weights)
