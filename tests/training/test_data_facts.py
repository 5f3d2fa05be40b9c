"""What is kept of the data, and when some data are still those."""

from __future__ import annotations

import dataclasses
import json
import logging

import pytest

from kavc.data.source import Source
from kavc.errors import DataError
from kavc.systems.base import SourceInfo
from kavc.training import data_facts
from kavc.training.data_facts import (
    check_alike,
    check_same,
    difference,
    facts_of,
    keep_splits,
    source_of,
)

INFO = SourceInfo({"train": 4}, {"audio": 3}, ["Cars", "Food"], "a" * 64, ["A note."])


@pytest.fixture
def assigned(monkeypatch):
    """Makes infos whose splits are what is said."""
    splits = {}
    monkeypatch.setattr(SourceInfo, "splits", property(lambda self: splits.get(id(self), {})))

    def make(info=INFO, **digests):
        made = dataclasses.replace(info)
        splits[id(made)] = digests
        keep.append(made)
        return made

    keep = []
    return make


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A source whose paths are typed relative to the current folder."""
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "corpus.json").touch()
    (tmp_path / "a.json").write_text('{"train": ["*"]}')
    monkeypatch.chdir(tmp_path)
    return Source.parse("kwai:corpus", "a.json")


def test_paths_are_absolute_and_found_from_another_folder(source, tmp_path, monkeypatch):
    facts = json.loads(json.dumps(facts_of(source, INFO)))
    keep_splits(tmp_path / "run", source)
    (tmp_path / "other" / "corpus").mkdir(parents=True)
    (tmp_path / "other" / "corpus" / "corpus.json").touch()
    monkeypatch.chdir(tmp_path / "other")
    assert source_of(tmp_path / "run", facts).path == tmp_path / "corpus"


@pytest.mark.parametrize("edit", [lambda f: f.unlink(), lambda f: f.write_text('{"test": ["x"]}')])
def test_splits_are_kept_whatever_becomes_of_the_users_file(source, tmp_path, edit):
    facts, said = facts_of(source, INFO), source.parts()
    keep_splits(tmp_path / "run", source)
    edit(tmp_path / "a.json")
    kept = source_of(tmp_path / "run", facts)
    assert kept.parts() == said
    assert kept.splits == tmp_path / "a.json"  # beside which a vocabulary may lie


def test_the_same_data_have_no_difference(source, assigned):
    facts = facts_of(source, assigned(train="1", test="2"))
    assert difference(facts, dict(facts)) is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"fingerprint": "b" * 64}, "other data"),
        ({"classes": ["Food", "Cars"]}, "other classes"),
        ({"classes": ["Cars"]}, "other classes"),
    ],
)
def test_other_files_and_other_names(source, assigned, change, said):
    facts = facts_of(source, assigned(train="1"))
    now = facts_of(source, assigned(dataclasses.replace(INFO, **change), train="1"))
    assert difference(facts, now).startswith(said)


@pytest.mark.parametrize(
    ("now", "names"),
    [
        ({"train": "1", "test": "3"}, "test"),
        ({"train": "2", "test": "1"}, "train, test"),
        ({"train": "1"}, "test"),
        ({"train": "1", "test": "2", "validation": "3"}, "validation"),
    ],
)
def test_other_splits(source, assigned, tmp_path, now, names):
    facts = facts_of(source, assigned(train="1", test="2"))
    message = rf"was begun on other splits \(who is in {names}, or with which labels, differs\)"
    with pytest.raises(DataError, match=message):
        check_same(tmp_path, facts, facts_of(source, assigned(**now)), "begun")


def test_a_refusal_names_the_splits_that_are_kept(source, assigned, tmp_path):
    facts = facts_of(source, assigned(train="1"))
    keep_splits(tmp_path, source)
    with pytest.raises(DataError, match=rf"--splits {tmp_path / data_facts.KEPT} has its splits"):
        check_same(tmp_path, facts, facts_of(source, assigned(train="2")), "begun")


def test_a_folder_of_an_earlier_version_opens_and_says_what_is_not_known(
    source, assigned, tmp_path, caplog
):
    facts = facts_of(source, INFO) | {"source": "kwai:corpus", "splits": "a.json"}
    del facts["assignment"]
    with caplog.at_level(logging.WARNING):
        check_same(tmp_path, facts, facts_of(source, assigned(train="2")), "begun")
    (record,) = caplog.records
    assert "an earlier version: who was in its splits isn't known" in record.message
    assert source_of(tmp_path, facts) == source


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"splits": "/there/b.json"}, "those of a.json, not of b.json"),
        ({"splits": None}, "those of a.json, not of the data"),
        ({"counts": {"train": 5}}, "their counts differ"),
        ({"splits": "/moved/a.json"}, None),
    ],
)
def test_a_folder_of_an_earlier_version_tells_what_it_can(source, assigned, change, said):
    facts = facts_of(source, INFO) | {"splits": "a.json"}
    del facts["assignment"]
    found = difference(facts, facts_of(source, assigned(train="2")) | change)
    assert found is None if said is None else said in found


def test_runs_beside_each_other_had_the_same_data(source, assigned, tmp_path):
    facts = {tmp_path / name: facts_of(source, assigned(train=one)) for name, one in
             (("a", "1"), ("b", "1"), ("c", "2"))}  # fmt: skip
    with pytest.raises(DataError, match=r"c was trained on other splits .* than .*a: the data"):
        check_alike(facts)
    del facts[tmp_path / "c"]
    check_alike(facts)


def test_as_many_ids_as_can_be_read_are_kept(tmp_path, monkeypatch):
    """Compact, as the user's file may be: both have the same limit."""
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "corpus.json").touch()
    said = {"train": {"ids": [f"{i:04d}" for i in range(1000)]}, "test": {"ids": ["x"]}}
    (tmp_path / "a.json").write_text(json.dumps(said, separators=(",", ":")))
    source = Source.parse(f"kwai:{tmp_path / 'corpus'}", tmp_path / "a.json")
    keep_splits(tmp_path, source)
    assert (tmp_path / data_facts.KEPT).stat().st_size <= (tmp_path / "a.json").stat().st_size
