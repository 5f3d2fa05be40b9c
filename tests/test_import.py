"""What an import costs, and that every lazily exported name is there."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from types import ModuleType

import pytest

import kavc
from kavc.systems.registry import PACKAGES as SYSTEM_PACKAGES

HEAVY = ("tensorflow", "keras", "sklearn", "matplotlib", "pandas")
PACKAGES = ["kavc"] + [
    module.name for module in pkgutil.walk_packages(kavc.__path__, "kavc.") if module.ispkg
]
SCRIPT = """
import sys
try:
    {code}
except SystemExit as end:
    assert end.code in (0, None), end.code
print("loaded:", *sorted({heavy!r} & set(sys.modules)))
"""


def loaded_by(code: str) -> list[str]:
    """Returns the heavy modules that a fresh process has loaded after running one statement."""
    script = SCRIPT.format(code=code, heavy=set(HEAVY))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1].split()[1:]


def command(*words: str) -> str:
    line = ["kavc", *words]
    return f"from kavc.cli.main import main; sys.argv = {line}; main()"


@pytest.mark.parametrize(
    "code",
    [
        "import kavc",
        "import kavc; kavc.errors, kavc.systems",
        "import kavc; kavc.Run, kavc.load_run, kavc.train, kavc.evaluate, kavc.export_run",
        command("--help"),
        command("--version"),
        command("train", "--help"),
        command("systems"),
        command("predict", "--help"),
        "from kavc.serving import AsyncClient, Client; Client('localhost:1')",
        "import kavc.systems.av_parsing.asking",
        "import kavc.systems.music_match.asking",
        "import kavc.systems.ms_vae.asking",
        "import kavc.systems.cross_modal_embedding.asking",
        "import kavc.data.synthetic.films.corpus",
        *(
            f"import kavc.systems.{package}.{module}"
            for package in SYSTEM_PACKAGES
            for module in ("config", "paper", "system")
        ),
    ],
)
def test_tensorflow_is_not_loaded(code):
    assert loaded_by(code) == []


def test_a_server_is_asked_without_tensorflow(tmp_path):
    import numpy as np

    from .serving.client.fake import Fake, serving

    np.savez(tmp_path / "x.npz", x=np.ones((2, 3), "float32"))
    with serving(Fake()) as address:
        about = "predict", "--server", address, "--model", "fake"
        for more in (["--list"], ["--input", str(tmp_path / "x.npz")]):
            assert loaded_by(command(*about, *more)) == []


def test_what_is_loaded_is_seen():
    assert "matplotlib" in loaded_by("import matplotlib")


def test_python_m_kavc_is_the_command():
    done = subprocess.run([sys.executable, "-m", "kavc", "--version"], capture_output=True)
    assert done.stdout.decode().strip() == kavc.__version__, done.stderr.decode()


def test_every_system_is_an_attribute_of_its_package():
    from kavc import systems
    from kavc.systems.registry import PACKAGES, SYSTEMS, names

    assert [name.replace("-", "_") for name in names()] == PACKAGES
    for name, package in zip(names(), PACKAGES, strict=True):
        assert getattr(systems, package).__name__ == f"kavc.systems.{package}"
        assert SYSTEMS[name][0] == f"kavc.systems.{package}.system"
        assert package in dir(systems)


def test_modules_are_found_by_the_path_that_documentation_names():
    code = "import kavc; kavc.metrics.random_galleries.RandomGalleries; kavc.systems.registry.names"
    assert "tensorflow" not in loaded_by(code)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_exported_name_exists(package):
    module = importlib.import_module(package)
    for name in getattr(module, "__all__", ()):
        found = getattr(module, name)
        if isinstance(found, ModuleType):  # none that hides what is meant, which it holds
            assert name not in vars(found)
    with pytest.raises(AttributeError, match="no attribute 'no_such_name'"):
        module.no_such_name  # noqa: B018
