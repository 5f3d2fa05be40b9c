"""Networks on pixels: what they begin with, and what of them a training moves."""

from __future__ import annotations

import shutil
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from typer.testing import CliRunner

from kavc.cli.main import app
from kavc.data.comparisons.store import ComparisonStore
from kavc.data.features import write_corpus
from kavc.data.store import VideoStore
from kavc.errors import DataError
from kavc.systems.music_match import recipe
from kavc.systems.music_match.config import MusicMatchConfig
from kavc.systems.music_match.stages import Embedded, PreferenceStage

pytestmark = pytest.mark.usefixtures("without_graphs")
PIXELS = {
    "variant": "visual", "visual_row": "32x32x3", "visual_backbone": "mobilenet-v2",
    "audio_row": "4", "units": 4, "batch_size": 4, "steps_per_execution": 1,
}  # fmt: skip


def judgements():
    """Four judgements of two videos of two frames each."""
    rng = np.random.default_rng(0)
    rows = rng.uniform(0, 255, (4, 32, 32, 3)).astype("f4")
    names = [np.array([f"{kind}{n}".encode() for n in range(2)], object) for kind in "vt"]
    return ComparisonStore(
        np.array([b"0", b"1", b"2", b"3"], object), np.full(4, b"", object),
        np.array([0, 1, 0, 1]), np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1]),
        np.array([1, 1, 0, 0]), VideoStore(names[0], {"visual": (rows, np.array([2, 2]))}),
        VideoStore(names[1], {"audio": (rng.normal(size=(2, 4)).astype("f4"), np.array([1, 1]))}),
    )  # fmt: skip


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def weights(random_weights, monkeypatch) -> Path:
    """The file of MobileNetV2, in a folder that is named."""
    monkeypatch.setenv("KAVC_WEIGHTS", str(random_weights))
    return random_weights / "mobilenet_v2_1.0_224.h5"


def begun(**options):
    """A stage, its network and the examples that it prepared."""
    config = MusicMatchConfig(**PIXELS | options)
    keras.utils.set_random_seed(0)
    stage, network = PreferenceStage(config), recipe.build(config)
    return stage, network, stage.prepare(network, judgements, Path("train"))


def moved(stage, network, examples):
    """Trains one step; returns the layers of the backbone that it changed."""
    backbone = network.encoders["visual"].get_layer("visual_backbone")
    before = {each.path: each.numpy() for each in backbone.weights}
    model = stage.trainee(network)
    model.compile(**stage.compile_arguments())
    inputs = examples.gather(np.arange(4), np.zeros(4, bool))
    model.train_on_batch(inputs, {"preference": (examples.answer == 0)[:, None].astype("f4")})
    return {each.path.split("/")[-2] for each in backbone.weights
            if not np.array_equal(each.numpy(), before[each.path])}  # fmt: skip


def test_a_frozen_network_keeps_its_published_weights(weights):
    stage, network, examples = begun(visual_train_from="none")
    backbone = network.encoders["visual"].get_layer("visual_backbone")
    with h5py.File(weights) as file:
        expected = file["Conv1/Conv1/kernel:0"][()]
    np.testing.assert_array_equal(backbone.get_layer("Conv1").kernel.numpy(), expected)
    assert moved(stage, network, examples) == set()
    assert not any("Conv" in each.path for each in network.trainable_weights)


def test_from_a_layer_on_weights_are_trained(weights):
    stage, network, examples = begun(visual_train_from="block_16_project")
    changed = moved(stage, network, examples)
    assert changed == {"block_16_project", "Conv_1"}  # and no batch normalisation


def test_what_a_frozen_network_makes_is_made_once(weights):
    stage, network, examples = begun(visual_train_from="none", normalize="standard")
    assert isinstance(examples, Embedded) and not network.trains_encoders
    assert stage.trainee(network).input["video"].shape == (None, 1280)


def test_a_run_goes_on_with_the_weights_that_it_began_with(random_weights, monkeypatch, tmp_path):
    file = shutil.copy(random_weights / "mobilenet_v2_1.0_224.h5", tmp_path)
    monkeypatch.setenv("KAVC_WEIGHTS", str(tmp_path))
    stage, network, _ = begun()
    assert stage.artefacts == ("backbones.json",)
    stage.prepare(network, judgements, Path("train"))  # as a run does that is resumed
    with h5py.File(file, "r+") as changed:
        changed.attrs["changed"] = 1
    with pytest.raises(DataError, match="began with other weights of visual_backbone"):
        stage.prepare(network, judgements, Path("train"))


def test_real_weights(shared, monkeypatch):
    folder = shared / "data" / "weights"
    if not (folder / "mobilenet_v2_1.0_224.h5").is_file():
        pytest.skip("no real weights of MobileNetV2")
    monkeypatch.setenv("KAVC_WEIGHTS", str(folder))
    _, network, _ = begun(visual_train_from="block_16_project")
    found = network.encoders["visual"](judgements().videos.gather({"visual": [0, 1]}))
    assert found.shape == (2, 1280) and 0.05 < float(keras.ops.std(found)) < 5


@pytest.fixture
def folder(tmp_path):
    """Judgements beside corpora of pixels and of features of tracks."""
    rng = np.random.default_rng(0)
    draw = {"visual": (2, 32, 32, 3), "audio": (1, 4)}
    for name, kind, array in (("videos", "v", "visual"), ("tracks", "t", "audio")):
        made = [
            {"id": f"{kind}{n}", array: rng.uniform(0, 1, draw[array]).astype("f4")}
            for n in range(6)
        ]
        write_corpus(tmp_path / name, made)
    split = ["train", "validation", "test"]
    rows = [f"v{n},t{n},t{(n + 1) % 6},{'ab'[n % 2]},{split[n // 2]}" for n in range(6)]
    table = "\n".join(["video,track_a,track_b,answer,split", *rows])
    (tmp_path / "triples.csv").write_text(table + "\n")
    return tmp_path


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "visual_backbone=mobilenet-v2: no weights 'mobilenet-v2'; say backbone_weights=rand"),
        (
            {"backbone_weights": "random", "visual_train_from": "block_16_projekt"},
            "visual_train_from: unknown layer 'block_16_projekt'; did you mean 'block_16_project'?",
        ),
        ({"visual_backbone": "none"}, "visual: rows of 32x32x3 are no features; name a network"),
    ],
)
def test_what_cannot_be_trained_is_said_before_anything_is_written(
    folder, monkeypatch, tmp_path, options, said
):
    monkeypatch.setenv("KAVC_WEIGHTS", "")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    chosen = {"variant": "visual", "visual_backbone": "mobilenet-v2"} | options
    words = [f"--set={name}={value}" for name, value in chosen.items()]
    data = ["--data", f"triples:{folder}", "--out", str(tmp_path / "run")]
    result = CliRunner().invoke(app, ["train", "music-match", *data, *words])
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert result.exit_code == 2 and len(lines) == 1, result.stderr
    assert lines[0].startswith(f"error: {said}")
    assert not (tmp_path / "run").exists()
