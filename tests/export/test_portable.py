"""Names for paths."""

from __future__ import annotations

import pytest

from kavc.export.portable import file_name, source_name, without_paths


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/home/me/my corpus/b.npz: damaged", "my corpus/b.npz: damaged"),
        ("found in '/home/me/corpus/'.", "found in 'corpus'."),
        ("youtube8m:/data/yt8m, split 'test'", "youtube8m:yt8m, split 'test'"),
        ("(/tmp/x/y.json)", "(y.json)"),
        ("/corpus: 3 files", "corpus: 3 files"),
        ("sounds and/or sights, 3 / 4", "sounds and/or sights, 3 / 4"),
        ("runs/a/b and ./c/d and ../e/f", "runs/a/b and ./c/d and ../e/f"),
        ("see https://example.org/a/b.", "see https://example.org/a/b."),
    ],
)
def test_text(text, expected):
    assert without_paths(text) == expected


def test_nestings():
    value = {"a": ["/x/y", 1, None, {"b": ("/z",)}], "c": 0.5}
    assert without_paths(value) == {"a": ["y", 1, None, {"b": ["z"]}], "c": 0.5}


def test_sources(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert source_name("kwai:/home/me/corpus/") == "kwai:corpus"
    assert source_name("kwai:corpus") == "kwai:corpus"
    assert source_name("kwai:.") == f"kwai:{tmp_path.name}"
    assert file_name("a/b.json") == "b.json"


def test_known_paths_with_spaces_and_brackets(tmp_path):
    folder = tmp_path / "My Secret" / "Client [X]" / "c"
    text = f"{folder}/test-0.tfrecord, record 3: damaged; see {folder.parent}/notes of {folder}"
    found = without_paths(text, [folder])
    assert "Secret" not in found and "Client" not in found and str(tmp_path) not in found
    assert found.startswith("test-0.tfrecord, record 3: damaged; see notes of ")
