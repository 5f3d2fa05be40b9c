"""Extraction on a cluster: by slots that stand for Ray's, and once by Ray's own on this machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import cloudpickle
import pytest

from kavc.cluster import slots
from kavc.cluster.slots import Died, Ended, Slots
from kavc.errors import ConfigError
from kavc.extraction import engines

from .conftest import records


class FakeSlots:
    """One slot in this process, which stands in another folder than the caller.

    Args:
        deaths: id of a clip to how often its process dies in it.
    """

    def __init__(self, place, deaths=()):
        self.place, self.deaths, self.job, self.started = place, dict(deaths), None, []

    def open(self, ready):
        self.work = cloudpickle.loads(cloudpickle.dumps(ready))()
        return self

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def idle(self):
        return self.job is None

    def start(self, key, job):
        self.started.append(key)
        self.job = key, cloudpickle.loads(cloudpickle.dumps(job))

    def wait(self, seconds):
        (key, job), self.job = self.job, None
        if self.deaths.get(key, 0):
            self.deaths[key] -= 1
            return [Died(key, "the process died", "w1 on there")]
        here = Path.cwd()
        os.chdir(self.place)
        try:
            return [Ended(key, cloudpickle.loads(cloudpickle.dumps(self.work(job))), "w1")]
        finally:
            os.chdir(here)


@pytest.fixture
def fake(monkeypatch, tmp_path, in_process):
    def make(**deaths):
        found = FakeSlots(tmp_path.parent, deaths)
        monkeypatch.setattr(slots, "Slots", lambda workers, **more: found)
        monkeypatch.setattr("kavc.cluster.engines.Cluster", lambda address: None)
        return found

    return make


def test_the_corpus_is_that_of_this_machine(
    extract, clips, whole, weights, fake, tmp_path, monkeypatch
):
    fake()
    monkeypatch.chdir(tmp_path)
    there = Path(os.path.relpath(weights))
    found = extract([Path("clips")], Path("out"), files=there, cluster="head:1", workers=1)
    assert (found.made, found.failed) == (3, []) and records(tmp_path / "out") == records(whole)


def test_a_clip_whose_process_dies_is_tried_once_more(extract, clips, fake, tmp_path):
    (clips / "d.mkv").write_text("no film")
    made = fake(b=1, c=2)
    found = extract(clips, tmp_path / "out", cluster="head:1", workers=1)
    assert sorted(made.started) == ["a", "b", "b", "c", "c", "d"] and found.made == 2
    reasons = {id_: reason for id_, _, reason in found.failed}
    assert reasons["c"] == "w1 on there: the process died, twice"
    assert reasons["d"].startswith("no video or sound that can be read")


def test_a_cluster_that_is_none_is_told_before_a_network_is_loaded(
    extract, clips, recipes, tmp_path, monkeypatch
):
    monkeypatch.setattr(type(recipes["audio"]), "load", lambda self, files: pytest.fail("loaded"))
    with pytest.raises(ConfigError, match="expected HOST:PORT"):
        extract(clips, tmp_path / "out", cluster="nowhere")
    assert not (tmp_path / "out").exists()


def test_weights_that_are_others_there(recipes, weights):
    files = {"audio": {"small-sound": weights / "small-sound.npz"}}
    recipe = {"audio": recipes["audio"]}
    with pytest.raises(engines.ConfigError, match="weights of audio are others than where this"):
        engines._worker(recipe, files, {"audio": {"small-sound": "0" * 64}}, 9.0)


@pytest.mark.slow  # another Ray
def test_on_ray(extract, small, clips, whole, recipes, tmp_path, monkeypatch):
    """One process, which dies in its first clip; what follows it does that and the rest."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), *sys.path]))
    monkeypatch.setenv("KAVC_TEST_MARKER", str(tmp_path / "died"))
    monkeypatch.setattr("kavc.cluster.engines.Cluster", lambda address: None)  # one of our own
    monkeypatch.setattr(slots, "Slots", lambda workers, address, report: Slots(1, report=report))
    told = []
    recipes = {**recipes, "visual": small.DeadlyFrames()}
    out = tmp_path / "out"
    found = extract(clips, out, recipes=recipes, cluster="head:1", workers=1, tell=told.append)
    assert (found.made, found.failed) == (3, []) and (tmp_path / "died").exists()
    assert any(line.endswith("the process died; it is started again") for line in told)
    assert records(out).keys() == records(whole).keys()
