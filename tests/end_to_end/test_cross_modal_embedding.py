"""The whole road of the cross-modal embedding: train, index, retrieve, export, serve, ask."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import kavc
from kavc.cli.main import app
from kavc.data.feature_store import FeatureStore
from kavc.retrieval.index import Index
from kavc.serving.client.blocking import Client
from kavc.serving.server.local import LocalServer
from kavc.systems.registry import get
from kavc.training.reproduction import reproduce
from kavc.training.run import load_run

FLOAT32 = 2e-5  # absolute, for cosines: other fusions of ops, other order of sums


def cli(*words, code=0):
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == code, result.stderr
    return result


@pytest.fixture(scope="module")
def run(embedding_run):
    return load_run(embedding_run)


@pytest.fixture(scope="module")
def held(run):
    return FeatureStore.from_dataset(run.system.read(run.source, "test", run.config))


@pytest.fixture(scope="module")
def index(embedding_run, tmp_path_factory):
    """An index of the test split's sounds."""
    folder = tmp_path_factory.mktemp("index") / "sounds"
    cli("index", "build", embedding_run, "--modality", "audio", "--out", folder)
    return folder


def test_it_learns(run):
    chance = 100 / run.data["counts"]["test"]
    assert run.report.headline.value > 20 * chance
    names = [table.name for table in run.report.tables]
    assert {"recall", "ranks", "labels", "qualitative"} <= set(names)
    assert {figure.name for figure in run.report.figures} >= {"recall", "training"}
    for figure in run.report.figures:
        assert (run.path / "figures" / f"{figure.name}.png").is_file()


def test_silent_videos_are_told_of(run):
    assert any("silent" in note for note in run.report.notes)


def test_what_the_index_finds_is_what_the_network_says(run, index, held, tmp_path):
    heard = np.flatnonzero(~held.silent)
    loaded = Index.load(index)
    assert len(loaded) == len(heard)
    embeddings = {
        name: run.system.embed(run.network, name, getattr(held, name), run.config)
        for name in ("audio", "visual")
    }
    cosines = embeddings["visual"] @ embeddings["audio"][heard].T
    np.savez(tmp_path / "queries.npz", visual=held.visual)
    words = ("retrieve", index, "--run", run.path, "--input", tmp_path / "queries.npz")
    for scores, called, options in (
        (cosines - loaded.bias, "cosine less hub bias", ()),
        (cosines, "cosine", ("--no-hub-correction",)),
    ):
        expected = held.ids[heard][scores.argmax(axis=1)].astype(str)
        answers = json.loads(cli(*words, "--top", 3, "--json", *options).stdout)
        found = [ids[0] for ids in answers["ids"]]
        assert np.mean(np.array(found) == expected) > 0.99  # but for ties
        assert answers["score"] == called


def test_the_server_retrieves_what_the_index_finds(run, index, held, tmp_path):
    cli("export", run.path, "--to", tmp_path / "models", "--index", index)
    with LocalServer(tmp_path / "models", port=0) as server, Client(server.address) as client:
        answers = client.predict(
            "cross-modal-embedding",
            {"visual": held.visual[:20]},
            signature="retrieve_audio",
            timeout=30,
        )
        pair = {"audio": held.audio[:5], "visual": held.visual[:5]}
        match = client.predict("cross-modal-embedding", pair)["similarity"]
        vectors = client.predict(
            "cross-modal-embedding", {"audio": pair["audio"]}, signature="embed_audio"
        )["embedding"]
    embed = run.system.embed
    visual = embed(run.network, "visual", held.visual[:20], run.config)
    ids, scores = Index.load(index).search(visual, answers["ids"].shape[1])
    np.testing.assert_allclose(answers["scores"], scores, atol=FLOAT32)
    assert answers["ids"][:, 0].astype(str).tolist() == ids[:, 0].tolist()
    audio = embed(run.network, "audio", pair["audio"], run.config)
    np.testing.assert_allclose(vectors, audio, atol=FLOAT32)
    np.testing.assert_allclose(match, np.sum(audio * visual[:5], axis=1), atol=FLOAT32)


def test_an_index_of_another_model_is_refused(run, index, tmp_path):
    loaded = Index.load(index)
    other = Index(loaded.dim, modality="audio", model="0" * 64)
    other.add(loaded.ids, loaded.vectors)
    other.save(tmp_path / "other")
    for words in (
        ("export", run.path, "--to", tmp_path / "models", "--index", tmp_path / "other"),
        ("index", "add", tmp_path / "other", "--run", run.path),
    ):
        assert "build the index again" in cli(*words, code=2).stderr
    assert not (tmp_path / "models").exists()


@pytest.mark.slow  # Three trainings and their reports: a minute of two cores.
def test_every_row_of_the_table(embedding_corpus, tmp_path, monkeypatch):
    """Each preset with an epoch or two, on widths that take seconds."""
    system = get("cross-modal-embedding")
    small = {
        "audio_units_1_2": 8, "audio_units_3_4": 8, "visual_units_1_2": 8, "visual_units_3_4": 8,
        "batch_size": 64,
    }  # fmt: skip
    for name, values in system.Config.PRESETS.items():
        changed = {**values, "epochs": 2, "embedding_dim": 8, "audio_units_3_4": 8}
        if "kernel_features" in values:
            changed |= {"kernel_features": 16, "units": 8}
        monkeypatch.setitem(system.Config.PRESETS, name, changed)
    small.pop("audio_units_3_4")
    source = f"synthetic:{embedding_corpus}"
    report = reproduce(system, source, tmp_path / "all", seeds=1, overrides=small)
    text = report.to_markdown()
    for name in system.Config.PRESETS:
        assert name in text
    runs = [tmp_path / "all" / name / "seed-0" for name in ("paper", "improved")]
    compared = json.loads(cli("evaluate", *runs, "--json").stdout)
    assert len(compared["tables"]) >= 1


def test_a_joint_norm_is_called_a_leak_and_not_exported(embedding_corpus, tmp_path):
    small = {
        "audio_units_1_2": 8, "audio_units_3_4": 8, "visual_units_1_2": 8, "visual_units_3_4": 8,
        "batch_size": 64, "epochs": 1, "embedding_dim": 8,
    }  # fmt: skip
    run = kavc.train(
        "cross-modal-embedding", f"synthetic:{embedding_corpus}", tmp_path / "run",
        preset="published-code", overrides=small,
    )  # fmt: skip
    assert "leaks" in run.report.headline.name
    assert "one norm" in cli("export", run.path, "--to", tmp_path / "models", code=2).stderr
    words = ("index", "build", run.path, "--modality", "audio", "--out", tmp_path / "index")
    assert "one norm" in cli(*words, code=2).stderr


def test_the_corpus_of_another_system_is_read_by_its_means(tiny_corpus):
    words = ("data", "describe", f"synthetic:{tiny_corpus}", "--system", "cross-modal-embedding")
    info = json.loads(cli(*words, "--json").stdout)
    assert info["widths"] == {"audio": 128, "visual": 32}
    assert len(info["classes"]) == 12
