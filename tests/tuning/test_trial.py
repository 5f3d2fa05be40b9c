"""A trial is the training that `kavc train` does, without its run folder."""

from __future__ import annotations

import csv

import keras_tuner
import numpy as np

from kavc.training.run import Run
from kavc.tuning.hypermodel import SystemHyperModel


def test_a_trial_ends_with_the_weights_of_the_same_training(
    embedding_corpus, embedding_options, embedding_run
):
    """Averaged weights, fitted coordinates, the best epoch: bit for bit."""
    hypermodel = SystemHyperModel(
        "cross-modal-embedding",
        f"synthetic:{embedding_corpus}",
        preset="improved",
        overrides=embedding_options,
        patience=embedding_options["epochs"],
    )
    hp = keras_tuner.HyperParameters()
    network = hypermodel.build(hp)
    fit = hypermodel.trial_fit(hypermodel.config(hp))
    fit.run(network)
    with open(embedding_run / "history.csv") as stream:
        rows = list(csv.DictReader(stream))
    (state,) = fit.states.values()
    assert [repr(logs["val_recall_at_1"]) for logs in state.history] == [
        row["val_recall_at_1"] for row in rows
    ]
    for a, b in zip(network.get_weights(), Run(embedding_run).network.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_budget_shortens_every_stage_and_the_schedule(embedding_corpus, embedding_options):
    options = embedding_options | {"epochs": 6, "learning_rate": 1e-3, "warm_up_steps": 0}
    hypermodel = SystemHyperModel(
        "cross-modal-embedding",
        f"synthetic:{embedding_corpus}",
        preset="improved",
        overrides=options,
    )
    fit = hypermodel.trial_fit(hypermodel.base, budget=2)
    (stage,) = fit.stages
    assert (stage.epochs, stage.patience) == (2, 1)
    stage.steps = 5
    rate = stage.compile_arguments()["optimizer"]._learning_rate
    assert float(rate(10)) == 0  # the cosine ends with the fit


def test_stages_have_their_share_of_a_budget(tiny_corpus, small_options):
    options = small_options | {"epochs": 10, "alignment_epochs": 30, "patience": 4}
    hypermodel = SystemHyperModel("ti-avc", f"synthetic:{tiny_corpus}", overrides=options)
    fit = hypermodel.trial_fit(hypermodel.base, budget=1)
    assert [stage.epochs for stage in fit.stages] == [3, 1, 1]
    assert [stage.patience for stage in fit.stages] == [4, 4, 4]
