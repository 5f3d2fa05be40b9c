"""A reader's folder, with what pages take for granted in it, and a server that commands can ask."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

# The contract's small trainings, by name, as `systems/contract/conftest.py` has them.
sys.path.append(os.fspath(Path(__file__).parents[1] / "systems"))

from contract.systems import Small

from kavc.systems import registry

ROOT = Path(__file__).parents[2]
SPLITS = """\
{"train": ["train*.tfrecord"], "validation": ["validate*.tfrecord"], "test": ["test*.tfrecord"]}
"""


@pytest.fixture(scope="session")
def published(tmp_path_factory, embedding_corpus, random_weights):
    """What a reader has before the first page: data in published layouts, weights, sweep files."""
    from kavc.data.synthetic import ave, llp
    from kavc.data.synthetic.ave_knobs import knobs as ave_knobs
    from kavc.data.synthetic.llp_knobs import knobs

    folder = tmp_path_factory.mktemp("published")
    shutil.copytree(embedding_corpus, folder / "data" / "yt8m")
    llp.write(folder / "data" / "llp", knobs("default"), videos=18)
    counts = {"train": 20, "validation": 12, "test": 8}
    ave.write(folder / "data" / "ave", ave_knobs("default"), counts=counts)
    for name in ("yt8m", "llp", "ave"):  # they are no synthetic corpora to who reads them
        (folder / "data" / name / "corpus.json").unlink()
    (folder / "splits.json").write_text(SPLITS)
    shutil.copytree(ROOT / "tuning", folder / "tuning")
    shutil.copytree(random_weights, folder / "weights")
    return folder


@pytest.fixture(scope="session")
def runs_of():
    """The run folder of each system by its name: of pages that were typed, filled by the test."""
    return {}


@pytest.fixture
def all_runs(runs_of, tmp_path_factory):
    """The same, with small trainings of the systems that no page that was typed has trained."""
    import tensorflow as tf

    from kavc.training.fit import train

    tf.config.run_functions_eagerly(True)
    for name in registry.names():
        if name not in runs_of:
            small = Small.of(name, tmp_path_factory.mktemp("corpus"))
            options = {"preset": small.preset, "overrides": small.overrides | {"epochs": 1}}
            out = tmp_path_factory.mktemp("run") / name
            runs_of[name] = train(small.system, small.source, out, **options).path
    tf.config.run_functions_eagerly(False)
    return runs_of


@pytest.fixture
def reader(tmp_path, monkeypatch, published):
    """The folder in which a page is read; commands run in it."""
    shutil.copytree(published, tmp_path, dirs_exist_ok=True)
    monkeypatch.delenv("KAVC_WEIGHTS", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def quick(monkeypatch):
    """Fits without graphs, which take longer to trace than a few steps do; one row of a table."""
    import tensorflow as tf

    for name in registry.names():
        system = type(registry.get(name))
        rows = system.rows
        monkeypatch.setattr(system, "rows", lambda self, config, rows=rows: rows(self, config)[:1])
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def server(monkeypatch):
    """Has `kavc serve` serve from this process, at a free port, and go on; gives the address."""
    from kavc.serving.server.local import LocalServer

    started = []

    def serve(models_dir, options, *, report):
        started.append(LocalServer(models_dir, options=replace(options, port=0)))
        started[-1].start()
        report(f"local server on {started[-1].address}")

    monkeypatch.setattr("kavc.serving.launcher.serve", serve)
    yield lambda: started[-1].address if started else "localhost:8500"
    for each in started:
        each.stop(grace=0)
