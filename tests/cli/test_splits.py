"""What decides who is in a split is part of a run: typed as a user would."""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import pytest

from kavc.training.run import Run

pytestmark = pytest.mark.filterwarnings("ignore:Even though the .tf.config.experimental_run")

IDS = [f"v{i:02d}" for i in range(40)]
SMALL = ("variant=joint", "epochs=1", "embedding_dim=4", "filters=4", "units=4")


def splits(train, validation, test):
    return {"train": train, "validation": validation, "test": test}


def listed(ids):
    return {"ids": ids}


FILES = {
    "a.json": splits(*map(listed, (IDS[:24], IDS[24:32], IDS[32:]))),
    "b.json": splits(*map(listed, (IDS[16:], IDS[8:16], IDS[:8]))),
    "reordered.json": splits(*map(listed, (IDS[:24][::-1], IDS[24:32], IDS[32:]))),
    "mixed.json": splits(["videos-*"], listed(IDS[24:32]), listed(IDS[32:])),
    "unknown.json": splits(listed([*IDS[:24], "w1"]), listed(IDS[24:32]), listed(IDS[32:])),
    "no-test.json": {"train": listed(IDS[:24]), "validation": listed(IDS[24:])},
    "one-test.json": splits(*map(listed, (IDS[:24], IDS[24:39], IDS[39:]))),
    "no-two-of-a-theme.json": splits(*map(listed, (IDS[:24], IDS[24:38], IDS[38:]))),
}


def write_features(folder, seed=0):
    folder.mkdir()
    draw = np.random.default_rng(seed)
    for i, name in enumerate(IDS):
        audio, visual = draw.normal(i % 2, 1, (5, 16)), draw.normal(-(i % 2), 1, (3, 8))
        np.savez(folder / f"{name}.npz", audio=audio.astype("f4"), visual=visual.astype("f4"))


