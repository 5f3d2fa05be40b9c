"""The LLP-like corpus lies in the published layout, and its tables say what its truth does."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from kavc.data.layouts import View
from kavc.data.llp import CLASSES, dense_masks
from kavc.data.source import Source
from kavc.data.synthetic.llp import LlpWorld, knobs, read_truth, write
from kavc.errors import ConfigError, DataError

SMALL = {"audio_dim": 20, "visual_dim": 24, "visual_3d_dim": 18}
REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "llp"
SPLITS = ("train", "validation", "test")
TABLES = ("AVVP_train.csv", "AVVP_val_pd.csv", "AVVP_test_pd.csv")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("llp") / "corpus"
    write(folder, knobs(**SMALL), videos=90, world_seed=2, sample_seed=4)
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))


def ids(folder: Path, split: str) -> list[str]:
    return [name.decode() for name in read_truth(folder, split)[0]]


def test_files_are_the_published_ones(corpus):
    everything = {name for split in SPLITS for name in ids(corpus, split)}
    assert len(everything) == 90
    for folder in ("vggish", "res152", "r2plus1d_18"):
        assert {path.name for path in (corpus / folder).iterdir()} == {
            f"{name}.npy" for name in everything
        }
    tables = {"AVVP_dataset_full.csv", "AVVP_eval_audio.csv", "AVVP_eval_visual.csv", *TABLES}
    assert {path.name for path in corpus.iterdir() if path.is_file()} == {
        "corpus.json", *tables, *(f"truth-{split}.npz" for split in SPLITS),
    }  # fmt: skip


@pytest.mark.parametrize("table", ["AVVP_dataset_full", "AVVP_test_pd", "AVVP_eval_visual"])
def test_tables_are_written_as_the_real_ones(corpus, table):
    content = (corpus / f"{table}.csv").read_bytes()
    assert content.endswith(b"\n") and b"\r" not in content and b'"' not in content
    header = b"filename\tonset\toffset\tevent_labels" if "eval" in table else None
    assert content.split(b"\n")[0] == (header or b"filename\tevent_labels")
    if (real := REAL / f"{table}.csv").exists():
        assert real.read_bytes().split(b"\n")[0] == content.split(b"\n")[0]


@pytest.mark.parametrize(("split", "table"), list(zip(SPLITS, TABLES, strict=True)))
def test_weak_labels_are_those_of_the_truth(corpus, split, table):
    names, heard, seen = read_truth(corpus, split)
    found = rows(corpus / table)
    assert [row["filename"][:11].encode() for row in found] == list(names)
    for row, mask in zip(found, (heard | seen).any(axis=1), strict=True):
        assert row["event_labels"].split(",") == [CLASSES[c] for c in np.flatnonzero(mask)]


def test_the_table_of_all_is_the_splits_in_turn(corpus):
    assert rows(corpus / "AVVP_dataset_full.csv") == [
        row for table in TABLES for row in rows(corpus / table)
    ]


@pytest.mark.parametrize(("modality", "column"), [("audio", 1), ("visual", 2)])
def test_rows_of_events_are_the_runs_of_the_truth(corpus, modality, column):
    masks = defaultdict(lambda: np.zeros((10, 25), bool))
    held = [rows(corpus / table) for table in TABLES[1:]]
    names = [row["filename"] for table in held for row in table]
    for row in rows(corpus / f"AVVP_eval_{modality}.csv"):
        assert row["filename"] in names
        onset, offset = int(row["onset"]), int(row["offset"])
        assert 0 <= onset < offset <= 10
        mask = masks[row["filename"]][:, CLASSES.index(row["event_labels"])]
        assert not mask[max(onset - 1, 0) : offset + 1].any()  # a longest run: none touches it
        mask[onset:offset] = True
    truth = np.concatenate([read_truth(corpus, split)[column] for split in SPLITS[1:]])
    np.testing.assert_array_equal([masks[name] for name in names], truth)


def test_the_reader_of_real_ones_reads_the_same(corpus):
    for modality, column in (("audio", 1), ("visual", 2)):
        names = [row["filename"] for row in rows(corpus / "AVVP_test_pd.csv")]
        found = dense_masks(corpus / f"AVVP_eval_{modality}.csv", names)
        np.testing.assert_array_equal(found, read_truth(corpus, "test")[column])
    source = Source.parse(f"synthetic:{corpus}", strict=True)
    view = View(arrays={"visual": "visual", "visual_events": "visual_events"})
    assert source.describe(view)["counts"] == {"train": 50, "validation": 10, "test": 30}
    names, heard, seen = read_truth(corpus, "validation")
    for video, name, *masks in zip(
        source.read("validation", view).as_numpy_iterator(), names, heard, seen, strict=True
    ):
        assert video["id"] == name
        np.testing.assert_array_equal(video["labels"], np.flatnonzero(np.any(masks, axis=(0, 1))))
        np.testing.assert_array_equal(video["visual_events"], masks[1])
        frames = np.load(corpus / "res152" / f"{name.decode()}.npy", allow_pickle=False)
        np.testing.assert_allclose(video["visual"], frames.reshape(10, 8, -1).mean(1), rtol=1e-6)


def test_each_split_is_a_sample_of_the_world(corpus):
    world = LlpWorld(knobs(**SMALL), world_seed=2)
    for split, seed in zip(SPLITS, (12, 13, 14), strict=True):
        names, heard, seen = read_truth(corpus, split)
        for index in (0, len(names) - 1):
            video = world.video(seed, index)
            assert names[index].decode() == video.id
            np.testing.assert_array_equal(heard[index], video.audio_events)
            np.testing.assert_array_equal(seen[index], video.visual_events)
            for folder, array in (
                ("vggish", video.audio), ("res152", video.visual), ("r2plus1d_18", video.visual_3d),
            ):  # fmt: skip
                stored = np.load(corpus / folder / f"{video.id}.npy", allow_pickle=False)
                assert stored.dtype == np.float32
                np.testing.assert_array_equal(stored, array)


def test_description_makes_the_world_again(corpus):
    said = json.loads((corpus / "corpus.json").read_text())
    assert (said["kind"], said["world_seed"], said["sample_seed"]) == ("llp", 2, 4)
    assert said["counts"] == {"train": 50, "validation": 10, "test": 30}
    assert knobs("default", **said["knobs"]) == knobs(**SMALL)


def test_wrong_weak_labels_leave_the_truth_alone(corpus, tmp_path):
    write(tmp_path / "c", knobs(**SMALL, label_noise=1.0), videos=90, world_seed=2, sample_seed=4)
    wrong, right = (rows(folder / "AVVP_train.csv") for folder in (tmp_path / "c", corpus))
    for one, other in zip(wrong, right, strict=True):
        assert one["filename"] == other["filename"]
        assert not set(one["event_labels"].split(",")) & set(other["event_labels"].split(","))
    for split in SPLITS:
        truths = (read_truth(folder, split) for folder in (tmp_path / "c", corpus))
        for one, other in zip(*truths, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("asked", "counts"),
    [
        ({"videos": 6}, (2, 2, 2)),
        ({"videos": 10}, (5, 2, 3)),
        ({"videos": 36}, (20, 4, 12)),
        ({"counts": {"test": 3, "train": 2, "validation": 4}}, (2, 4, 3)),
    ],
)
def test_numbers_of_videos(tmp_path, asked, counts):
    write(tmp_path / "corpus", knobs(**SMALL), **asked)
    assert tuple(len(ids(tmp_path / "corpus", split)) for split in SPLITS) == counts


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
    def full(path, arrays):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("kavc.data.synthetic.llp.write_npz", full)
    with pytest.raises(OSError, match="No space"):
        write(tmp_path / "corpus", knobs(**SMALL), videos=6)
    assert not list(tmp_path.iterdir())


def test_an_existing_folder_is_left_alone(corpus):
    with pytest.raises(ConfigError, match="exists"):
        write(corpus, knobs(**SMALL), videos=10)


def test_truth_that_is_missing_or_damaged(corpus, tmp_path):
    with pytest.raises(DataError, match=r"no such file.*generate the corpus again"):
        read_truth(tmp_path, "test")
    path = tmp_path / "truth-test.npz"
    path.write_bytes((corpus / "truth-test.npz").read_bytes()[:-100])
    with pytest.raises(DataError, match="not readable"):
        read_truth(tmp_path, "test")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"ids": None}, "'ids' is missing"),
        ({"ids": np.arange(2)}, "'ids' is missing or of another kind"),
        ({"audio_events": None}, "'audio_events' is missing"),
        ({"audio_events": np.zeros((2, 10, 25), np.float32)}, "'audio_events' is float32"),
        ({"visual_events": np.zeros((3, 10, 25), bool)}, r"shape \(2, 10, 25\) are expected"),
    ],
)
def test_truth_of_another_kind(tmp_path, changed, said):
    mask = np.zeros((2, 10, 25), bool)
    arrays = {"ids": np.array([b"a", b"b"]), "audio_events": mask, "visual_events": mask}
    arrays = {name: array for name, array in (arrays | changed).items() if array is not None}
    np.savez(tmp_path / "truth-test.npz", **arrays)
    with pytest.raises(DataError, match=said) as error:
        read_truth(tmp_path, "test")
    assert "\n" not in str(error.value)
