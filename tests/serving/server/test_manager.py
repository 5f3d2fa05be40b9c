"""Versions that come, go, fail and are mended while the catalogue answers."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from typing import ClassVar

import pytest

from kavc.errors import ConfigError, ServingError
from kavc.serving.server import manager as module
from kavc.serving.server.catalogue import AVAILABLE, END, UNLOADING, Catalogue
from kavc.serving.server.leases import Leases
from kavc.serving.server.manager import VersionManager

WAIT = 60  # seconds; what is loaded is there much sooner


class Stub:
    """A model without a graph; `broken` names the versions that fail to load."""

    broken: ClassVar[set] = set()
    refuses: ClassVar[set] = set()  # versions whose warm-up fails of what nobody foresaw
    closes: ClassVar[list] = []
    made: ClassVar[list] = []

    def __init__(self, name, version, folder, opened):
        Stub.made.append((name, version))
        if version in Stub.broken:
            raise ServingError(f"{folder} can't be loaded: broken")
        self.name, self.version, self.closed = name, version, False
        self.leases = Leases()

    def warm_up(self, requests):
        if self.version in Stub.refuses:
            raise ValueError("odd")

    def close(self):
        self.closed = True
        Stub.closes.append(self.version)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "models"


@pytest.fixture
def stub(monkeypatch):
    monkeypatch.setattr(Stub, "broken", set())
    monkeypatch.setattr(Stub, "refuses", set())
    monkeypatch.setattr(Stub, "made", [])
    monkeypatch.setattr(Stub, "closes", [])
    return Stub


@pytest.fixture
def manager(folder, stub):
    return VersionManager(folder, Catalogue(), stub)


def add(folder, version, name="a"):
    version_folder = folder / name / str(version)
    version_folder.mkdir(parents=True)
    (version_folder / "saved_model.pb").write_bytes(b"graph")


def remove(folder, version, name="a"):
    shutil.rmtree(folder / name / str(version))


def served(manager, name="a"):
    return manager.catalogue.versions(name)


def test_the_highest_version_is_served_and_no_other(manager, folder):
    add(folder, 2)
    add(folder, 10)
    manager.load_all()
    assert served(manager) == [10]
    assert Stub.made == [("a", 10)]


def test_a_new_version_is_loaded_before_the_old_one_goes(manager, folder):
    add(folder, 1)
    manager.load_all()
    with manager.catalogue.lease("a") as old:
        add(folder, 2)
        manager.poll(WAIT)
        assert served(manager) == [2]
        assert not old.closed  # it is in use
        assert manager.catalogue.states("a")[1].state == UNLOADING
    assert old.closed
    assert manager.catalogue.states("a")[1].state == END
    assert manager.catalogue.states("a")[2].state == AVAILABLE


def test_a_removed_version_gives_way_to_the_one_before(manager, folder):
    add(folder, 1)
    add(folder, 2)
    manager.load_all()
    remove(folder, 2)
    manager.poll(WAIT)
    assert served(manager) == [1]


def test_new_models_come_and_removed_ones_go(manager, folder):
    add(folder, 1)
    add(folder, 1, "c")
    manager.load_all()
    add(folder, 3, "b")
    remove(folder, 1, "c")
    manager.poll(WAIT)
    assert manager.catalogue.names() == ["a", "b"]


def test_partial_folders_are_passed_over(manager, folder):
    add(folder, 1)
    add(folder, ".partial-x-2")
    manager.load_all()
    (folder / "a" / "3").mkdir()  # without a graph yet
    manager.poll(WAIT)
    assert served(manager) == [1]


def test_a_version_that_fails_leaves_the_old_one(manager, folder, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
    Stub.broken = {2}
    add(folder, 1)
    manager.load_all()
    add(folder, 2)
    manager.poll(WAIT)
    assert served(manager) == [1]
    failed = manager.catalogue.states("a")[2]
    assert failed.state == END and "a/2 can't be loaded: broken" in failed.error

    attempts = lambda: Stub.made.count(("a", 2))  # noqa: E731
    manager.poll(WAIT)
    assert attempts() == 1  # not yet again
    for second, expected in ((1.5, 2), (2.0, 2), (4.0, 3), (9.0, 4), (18.0, 5), (1e9, 5)):
        clock[0] = second
        manager.poll(WAIT)
        assert attempts() == expected, second
    assert served(manager) == [1]


def test_a_mended_version_is_tried_once_its_files_rest(manager, folder):
    Stub.broken = {2}
    add(folder, 1)
    add(folder, 2)
    manager.load_all()
    assert served(manager) == [1]  # also at the start
    Stub.broken = set()
    manager.poll(WAIT)
    assert served(manager) == [1]
    (folder / "a" / "2" / "saved_model.pb").write_bytes(b"a mended graph")
    manager.poll(WAIT)
    assert served(manager) == [1]  # it may still be written
    manager.poll(WAIT)
    assert served(manager) == [2]


def test_a_broken_version_alone_does_not_end_what_is_served(manager, folder):
    add(folder, 1)
    manager.load_all()
    Stub.broken = {2}
    add(folder, 2)
    remove(folder, 1)
    manager.poll(WAIT)
    assert served(manager) == [1]


def test_a_folder_that_is_gone_ends_nothing(manager, folder, caplog):
    add(folder, 1)
    manager.load_all()
    folder.rename(folder.with_name("elsewhere"))
    manager.poll(WAIT)
    assert served(manager) == [1]
    assert "what is loaded is served on" in caplog.text


def test_no_model_loads(manager, folder):
    Stub.broken = {1}
    add(folder, 1)
    with pytest.raises(ServingError, match="a/1 can't be loaded: broken"):
        manager.load_all()
    shutil.rmtree(folder)
    with pytest.raises(ConfigError, match="no such folder"):
        manager.load_all()


def test_one_model_that_fails_does_not_stop_the_others(manager, folder):
    Stub.broken = {7}
    add(folder, 7)
    add(folder, 1, "b")
    manager.load_all()
    assert manager.catalogue.names() == ["b"]
    assert "broken" in manager.catalogue.states("a")[7].error


@pytest.mark.parametrize("link", ["z", "b/9", "b/9/saved_model.pb"])
def test_a_link_that_nobody_can_follow_is_passed_over(manager, folder, stub, link):
    add(folder, 1)
    add(folder, 1, "b")
    manager.load_all()
    (folder / link).parent.mkdir(exist_ok=True)
    (folder / link).symlink_to("x" * 300)
    add(folder, 2)
    manager.poll(WAIT)
    assert served(manager) == [2] and served(manager, "b") == [1]
    again = VersionManager(folder, Catalogue(), stub)
    again.load_all()
    assert served(again) == [2] and served(again, "b") == [1]


@pytest.mark.parametrize("asked", ["listdir", "stat", "scandir"])
def test_what_can_not_be_looked_at_for_a_moment_is_served_on(manager, folder, monkeypatch, asked):
    add(folder, 1)
    manager.load_all()
    really = getattr(os, asked)

    def fail(path, *args, **options):
        if str(path).startswith(str(folder)):
            raise OSError(errno.EIO, "it fails", path)
        return really(path, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, asked, fail)
        manager.poll(WAIT)
    assert served(manager) == [1]
    add(folder, 2)
    manager.poll(WAIT)
    assert served(manager) == [2]


def test_a_deep_folder_is_a_version_like_any_other(manager, folder):
    add(folder, 1)
    deep = folder / "a" / "1"
    for _ in range(1100):
        deep = f"{deep}/d"
        os.mkdir(deep)
    try:
        manager.load_all()
        assert served(manager) == [1]
    finally:  # what tidies up after tests may recurse
        for _ in range(1100):
            os.rmdir(deep)
            deep = os.path.dirname(deep)


def test_nothing_is_loaded_or_offered_after_the_end(manager, folder, monkeypatch):
    add(folder, 1)
    looking, go = threading.Event(), threading.Event()

    def slow(folder):
        looking.set()
        assert go.wait(WAIT)
        return ()

    monkeypatch.setattr(module, "stamp", slow)
    manager.poll()
    assert looking.wait(WAIT)
    assert not manager.stop(0)
    go.set()
    assert manager.stop(WAIT)
    assert Stub.made == [] and served(manager) == []


def test_only_the_highest_that_failed_are_watched(manager, folder, monkeypatch):
    monkeypatch.setattr(module, "WATCHED", 2)
    looks, stamp = [], module.stamp
    monkeypatch.setattr(module, "stamp", lambda path: looks.append(int(path.name)) or stamp(path))
    Stub.broken = {2, 3, 4, 5}
    for version in range(1, 6):
        add(folder, version)
    manager.load_all()
    assert served(manager) == [1] and looks == [5, 4, 3, 2, 1]
    looks.clear()
    manager.poll(WAIT)
    assert looks == [5, 4]
    remove(folder, 5)
    looks.clear()
    manager.poll(WAIT)
    assert looks == [4, 3]


def test_what_fails_in_its_warm_up_is_closed(manager, folder):
    Stub.refuses = {2}
    add(folder, 1)
    add(folder, 2)
    manager.load_all()
    assert served(manager) == [1] and Stub.closes == [2]
    assert "a/2 can't be loaded: ValueError: odd" in manager.catalogue.states("a")[2].error


def test_the_thread_follows_the_folder(folder, stub):
    changed = threading.Event()
    add(folder, 1)
    manager = VersionManager(folder, Catalogue(), stub, on_change=changed.set)
    manager.load_all()
    changed.clear()
    manager.start(0.01)
    try:
        add(folder, 2)
        assert changed.wait(10)
    finally:
        manager.stop()
    assert 2 in served(manager)


def test_ended_versions_are_forgotten_in_time(folder):
    catalogue = Catalogue()
    for version in range(1, 51):
        catalogue.mark("a", version, END)
    assert list(catalogue.states("a")) == list(range(50, 30, -1))
