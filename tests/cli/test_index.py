"""`kavc index` and `kavc retrieve`: what they print, and what they refuse without a trained run."""

from __future__ import annotations

import json

import numpy as np
import pytest

from kavc.retrieval.hubs import HubCorrection
from kavc.retrieval.index import Index


@pytest.fixture
def folder(tmp_path):
    """Three sounds, one with an id that would be markup."""
    index = Index(2, modality="audio", model="ab" * 32)
    index.add(["bark", "meow", "[/b]"], [[1, 0], [0, 1], [1, 1]])
    index.save(tmp_path / "sounds")
    return tmp_path / "sounds"


@pytest.fixture
def query(tmp_path):
    np.savez(tmp_path / "query.npz", visual=np.ones((1, 4), np.float32))
    return tmp_path / "query.npz"


def test_info(cli, folder):
    facts = {
        "vectors": 3, "dim": 2, "modality": "audio", "model": "ab" * 32, "backend": "exact",
        "scores": "cosine", "labelled": 0, "hub correction": "none",
    }  # fmt: skip
    assert json.loads(cli("index", "info", folder, "--json").stdout) == facts
    shown = cli("index", "info", folder)
    assert shown.exit_code == 0
    assert all(str(value) in shown.stdout for value in facts.values())


def test_info_of_a_corrected_index(cli, tmp_path):
    hubs = HubCorrection.of([[1, 0], [1, 1]], modality="visual", model="ab")
    index = Index(2, modality="audio", model="ab", hubs=hubs)
    index.add(["bark"], [[1, 0]])
    index.save(tmp_path / "sounds")
    facts = json.loads(cli("index", "info", tmp_path / "sounds", "--json").stdout)
    assert facts["scores"] == "cosine less hub bias"
    assert facts["hub correction"] == (
        "inverted-softmax (beta 20), strength 0.5, 2 visual groups of queries"
    )


def test_a_server_is_not_asked_to_leave_the_correction_out(refused, query):
    line = refused("retrieve", "--server", "localhost:1", "--input", query, "--no-hub-correction")
    assert "a server searches as its model was exported" in line


def test_remove(cli, folder):
    result = cli("index", "remove", folder, "bark", "[/b]")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"{folder}: 1 vectors\n"
    assert Index.load(folder).ids == ["meow"]


def test_unknown_ids_remove_nothing(refused, folder):
    line = refused("index", "remove", folder, "bark", "moo")
    assert line == f"id 'moo' is not in {folder}; nothing was removed"
    assert len(Index.load(folder)) == 3


RETRIEVE = ("retrieve", "{folder}", "--top", "2")
COMMANDS = {
    "info": ("index", "info", "{folder}"),
    "remove": ("index", "remove", "{folder}", "bark"),
    "retrieve": (*RETRIEVE, "--run", "nowhere", "--input", "{query}"),
}


@pytest.fixture(params=COMMANDS.values(), ids=COMMANDS)
def words(request, folder, query):
    return [word.format(folder=folder, query=query) for word in request.param]


def test_no_index(refused, words, folder):
    (folder / "index.json").unlink()
    assert refused(*words) == f"{folder}: no index (it holds no index.json)"


def test_a_truncated_index(refused, words, folder):
    (vectors,) = folder.glob("data-*/vectors.npy")
    vectors.write_bytes(vectors.read_bytes()[:-4])
    assert refused(*words) == f"{vectors}: 148 bytes, index.json says 152; bring it back"


def test_an_altered_index(refused, words, folder):
    (ids,) = folder.glob("data-*/ids.txt")
    ids.write_text("bark\nmoow\n[/b]\n")
    assert refused(*words).endswith("altered; it has not the SHA-256 of index.json")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("index", "build", "nowhere", "--modality", "audio", "--out", "{new}"), "no run folder"),
        (("index", "build", "{run}", "--modality", "audio", "--out", "{folder}"), "exists; choose"),
        (
            ("index", "build", "{run}", "--modality", "audio", "--out", "{new}"),
            "embeds no modality",
        ),
        (("index", "add", "{folder}", "--run", "nowhere"), "nowhere: no run folder"),
        (("index", "add", "{folder}", "--run", "{run}"), "was made by the model abababababab…"),
        ((*RETRIEVE, "--run", "nowhere", "--input", "{query}"), "no run folder"),
        ((*RETRIEVE, "--run", "{run}", "--input", "{query}"), "was made by the model"),
        ((*RETRIEVE, "--run", "{run}", "--input", "no.npz"), "no.npz: no such file"),
        ((*RETRIEVE, "--run", "{run}", "--input", "no.txt"), "ends in .npz or .json"),
    ],
)
def test_runs_and_files_that_do_not_fit(refused, folder, query, tiny_run, words, message):
    places = {"folder": folder, "query": query, "run": tiny_run, "new": folder.parent / "new"}
    assert message in refused(*(word.format(**places) for word in words))
    assert not (folder.parent / "new").exists()
    assert Index.load(folder).ids == ["bark", "meow", "[/b]"]


def test_more_than_there_are(refused, folder, query):
    line = refused("retrieve", folder, "--run", "nowhere", "--input", query, "--top", 4)
    assert line == f"k is 4; expected 1 to 3, the size of {folder}"
