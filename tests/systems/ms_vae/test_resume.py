"""Killed and resumed: what the contract asks of the paper's recipe, of the two that differ most."""

from __future__ import annotations

import numpy as np
import pytest

from kavc.data.synthetic import ave
from kavc.data.synthetic.ave_knobs import knobs
from kavc.evaluation.headline import Headline
from kavc.evaluation.report import Report
from kavc.systems.ms_vae.system import MSVAESystem
from kavc.training.fit import train
from kavc.training.run import Run

from .small import OPTIONS


class Killed(BaseException):
    """Stands for a process that dies."""


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ave") / "corpus"
    small = knobs("default", latent_dim=8, audio_dim=12, visual_dim=16)
    ave.write(folder, small, counts={"train": 9, "validation": 5, "test": 5})
    return f"synthetic:{folder}"


@pytest.mark.slow  # the contract does the same for the paper's recipe
@pytest.mark.filterwarnings("ignore:Even though the .tf.config.experimental_run_functions_eagerly")
@pytest.mark.parametrize("preset", ["published-code", "improved"])
def test_a_run_that_is_killed_and_resumed_ends_with_the_same_bits(
    source, tmp_path, monkeypatch, without_graphs, preset
):
    """Steps of one video and two of the decoder; coordinates that are fitted before the fit.

    Longer than ten seconds: three trainings each.
    """
    report = Report("none", Headline("none", 1.0, "max", None, "%"))
    monkeypatch.setattr(MSVAESystem, "evaluate", lambda *_: report)
    arguments = {"preset": preset, "overrides": OPTIONS, "seed": 3}

    def die(stage, state):
        raise Killed

    whole = train("ms-vae", source, tmp_path / "whole", **arguments)
    with pytest.raises(Killed):
        train("ms-vae", source, tmp_path / "run", after_epoch=die, **arguments)
    assert not Run(tmp_path / "run").finished
    resumed = train("ms-vae", source, tmp_path / "run", resume=True, **arguments)
    for ours, theirs in zip(
        whole.network.get_weights(), resumed.network.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(theirs, ours)
    histories = [(run.path / "history.csv").read_text() for run in (whole, resumed)]
    assert histories[0] == histories[1]
