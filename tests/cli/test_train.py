"""`kavc train`, `reproduce` and `evaluate`: what they print and what they refuse."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys

import pytest
import tensorflow as tf

from kavc.training.run import Run, lock


@pytest.fixture
def run_copy(tiny_run, tmp_path):
    """A copy of a finished run that may be damaged."""
    return shutil.copytree(tiny_run, tmp_path / "run")


def options(small, **changes):
    return [
        word for item in (small | changes).items() for word in ("--set", "=".join(map(str, item)))
    ]


@pytest.fixture
def train_words(tiny_corpus, small_options):
    """The words that train what `tiny_run` holds, into a folder."""

    def words(out, *more, **changes):
        source = f"synthetic:{tiny_corpus}"
        return ["train", "ti-avc", "--data", source, "--out", out,
                *options(small_options, **changes), *more]  # fmt: skip

    return words


def test_train_prints_results_and_progress_apart(cli, train_words, tmp_path):
    out = tmp_path / "run"
    result = cli(*train_words(out, "--json", variant="baseline-1"))
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["headline"]["name"] == "match AUC"
    lines = result.stderr.splitlines()  # on a busy machine with some on how far it is
    first, counts, planned = [line for line in lines if not line.startswith("looking ")][:3]
    assert first.startswith("ti-avc, preset paper, seed 0, on synthetic:")
    assert counts.startswith("300 examples: train 240, validation 30, test 30")
    assert " parameters; epochs at most: pairs 1; batches of 64; CPU, " in planned
    ended = r"pairs: 1 epoch in .* s, best val_loss 0\.\d+ at epoch 1"
    assert any(re.fullmatch(ended, line) for line in lines)
    assert lines[-1] == f"run folder: {out}"
    assert result.stderr.isascii() and "\x1b" not in result.stderr
    assert Run(out).report.to_json() == report


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            ["--set", "learning_rat=1"],
            "unknown option 'learning_rat'; did you mean 'learning_rate'",
        ),
        (["--set", "learning_rate"], "override 'learning_rate' is not of the form name=value"),
        (["--set", "dropout=high"], "option 'dropout' must be of type float, not 'high'"),
        (["--set", "variant=tiavc"], "option 'variant' must be one of ti-avc, joint, baseline-1"),
        (["--set", "dropout=2"], "option 'dropout' must be at most 0.9; not 2.0"),
        (["--preset", "papr"], "unknown preset 'papr'; did you mean 'paper'?"),
        (["--seed", "-1"], "seed must lie in 0 to 2147483647; got -1"),
    ],
)
def test_options_that_do_not_fit(refused, tiny_corpus, tmp_path, more, message):
    words = ["train", "ti-avc", "--data", f"synthetic:{tiny_corpus}", "--out", tmp_path / "run"]
    assert refused(*words, *more).startswith(message)
    assert not (tmp_path / "run").exists()


def test_an_unknown_system_points_at_the_nearest(refused, tiny_corpus, tmp_path):
    line = refused(
        "train", "tiavc", "--data", f"synthetic:{tiny_corpus}", "--out", tmp_path / "run"
    )
    assert line.startswith("unknown system 'tiavc'; did you mean 'ti-avc'?")


def test_train_needs_a_system_and_data(refused, tmp_path):
    assert refused("train", "--out", tmp_path / "run") == (
        "give a SYSTEM and --data LAYOUT:PATH, or --from-run RUN"
    )


def test_a_folder_that_holds_something_else_is_left_alone(refused, train_words, tmp_path):
    (tmp_path / "thesis.tex").write_text("text")
    line = refused(*train_words(tmp_path))
    assert "not empty and no run folder (it holds 'thesis.tex'); use a new folder" in line
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_is_no_folder(refused, train_words, tmp_path):
    (tmp_path / "file").write_text("text")
    assert refused(*train_words(tmp_path / "file")).endswith("a file; a run needs a folder")
    assert "Not a directory" in refused(*train_words(tmp_path / "file" / "run"))


def test_a_finished_run_is_not_trained_again(refused, cli, train_words, run_copy):
    assert refused(*train_words(run_copy)).endswith("use --resume to go on with it")
    before = (run_copy / "model.keras").read_bytes()
    result = cli(*train_words(run_copy, "--resume"))
    assert result.exit_code == 0, result.stderr
    assert (run_copy / "model.keras").read_bytes() == before


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--set", "dropout=0.5"], "was begun with dropout=0.0, not 0.5"),
        (["--seed", "3"], "was begun with seed 0, not 3"),
    ],
)
def test_a_run_is_not_resumed_with_other_settings(refused, train_words, run_copy, more, message):
    assert message in refused(*train_words(run_copy, "--resume", *more))


def test_a_run_is_not_resumed_on_other_data(cli, refused, run_copy, small_options, tmp_path):
    other = tmp_path / "other"
    made = cli("data", "synth", "ti-avc", "--out", other, "--videos", 40, "--seed", 1,
               "--set", "visual_dim=32")  # fmt: skip
    assert made.exit_code == 0, made.stderr
    words = ["train", "ti-avc", "--data", f"synthetic:{other}", "--out", run_copy, "--resume"]
    assert "was begun on other data" in refused(*words, *options(small_options))


def test_an_interrupted_training_says_how_to_go_on(cli, train_words, tmp_path, monkeypatch):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    out = tmp_path / "my run"
    monkeypatch.setattr("kavc.training.stages.fit_stages", interrupt)
    result = cli(*train_words(out))
    assert result.exit_code == 130
    assert result.stderr.splitlines()[-2:] == [
        f"to go on: kavc train --resume --out '{out}'", "error: interrupted"
    ]  # fmt: skip
    monkeypatch.setattr("kavc.training.examples.Examples.info", interrupt)  # nothing is there yet
    result = cli(*train_words(tmp_path / "other"))
    assert result.exit_code == 130 and "to go on" not in result.stderr


def test_two_processes_cannot_have_one_folder(refused, train_words, tmp_path):
    with lock(tmp_path / "run"):
        line = refused(*train_words(tmp_path / "run"))
    assert "another process is writing to this folder" in line


def test_a_run_is_repeated_from_its_folder(cli, tiny_run, tmp_path):
    again = tmp_path / "again"
    result = cli("train", "--from-run", tiny_run, "--out", again, "--set", "max_steps=4",
                 "--set", "variant=baseline-1")  # fmt: skip
    assert result.exit_code == 0, result.stderr
    first, second = Run(tiny_run), Run(again)
    assert second.config == first.config.replace(max_steps=4, variant="baseline-1")
    assert second.data == first.data


def test_evaluate(cli, tiny_run, tmp_path):
    out = tmp_path / "report"
    result = cli("evaluate", tiny_run, "--json", "--out", out)
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["headline"] == Run(tiny_run).report.headline.to_json()
    assert json.loads((out / "report.json").read_text()) == report


def test_runs_side_by_side_are_a_table(cli, tiny_run, run_copy):
    result = cli("evaluate", tiny_run, run_copy)
    assert result.exit_code == 0, result.stderr
    assert "Match AUC on the same test pairs" in result.stdout


def test_data_of_another_kind_than_the_runs(cli, refused, tiny_run, tmp_path):
    other = tmp_path / "other"
    cli("data", "synth", "ti-avc", "--out", other, "--videos", 40, "--set", "visual_dim=16",
        "--set", "themes=3")  # fmt: skip
    line = refused("evaluate", tiny_run, "--data", f"synthetic:{other}")
    assert "does not fit" in line
    assert "{'audio': 128, 'visual': 32} and 12 classes" in line
    assert "{'audio': 128, 'visual': 16} and 3" in line


@pytest.mark.parametrize("command", [("evaluate",), ("export", "--to", "models")])
def test_a_folder_that_is_no_run(refused, tmp_path, command):
    name, *more = command
    line = refused(name, tmp_path, *more)
    assert line == f"{tmp_path}: no run folder (it holds no config.json)"


def spoil(path, change):
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


DAMAGES = {
    "no json": (lambda run: (run / "config.json").write_text("{nope"), "config.json: not readable"),
    "a list": (lambda run: (run / "config.json").write_text("[]"), "config.json: []; expected an"),
    "no entries": (lambda run: (run / "config.json").write_text("{}"), "config.json: no 'system'"),
    "options are text": (
        lambda run: spoil(run / "config.json", lambda v: v.update(options="x")),
        "config.json: 'options' is 'x'; expected names with values",
    ),
    "system is a list": (
        lambda run: spoil(run / "config.json", lambda v: v.update(system=[])),
        "config.json: 'system' is []; expected text",
    ),
    "foreign option": (
        lambda run: spoil(run / "config.json", lambda v: v["options"].update(color=1)),
        "config.json: not a run's settings (unknown option 'color'",
    ),
    "data without entries": (
        lambda run: (run / "data.json").write_text("{}"),
        "data.json: no 'source'; expected text",
    ),
    "no data": (lambda run: (run / "data.json").unlink(), "data.json: no such file"),
    "network cut": (
        lambda run: (run / "model.keras").write_bytes((run / "model.keras").read_bytes()[:-999]),
        "model.keras: not readable as a network of Keras",
    ),
    "network is text": (
        lambda run: (run / "model.keras").write_text("weights"),
        "model.keras: not readable as a network of Keras",
    ),
    "no network": (
        lambda run: (run / "model.keras").unlink(),
        "training has not ended; go on with `kavc train --resume`",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_runs(refused, run_copy, damage):
    change, message = DAMAGES[damage]
    change(run_copy)
    assert message in refused("evaluate", run_copy)


def test_reproduce_refuses_the_option_that_tells_rows_apart(refused, tiny_corpus, tmp_path):
    line = refused("reproduce", "ti-avc", "--data", f"synthetic:{tiny_corpus}", "--out",
                   tmp_path / "out", "--set", "variant=joint")  # fmt: skip
    assert line == "option 'variant' tells the rows of the table apart; leave it out"


DEVICES = """
import sys
from kavc.cli.main import main
try:
    main()
