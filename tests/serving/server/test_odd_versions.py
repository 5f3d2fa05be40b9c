"""One odd version or model never stops the others, nor the server's end."""

from __future__ import annotations

import os
import shutil
import threading
import time

import numpy as np
import pytest

from kavc.errors import ServingError
from kavc.serving.client.blocking import Client
from kavc.serving.inspection.version_files import read_saved_model
from kavc.serving.server import failures, local
from kavc.serving.server.catalogue import AVAILABLE, LOADING, Catalogue
from kavc.serving.server.leases import Leases
from kavc.serving.server.local import LocalServer
from kavc.serving.server.manager import VersionManager

X = {"x": np.array([1.0], np.float32)}
LONG = 60  # seconds that nothing here takes
POLL = 0.02


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """Gives what is told to end more time than a busy machine takes."""
    monkeypatch.setattr(local, "CANCELLED", LONG)


@pytest.fixture(scope="module")
def versions(odd_models, tmp_path_factory):
    folder = tmp_path_factory.mktemp("versions")
    odd_models.save(odd_models.Doubler(), folder / "good")
    odd_models.never_ready(odd_models.save(odd_models.Endless(), folder / "endless"))
    return folder


@pytest.fixture
def models(versions, tmp_path):
    for name in ("a", "b"):
        shutil.copytree(versions / "good", tmp_path / name / "1")
    return tmp_path


def appear(source, folder):
    """Lets a version appear whole, as an export does."""
    partial = folder.with_name(f".partial-{folder.name}")
    shutil.copytree(source, partial, symlinks=True)
    partial.rename(folder)


def until(condition):
    end = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(POLL)


def change(folder, changed):
    saved = read_saved_model(folder)
    changed(saved.meta_graphs[0])
    (folder / "saved_model.pb").write_bytes(saved.SerializeToString())


def fifo_for(name):
    def spoil(folder):
        (folder / name).unlink()
        os.mkfifo(folder / name)

    return spoil


def link_to_zero(folder):
    (folder / "variables" / "variables.data-00000-of-00001").unlink()
    (folder / "variables" / "variables.data-00000-of-00001").symlink_to("/dev/zero")


def undefined_dtype(folder):
    def spoil(graph):
        graph.signature_def["serving_default"].outputs["y"].dtype = 9999

    change(folder, spoil)


def circle_under_a_table(folder):
    def spoil(graph):
        nodes = graph.graph_def.node
        for name, other in (("one", "two"), ("two", "one")):
            nodes.add(name=name, op="Identity", input=[other])
        nodes.add(name="read", op="InitializeTableFromTextFileV2", input=["one", "one"])

    change(folder, spoil)


def table_with_one_input(folder):
    def spoil(graph):
        nodes = graph.graph_def.node
        nodes.add(name="read", op="InitializeTableFromTextFileV2", input=[nodes[0].name])

    change(folder, spoil)


def no_signature(folder):
    change(folder, lambda graph: graph.ClearField("signature_def"))


def none_to_ask(folder):
    def spoil(graph):
        graph.signature_def["serving_default"].method_name = ""

    change(folder, spoil)


ODD = [
    fifo_for("saved_model.pb"),
    fifo_for("variables/variables.index"),
    link_to_zero,
    undefined_dtype,
    circle_under_a_table,
    table_with_one_input,
    no_signature,
    none_to_ask,
]


@pytest.mark.parametrize("spoil", ODD)
def test_others_roll_on(models, versions, tmp_path_factory, spoil):
    odd = tmp_path_factory.mktemp("odd") / "2"
    shutil.copytree(versions / "good", odd)
    spoil(odd)
    with LocalServer(models, port=0, poll_seconds=POLL) as server, Client(server.address) as client:
        odd.rename(models / "a" / "2")
        until(lambda: server.catalogue.states("a").get(2) is not None)
        until(lambda: server.catalogue.states("a")[2].state != LOADING)
        appear(versions / "good", models / "b" / "2")
        until(lambda: server.catalogue.versions("b") == [2])
        assert server.catalogue.versions("a") == [1]
        assert client.predict("a", X, version=1) and client.predict("b", X, version=2)
        state = server.catalogue.states("a")[2]
        assert "a/2" in state.error and state.error.isprintable()
    with LocalServer(models, port=0) as server:  # and it starts again
        assert [server.catalogue.versions(name) for name in ("a", "b")] == [[1], [2]]


def test_a_version_that_never_loads(models, versions):
    """Its thread is left alone, and ended at the end."""
    server = LocalServer(models, port=0, poll_seconds=POLL)
    server.start()
    with Client(server.address) as client:
        appear(versions / "endless", models / "a" / "2")
        until(lambda: server.catalogue.states("a").get(2) is not None)
        appear(versions / "good", models / "b" / "2")
        until(lambda: server.catalogue.versions("b") == [2])
        assert server.catalogue.states("a")[2].state == LOADING
        assert client.predict("a", X, version=1)
    start = time.monotonic()
    assert server.stop(0)
    assert time.monotonic() - start < LONG / 2