def write_table(path, split_of=None):
    rows = [[name, "AB"[i % 2]] for i, name in enumerate(IDS)]
    if split_of:
        rows = [[*row, split_of(i)] for i, row in enumerate(rows)]
    with open(path, "w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "theme", "split"][: len(rows[0])])
        writer.writerows(rows)


@pytest.fixture(scope="module", autouse=True)
def eager():
    """Fits without graphs, which take longer to trace than a few steps do."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder with a corpus that brings splits, one that does not, and splits files."""
    from kavc.data.features.convert import convert

    folder = tmp_path_factory.mktemp("data")
    write_features(folder / "npz")
    write_table(folder / "n.csv")
    write_table(
        folder / "t.csv", lambda i: "train" if i < 24 else "validation" if i < 32 else "test"
    )
    convert(folder / "npz", folder / "t.csv", folder / "corpus")
    convert(folder / "npz", folder / "n.csv", folder / "plain")
    for name, content in FILES.items():
        (folder / name).write_text(json.dumps(content))
    return folder


@pytest.fixture(scope="module")
def begun(data, tmp_path_factory):
    """A run on `plain` in the splits of a.json, not to be changed."""
    from kavc.training.fit import train

    options = dict(each.split("=") for each in SMALL)
    source = f"kwai:{data / 'plain'}"
    folder = tmp_path_factory.mktemp("begun") / "run"
    return train("ti-avc", source, folder, overrides=options, splits=data / "a.json").path


@pytest.fixture
def run(begun, tmp_path):
    """A copy of it, whose report is still to be made."""
    copy = shutil.copytree(begun, tmp_path / "run")
    (copy / "report.json").unlink()
    return copy


def words(data, out, *more):
    named = ("--data", f"kwai:{data / 'plain'}", "--out", out)
    return ("train", "ti-avc", *named, *(w for each in SMALL for w in ("--set", each)), *more)


def test_a_run_keeps_absolute_paths_and_what_the_splits_file_said(begun, data):
    facts = json.loads((begun / "data.json").read_text())
    assert facts["source"] == f"kwai:{data / 'plain'}"
    assert facts["splits"] == str(data / "a.json")
    assert json.loads((begun / "splits-used.json").read_text()) == FILES["a.json"]
    assert set(facts["assignment"]) == {"train", "validation", "test"}


@pytest.mark.parametrize("more", [("--splits", "b.json"), ()], ids=["others", "none"])
def test_a_run_is_not_resumed_in_other_splits(refused, data, run, more):
    more = [data / each if each.endswith(".json") else each for each in more]
    line = refused(*words(data, run, "--resume", *more))
    assert "was begun on other splits (who is in " in line
    assert not (run / "report.json").exists()


def test_a_run_is_not_resumed_in_a_file_that_was_edited(refused, cli, data, run, tmp_path):
    file = shutil.copy(data / "a.json", tmp_path / "own.json")
    shutil.copy(data / "b.json", file)
    line = refused("train", "--resume", "--out", run, "--splits", file)
    assert "other splits (who is in train, validation, test, or with which labels" in line
    done = cli("train", "--resume", "--out", run)  # in those that it keeps
    assert done.exit_code == 0, done.stderr


def test_the_same_ids_in_another_order_are_the_same_splits(cli, data, run):
    done = cli(*words(data, run, "--resume", "--splits", data / "reordered.json"))
    assert done.exit_code == 0, done.stderr


def test_resuming_takes_all_that_is_left_out_from_the_run(cli, begun, run):
    done = cli("train", "--resume", "--out", run)
    assert done.exit_code == 0, done.stderr
    assert Run(run).report.headline == Run(begun).report.headline


@pytest.mark.parametrize(
    ("splits", "said"),
    [
        ("mixed.json", "'v32'"),
        ("mixed.json", "'v24'"),
        ("unknown.json", "'w1'"),
        ("no-test.json", "no split 'test'"),
        ("one-test.json", "split 'test': 1 of its 1 videos can be used"),
        ("no-two-of-a-theme.json", "no two of its 2 videos have the same theme"),
    ],
)
def test_what_a_run_can_not_use_is_refused_before_it_begins(refused, data, tmp_path, splits, said):
    line = refused(*words(data, tmp_path / "run", "--splits", data / splits))
    assert said in line
    assert not (tmp_path / "run").exists()


def test_a_sweep_needs_what_its_trials_need(refused, data, tmp_path):
    (tmp_path / "no-validation.json").write_text(
        json.dumps({"train": listed(IDS[:24]), "test": listed(IDS[24:])})
    )
    line = refused("tune", "run", "ti-avc", "--data", f"kwai:{data / 'plain'}", "--splits",
                   tmp_path / "no-validation.json", "--out", tmp_path / "sweep")  # fmt: skip
    assert "no split 'validation'" in line
    assert not (tmp_path / "sweep").exists()


def replace_corpus(data, folder):
    """Another corpus at the path of the first: what was tested is trained on, and the reverse."""
    from kavc.data.features.convert import convert

    corpus = folder / "corpus"
    shutil.rmtree(corpus)
    write_table(
        folder / "t.csv", lambda i: "test" if i < 24 else "validation" if i < 32 else "train"
    )
    convert(data / "npz", folder / "t.csv", corpus)


@pytest.fixture
def replaced(data, tmp_path, cli):
    """A run whose data were replaced after it, and their source."""
    shutil.copytree(data / "corpus", tmp_path / "corpus")
    source = f"kwai:{tmp_path / 'corpus'}"
    done = cli("train", "ti-avc", "--data", source, "--out", tmp_path / "r",
               *(w for each in SMALL for w in ("--set", each)))  # fmt: skip
    assert done.exit_code == 0, done.stderr
    replace_corpus(data, tmp_path)
    return tmp_path / "r", source


def test_data_that_were_replaced(refused, cli, replaced, tmp_path):
    run, source = replaced
    assert "was trained on other data" in refused("evaluate", run)
    assert "was trained on other data" in refused(
        "train", "--from-run", run, "--out", tmp_path / "again"
    )
    assert not (tmp_path / "again").exists()
    done = cli("evaluate", run, "--data", source, "--out", tmp_path / "report")
    assert done.exit_code == 0, done.stderr
    first = (tmp_path / "report" / "report.md").read_text().splitlines()[0]
    assert first.startswith("# ")
    assert "r was trained on other data (their fingerprint differs)" in first
    assert first.removeprefix("# ") in done.stdout


def test_runs_of_other_splits_are_not_compared(refused, cli, data, begun, tmp_path):
    done = cli(*words(data, tmp_path / "b", "--splits", data / "b.json"))
    assert done.exit_code == 0, done.stderr
    assert "was trained on other splits" in refused("evaluate", begun, tmp_path / "b")


def test_a_run_is_found_from_another_folder(cli, data, begun, tmp_path, monkeypatch):
    monkeypatch.chdir(data)
    run = tmp_path / "run"
    named = ("--data", "kwai:plain", "--splits", "a.json", "--out", run)
    done = cli("train", "ti-avc", *named, *(w for each in SMALL for w in ("--set", each)))
    assert done.exit_code == 0, done.stderr
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "file").touch()
    monkeypatch.chdir(tmp_path)
    done = cli("evaluate", run, begun)
    assert done.exit_code == 0, done.stderr