except SystemExit as end:
    assert end.code in (0, None), end.code
import tensorflow as tf
print(len(tf.config.list_logical_devices()))
"""


def test_devices_are_made_where_there_is_no_gpu(train_words, tmp_path):
    """In a process of its own, in which nothing has run on TensorFlow."""
    words = train_words(tmp_path / "run", "--devices", 2, variant="baseline-1")
    command = [sys.executable, "-c", DEVICES, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "2"
    assert Run(tmp_path / "run").finished


def test_devices_that_are_not_there(refused, train_words, tmp_path):
    tf.constant(0)  # from here on TensorFlow has the one CPU
    line = refused(*train_words(tmp_path / "run", "--devices", 2))
    assert line.startswith("2 devices were asked for, this process has 0 GPUs and 1 CPUs; ask for")
    assert not (tmp_path / "run").exists()


def test_reproduce_hands_the_devices_on(refused, tiny_corpus, small_options, tmp_path):
    tf.constant(0)
    line = refused("reproduce", "ti-avc", "--data", f"synthetic:{tiny_corpus}", "--out",
                   tmp_path / "out", "--seeds", 1, "--devices", 2,
                   *options(small_options))  # fmt: skip
    assert line.startswith("2 devices were asked for, this process has 0 GPUs and 1 CPUs; ask for")
    assert not (tmp_path / "out").exists()
