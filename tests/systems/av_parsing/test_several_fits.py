"""Rows that are trained in two fits: refined labels and pretrained encoders, killed in either fit.

Longer than ten seconds: of each kind one training, and another one that dies twice.
"""

from __future__ import annotations

import shutil

import keras_tuner
import numpy as np
import pytest

from kavc.data.synthetic import llp
from kavc.data.synthetic.llp_knobs import knobs
from kavc.errors import ConfigError, DataError
from kavc.evaluation.headline import Headline
from kavc.evaluation.report import Report
from kavc.systems.av_parsing import pseudo_labels
from kavc.systems.av_parsing.system import AVParsingSystem
from kavc.training.fit import train
from kavc.tuning.hypermodel import SystemHyperModel

pytestmark = [
    pytest.mark.usefixtures("without_graphs"),
    pytest.mark.filterwarnings("ignore:Even though the .tf.config.experimental_run_functions"),
]
SMALL = {
    "dim": 8, "units": 8, "batch_size": 16, "epochs": 2, "encoder_dim": 8, "encoder_layers": 1,
    "encoder_heads": 2, "encoder_units": 8, "grounding_epochs": 2,
}  # fmt: skip
KINDS = {
    # So fast that after an epoch some labels go.
    "refined": {
        "variant": "refined", "contrastive_weight": 1.0, "keep": "last", "learning_rate": 0.01,
    },
    "pretrained": {"variant": "pretrain-multi", "grounding_alternates": True},
}  # fmt: skip
ARTEFACTS = {
    "refined": ("refined", "refined_labels.npz"),
    "pretrained": ("parsing", "representations.npz"),
}
SEED = 3


class Killed(BaseException):
    """Stands for a process that dies."""


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parsing") / "corpus"
    small = knobs("default", latent_dim=8, audio_dim=12, visual_dim=16, visual_3d_dim=12)
    llp.write(folder, small, videos=72, sample_seed=0, world_seed=0)
    return f"synthetic:{folder}"


@pytest.fixture(scope="module", autouse=True)
def _no_reports():
    """Reports are another test's."""
    with pytest.MonkeyPatch.context() as patch:
        report = Report("none", Headline("none", 0.0, "max"))
        patch.setattr(AVParsingSystem, "evaluate", lambda *_: report)
        yield


def run_of(kind, source, out, **more):
    return train("av-parsing", source, out, overrides=SMALL | KINDS[kind], seed=SEED, **more)


@pytest.fixture(
    scope="module", params=["refined", pytest.param("pretrained", marks=pytest.mark.slow)]
)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def whole(kind, source, tmp_path_factory):
    return run_of(kind, source, tmp_path_factory.mktemp("whole") / "run")


def artefact(run, kind):
    stage, name = ARTEFACTS[kind]
    return run.path / "artefacts" / stage / "train" / name


def test_killed_after_each_fits_first_epoch_it_ends_with_the_same_bits(
    kind, whole, source, tmp_path
):
    died = set()

    def die(stage, state):
        if state.epoch == 1 and stage.name not in died:
            died.add(stage.name)
            raise Killed

    for _ in range(2):
        with pytest.raises(Killed):
            run_of(kind, source, tmp_path / "run", resume=True, after_epoch=die)
    resumed = run_of(kind, source, tmp_path / "run", resume=True, after_epoch=die)
    assert len(died) == 2
    assert (resumed.path / "history.csv").read_text() == (whole.path / "history.csv").read_text()
    weights = zip(whole.network.get_weights(), resumed.network.get_weights(), strict=True)
    for mine, theirs in weights:
        np.testing.assert_array_equal(mine, theirs)
    assert artefact(resumed, kind).read_bytes() == artefact(whole, kind).read_bytes()