def test_a_start_waits_for_no_version_that_never_loads(models, versions):
    appear(versions / "endless", models / "a" / "2")
    asked = threading.Event()
    server = LocalServer(models, port=0)

    def b_is_there():
        asked.set()
        return server.catalogue.versions("b") == [1]

    server.start(until=b_is_there)
    assert asked.is_set() and server.catalogue.names() == ["b"]
    assert server.stop(0)


class Hanging:
    """Makes models; version 2 hangs until it is told to end, or longer."""

    def __init__(self, ends=True):
        self.told, self.free, self.ends = threading.Event(), threading.Event(), ends
        self.closed = []

    def __call__(self, name, version, folder, opened):
        opened(self.told.set)
        if version == 2:
            assert (self.told if self.ends else self.free).wait(LONG)
            if self.ends:
                raise ServingError("closed")
        made = self

        class Model:
            leases = Leases()

            def warm_up(self, requests):
                pass

            def close(self):
                made.closed.append(self.version)

        Model.name, Model.version = name, version
        return Model()


@pytest.mark.parametrize("ends", [True, False])
def test_what_loads_for_too_long_is_given_up(tmp_path, monkeypatch, ends):
    monkeypatch.setattr(failures, "FIRST_WAIT", LONG)
    for version in (1, 2):
        (tmp_path / "a" / str(version)).mkdir(parents=True)
        (tmp_path / "a" / str(version) / "saved_model.pb").write_bytes(b"graph")
    load = Hanging(ends)
    manager = VersionManager(tmp_path, Catalogue(), load, warmup=False, seconds=LONG)
    manager.poll()
    until(lambda: manager._workers["a"].version == 2)
    monkeypatch.setattr(manager, "_seconds", 0.0)
    manager.poll()
    monkeypatch.setattr(manager, "_seconds", LONG)
    until(lambda: manager.poll(0.1) or manager.catalogue.versions("a") == [1])
    assert load.told.is_set()
    assert manager.catalogue.states("a")[2].error == f"{tmp_path}/a/2: did not load within 0 s"
    (tmp_path / "a" / "3").mkdir()
    (tmp_path / "a" / "3" / "saved_model.pb").write_bytes(b"graph")
    until(lambda: manager.poll(0.1) or manager.catalogue.versions("a") == [3])
    assert manager.stop(LONG if ends else 0.1) is ends
    load.free.set()
    assert manager.stop(LONG)
    assert manager.catalogue.versions("a") == [3]  # the one that hung comes too late
    assert load.closed == ([1] if ends else [1, 2])


def test_what_loads_for_too_long_is_tried_again(tmp_path, monkeypatch):
    monkeypatch.setattr(failures, "FIRST_WAIT", 0.0)
    (tmp_path / "a" / "2").mkdir(parents=True)
    (tmp_path / "a" / "2" / "saved_model.pb").write_bytes(b"graph")
    manager = VersionManager(tmp_path, Catalogue(), Hanging(), warmup=False, seconds=0.1)
    with pytest.raises(ServingError, match=r"did not load within 0\.1 s|no model did load within"):
        manager.load_all()
    monkeypatch.setattr(manager, "_load", lambda *_, **__: Hanging()("a", 1, "", lambda end: None))
    until(lambda: manager.poll(0.1) or manager.catalogue.versions("a") == [1])
    assert manager.stop(LONG)


def test_a_slow_copy_is_served_in_the_end(models, versions, monkeypatch):
    """The shard comes after all attempts have been made."""
    monkeypatch.setattr(failures, "FIRST_WAIT", 0.01)
    folder = models / "a" / "2"
    with LocalServer(models, port=0, poll_seconds=POLL) as server:
        shutil.copytree(versions / "good", folder, ignore=shutil.ignore_patterns("*.data-*"))
        attempts = server._manager._failures.attempts
        until(lambda: attempts(("a", 2)) == failures.ATTEMPTS)
        shard = "variables/variables.data-00000-of-00001"
        shutil.copy(versions / "good" / shard, folder / shard)
        until(lambda: server.catalogue.versions("a") == [2])
        assert server.catalogue.states("a")[2].state == AVAILABLE


def test_a_folder_of_versions_among_models_ends_nothing(models, versions):
    with LocalServer(models, port=0, poll_seconds=POLL) as server:
        appear(versions / "good", models / "7")
        appear(versions / "good", models / "b" / "2")
        until(lambda: server.catalogue.versions("b") == [2])
        assert server.catalogue.versions("a") == [1]
    with LocalServer(models, port=0) as server:
        assert server.catalogue.names() == ["a", "b"]


def test_a_name_that_no_request_can_hold_is_passed_over(models, versions):
    shutil.copytree(versions / "good", models / os.fsdecode(b"\xff") / "1")
    shutil.copytree(versions / "good", models / "c\x1b[2J" / "1")
    with LocalServer(models, port=0) as server:
        assert server.catalogue.names() == ["a", "b"]
