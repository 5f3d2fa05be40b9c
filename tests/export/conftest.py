"""The tiny network, live and exported."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def tiny() -> ModuleType:
    return load(Path(__file__).with_name("tiny.py"))


@pytest.fixture(scope="session")
def network(tiny):
    return tiny.network()


@pytest.fixture(scope="session")
def version_folder(tiny, network, tmp_path_factory) -> Path:
    from kavc.export.savedmodel import export

    target = tmp_path_factory.mktemp("exported") / "models"
    return export(
        network,
        tiny.signatures(network),
        target,
        name="tiny",
        card="# tiny\n",
        assets={"themes.txt": tiny.THEMES},
    )