def test_an_artefact_is_made_anew_when_the_fit_before_it_is(kind, whole, source, tmp_path):
    """What the first fit left is gone, and the artefact spoilt, as if it were of other weights."""
    out = shutil.copytree(whole.path, tmp_path / "run")
    first = {"refined": "estimation", "pretrained": "grounding"}[kind]
    for stage in (first, ARTEFACTS[kind][0]):
        shutil.rmtree(out / "checkpoints" / stage)
    made_by = artefact(whole, kind).parent / "made_by.json"
    made = out / made_by.relative_to(whole.path)
    made.write_text(made_by.read_text().replace('"weights": "', '"weights": "0'))
    (out / "model.keras").unlink()
    stale = out / artefact(whole, kind).relative_to(whole.path)
    before = stale.stat().st_ino
    again = run_of(kind, source, out, resume=True)
    assert stale.stat().st_ino != before
    assert made.read_text() == made_by.read_text()
    for mine, theirs in zip(whole.network.get_weights(), again.network.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_trial_of_a_sweep_ends_with_the_same_bits(kind, whole, source):
    hypermodel = SystemHyperModel(
        "av-parsing", source, overrides=SMALL | KINDS[kind], seed=SEED, patience=99
    )
    network = hypermodel.build(keras_tuner.HyperParameters())
    hypermodel.trial_fit(hypermodel.base).run(network)
    for mine, theirs in zip(whole.network.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_refined_labels_are_some_of_the_videos(whole, kind):
    if kind != "refined":
        pytest.skip("no labels are refined")
    with np.load(artefact(whole, kind), allow_pickle=False) as found:
        kept = found["modalities"]
    assert kept.dtype == bool and kept.shape[1:] == (2, 25)
    assert kept.any(axis=(1, 2)).any()


def test_a_file_of_refined_labels_is_one_fit(whole, kind, source, tmp_path):
    if kind != "refined":
        pytest.skip("no labels are refined")
    file = artefact(whole, kind)
    options = SMALL | KINDS["refined"] | {"refined_labels": str(file)}
    run = train("av-parsing", source, tmp_path / "run", overrides=options, seed=SEED)
    assert {path.name for path in (run.path / "checkpoints").iterdir()} == {"parsing"}
    assert run.config.refined_labels_sha256 == pseudo_labels.digest(file)
    for mine, theirs in zip(whole.network.get_weights(), run.network.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def refused(source, out, **options):
    with pytest.raises((ConfigError, DataError)) as error:
        train("av-parsing", source, out, overrides=SMALL | options, seed=0)
    assert "\n" not in str(error.value)
    assert not (out / "checkpoints").exists()
    return str(error.value)


def test_bad_input_is_refused_before_the_fit(source, tmp_path):
    ids, *_ = llp.read_truth(source.removeprefix("synthetic:"), "validation")
    other = tmp_path / "other.npz"
    pseudo_labels.write_modalities(other, ids, np.zeros((len(ids), 2, 25), bool))
    said = refused(source, tmp_path / "run", variant="refined", refined_labels=str(other))
    assert "training videos have no labels, such as" in said
    ids, *_ = llp.read_truth(source.removeprefix("synthetic:"), "train")
    pseudo_labels.write_modalities(other, ids, np.ones((len(ids), 2, 25), bool))
    said = refused(source, tmp_path / "run", variant="refined", refined_labels=str(other))
    assert "has a label there that it doesn't have in the data" in said
    np.save(tmp_path / "silence.npy", np.zeros(128, "float32"))
    said = refused(
        source, tmp_path / "run", variant="pretrain-uni", silence=str(tmp_path / "silence.npy")
    )
    assert "expected the audio features of silence, finite floats (12,)" in said
    said = refused(source, tmp_path / "run", variant="pretrain-uni", visual_alike=1.5)
    assert "visual_alike" in said
    said = refused(
        source, tmp_path / "run", variant="pretrain-uni", grounding_rule="and",
        visual_alike=0.9999, audio_alike=0.9999,
    )  # fmt: skip
    assert "the graph is empty" in said
