"""The AVE-like corpus lies in the published layout, and is read as AVE is."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from kavc.data.ave import CLASSES, open_folder
from kavc.data.ave.videos import Video
from kavc.data.layouts import View
from kavc.data.source import Source
from kavc.data.synthetic.ave import AveWorld, draw_plan, knobs, write
from kavc.errors import ConfigError, DataError

SMALL = {"audio_dim": 20, "visual_dim": 24}
SIZES = {"train": 40, "validation": 5, "test": 5}
SPLITS = tuple(SIZES)
ORDERS = {"train": "train", "validation": "val", "test": "test"}
TABLES = {"labels.h5": (10, 29), "labels_closs.h5": (10,), "mil_labels.h5": (29,)}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ave") / "corpus"
    write(folder, knobs(**SMALL, maps=True), videos=50, world_seed=2, sample_seed=4)
    return folder


def stored(file: Path, key: str = "avadataset") -> np.ndarray:
    with h5py.File(file, "r") as made:
        assert list(made) == [key] and not made[key].attrs
        assert made[key].chunks is None and made[key].compression is None
        return made[key][:]


def test_files_are_the_published_ones(corpus):
    orders = {f"{name}_order{kind}.h5" for name in ORDERS.values() for kind in ("", "_match")}
    features = {
        "audio_feature.h5": (10, 20),
        "visual_feature_vec.h5": (10, 24),
        "visual_feature.h5": (10, 7, 7, 24),
    }
    assert {path.name for path in corpus.iterdir()} == {
        "Annotations.txt", "corpus.json", *TABLES, *orders, *features,
    }  # fmt: skip
    for name, shape in (TABLES | features).items():
        found = stored(corpus / name)
        assert found.shape == (50, *shape) and found.dtype == np.float32
    for name in orders:
        assert stored(corpus / name, "order").dtype == np.int64


def test_annotations_are_written_as_the_real_ones(corpus):
    content = (corpus / "Annotations.txt").read_bytes()
    assert content.count(b"\n") == 50 and content.endswith(b"\n") and b"\r" not in content
    for line in content.decode().splitlines():
        category, clip, quality, start, end = line.split("&")
        assert category in CLASSES and len(clip) == 11 and quality == "good"
        assert 0 <= int(start) < int(end) <= 10
    assert len({video.clip for video in open_folder(corpus).videos}) == 50


@pytest.mark.parametrize("kind", ["match", "plain"])
def test_each_row_is_in_one_split(corpus, kind):
    folder = open_folder(corpus, kind)
    assert {split: len(order.rows) for split, order in folder.orders.items()} == SIZES
    rows = np.concatenate([order.rows for order in folder.orders.values()])
    assert sorted(rows) == list(range(50))
    lengths = {s: {folder.videos[row].length for row in o.rows} for s, o in folder.orders.items()}
    if kind == "match":
        assert max(lengths["test"]) < 10 and 10 in lengths["train"]
        for split in ("train", "validation"):
            assert (np.diff(folder.orders[split].rows) > 0).all()


def test_rows_follow_the_description():
    sizes = {"train": 3339, "validation": 402, "test": 402}
    plan = draw_plan(knobs(), sizes, sample_seed=0, world_seed=0)
    lengths, starts, labels = np.array([(v.length, v.start, v.label) for v in plan.videos]).T
    # Four standard errors of shares of some 4,143, 400 and 1,400 videos
    assert (lengths == 10).mean() == pytest.approx(0.66, abs=0.03)
    held = lengths[plan.orders["match"]["validation"]]
    assert (held == 10).mean() == pytest.approx(0.66 * 4143 / 3741, abs=0.09)
    test = np.bincount(lengths[plan.orders["match"]["test"]], minlength=11) / 402
    np.testing.assert_allclose(test[2:10], 1 / 8, atol=0.07)
    assert test[2:10].sum() == pytest.approx(1)
    short = np.bincount(lengths[lengths < 10], minlength=10)[2:] / (lengths < 10).sum()
    np.testing.assert_allclose(short, 1 / 8, atol=0.036)
    onsets = np.bincount(starts[lengths == 8], minlength=3)
    np.testing.assert_allclose(onsets / onsets.sum(), 1 / 3, atol=0.15)
    np.testing.assert_allclose(np.bincount(labels) / 4143, 1 / 28, atol=0.012)
    assert not np.array_equal(*(orders["test"] for orders in plan.orders.values()))


def test_features_are_those_of_the_world(corpus):
    world = AveWorld(knobs(**SMALL), world_seed=2)
    audio, visual, maps = (
        stored(corpus / name)
        for name in ("audio_feature.h5", "visual_feature_vec.h5", "visual_feature.h5")
    )
    for video in open_folder(corpus).videos[::17]:
        drawn = world.video(4, video.row, video.label, video.start, video.end)
        np.testing.assert_array_equal(audio[video.row], drawn.audio)
        np.testing.assert_array_equal(maps[video.row], drawn.maps)
    np.testing.assert_allclose(visual, maps.mean(axis=(2, 3), dtype="f8"), rtol=1e-6)


def test_it_is_read_in_every_view(corpus):
    source = Source.parse(f"synthetic:{corpus}")
    view = View({name: name for name in ("audio", "visual", "visual_map", "events")}, vectors=False)
    info = source.describe(view)
    assert (info["counts"], info["notes"]) == (SIZES, ())  # labels say the same, clips are apart
    assert info["widths"] == {"audio": 20, "visual": 24, "visual_map": 24, "events": 1}
    assert info["classes"] == CLASSES
    assert source.title() == "synthetic AVE-like corpus (corpus)"
    rows, maps = (
        stored(corpus / "test_order_match.h5", "order"),
        stored(corpus / "visual_feature.h5"),
    )
    events = stored(corpus / "labels_closs.h5")
    videos = list(source.read("test", view).as_numpy_iterator())
    assert [int(video["id"][:4]) for video in videos] == rows.tolist()
    for row, video in zip(rows, videos, strict=True):
        np.testing.assert_array_equal(video["visual_map"], maps[row])
        np.testing.assert_array_equal(video["events"][:, 0], events[row])
    plain = source.read("test", View({"audio": "audio"}, order="plain", theme=True))
    rows = stored(corpus / "test_order.h5", "order")
    labels = stored(corpus / "mil_labels.h5").argmax(axis=1)
    assert [video["theme"] for video in plain.as_numpy_iterator()] == labels[rows].tolist()


def test_seeds_make_it_again_with_or_without_maps(corpus, tmp_path):
    write(tmp_path / "again", knobs(**SMALL), videos=50, world_seed=2, sample_seed=4)
    for file in (tmp_path / "again").glob("*.h5"):
        assert file.read_bytes() == (corpus / file.name).read_bytes()
    assert not (tmp_path / "again/visual_feature.h5").exists()
    assert (tmp_path / "again/Annotations.txt").read_text() == (
        corpus / "Annotations.txt"
    ).read_text()
    for seeds in ({"world_seed": 3, "sample_seed": 4}, {"world_seed": 2, "sample_seed": 5}):
        out = tmp_path / f"other{seeds['world_seed']}"
        write(out, knobs(**SMALL), videos=50, **seeds)
        for name in ("audio_feature.h5", "mil_labels.h5"):
            assert (out / name).read_bytes() != (corpus / name).read_bytes()


def test_description_makes_the_world_again(corpus):
    said = json.loads((corpus / "corpus.json").read_text())
    assert (said["kind"], said["world_seed"], said["sample_seed"]) == ("ave", 2, 4)
    assert said["counts"] == SIZES
    assert knobs("default", **said["knobs"]) == knobs(**SMALL, maps=True)


@pytest.mark.parametrize(
    ("asked", "counts"),
    [
        ({"videos": 6}, (2, 2, 2)),
        ({"videos": 4143}, (3339, 402, 402)),
        ({"counts": {"test": 3, "train": 2, "validation": 4}}, (2, 4, 3)),
    ],
)
def test_numbers_of_videos(tmp_path, monkeypatch, asked, counts):
    monkeypatch.setattr("kavc.data.synthetic.ave._write_features", lambda *_: None)
    write(tmp_path / "corpus", knobs(**SMALL), **asked)
    orders = open_folder(tmp_path / "corpus").orders
    assert tuple(len(orders[split].rows) for split in SPLITS) == counts


@pytest.fixture
def like(corpus, tmp_path):
    """A folder of annotations and splits, of which one video has no event and the file is CRLF."""
    path = tmp_path / "like"
    (path / "data").mkdir(parents=True)
    for file in corpus.glob("*_order*.h5"):
        (path / "data" / file.name).write_bytes(file.read_bytes())
    lines = (corpus / "Annotations.txt").read_text().splitlines()
    lines[7] = f"{lines[7].rsplit('&', 2)[0]}&0&0"
    (path / "data/Annotations.txt").write_bytes("\r\n".join(lines).encode())
    return path


def test_a_corpus_like_another(corpus, like, tmp_path):
    write(tmp_path / "new", knobs(**SMALL), like=like, world_seed=7)
    for kind in ("match", "plain"):
        old, new = open_folder(like, kind), open_folder(tmp_path / "new", kind)
        assert new.videos == old.videos and new.videos[7].length == 0
        for split in SPLITS:
            np.testing.assert_array_equal(new.orders[split].rows, old.orders[split].rows)
    assert new.notes(()) == [
        f"Annotations.txt: 1 of 50 rows without an event: 7 ({new.videos[7].clip})"
    ]
    audio = stored(tmp_path / "new/audio_feature.h5")
    assert audio.shape == (50, 10, 20)
    assert not np.array_equal(audio, stored(corpus / "audio_feature.h5"))
    said = json.loads((tmp_path / "new/corpus.json").read_text())
    assert said["counts"] == SIZES


def test_what_a_corpus_can_not_be_like(like, tmp_path):
    with pytest.raises(ConfigError, match=r"knob classes is 3, and row \d+ of .* has category num"):
        write(tmp_path / "new", knobs(**SMALL, classes=3), like=like)
    with pytest.raises(ConfigError, match="counts and like both say how many videos"):
        write(tmp_path / "new", knobs(**SMALL), like=like, counts=SIZES)
    (like / "data/val_order.h5").unlink()
    with pytest.raises(DataError, match=r"no val_order.h5; a corpus like it has both kinds"):
        write(tmp_path / "new", knobs(**SMALL), like=like)
    with pytest.raises(DataError, match=r"nowhere: no Annotations.txt"):
        write(tmp_path / "new", knobs(**SMALL), like=tmp_path / "nowhere")
    assert not (tmp_path / "new").exists()


def test_like_the_real_one(shared, tmp_path, monkeypatch):
    real = shared / "data" / "ave"
    if not real.is_dir():
        pytest.skip("no ../shared/data/ave with the real annotations")
    drawn: list[Video] = []
    monkeypatch.setattr(
        "kavc.data.synthetic.ave._write_features", lambda _, __, videos, ___: drawn.extend(videos)
    )
    write(tmp_path / "new", knobs(), like=real)
    assert len(drawn) == 4143 and drawn[26].id == b"0026_VWi2ENBuTbw"
    assert (tmp_path / "new/Annotations.txt").read_bytes() == (
        real / "Annotations.txt"
    ).read_bytes()
    for name in ("test_order.h5", "train_order_match.h5"):
        np.testing.assert_array_equal(
            stored(tmp_path / "new" / name, "order"), stored(real / name, "order")
        )
    for name in ("labels_closs.h5", "mil_labels.h5"):
        np.testing.assert_array_equal(stored(tmp_path / "new" / name), stored(real / name))
    world = AveWorld(knobs(**SMALL))
    assert np.isfinite(world.video(0, 26, drawn[26].label, 0, 0).audio).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"videos": 5}, {"videos": 9.0}, {"world_seed": -1}, {"sample_seed": 0.5},
        {"counts": {"train": 5}}, {"counts": {"train": 5, "validation": 1, "test": 5}},
    ],
)  # fmt: skip
def test_wrong_arguments_leave_nothing_behind(tmp_path, wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        write(tmp_path / "corpus", knobs(**SMALL), **{"videos": 10, **wrong})
    assert not list(tmp_path.iterdir())


def test_a_corpus_is_whole_or_not_there(tmp_path, monkeypatch):
    def full(self, row):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("kavc.data.synthetic.ave_files.RowsFile.write", full)
    with pytest.raises(OSError, match="No space"):
        write(tmp_path / "corpus", knobs(**SMALL), videos=6)
    assert not list(tmp_path.iterdir())


def test_an_existing_folder_is_left_alone(corpus):
    with pytest.raises(ConfigError, match="exists"):
        write(corpus, knobs(**SMALL), videos=10)
