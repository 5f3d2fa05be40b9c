"""What holds for every system's training: run, report, export of the run, resume."""

from __future__ import annotations

import csv
import math
import shutil

import keras
import numpy as np
import pytest

from kavc.errors import ConfigError, DataError
from kavc.evaluation.report import Report
from kavc.export import export_run
from kavc.export.example import EXAMPLE
from kavc.serving.arrays import load_inputs
from kavc.training.evaluate import evaluate
from kavc.training.fit import train
from kavc.training.index import build_index
from kavc.training.run import Run

from ...legible import HEAVIEST, faults


class Killed(BaseException):
    """Stands for a process that dies."""


def begun(small, seed):
    """The network as a training begins with it."""
    keras.utils.set_random_seed(seed)
    return small.system.build(small.config)


def test_every_loss_is_a_number_and_every_stage_trains_something(small, run):
    with open(run.path / "history.csv") as stream:
        rows = list(csv.DictReader(stream))
    stages = small.system.stages(small.config)
    assert {row["stage"] for row in rows} == {stage.name for stage in stages}
    for row in rows:
        values = {name: value for name, value in row.items() if value and name != "stage"}
        assert {"loss", "val_loss"} <= set(values)
        assert all(math.isfinite(float(value)) for value in values.values())
    before, after = begun(small, run.settings.seed), run.network
    assert before.get_config() == after.get_config()
    moved = [
        not np.array_equal(mine, theirs)
        for mine, theirs in zip(before.get_weights(), after.get_weights(), strict=True)
    ]
    assert sum(moved) > len(moved) / 2
    assert all(np.isfinite(weight).all() for weight in after.get_weights())


def test_the_report_has_a_headline_tables_and_figures(run):
    report = run.report
    assert math.isfinite(report.headline.value) and report.headline.name
    assert report.tables and all(table.rows for table in report.tables)
    for figure in report.figures:
        assert 0 < (run.path / "figures" / f"{figure.name}.png").stat().st_size < HEAVIEST
    again = Report.from_json(report.to_json(), run.path)
    assert again.to_json() | {"predictions": []} == report.to_json() | {"predictions": []}
    assert report.headline.name in report.to_markdown()


def test_an_evaluation_says_again_what_the_report_said(run):
    found = evaluate([run.path])
    assert [fault for figure in found.figures for fault in faults(figure)] == []
    assert found.headline == run.report.headline
    for name, values in run.report.predictions.items():
        np.testing.assert_array_equal(found.predictions[name], values)


def test_runs_are_compared_and_summarised_where_a_system_can(small, run):
    report = run.report
    system = type(small.system)
    if "compare" in vars(system):
        compared = small.system.compare({"one": report, "two": report})
        assert compared.tables and "one" in compared.to_markdown()
    if "summarise" in vars(system):
        rows = [row.label for row in small.system.rows(small.config)]
        reports = {label: [report, report] for label in rows}
        summary = small.system.summarise(reports, small.source, small.config)
        assert all(label in summary.to_markdown() for label in rows)
        assert [fault for figure in summary.figures for fault in faults(figure)] == []


def test_an_export_of_the_run_has_a_card_and_the_names_of_its_classes(run, tmp_path):
    folder = export_run(run, tmp_path / "models")
    assert folder == tmp_path / "models" / run.system.name / "1"
    card = (folder / "assets.extra" / "model_card.md").read_text(encoding="utf-8")
    headline, paper = run.report.headline, run.system.paper
    for said in (run.system.name, paper.title, paper.url, headline.name, f"{headline.value:.4g}"):
        assert said in card
    assert all(f"| {name} | `{value}` |" in card for name, value in run.config.to_dict().items())
    classes = (folder / "assets" / run.system.class_file).read_text(encoding="utf-8")
    assert classes.splitlines() == list(run.data["classes"])
    asked = run.predict(load_inputs(folder / EXAMPLE))  # as the graph was before it was written
    assert all(len(answer) == 2 and np.isfinite(answer).all() for answer in asked.values())


def test_every_modality_has_embeddings_of_norm_1_and_an_index(run, tmp_path):
    for modality in run.system.modalities:
        index = build_index(run, tmp_path / modality, modality=modality)
        assert len(index) > 0
        np.testing.assert_allclose(np.linalg.norm(index.vectors, axis=1), 1, atol=1e-5)  # float32
        _, scores = index.search(index.vectors[:3], 1, corrected=False)
        np.testing.assert_allclose(scores[:, 0], 1, atol=1e-5)  # each finds itself, or its equal


def test_what_is_fitted_to_the_network_is_found_again_and_is_of_its_weights(run, tmp_path):
    """Files alike when it is made anew, as for a run of an earlier version; refused elsewhere."""
    place = run.calibration
    if place is None:
        pytest.skip(f"{run.system.name} fits nothing to a trained network")
    files = {path.relative_to(place): path.read_bytes() for path in place.rglob("*.*")}
    assert files
    shutil.copytree(run.path, tmp_path / "run")
    again = Run(tmp_path / "run")
    shutil.rmtree(again.calibration)
    train(
        run.system, run.source, again.path, preset=run.settings.preset,
        overrides=run.settings.overrides, seed=run.settings.seed, resume=True,
    )  # fmt: skip
    made = {path.relative_to(again.calibration): path.read_bytes()
            for path in again.calibration.rglob("*.*")}  # fmt: skip
    assert made == files
    assert Run(again.path).report.headline == run.report.headline
    next(again.calibration.rglob("*.json")).unlink()
    with pytest.raises(DataError, match=r"train --resume` makes it again$"):
        _ = Run(again.path).network
    network = run.system.build(run.config)
    with pytest.raises(ConfigError):
        run.system.attach(network, place)


def test_a_run_that_is_killed_and_resumed_ends_with_the_same_bits(
    small, run, tmp_path, monkeypatch
):
    """Killed after an epoch of the last stage, so that what came before is found again.

    Longer than ten seconds: two trainings, whose graphs are traced.
    """
    # Of equal weights there is an equal report, as another test says.
    report = Report("none", run.report.headline)
    monkeypatch.setattr(type(small.system), "evaluate", lambda *_: report)
    last = small.system.stages(small.config)[-1].name

    def die(stage, state):
        if stage.name == last:
            raise Killed

    arguments = {"preset": small.preset, "overrides": small.overrides, "seed": run.settings.seed}
    with pytest.raises(Killed):
        train(small.system, small.source, tmp_path / "run", after_epoch=die, **arguments)
    assert not Run(tmp_path / "run").finished
    resumed = train(small.system, small.source, tmp_path / "run", resume=True, **arguments)
    weights = zip(run.network.get_weights(), resumed.network.get_weights(), strict=True)
    for whole, parts in weights:
        np.testing.assert_array_equal(parts, whole)
    histories = [(each.path / "history.csv").read_text() for each in (run, resumed)]
    assert histories[0] == histories[1]
