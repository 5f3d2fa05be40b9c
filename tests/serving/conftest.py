"""The tiny network of tests/export, exported twice and served on a free port."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

TINY = Path(__file__).parent.parent / "export" / "tiny.py"


@pytest.fixture(scope="session")
def tiny() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tiny", TINY)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def network(tiny):
    return tiny.network()


@pytest.fixture(scope="session")
def models_dir(tiny, network, tmp_path_factory) -> Path:
    """Holds versions 1, which only echoes, and 2, the whole network."""
    from kavc.export.savedmodel import export

    target = tmp_path_factory.mktemp("served") / "models"
    signatures = tiny.signatures(network)
    export(network, {"serving_default": signatures["echo"]}, target, name="tiny", card="")
    export(network, signatures, target, name="tiny", card="")
    return target


@pytest.fixture(scope="session")
def server(models_dir):
    from kavc.serving.server.local import LocalServer

    with LocalServer(models_dir, port=0, max_message_bytes=2**20) as server:
        yield server


@pytest.fixture
def client(server):
    from kavc.serving.client.blocking import Client

    with Client(server.address) as client:
        yield client
