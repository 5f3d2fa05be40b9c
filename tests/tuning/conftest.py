"""The system of small.py, registered, and data for it."""

from __future__ import annotations

import gc
import importlib.util
import sys
from pathlib import Path

import pytest

from kavc.systems import registry


@pytest.fixture(scope="module", autouse=True)
def quick_collections():
    """Each trial begins with a collection of garbage, which takes long among a suite's objects."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="session")
def small():
    """The module small.py; it must be findable, since its config's types are read as text."""
    spec = importlib.util.spec_from_file_location(
        "kavc_tests_small", Path(__file__).with_name("small.py")
    )
    sys.modules[spec.name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def system(small, monkeypatch):
    """The system, under the name "small"; nothing has been read yet."""
    monkeypatch.setitem(registry.SYSTEMS, "small", ("kavc_tests_small", "SmallSystem"))
    small.SmallSystem.reads, small.SmallSystem.loads = (), 0
    return small.SmallSystem()


@pytest.fixture
def data(tmp_path) -> str:
    """A source of the system."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "corpus.json").write_text("first")
    return f"synthetic:{folder}"
