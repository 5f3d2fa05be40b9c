"""Thresholds that are fitted on validation: the same ones, wherever a run decides."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import tensorflow as tf

from kavc.cli.parse import of_run
from kavc.evaluation.report import Report
from kavc.export.run import export_run
from kavc.metrics.parsing_threshold import fit_parsing_threshold
from kavc.systems.av_parsing.events import events
from kavc.systems.av_parsing.held import read_held
from kavc.systems.av_parsing.system import AVParsingSystem
from kavc.systems.av_parsing.videos import all_features, truth
from kavc.training.evaluate import evaluate
from kavc.training.fit import train
from kavc.training.run import Run

pytestmark = [
    pytest.mark.usefixtures("without_graphs"),
    pytest.mark.filterwarnings("ignore:Even though the .tf.config.experimental_run_functions"),
]
OPTIONS = {
    "variant": "han", "gate": "modality", "threshold": "validation",
    "dim": 8, "units": 8, "batch_size": 16, "epochs": 3,
}  # fmt: skip
KNOBS = {"latent_dim": 8, "audio_dim": 12, "visual_dim": 16, "visual_3d_dim": 12}


def corpus(folder, **seeds):
    """Writes a small one; returns its source."""
    AVParsingSystem().synthesise(folder, videos=90, **seeds, overrides=KNOBS)
    return f"synthetic:{folder}"


class Killed(BaseException):
    """Stands for a process that dies."""


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return corpus(tmp_path_factory.mktemp("parsing") / "corpus", seed=0, world_seed=0)


@pytest.fixture(scope="module")
def run(source, tmp_path_factory):
    out = tmp_path_factory.mktemp("parsing") / "run"
    return train("av-parsing", source, out, overrides=OPTIONS, seed=1)


@pytest.fixture(scope="module")
def held(run):
    return read_held(run.system, run.source, run.config)


@pytest.fixture(scope="module")
def kept(run):
    return Run(run.path).network.pooling.thresholds


def test_it_is_the_best_of_the_epoch_whose_weights_are_kept(run, held, kept):
    answers = Run(run.path).network.predict(all_features(held.validation), verbose=0)
    gate = np.stack([answers[f"{of}_probability"] for of in ("audio", "visual")], axis=1)
    fitted = fit_parsing_threshold(
        answers["segment_probability"], gate, truth(held.validation, run.config.segments)
    )
    assert kept == pytest.approx((fitted.value, fitted.gate)) and kept != (0.5, 0.5)
    with open(run.path / "history.csv") as stream:
        scores = [float(row["val_segment_type_at_av"]) for row in csv.DictReader(stream)]
    assert max(scores) == pytest.approx(fitted.score / 100)


def test_evaluation_decides_by_it(run, kept):
    report = Run(run.path).report
    assert tuple(report.predictions["thresholds"]) == kept
    rows = report.table("gates").to_records()
    (chosen,) = [row for row in rows if row["config"]]
    assert (chosen["gate"], chosen["threshold by"]) == ("modality", "validation")
    assert (chosen["threshold"], chosen["gate's threshold"]) == pytest.approx(kept)
    assert chosen["segment, Type@AV"] == pytest.approx(report.headline.value)
    np.testing.assert_array_equal(
        evaluate([run.path]).predictions["predicted"], report.predictions["predicted"]
    )


def test_on_other_data_it_stays_what_it_was(run, kept, tmp_path):
    report = evaluate([run.path], data=corpus(tmp_path / "other", seed=7, world_seed=5))
    (chosen,) = [row for row in report.table("gates").to_records() if row["config"]]
    assert (chosen["threshold"], chosen["gate's threshold"]) == kept
    assert tuple(report.predictions["thresholds"]) == kept
    assert chosen["segment, Type@AV"] == pytest.approx(report.headline.value)


def test_the_export_and_the_command_decide_by_it(run, held, tmp_path):
    predicted = run.report.predictions["predicted"]
    features = all_features(held.test)
    loaded = tf.saved_model.load(export_run(run.path, tmp_path / "models"))
    inputs = {name: tf.constant(value) for name, value in features.items()}
    answers = loaded.signatures["parse"](**inputs)
    np.testing.assert_array_equal(answers["events"], predicted)
    names = [name.decode() for name in answers["class_names"].numpy()[0]]
    assert names == run.data["classes"]
    for video in range(3):
        found = of_run(Run(run.path), {name: value[video] for name, value in features.items()})
        probability = answers["segment_probability"].numpy()[video]
        expected = events(probability, predicted[video] == 1, names)
        assert [(e.start, e.end, e.modality, e.label) for e in found] == [
            (e.start, e.end, e.modality, e.label) for e in expected
        ]


def test_a_run_that_is_resumed_keeps_the_same(source, run, kept, tmp_path, monkeypatch):
    """Longer than ten seconds: two processes' trainings, whose graphs are traced."""
    report = Report("none", run.report.headline)  # of equal weights there is an equal report
    monkeypatch.setattr(AVParsingSystem, "evaluate", lambda *_: report)

    def die(stage, state):
        if state.epoch == 2:
            raise Killed

    arguments = {"overrides": OPTIONS, "seed": 1}
    with pytest.raises(Killed):
        train("av-parsing", source, tmp_path / "run", after_epoch=die, **arguments)
    resumed = train("av-parsing", source, tmp_path / "run", resume=True, **arguments)
    assert Run(resumed.path).network.pooling.thresholds == kept
    for mine, theirs in zip(resumed.network.get_weights(), run.network.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
