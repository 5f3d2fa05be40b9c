"""`kavc.export.check`: what it finds in versions, models and folders of models."""

from __future__ import annotations

import os
import shutil

import pytest

from kavc.errors import ConfigError
from kavc.export import check as check_module
from kavc.export.check import check
from kavc.serving.inspection.version_files import read_saved_model


@pytest.fixture
def models(version_folder, tmp_path):
    """Version 1 of two models, and a version 10 that was copied in part."""
    folder = tmp_path / "models"
    for name in ("a", "b"):
        shutil.copytree(version_folder, folder / name / "1")
    (folder / "b" / "10" / "variables").mkdir(parents=True)
    (folder / "b" / ".partial-x-11").mkdir()
    (folder / "models.config").write_text("")
    return folder


def test_a_folder_of_models(models):
    a, b, part = check(models)
    assert [v.folder for v in (a, b, part)] == [models / "a/1", models / "b/1", models / "b/10"]
    assert a.fault is None and b.fault is None
    assert a.signatures == ("echo", "serving_default")
    assert a.warmup == 2 and a.ops > 20 and a.size > 10_000
    assert part.fault == f"{models / 'b' / '10' / 'saved_model.pb'}: no such file"


def test_a_model_and_a_version(models):
    assert [found.folder.name for found in check(models / "b")] == ["1", "10"]
    (found,) = check(models / "a" / "1")
    assert found.fault is None


def spoil_graph(folder):
    saved = read_saved_model(folder)
    saved.meta_graphs[0].graph_def.node.add(name="mine", op="MyOp")
    (folder / "saved_model.pb").write_bytes(saved.SerializeToString())


def cut(name):
    def spoil(folder):
        path = folder / name
        path.write_bytes(path.read_bytes()[:-20])

    return spoil


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (spoil_graph, "the op MyOp (mine in the graph)"),
        (cut("variables/variables.data-00000-of-00001"), "damaged or cut short"),
        (cut("assets.extra/tf_serving_warmup_requests"), "damaged after record 1"),
        (lambda folder: (folder / "assets" / "themes.txt").unlink(), "themes.txt: missing"),
    ],
)
def test_faults(models, spoil, says):
    spoil(models / "a" / "1")
    (found,) = check(models / "a")
    assert says in found.fault
    assert found.signatures and found.size


@pytest.mark.parametrize(("made", "says"), [(False, "no such folder"), (True, "holds no version")])
def test_nothing_to_check(tmp_path, made, says):
    if made:
        (tmp_path / "models" / "notes").mkdir(parents=True)
    with pytest.raises(ConfigError, match=says):
        check(tmp_path / "models")


def test_a_version_that_nobody_thought_of(models, monkeypatch):
    """It must not hide the next one."""

    def stumble(saved, folder, allow_ops):
        if folder.parent.name == "a":
            raise IndexError("list\nindex\x1b[2J")
        return inspect_read(saved, folder, allow_ops)

    inspect_read = check_module.inspect_read
    monkeypatch.setattr(check_module, "inspect_read", stumble)
    a, b, _ = check(models)
    assert a.fault == f"{models / 'a' / '1'}: IndexError: list index\\x1b[2J"
    assert b.fault is None and b.ops


def test_a_table_op_of_one_input(models):
    def spoil(folder):
        saved = read_saved_model(folder)
        saved.meta_graphs[0].graph_def.node.add(
            name="fill", op="InitializeTableFromTextFileV2", input=["x"]
        )
        (folder / "saved_model.pb").write_bytes(saved.SerializeToString())

    spoil(models / "a" / "1")
    a, b, _ = check(models)
    assert "(fill in the graph) has 1 inputs; expected 2" in a.fault
    assert b.fault is None


def test_a_fifo(models):
    os.mkfifo(models / "a" / "1" / "pipe")
    a, b, _ = check(models)
    assert "pipe: a FIFO; a version holds files and folders alone" in a.fault
    assert b.fault is None


def test_names_are_printable(models):
    def spoil(folder):
        saved = read_saved_model(folder)
        signatures = saved.meta_graphs[0].signature_def
        signatures["a\x1b[2J"].CopyFrom(signatures["echo"])
        (folder / "saved_model.pb").write_bytes(saved.SerializeToString())

    spoil(models / "a" / "1")
    assert r"a\x1b[2J" in check(models)[0].signatures


def test_more_ops(models):
    def spoil(folder):
        saved = read_saved_model(folder)
        nodes = saved.meta_graphs[0].graph_def.node
        nodes.add(name="words", op="Placeholder").attr["dtype"].type = 7
        nodes.add(name="read", op="ReadFile", input=["words"])
        (folder / "saved_model.pb").write_bytes(saved.SerializeToString())

    spoil(models / "a" / "1")
    assert "the op ReadFile (read in the graph)" in check(models / "a")[0].fault
    assert check(models / "a", allow_ops=["ReadFile"])[0].fault is None
    with pytest.raises(ConfigError, match="unknown op of TensorFlow 'ReadFiles'"):
        check(models, allow_ops=["ReadFiles"])
