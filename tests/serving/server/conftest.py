"""Small models that are odd in ways a check can't, or need not, refuse."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def odd_models() -> ModuleType:
    path = Path(__file__).with_name("odd_models.py")
    spec = importlib.util.spec_from_file_location("odd_models", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