def test_features_that_were_exchanged_under_the_same_ids(refused, data, tmp_path):
    """Of the same size, beside the first ones' manifest."""
    from kavc.data.features.convert import convert

    write_features(tmp_path / "npz", seed=1)
    convert(tmp_path / "npz", data / "n.csv", tmp_path / "other")
    mine = shutil.copytree(data / "plain", tmp_path / "mine")
    shutil.copy(tmp_path / "other" / "videos-00000.tfrecord", mine / "videos-00000.tfrecord")
    assert "changed after it was written" in refused("data", "describe", f"kwai:{mine}")


def test_what_can_not_be_resumed(refused, begun, tmp_path):
    assert f"{tmp_path / 'typo'}: no run to resume" in refused(
        "train", "--resume", "--out", tmp_path / "typo"
    )
    line = refused("train", "cross-modal-embedding", "--resume", "--out", begun)
    assert "was begun with system 'ti-avc', not 'cross-modal-embedding'" in line


def test_a_run_that_is_given_twice(refused, begun):
    assert "a run folder is given twice" in refused("evaluate", begun, begun)


@pytest.fixture
def earlier(begun, tmp_path):
    """A run as earlier versions left it: paths as typed, no assignment, nothing else kept."""
    folder = shutil.copytree(begun, tmp_path / "earlier")
    facts = json.loads((folder / "data.json").read_text())
    del facts["assignment"]
    (folder / "data.json").write_text(json.dumps(facts))
    for name in (".kavc", "splits-used.json", "model.keras.sha256"):
        (folder / name).unlink()
    return folder


def test_a_run_of_an_earlier_version(cli, refused, data, earlier, caplog):
    done = cli("evaluate", earlier)
    assert done.exit_code == 0, done.stderr
    assert caplog.text.count("who was in its splits isn't known") == 1
    done = cli("evaluate", earlier, "--splits", data / "a.json")
    assert done.stdout.splitlines()[0].endswith("earlier was trained on splits that aren't known")
    (earlier / "report.json").unlink()
    line = refused("train", "--resume", "--out", earlier, "--splits", data / "b.json")
    assert "other splits (those of a.json, not of b.json)" in line
    done = cli("train", "--resume", "--out", earlier)
    assert done.exit_code == 0, done.stderr


def test_names_with_brackets_are_printed_as_they_are(cli, data, tmp_path):
    out = tmp_path / "x[bold]y[/c]"
    done = cli("data", "convert", data / "npz", data / "t.csv", "--out", out)
    assert done.exit_code == 0, done.stderr
    assert f"features:{out}" in done.stdout
    done = cli("data", "describe", f"kwai:{out}")
    assert "x[bold]y[/c]" in done.stdout.replace("\n", "")
