"""`kavc data ratings`."""

from __future__ import annotations

import json
import sys
from subprocess import run

import numpy as np
import pytest

TRACKS = "track,genre\nsoft,ambient\nloud,rock\n"


@pytest.fixture
def folder(tmp_path):
    random = np.random.default_rng(0)
    rows = []
    for v in range(6):
        for track, fit in (("soft", 5 - 2 * (v % 2)), ("loud", 3 + 2 * (v % 2))):
            for rater in "abc":
                rows.append(f"v{v},{track},{fit + random.integers(-1, 2)},{rater}")
    path = tmp_path / "data"
    path.mkdir()
    (path / "ratings.csv").write_text("\n".join(["video,track,rating,rater", *rows]))
    (path / "tracks.csv").write_text(TRACKS)
    return path


def test_a_folder_is_analysed_and_written(cli, folder, tmp_path):
    out = tmp_path / "out"
    result = cli("data", "ratings", folder, "--out", out)
    assert result.exit_code == 0, result.output
    for words in ("ICC(1,k)", "How far raters agree", "ambient", "Clusters of videos"):
        assert words in result.stdout
    assert "36 ratings, 2 tracks with a genre" in result.stderr
    names = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert names == {
        "report.json", "report.md", "predictions.npz", "tables/counts.csv", "tables/agreement.csv",
        "tables/genres.csv", "tables/clusters.csv", "figures/correlations.png",
        "figures/genres.png",
    }  # fmt: skip
    # Again, into its own folder.
    assert cli("data", "ratings", folder, "--out", out, "--centre").exit_code == 0
    assert "each rater centred" in (out / "report.md").read_text()


def test_a_table_alone_has_genres_where_they_are_named(cli, folder):
    file = folder / "ratings.csv"
    found = json.loads(cli("data", "ratings", file, "--json").stdout)
    assert [table["name"] for table in found["tables"]] == ["counts", "agreement"]
    words = ("data", "ratings", file, "--tracks", folder / "tracks.csv", "--json")
    found = json.loads(cli(*words).stdout)
    assert [table["name"] for table in found["tables"]][2:] == ["genres", "clusters"]
    assert found["headline"]["name"] == "ICC(1,k)"


def test_a_folder_needs_no_tracks(cli, folder):
    (folder / "tracks.csv").unlink()
    result = cli("data", "ratings", folder)
    assert result.exit_code == 0 and "No rated track has a genre" in result.stdout


@pytest.mark.parametrize(
    "rows, message",
    [
        ("video,track,rating\nv,t,9\n", "ratings.csv, line 2: rating '9'; expected a whole number"),
        ("video,track,ratng\nv,t,1\n", "did you mean 'rating'?"),
        ("", "ratings.csv: empty"),
        ("video,track,rating,rater\nv,t,1,a\nv,t,1,a\n", "line 3: rater 'a' rates track 't'"),
    ],
)
def test_mistakes_are_one_line_and_nothing_is_written(refused, folder, tmp_path, rows, message):
    (folder / "ratings.csv").write_text(rows)
    assert message in refused("data", "ratings", folder, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_other_mistakes(refused, folder, tmp_path):
    assert "no such file" in refused("data", "ratings", tmp_path / "nothing")
    assert "no such file" in refused("data", "ratings", folder, "--tracks", tmp_path / "none.csv")
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "mine.txt").write_text("")
    assert "no report folder" in refused("data", "ratings", folder, "--out", taken)
    (folder / "ratings.csv").write_text("video,track,rating\nv,t,1\n")
    assert "name no rater" in refused("data", "ratings", folder, "--centre")


def test_no_network_is_loaded(folder):
    code = (
        "import sys; from kavc.cli.main import main;"
        f"sys.argv = ['kavc', 'data', 'ratings', {str(folder)!r}]\n"
        "try: main()\nexcept SystemExit as end: assert not end.code, end.code\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    done = run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_ratings_that_were_made_up_say_so(cli, folder):
    (folder / "corpus.json").write_text('{"kind": "triples", "synthetic": true}')
    assert cli("data", "ratings", folder).stdout.startswith("Ratings of synthetic music preference")
