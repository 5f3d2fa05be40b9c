"""`kavc tune`: sweeps of both systems, and what is refused."""

from __future__ import annotations

import json

import pytest

from kavc.tuning.sweep import Sweep


def options(small, **changes):
    return [
        word for item in (small | changes).items() for word in ("--set", "=".join(map(str, item)))
    ]


@pytest.fixture
def ti_avc(tiny_corpus, small_options):
    """The words of a sweep of Ti-AVC, of two trials."""

    def words(out, *more):
        return ["tune", "run", "ti-avc", "--data", f"synthetic:{tiny_corpus}", "--out", out,
                "--tuner", "random", "--trials", "2", *options(small_options), "--space",
                "learning_rate={low: 1e-4, high: 1e-2, sampling: log}", "--space", "units=[4, 8]",
                *[word for name in FIXED for word in ("--space", name)], *more]  # fmt: skip

    return words


FIXED = ("batch_size=64", "embedding_dim=8", "filters=8", "kernel_size=1", "alignment_epochs=0")


def test_a_sweep_says_how_it_goes_and_what_was_best(cli, ti_avc, tmp_path):
    result = cli(*ti_avc(tmp_path / "sweep", "--json"))
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    sweep = Sweep(tmp_path / "sweep")
    assert (found["completed"], found["failed"], found["planned"]) == (2, 0, 2)
    assert found["best"]["score"] == sweep.best.score
    assert found["objective"] == {"name": "val_auc", "direction": "max"}
    lines = result.stderr.splitlines()
    assert lines[0].startswith("random sweep of ti-avc, preset paper, on synthetic:")
    assert "2 trials, epochs of each at most: 1" in lines
    assert "the space leaves the preset out: the first trial has kernel_size=1" in lines
    for number in (1, 2):
        (line,) = [line for line in lines if line.startswith(f"[{number}/2] val_auc 0.")]
        assert "; best 0." in line
    again = cli("tune", "run", "--resume", "--out", tmp_path / "sweep")  # all is in the folder
    assert again.exit_code == 0, again.stderr
    assert "goes on after 2 of 2 trials" in again.stderr
    assert "Best of 2 trials" in again.stdout


@pytest.mark.slow  # two trainings of the embedding; tests/tuning/test_trial.py has one
def test_a_sweep_file_and_options_over_it(
    cli, refused, embedding_corpus, embedding_options, tmp_path
):
    file = tmp_path / "sweep.yaml"
    text = {
        "system": "cross-modal-embedding",
        "preset": "improved",
        "data": f"synthetic:{embedding_corpus}",
        "set": embedding_options | {"epochs": 2},
        "tuner": "grid",
        "trials": 9,
        "space": {"dropout": [0.2, 0.3], "depth": 1, "kernel_features": [0, 32]},
    }
    file.write_text(json.dumps(text))  # which is YAML, too
    result = cli("tune", "run", file, "--out", tmp_path / "sweep", "--trials", "2")
    assert result.exit_code == 0, result.stderr
    sweep = Sweep(tmp_path / "sweep")
    assert [trial.number for trial in sweep.trials] == [1, 2]
    assert {trial.status for trial in sweep.trials} == {"completed"}
    assert sweep.objective == "val_recall_at_1"
    line = refused("tune", "run", "ti-avc", "--data", f"synthetic:{embedding_corpus}", "--resume",
                   "--out", tmp_path / "sweep")  # fmt: skip
    assert "was begun with system 'cross-modal-embedding', not 'ti-avc'" in line


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--space", "unit=4"], "unknown option 'unit'; did you mean 'units'"),
        (["--space", "dropout=2"], "'dropout' must be at most 0.9; not 2.0"),
        (["--space", "dropout=[4"], "--space dropout: not readable as YAML"),
        (["--space", "units"], "not of the form name=value"),
        (["--set", "unit=4"], "unknown option 'unit'; did you mean 'units'"),
        (["--objective", "val_los"], "say which way is better"),
        (["--tuner", "hyperbad"], "unknown tuner 'hyperbad'; did you mean 'hyperband'"),
        (["--trials", "0"], "trials must be a whole number from 1"),
        (["--preset", "imporved"], "unknown preset 'imporved'; did you mean 'improved'"),
    ],
)
def test_sweeps_that_do_not_fit(refused, ti_avc, tmp_path, more, message):
    assert message in refused(*ti_avc(tmp_path / "sweep", *more))


def test_what_there_is_to_run(refused, tmp_path):
    assert "give a SWEEP.yaml or a SYSTEM" in refused("tune", "run", "--out", tmp_path)
    assert "unknown system 'ti-avk'; did you mean 'ti-avc'" in refused(
        "tune", "run", "ti-avk", "--out", tmp_path
    )
    assert "no sweep folder" in refused("tune", "run", "--resume", "--out", tmp_path)
    assert "needs its data" in refused("tune", "run", "ti-avc", "--out", tmp_path)
    missing = refused("tune", "run", tmp_path / "none.yaml", "--out", tmp_path)
    assert missing.endswith("none.yaml: no such file")


def test_a_sweep_whose_time_is_up_says_so_by_its_exit_code(cli, ti_avc, tmp_path):
    result = cli(*ti_avc(tmp_path / "sweep", "--max-minutes", "0"))
    assert result.exit_code == 3, result.stderr
    assert "No trial has completed yet" in result.stdout
    assert "0 of 2 trials completed, 0 failed" in result.stderr
    assert f"to go on: kavc tune run --resume --out {tmp_path / 'sweep'}" in result.stderr


def test_interrupted_sweeps_say_how_to_go_on(cli, ti_avc, tmp_path, monkeypatch):
    from kavc.tuning.progress import Progress

    def interrupt(self, trial):
        raise KeyboardInterrupt

    monkeypatch.setattr(Progress, "on_trial_begin", interrupt)
    result = cli(*ti_avc(tmp_path / "sweep"))
    assert result.exit_code == 130
    assert f"to go on: kavc tune run --resume --out {tmp_path / 'sweep'}" in result.stderr


def test_the_space_is_listed(cli):
    result = cli("tune", "space", "ti-avc", "--set", "variant=joint")
    assert result.exit_code == 0, result.stderr
    assert "theme_loss_weight" in result.stdout
    assert "1e-05 to 0.01, log" in result.stdout
    found = json.loads(cli("tune", "space", "cross-modal-embedding", "--json").stdout)
    assert {"name", "kind", "default", "when"} <= set(found[0])
