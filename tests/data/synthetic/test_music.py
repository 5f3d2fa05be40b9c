import csv
import json

import numpy as np
import pytest

from kavc.data.comparisons import ComparisonStore, read_comparisons
from kavc.data.features.header import read_header
from kavc.data.layouts import View
from kavc.data.source import Source
from kavc.data.synthetic import music
from kavc.data.synthetic.music import MusicWorld, Truth, knobs
from kavc.errors import ConfigError, DataError

VIEW = View({"visual": "visual", "flow": "flow"}, tracks={"audio": "audio"})
SMALL = knobs("small", raters=2)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("music") / "corpus"
    music.write(folder, SMALL, videos=60, sample_seed=1, world_seed=2)
    return folder


def table(folder, name):
    with open(folder / f"{name}.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_files(corpus):
    assert sorted(path.name for path in corpus.iterdir()) == [
        "corpus.json", "ratings.csv", "tracks", "tracks.csv", "triples.csv", "truth.npz", "videos",
        "videos.csv",
    ]  # fmt: skip
    told = json.loads((corpus / "corpus.json").read_text())
    assert (told["kind"], told["synthetic"], told["tracks"]) == ("triples", True, 60)
    assert told["world"]["knobs"]["raters"] == 2 and told["world"]["sample_seed"] == 1
    videos, tracks = read_header(corpus / "videos"), read_header(corpus / "tracks")
    assert {name: field.shape for name, field in videos.arrays.items()} == {
        "visual": (None, 16), "flow": (None, 16), "i3d": (None, 8)
    }  # fmt: skip
    assert tracks.arrays["audio"].shape == (None, 8) and tracks.arrays["audio"].hop == 0.96
    assert len({row["genre"] for row in table(corpus, "tracks")}) == 25
    assert len({row["scene"] for row in table(corpus, "videos")}) == 4


def test_judgements(corpus):
    found = read_comparisons(corpus / "triples.csv")
    assert len(found) == 120 and len(set(found.video)) == 60
    assert {split: int(np.sum(found.split == split)) for split in music.SPLITS} == {
        "train": 96, "validation": 12, "test": 12
    }  # fmt: skip
    pairs = found.rater.reshape(60, 2)
    assert (pairs[:, 0] != pairs[:, 1]).all() and len(set(found.rater)) > 10
    for one in music.SPLITS:
        for other in set(music.SPLITS) - {one}:
            tracks = (set(found.tracks()[found.split == split].ravel()) for split in (one, other))
            assert not set.intersection(*tracks)


def test_splits_by_video_share_tracks(tmp_path):
    music.write(tmp_path / "c", knobs("small", apart="video"), videos=60)
    found = read_comparisons(tmp_path / "c/triples.csv")
    assert not found.rater.any()
    tracks = [set(found.tracks()[found.split == split].ravel()) for split in ("train", "test")]
    assert set.intersection(*tracks)


def test_ratings(corpus):
    rows = table(corpus, "ratings")
    assert len(rows) == 4 * 25 * 3  # videos, songs, raters
    values = np.array([int(row["rating"]) for row in rows])
    assert values.min() >= 1 and values.max() <= 7 and 3 < values.mean() < 5 and values.std() > 1
    assert len({(row["video"], row["track"], row["rater"]) for row in rows}) == len(rows)
    songs, videos = table(corpus, "tracks"), table(corpus, "videos")
    assert {row["track"] for row in rows} <= {song["track"] for song in songs}
    assert {row["video"] for row in rows} <= {video["video"] for video in videos}


def test_rated_pairs_that_fit_better_are_rated_higher(tmp_path):
    music.write(tmp_path / "c", knobs("small", rated_videos=40), videos=60)
    world = MusicWorld.read(tmp_path / "c")
    scenes, songs = world.scenes(0, 60), world.songs(0, 60)
    rows = table(tmp_path / "c", "ratings")
    at = {n: np.array([int(row[n][-6:]) for row in rows]) for n in ("video", "track")}
    fit = world.fit(scenes.take(at["video"]), songs.take(at["track"]))
    assert np.corrcoef(fit, [int(row["rating"]) for row in rows])[0, 1] > 0.5


def test_read_as_any_judgements(corpus):
    source = Source.parse(f"synthetic:{corpus}")
    told = source.describe(VIEW)
    assert told["counts"] == {"train": 96, "validation": 12, "test": 12}
    assert told["widths"] == {"visual": 16, "flow": 16, "audio": 8}
    assert source.title() == "synthetic music preference corpus (corpus)"
    assert "test: 0 of 6 videos and 0 of" in told["notes"][0]
    store = ComparisonStore.from_dataset(source.read("test", VIEW), ["visual"], ["audio"])
    world = MusicWorld.read(corpus)
    row = int(store.videos.ids[0].decode()[-6:])
    shown = world.shown(world.scenes(1, 60), 1, 0)["visual"][row]
    batch = store.gather(np.array([0]), np.array([False]))
    np.testing.assert_array_equal(batch["visual"][0, 0], shown)
    with pytest.raises(DataError, match="holds judgements"):
        source.describe(View())


def test_truth(corpus):
    truth, found = Truth.read(corpus), read_comparisons(corpus / "triples.csv")
    assert truth.ids.tolist() == found.ids.tolist() and len(truth) == 120
    world = MusicWorld.read(corpus)
    at = [[int(id_[-6:]) for id_ in column] for column in (found.video, *found.tracks().T)]
    scenes, songs = world.scenes(1, 60).take(np.array(at[0])), world.songs(1, 60)
    chance = world.preference(scenes, *(songs.take(np.array(rows)) for rows in at[1:]))
    np.testing.assert_allclose(truth.probability, chance, rtol=1e-12)
    assert (truth.unbiased <= truth.probability).all()
    odds = [np.log(p / (1 - p)) for p in (truth.probability[:2], truth.unbiased[:2])]
    np.testing.assert_allclose(odds[0] - odds[1], 0.05, atol=1e-6)
    chosen = truth.select(found.ids[[5, 2]])
    np.testing.assert_array_equal(chosen.tempo, truth.tempo[[5, 2]])
    with pytest.raises(DataError, match="has no truth; is it of another corpus"):
        truth.select(np.array([b"nobody"]))
    told = json.loads((corpus / "corpus.json").read_text())["bayes"]
    assert told["all"]["probability"] == pytest.approx(truth.accuracy(), abs=1e-6)
    test = truth.select(found.ids[found.split == "test"])
    assert told["test"]["sound"] == pytest.approx(test.accuracy("sound"), abs=1e-6)


def test_answers_are_drawn_from_the_truth(tmp_path):
    k = knobs("small", raters=20, order_bias=0.5, rated_videos=0)
    told = music.write(tmp_path / "c", k, videos=300)
    truth, found = Truth.read(tmp_path / "c"), read_comparisons(tmp_path / "c/triples.csv")
    a = found.answer == 0
    assert a.mean() == pytest.approx(truth.probability.mean(), abs=0.02)
    assert truth.probability.mean() > truth.unbiased.mean() + 0.02
    right = np.mean(a == (truth.probability > 0.5))
    assert right == pytest.approx(told["all"]["probability"], abs=0.02)
    assert not (tmp_path / "c/ratings.csv").exists()


def test_the_same_seeds_make_the_same_bytes(corpus, tmp_path):
    music.write(tmp_path / "same", SMALL, videos=60, sample_seed=1, world_seed=2)
    music.write(tmp_path / "other", SMALL, videos=60, sample_seed=2, world_seed=2)
    files = sorted(path.relative_to(corpus) for path in corpus.rglob("*") if path.is_file())
    assert len(files) > 8
    for file in files:
        assert (corpus / file).read_bytes() == (tmp_path / "same" / file).read_bytes(), file
    assert (corpus / "triples.csv").read_text() != (tmp_path / "other/triples.csv").read_text()


def test_counts_of_splits(tmp_path):
    music.write(tmp_path / "c", knobs("small"), counts={"train": 10, "validation": 3, "test": 40})
    found = read_comparisons(tmp_path / "c/triples.csv")
    assert [int(np.sum(found.split == split)) for split in music.SPLITS] == [10, 3, 40]


def test_what_is_made(corpus, tmp_path):
    assert MusicWorld.made(corpus) and not MusicWorld.made(tmp_path)
    (tmp_path / "corpus.json").write_text('{"kind": "triples"}')
    assert not MusicWorld.made(tmp_path)
    with pytest.raises(DataError, match="no 'world'"):
        MusicWorld.read(tmp_path)
    with pytest.raises(DataError, match="generate the corpus again"):
        Truth.read(tmp_path)
    np.savez(tmp_path / "truth.npz", ids=np.array([b"a"]))
    with pytest.raises(DataError, match="'probability' is missing or of another kind"):
        Truth.read(tmp_path)


def test_mistakes_leave_nothing(corpus, tmp_path):
    before = (corpus / "corpus.json").read_text()
    with pytest.raises(ConfigError, match="exists"):
        music.write(corpus, SMALL, videos=60)
    assert (corpus / "corpus.json").read_text() == before
    with pytest.raises(ConfigError, match="at least 6, 2 a split"):
        music.write(tmp_path / "c", SMALL, videos=3)
    with pytest.raises(ConfigError, match="world_seed must be"):
        music.write(tmp_path / "c", SMALL, videos=60, world_seed=-1)
    assert not (tmp_path / "c").exists()
