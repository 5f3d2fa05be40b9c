"""What a training tells while it goes on."""

from __future__ import annotations

import pytest

from kavc import progress
from kavc.training.fit import train

STAGES = ("first", "second")


@pytest.fixture
def trained(system, source, tmp_path):
    """Trains the tiny system, two epochs a stage, into a folder."""

    def run(epochs=2, **options):
        return train(system, source, tmp_path / "run", overrides={"epochs": epochs}, **options)

    return run


def test_a_training_says_what_begins_what_decides_and_what_came_of_it(trained, told):
    run = trained()
    first, counts, planned, *ended = told.lines
    assert first == f"tiny, preset paper, seed 0, on {run.source}, into {run.path}"
    assert counts == "60 examples: train 60"
    weights = sum(weight.size for weight in run.network.get_weights())
    assert planned.startswith(
        f"{weights:,} parameters; epochs at most: first 2, second 2; batches of 7; CPU, "
    )
    assert [line.partition(" in ")[0] for line in ended] == [f"{s}: 2 epochs" for s in STAGES]
    assert all(", best val_loss " in line for line in ended)
    reading = [task for task in told.ended if task.name.startswith("reading ")]
    assert [(task.name.rpartition(", ")[2], task.total) for task in reading] == [
        ("train", 60), ("validation", None)
    ]  # fmt: skip

    columns, *rows = (run.path / "history.csv").read_text().splitlines()
    at = columns.split(",").index("val_loss")
    assert [(name, where) for name, where, _ in told.notes] == [
        (stage, f"epoch {n} of 2") for stage in STAGES for n in (1, 2)
    ]
    for row, (_, _, note) in zip(rows, told.notes, strict=True):
        value = float(row.split(",")[at])
        assert note.startswith(f"val_loss {value:.4f} (best ") and " at epoch " in note


def test_steps_are_counted_also_where_a_fit_goes_on(trained, told):
    class Stopped(Exception):
        pass

    def stop(stage, state):
        raise Stopped

    with pytest.raises(Stopped):
        trained(after_epoch=stop)
    assert set(told.begun) == set(told.ended)  # an error ends them, too
    begun = [task for task in told.begun if task.unit == "steps"]
    assert [(task.name, task.total, task.complete) for task in begun] == [("first", 18, False)]
    told.begun.clear()
    trained(resume=True)
    first, second = [task for task in told.begun if task.unit == "steps"]
    assert (first.done, second.done) == (18, 18)
    assert told.lines[-2].startswith("first: 1 epoch in ")


def test_a_part_of_a_whole_says_no_lines(trained, told):
    with progress.task("sweep") as outer:
        trained(epochs=1)
    assert told.lines == []
    assert all(outer in task.within for task in told.begun[1:])


@pytest.mark.parametrize("verbose", [0, "auto"])
def test_what_is_told_goes_to_standard_error_unless_nothing_is_wanted(trained, capsys, verbose):
    trained(epochs=1, verbose=verbose)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("tiny, preset paper") == (verbose != 0)
    assert bool(printed.err) == (verbose != 0) and "\x1b" not in printed.err
