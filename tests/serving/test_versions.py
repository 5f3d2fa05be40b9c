"""Which folders are models and versions, whatever else lies among them."""

from __future__ import annotations

import errno
import os

import pytest

from kavc.errors import ConfigError
from kavc.serving.versions import holds_graph, model_folders, models_there, version_folders


@pytest.fixture
def models(tmp_path):
    for version in ("a/1", "a/10", "a/2", "b/7"):
        (tmp_path / version).mkdir(parents=True)
        (tmp_path / version / "saved_model.pb").write_bytes(b"graph")
    return tmp_path


def fail(number):
    def failing(path, *args, **options):
        raise OSError(number, os.strerror(number), path)

    return failing


def test_versions_ascend_and_hold_a_graph(models):
    (models / "a" / "11").mkdir()
    (models / "a" / "notes").mkdir()
    (models / "a" / "12").write_text("no folder")
    assert list(version_folders(models / "a")) == [1, 2, 10]
    assert version_folders(models / "a")[10] == models / "a" / "10"
    assert version_folders(models / "none") == {}


@pytest.mark.parametrize("link", ["z", "b/9", "b/8/saved_model.pb"])
@pytest.mark.parametrize("target", ["x" * 300, "nowhere", "/proc/self/loop"])
def test_links_that_lead_nowhere_are_passed_over(models, link, target):
    (models / link).parent.mkdir(exist_ok=True)
    (models / link).symlink_to(target)
    assert models_there(models) == {"a": models / "a", "b": models / "b"}
    assert list(version_folders(models / "b")) == [7]


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO])
def test_a_model_that_can_not_be_listed(models, monkeypatch, number):
    monkeypatch.setattr(os, "listdir", fail(number))
    with pytest.raises(OSError, match=os.strerror(number)):
        version_folders(models / "a")
    assert models_there(models) == {}


def test_a_version_that_can_not_be_looked_at_may_hold_a_graph(models, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", fail(errno.EIO))
        assert holds_graph(models / "a" / "1")
    assert not holds_graph(models / "a" / "3")


def test_folders_that_hold_no_model(models, tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match="no such folder"):
        model_folders(tmp_path / "none")
    with pytest.raises(ConfigError, match="holds the versions of one model"):
        model_folders(models / "a")
    with pytest.raises(ConfigError, match="holds no model"):
        model_folders(models / "a" / "1")
    monkeypatch.setattr(os, "scandir", fail(errno.EACCES))
    with pytest.raises(ConfigError, match=r"can't be listed: Permission denied"):
        model_folders(models)


def test_a_path_that_tensorflow_cant_open(tmp_path):
    (tmp_path / "m\udcff" / "a" / "1").mkdir(parents=True)
    with pytest.raises(ConfigError, match="a path that is no UTF-8") as caught:
        model_folders(tmp_path / "m\udcff")
    assert str(caught.value).isprintable()
