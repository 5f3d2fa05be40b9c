"""`kavc.export.check`: what it finds in versions, models and folders of models."""

from __future__ import annotations

import shutil

import pytest

from kavc.errors import ConfigError
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
