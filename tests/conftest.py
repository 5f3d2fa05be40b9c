"""Fixtures that many tests share."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")
# The tests' own servers are not behind a proxy, for gRPC's bare channels and for urllib.
for _name in ("no_proxy", "no_grpc_proxy"):
    os.environ[_name] = ",".join([*filter(None, [os.environ.get(_name)]), "127.0.0.1,localhost"])

import pytest

ROOT = Path(__file__).parent.parent


def pytest_runtest_setup() -> None:
    """Draws what a test draws without a seed of its own the same, whatever was run before it."""
    import keras

    keras.utils.set_random_seed(0)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of golden arrays and real data beside the repository; skips where there is none."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("no ../shared folder with golden arrays and real data beside the repository")
    return folder


# What asking a server must not need. A finder that refuses is asked before any other.
ALONE = """
import sys
REFUSED = {
    "tensorflow", "keras", "tensorflow_serving", "grpc_health", "grpc_reflection", "h5py", "jax",
    "matplotlib", "pandas", "prometheus_client", "scipy", "sklearn", "tensorboard", "threadpoolctl",
}
class Refusing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in REFUSED:
            raise ImportError(f"{name} is not there")
sys.meta_path.insert(0, Refusing())
"""
COMMAND = "from kavc.cli.main import main; main()"


@pytest.fixture(scope="session")
def alone() -> Callable:
    """Runs code, or `kavc` with the words of a command, where there is no TensorFlow.

    Nor is there Keras, or anything else of what kavc needs but NumPy, protobuf, gRPC, Typer and
    Rich.
    """

    def run(*words: object, code: str = COMMAND) -> str:
        command = [sys.executable, "-c", f"{ALONE}\n{code}", *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="module")
def without_graphs():
    """Has functions run without graphs, which take longer to trace than a few small steps do.

    What is asked of graphs is asked elsewhere, of every system's training.
    """
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def told() -> Iterator:
    """What long work tells in this test: `lines`, `begun` and `ended` tasks, and all `notes`."""
    from kavc import progress

    class Told(progress.Listener):
        def __init__(self):
            self.lines, self.begun, self.ended, self.notes = [], [], [], []

        def say(self, text):
            self.lines.append(text)

        def begin(self, task):
            self.begun.append(task)

        def tell(self, task):
            self.notes.append((task.name, task.at, task.note))

        def end(self, task):
            self.ended.append(task)

    listener = Told()
    with progress.listening(listener):
        yield listener


SMALL = {"embedding_dim": 8, "units": 8, "filters": 8, "epochs": 1, "batch_size": 64}


@pytest.fixture(scope="session")
def small_options() -> dict:
    """Options of Ti-AVC with which a training takes seconds."""
    return dict(SMALL)


@pytest.fixture(scope="session")
def tiny_corpus(tmp_path_factory) -> Path:
    """A synthetic corpus of 300 videos whose frames are 32 wide; not to be changed."""
    from kavc.systems.registry import get

    folder = tmp_path_factory.mktemp("tiny") / "corpus"
    overrides = {"visual_dim": 32}
    get("ti-avc").synthesise(folder, videos=300, seed=0, world_seed=0, overrides=overrides)
    return folder


@pytest.fixture(scope="session")
def embedding_corpus(tmp_path_factory) -> Path:
    """A synthetic corpus of 300 videos in the layout of YouTube-8M; not to be changed."""
    from kavc.systems.registry import get

    folder = tmp_path_factory.mktemp("embedding") / "corpus"
    get("cross-modal-embedding").synthesise(folder, videos=300, seed=0, world_seed=0)
    return folder


SMALL_EMBEDDING = {
    "members": 1, "kernel_features": 32, "units": 32, "embedding_dim": 16, "coordinates": 16,
    "batch_size": 64, "epochs": 8, "ema_momentum": 0.5, "steps_per_execution": 3,
}  # fmt: skip


@pytest.fixture(scope="session")
def embedding_options() -> dict:
    """Options with which the improved cross-modal embedding trains in seconds."""
    return dict(SMALL_EMBEDDING)


@pytest.fixture(scope="session")
def embedding_run(embedding_corpus, tmp_path_factory) -> Path:
    """The run folder of a cross-modal embedding trained on `embedding_corpus`."""
    from kavc.training.fit import train

    folder = tmp_path_factory.mktemp("embedding") / "run"
    source = f"synthetic:{embedding_corpus}"
    options = {"preset": "improved", "overrides": SMALL_EMBEDDING}
    return train("cross-modal-embedding", source, folder, **options).path


@pytest.fixture(scope="session")
def tiny_run(tiny_corpus, tmp_path_factory) -> Path:
    """The run folder of a Ti-AVC trained on `tiny_corpus` for one epoch; not to be changed."""
    from kavc.training.fit import train

    folder = tmp_path_factory.mktemp("tiny") / "run"
    return train("ti-avc", f"synthetic:{tiny_corpus}", folder, overrides=SMALL).path


@pytest.fixture(scope="session")
def random_weights(tmp_path_factory) -> Path:
    """A folder with weights of YAMNet and MobileNetV2 under their published names; random ones."""
    from kavc.media.networks.mobilenet_v2 import mobilenet_v2
    from kavc.media.networks.yamnet import YAMNet

    from .media.published import draw, write_applications

    folder = tmp_path_factory.mktemp("weights")
    for network, name in (
        (YAMNet(), "yamnet.h5"),
        (mobilenet_v2(), "mobilenet_v2_1.0_224.h5"),
    ):
        draw(network)
        write_applications(network, folder / name)
    return folder


@pytest.fixture(scope="session")
def film_road(random_weights, tmp_path_factory) -> Path:
    """A folder made by commands: `films` of 2 s, their `features`, and `run`, a Ti-AVC of these.

    Features are a row of sound for each second, and two frames. Not to be changed.
    """
    from typer.testing import CliRunner

    from kavc.cli.main import app

    folder = tmp_path_factory.mktemp("films")
    films, features = folder / "films", folder / "features"
    options = [f"--set={name}={value}" for name, value in (SMALL | {"batch_size": 4}).items()]
    small = ["--themes", 2, "--seconds", 2, "--size", "64x48", "--rate", 10]
    for words in (
        ["synth-video", films, "--videos", 16, *small],
        ["extract", films, "--table", films / "videos.csv", "--for", "ti-avc", "--audio", "yamnet",
         "--set", "visual.frames=uniform:2", "--weights", random_weights, "--out", features],
        ["train", "ti-avc", "--data", f"features:{features}", "--out", folder / "run", *options],
    ):  # fmt: skip
        result = CliRunner().invoke(app, [str(word) for word in words])
        assert result.exit_code == 0, result.output
    return folder
