"""The tiny system of tiny.py, where the training code looks systems up by name."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from kavc.data.source import Source


@pytest.fixture(scope="session")
def tiny():
    """The module tiny.py; it must be findable, since its config's types are read as text."""
    spec = importlib.util.spec_from_file_location(
        "kavc_tests_tiny", Path(__file__).with_name("tiny.py")
    )
    sys.modules[spec.name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def system(tiny, monkeypatch):
    """A `TinySystem` that run folders find again."""
    monkeypatch.setattr("kavc.training.run.get", lambda name: tiny.TinySystem())
    return tiny.TinySystem()


@pytest.fixture
def source(tmp_path) -> Source:
    (tmp_path / "corpus.json").write_text("{}")  # without it, the folder is no source
    return Source("synthetic", tmp_path)
