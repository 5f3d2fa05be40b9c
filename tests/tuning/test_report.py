"""What a sweep says: on folders whose trials were never trained, so that every number is known."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from kavc.errors import DataError
from kavc.evaluation.report import Report
from kavc.tuning.figures import best_so_far, learning_curves
from kavc.tuning.hparams import write_hparams
from kavc.tuning.importance import FEWEST, importance_of
from kavc.tuning.parallel import UNUSED, parallel_coordinates, scale_of
from kavc.tuning.report import report_of, write_report
from kavc.tuning.run import run_sweep
from kavc.tuning.settings import SweepSettings
from kavc.tuning.sweep import Sweep
from kavc.tuning.tables import best_table
from kavc.tuning.trial import COMPLETED, FAILED, RUNNING, Trial
from kavc.tuning.tuner import Limits

from ..legible import faults

DIVERGED = "stage 'only' diverged: loss is not finite after epoch {}; lower learning_rate"


def loss_of(values):
    """Decided by the learning rate, a little by the units, and by nothing else."""
    return 0.2 + abs(math.log10(values["learning_rate"]) + 2) + 0.01 * values["units"]


def drawn(random):
    """Values as random search draws them."""
    values = {
        "learning_rate": float(10 ** random.uniform(-3, -1)),
        "units": int(random.choice([2, 4, 8])),
        "groups": int(random.choice([1, 2])),
        "normalized": bool(random.integers(2)),
        "deep": int(random.integers(2)),
    }
    return values | ({"dropout": float(random.choice([0.1, 0.2]))} if values["deep"] else {})


class Recorder:
    """Writes trials into a sweep folder that has none."""

    def __init__(self, sweep):
        self.sweep = sweep
        self.number = 0

    def __call__(self, values, *, score=None, budget=2, reason=None, running=False):
        first = self.sweep.described["first"]
        self.number += 1
        options = first | values
        status = RUNNING if running else FAILED if reason else COMPLETED
        if status == COMPLETED and score is None:
            score = loss_of(options)
        ending = {} if running else {"seconds": {"fit": 1.0, "whole": 60.0 * self.number}}
        if status == COMPLETED:
            logs = [{"loss": score, "val_loss": score + late} for late in (0.3, 0.1, 0.0)]
            ending |= {"score": score, "best_epoch": {"only": 3}, "curve": {"only": logs}}
        Trial(
            id=f"{self.number - 1:02d}",
            number=self.number,
            status=status,
            values=values,
            options=options,
            changed={name: value for name, value in options.items() if first[name] != value},
            seed=0,
            budget=budget,
            reason=reason,
            **ending,
        ).write(self.sweep.path / f"trial_{self.number - 1:02d}")


@pytest.fixture
def sweep(system, data, tmp_path) -> Sweep:
    """A sweep of random search whose time was up at once."""
    settings = SweepSettings("small", data, tuner="random", trials=40, space={"scale": 1.0})
    return run_sweep(settings, tmp_path / "sweep", limits=Limits(minutes=0))


@pytest.fixture
def record(sweep) -> Recorder:
    """Adds trials to the sweep."""
    return Recorder(sweep)


@pytest.fixture
def full(sweep, record) -> Sweep:
    """The sweep with 30 trials that completed, 3 that failed and one that runs."""
    record({name: sweep.described["first"][name] for name in ("learning_rate", "units", "groups")}
           | {"normalized": False, "deep": 0})  # fmt: skip
    random = np.random.default_rng(0)
    for _ in range(29):
        record(drawn(random))
    record(drawn(random), reason=DIVERGED.format(1))
    record(drawn(random), reason="out of memory: 8 units")
    record(drawn(random), reason=DIVERGED.format(7))
    record(drawn(random), running=True)
    return sweep


def test_the_frame_has_every_trial_and_every_parameter_that_varies(full):
    frame = full.frame()
    assert list(frame.columns) == [
        "number", "status", "reason", "score", "budget", "seconds",
        "learning_rate", "units", "groups", "normalized", "deep", "dropout",
    ]  # fmt: skip
    assert frame["number"].tolist() == list(range(1, 35))
    assert frame["status"].value_counts().to_dict() == {COMPLETED: 30, FAILED: 3, RUNNING: 1}
    assert (frame["dropout"].isna() == (frame["deep"] == 0)).all()  # it makes no sense there
    assert frame["score"].isna().tolist() == [False] * 30 + [True] * 4
    done = frame[frame["status"] == COMPLETED]
    assert done["score"].tolist() == [loss_of(row) for row in done.to_dict("records")]


def test_an_empty_sweep_has_the_same_columns(sweep, full):
    assert list(Sweep(sweep.path).frame().columns) == list(full.frame().columns)


def test_the_report_of_an_earlier_version_says_how_to_make_it(full):
    (full.path / "made.json").unlink()
    call = f"kavc.tuning.write_report(Sweep('{full.path}'))"
    assert report_of(full).made.commands == (call,)


def test_the_report_lies_in_the_folder(full):
    report = write_report(full)
    assert Report.load(full.path).to_json() == report.to_json()
    names = {path.name for path in (full.path / "figures").iterdir()}
    assert names == {"parallel_coordinates.png", "importance.png", "learning_curves.png",
                     "best_so_far.png"}  # fmt: skip
    trials = pd.read_csv(full.path / "tables" / "trials.csv", float_precision="round_trip")
    np.testing.assert_array_equal(
        trials["score"], full.frame()["score"].to_numpy(float, None, np.nan)
    )
    assert trials["units"].dtype == np.int64
    assert trials["normalized"].dtype == bool
    assert "trial_" not in (full.path / "report.md").read_text()
    assert not list(full.path.rglob(".partial*"))


def test_the_report_names_the_best_what_it_changes_and_why_trials_failed(full):
    report = report_of(full)
    scores = [trial.score for trial in full.trials if trial.status == COMPLETED]
    best = report.table("best").to_records()
    assert [row["val_loss"] for row in best] == sorted(scores)[:5]
    assert report.headline.value == min(scores)
    changed = {row["option"]: row["first trial"] for row in report.table("changes").to_records()}
    assert changed == {name: str(full.described["first"][name]) for name in full.best.changed}
    failures = report.table("failures").to_records()
    assert [(row["count"], row["trials"]) for row in failures] == [(2, "31, 33"), (1, "32")]
    notes = "\n".join(report.notes)
    assert "30 of 40 trials completed, 3 failed" in notes
    assert f"is number {sorted(scores).index(scores[0]) + 1} of 30" in notes


@pytest.mark.parametrize(
    ("scores", "note"),
    [([], "0 of 40 trials completed"), ([None], "The first trial has no score: out of memory")],
)
def test_sweeps_without_a_score_are_reported_too(sweep, record, scores, note):
    for _ in scores:
        record({"units": 4}, reason="out of memory: 8 units")
    report = write_report(sweep)
    assert math.isnan(report.headline.value)
    assert report.figures == ()
    assert any(note in each for each in report.notes)


def test_one_trial_is_enough_for_figures(sweep, record):
    record({"learning_rate": 0.05, "units": 4, "groups": 1, "normalized": False, "deep": 0})
    write_report(sweep)
    report = write_report(sweep)  # over what is there
    run_sweep(sweep.settings, sweep.path, resume=True, limits=Limits(minutes=0))  # still a sweep
    assert [figure.name for figure in report.figures] == [
        "parallel_coordinates", "learning_curves", "best_so_far",
    ]  # fmt: skip
    assert "The first trial, the configuration that the sweep began with, is the best one." in (
        report.notes
    )


def test_damaged_records_are_named(full):
    (full.path / "trial_03" / "history.json").write_text("{}")
    with pytest.raises(DataError, match=r"trial_03/history.json: no 'id'; expected text"):
        write_report(full)


def test_the_only_parameter_that_matters_is_the_most_important_one(full):
    found = importance_of(full)
    assert found.problem is None
    assert found.names[0] == "learning_rate"
    assert set(found.names) == {each["name"] for each in full.varied}
    assert found.r2 > 0.5
    assert found.mean[0] > 0.5
    for mean, std in zip(found.mean[1:], found.std[1:], strict=True):
        assert abs(mean) < 0.1 + 3 * std


def test_a_parameter_below_another_does_not_take_its_importance(sweep, record):
    """The depth decides; where there is a dropout says the depth, but its value nothing."""
    random = np.random.default_rng(1)
    for _ in range(30):
        values = drawn(random)
        record(values, score=values["deep"] + 0.1 * random.random())
    found = importance_of(sweep)
    drops = dict(zip(found.names, found.mean, strict=True))
    assert found.names[0] == "deep"
    assert drops["deep"] > 5 * abs(drops["dropout"])


def test_importance_is_not_told_from_few_trials_or_from_noise(sweep, record):
    random = np.random.default_rng(2)
    for _ in range(FEWEST - 1):
        record(drawn(random))
    assert importance_of(sweep).problem == "9 completed trials are too few; 10 are the least"
    for trial in sweep.trials:
        (sweep.path / f"trial_{trial.id}" / "history.json").unlink()
    for _ in range(20):
        record(drawn(random), score=random.random())
    found = importance_of(sweep)
    assert found.trials == 20
    assert found.r2 < 0
    assert "no better than the mean does" in found.problem


def test_equal_scores_tell_nothing(sweep, record):
    random = np.random.default_rng(3)
    for _ in range(12):
        record(drawn(random), score=1.0)
    assert importance_of(sweep).problem == "all trials score alike"
    write_report(sweep)


def test_more_epochs_are_no_merit_of_a_parameter(sweep, record):
    """As Hyperband has it: the score is decided by the epochs alone, and so nothing is told."""
    random = np.random.default_rng(4)
    for number in range(30):
        budget = 1 + number % 2
        record(drawn(random), budget=budget, score=1 / budget + 0.01 * random.random())
    report = report_of(sweep)
    assert any("Importance can't be told: a random forest" in note for note in report.notes)
    assert any("had 1 epochs and not 2: its score can't" in note for note in report.notes)
    assert "importance" not in {figure.name for figure in report.figures}
    assert "Coloured are the 15 on 2 epochs" in report.figures[0].caption
    assert [row["epochs"] for row in report.table("best").to_records()] == [2] * 5


@pytest.mark.parametrize(
    ("parameter", "places"),
    [
        ({"values": [2, 4, 8], "kind": "choice"}, {2: 0, 4: 0.5, 8: 1}),
        ({"values": [True, False], "kind": "boolean"}, {False: 0, True: 1}),
        ({"low": 1, "high": 5, "sampling": "linear"}, {1: 0, 2: 0.25, 5: 1}),
        ({"low": 1e-4, "high": 1e-2, "sampling": "log"}, {1e-4: 0, 1e-3: 0.5, 1e-2: 1}),
        ({"low": 0.9, "high": 0.99, "sampling": "reverse_log"}, {0.9: 0, 0.99: 1}),
    ],
)
def test_the_axes_of_parallel_coordinates(parameter, places):
    scale = scale_of({"name": "it"} | parameter)
    assert {value: pytest.approx(scale.place(value)) for value in places} == places
    shown = [float(text) for _, text in scale.ticks if text not in ("True", "False")]
    for value, (place, _) in zip(shown, scale.ticks, strict=False):
        assert scale.place(value) == pytest.approx(place, abs=0.01)


def test_parallel_coordinates_leave_failures_out_and_count_them(full):
    figure = parallel_coordinates(full)
    assert "30 completed trials" in figure.caption
    assert "Failed and left out: 3." in figure.caption
    canvas = drawn_on(figure)
    lines = [line for line in canvas.axes[0].lines if len(line.get_xdata()) == 7]
    assert len(lines) == 30 + 4  # the three best and the first one again, in front
    ends = [line.get_ydata()[-1] for line in lines[30:33]]
    assert ends == sorted(ends, reverse=True) and ends[0] == 1  # on top
    named = [line.get_label().split(":")[0] for line in lines[30:]]
    assert named == ["best", "2nd", "3rd", "first trial"]
    assert lines[30].get_zorder() > lines[29].get_zorder()
    assert sum(line.get_ydata()[5] < UNUSED / 2 for line in lines[:30]) == sum(
        "dropout" not in trial.values for trial in full.trials[:30]
    )


NAMES = [
    "learning_rate", "batch_size", "embedding_dim", "class_weight", "coordinates", "units", "depth",
    "dropout", "kernel_width", "kernel_ridge", "mixing", "weight_decay", "ema_momentum",
    "warm_up_steps",
]  # fmt: skip


def test_fourteen_parameters_are_legible_in_two_rows(sweep, record):
    ranges = {"kind": "float", "low": 1e-5, "high": 1e-2, "sampling": "log"}
    choices = {"kind": "choice", "values": ["none", "published", "improved"]}
    space = [{"name": name} | (choices if at % 3 else ranges) for at, name in enumerate(NAMES)]
    sweep.described |= {"space": space, "first": dict.fromkeys(NAMES)}
    random = np.random.default_rng(6)
    for _ in range(30):
        values = {
            each["name"]: str(random.choice(each["values"]))
            if "values" in each
            else float(10 ** random.uniform(-5, -2))
            for each in space
        }
        del values["warm_up_steps"]
        record(values, score=random.random())
    figure = parallel_coordinates(sweep)
    assert faults(figure, weighed=True) == []
    canvas = figure.drawn()
    rows = [axes for axes in canvas.axes if len(axes.lines) > 30]
    assert [len(axes.lines[0].get_xdata()) for axes in rows] == [8, 8]  # seven and the score
    for axes in rows:
        low, high = axes.get_ylim()
        assert all(low <= line.get_ydata().min() <= line.get_ydata().max() <= high
                   for line in axes.lines)  # fmt: skip
    assert [text.get_text() for text in rows[1].texts].count("not used") == 1


@pytest.mark.parametrize("draw", [best_so_far, learning_curves])
def test_a_sweeps_other_pictures_are_legible(full, draw):
    assert faults(draw(full)) == []


def test_higher_is_better_where_the_objective_says_so(sweep, record):
    sweep.described["objective"] = {"name": "val_loss", "direction": "max"}
    random = np.random.default_rng(5)
    for _ in range(4):
        record(drawn(random))
    scores = [trial.score for trial in sweep.trials]
    lines = drawn_on(parallel_coordinates(sweep)).axes[0].lines
    assert [line.get_ydata()[-1] for line in lines[:4]] == pytest.approx(
        (np.sort(scores) - min(scores)) / np.ptp(scores)
    )
    assert report_of(sweep).headline.value == max(scores)


@pytest.mark.parametrize(
    ("objective", "label"), [("val_auc", "val_auc (fraction)"), ("val_loss", "val_loss")]
)
def test_a_logged_share_is_said_to_be_a_fraction(sweep, record, objective, label):
    sweep.described["objective"] = {"name": objective, "direction": "max"}
    record({"learning_rate": 0.05, "units": 4, "groups": 1, "normalized": False, "deep": 0})
    for trial in sweep.trials:
        path = sweep.path / f"trial_{trial.id}" / "history.json"
        path.write_text(path.read_text().replace('"val_loss"', f'"{objective}"'))
    assert best_table(sweep).columns[1].label == label
    for figure in (learning_curves(sweep), best_so_far(sweep)):
        assert drawn_on(figure).axes[0].get_ylabel() == f"{label}\nhigher is better"


def drawn_on(figure):
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(layout="constrained")
    figure.draw(canvas)
    return canvas


def test_tensorboard_finds_every_trial_with_its_parameters_and_score(full):
    folder = full.path / "tensorboard"
    write_hparams(full, folder)
    config = hparams_of(folder, "_hparams_/experiment").experiment
    assert [each.name for each in config.hparam_infos] == [each["name"] for each in full.varied]
    assert [each.name.tag for each in config.metric_infos] == ["score"]
    assert len([path for path in folder.iterdir() if path.is_dir()]) == 34
    for trial in full.trials:
        run = folder / f"trial-{trial.number:03d}"
        start = hparams_of(run, "_hparams_/session_start_info").session_start_info
        found = {name: value.WhichOneof("kind") for name, value in start.hparams.items()}
        assert set(found) == set(trial.values)
        assert start.hparams["learning_rate"].number_value == trial.values["learning_rate"]
        events = accumulated(run)
        if trial.status == COMPLETED:
            (score,) = events.Tensors("score")
            assert tf.make_ndarray(score.tensor_proto) == np.float32(trial.score)
            assert [each.step for each in events.Tensors("only/val_loss")] == [1, 2, 3]
        else:
            assert "score" not in events.Tags()["tensors"]


def accumulated(folder):
    events = EventAccumulator(str(folder))
    events.Reload()
    return events


def hparams_of(folder, tag):
    metadata = accumulated(folder).SummaryMetadata(tag)
    return HParamsPluginData.FromString(metadata.plugin_data.content)
