"""Small SavedModels to spoil, and what the check says of them."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from kavc.errors import ExportError
from kavc.serving.inspection import inspect


def load(name: str) -> ModuleType:
    path = Path(__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def graphs() -> ModuleType:
    return load("graphs")


@pytest.fixture(scope="session")
def scale_folder(graphs, tmp_path_factory) -> Path:
    return graphs.save_scale(tmp_path_factory.mktemp("scale") / "1")


@pytest.fixture
def scale(scale_folder, tmp_path) -> Path:
    """A model with a variable, which may be changed."""
    return Path(shutil.copytree(scale_folder, tmp_path / "1"))


@pytest.fixture(scope="session")
def words_folder(graphs, tmp_path_factory) -> Path:
    return graphs.save_words(tmp_path_factory.mktemp("words") / "1")


@pytest.fixture
def words(words_folder, tmp_path) -> Path:
    """A model with a table that is read from an asset, which may be changed."""
    return Path(shutil.copytree(words_folder, tmp_path / "1"))


@pytest.fixture(scope="session")
def refusal(graphs) -> Callable[..., str]:
    """Returns what the check says of a folder, changed by a function of its graph."""

    def refusal(folder, edit=None, **options) -> str:
        if edit:
            graphs.change(folder, edit)
        with pytest.raises(ExportError) as error:
            inspect(folder, **options)
        line = str(error.value)
        assert line.isprintable() and len(line) < 1500
        return line

    return refusal
