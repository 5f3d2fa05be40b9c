"""Artefacts of a stage: of which weights they are, and that they are what was written."""

from __future__ import annotations

import shutil

import keras
import numpy as np
import pytest

from kavc.errors import DataError
from kavc.training.artefacts import MADE_BY, made_by
from kavc.training.fit import train


@pytest.fixture
def network():
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])


def prepare(network, folder):
    """Returns what is there, or makes it of the network's weights, as a stage does."""
    file = folder / "sums.npy"
    with made_by(network, folder):
        if not file.exists():
            folder.mkdir(parents=True, exist_ok=True)
            np.save(file, [float(np.sum(w)) for w in network.get_weights()])
        return np.load(file)


def test_what_these_weights_made_is_found_again(network, tmp_path):
    first = prepare(network, tmp_path / "stage")
    before = (tmp_path / "stage" / "sums.npy").stat().st_mtime_ns
    np.testing.assert_array_equal(prepare(network, tmp_path / "stage"), first)
    assert (tmp_path / "stage" / "sums.npy").stat().st_mtime_ns == before


def test_what_other_weights_made_is_made_anew(network, tmp_path):
    first = prepare(network, tmp_path / "stage")
    network.layers[0].bias.assign([1.0, 2.0])
    assert prepare(network, tmp_path / "stage")[1] == 3.0 != first[1]


@pytest.mark.parametrize("seal", [None, "[]", "{}"])
def test_what_nobody_sealed_is_made_anew(network, tmp_path, seal):
    """Written by an earlier version, or killed before its end."""
    prepare(network, tmp_path / "stage")
    np.save(tmp_path / "stage" / "sums.npy", [9.0, 9.0])
    (tmp_path / "stage" / MADE_BY).unlink()
    if seal is not None:
        (tmp_path / "stage" / MADE_BY).write_text(seal)
    assert prepare(network, tmp_path / "stage")[1] == 0.0


@pytest.mark.parametrize("damage", [lambda f: f.write_bytes(b"spoilt"), lambda f: f.unlink()])
def test_a_damaged_one_is_refused(network, tmp_path, damage):
    prepare(network, tmp_path / "stage")
    damage(tmp_path / "stage" / "sums.npy")
    with pytest.raises(DataError, match=r"sums.npy: missing or damaged .* remove the folder"):
        prepare(network, tmp_path / "stage")


def forget_end(run):
    """Removes what the second stage and the run ended with."""
    for name in ("model.keras", "report.json"):
        (run / name).unlink()
    shutil.rmtree(run / "checkpoints" / "second")


def test_a_stage_that_is_trained_again_has_new_artefacts(
    tiny, system, source, tmp_path, monkeypatch
):
    """The first stage's checkpoints are removed, as a message advises, and come out otherwise."""
    made = []

    def prepare(self, network, load, folder):
        file = folder / "weights.npy"
        if self.name == "second" and not file.exists():
            folder.mkdir(parents=True, exist_ok=True)
            np.save(file, network.get_weights()[0])
            made.append(folder.name)
        return load()

    monkeypatch.setattr(tiny.TinyStage, "prepare", prepare)
    monkeypatch.setattr(tiny.TinyStage, "artefacts", ("weights",))
    options = {"epochs": 1}
    run = train(system, source, tmp_path / "run", overrides=options)
    assert made == ["train", "validation"]
    forget_end(run.path)
    train(system, source, run.path, overrides=options, resume=True)
    assert made == ["train", "validation"]  # of the same weights
    final = run.path / "checkpoints" / "first" / "final"
    other = system.build(run.config)
    other.save_weights(final / "model.weights.h5")
    (final / "model.weights.h5.sha256").unlink()
    forget_end(run.path)
    train(system, source, run.path, overrides=options, resume=True)
    assert made == ["train", "validation"] * 2
    kept = np.load(run.path / "artefacts" / "second" / "train" / "weights.npy")
    np.testing.assert_array_equal(kept, other.get_weights()[0])
