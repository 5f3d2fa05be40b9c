"""The package's metadata, its locks and what lies in the repository agree with each other."""

from __future__ import annotations

import ast
import configparser
import importlib
import json
import re
import sys
from importlib.metadata import distributions, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import kavc

ROOT = Path(__file__).parent.parent
CONFIG = configparser.ConfigParser()
CONFIG.read(ROOT / "setup.cfg", encoding="utf-8")
EXTRAS = {
    name: [Requirement(line) for line in text.split("\n") if line]
    for name, text in CONFIG["options.extras_require"].items()
}
CORE = [Requirement(line) for line in CONFIG["options"]["install_requires"].split("\n") if line]
DECLARED = CORE + [
    each for name, extra in EXTRAS.items() if name not in ("all", "gpu") for each in extra
]
LOCKS = {"requirements.lock": "2.17.1", "requirements-latest.lock": "2.21.0"}
NOTEBOOKS = sorted(ROOT.glob("notebooks/*.ipynb"))


def pins(lock: str) -> dict[str, str]:
    lines = (ROOT / lock).read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pairs}


@pytest.mark.parametrize("lock", [*LOCKS, "requirements-openvino.lock"])
def test_a_lock_holds_exact_versions_alone(lock):
    for line in (ROOT / lock).read_text(encoding="utf-8").splitlines():
        assert re.fullmatch(r"#.*|[\w.-]+==[\w.]+", line), line


@pytest.mark.parametrize("lock", LOCKS)
@pytest.mark.parametrize("requirement", DECLARED, ids=str)
def test_locked_version_lies_in_the_declared_range(lock, requirement):
    assert requirement.specifier.contains(pins(lock)[canonicalize_name(requirement.name)])


@pytest.mark.parametrize("python", ["3.11.0", "3.12.0"])
def test_locked_packages_take_every_python_that_is_declared(python):
    """As those of distributions, which stay at an early one: Debian 12 has 3.11.2."""
    assert python in SpecifierSet(CONFIG["options"]["python_requires"])
    locked = pins("requirements.lock")
    refusing = {
        canonicalize_name(there.metadata["Name"]): asked
        for there in distributions()
        if (asked := there.metadata["Requires-Python"]) and python not in SpecifierSet(asked)
    }
    assert not {name: asked for name, asked in refusing.items() if name in locked}


@pytest.mark.parametrize(("lock", "tensorflow"), LOCKS.items())
def test_each_lock_holds_its_tensorflow(lock, tensorflow):
    assert pins(lock)["tensorflow"] == tensorflow


@pytest.mark.parametrize(
    ("version", "admitted"), [("3.10", False), ("3.11", True), ("3.12", True), ("3.13", False)]
)
def test_python_range(version, admitted):
    assert SpecifierSet(CONFIG["options"]["python_requires"]).contains(version) is admitted


def test_all_is_every_extra_of_users_but_gpu():
    (everything,) = EXTRAS["all"]
    assert everything.name == CONFIG["metadata"]["name"]
    assert everything.extras == set(EXTRAS) - {"all", "gpu", "docs", "dev"}


def test_what_the_package_imports_is_declared():
    declared = {canonicalize_name(each.name) for each in DECLARED}
    distributions = packages_distributions()
    for module, file in sorted(imported_modules()):
        owners = {canonicalize_name(name) for name in distributions.get(module, [module])}
        assert owners & declared, f"{file} imports {module}, which setup.cfg does not declare"


def imported_modules() -> set[tuple[str, str]]:
    """Returns (top-level module of a third party, file that imports it) over the package."""
    found = set()
    for file in (ROOT / "kavc").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            else:
                continue
            found |= {(name.partition(".")[0], str(file.relative_to(ROOT))) for name in names}
    ours = {*sys.stdlib_module_names, "kavc"}
    return {(module, file) for module, file in found if module not in ours}


def test_the_typing_marker_and_licence_are_there():
    assert (Path(kavc.__file__).parent / "py.typed").is_file()
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_notebook_is_stored_without_outputs(notebook):
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None, cell["source"]


@pytest.mark.parametrize(
    "script",
    sorted([*ROOT.glob("benchmarks/*.py"), *ROOT.glob("export/*.py")]),
    ids=lambda path: path.name,
)
def test_what_a_script_takes_of_the_package_is_there(script):
    """Scripts outside the package run seldom; what was moved or renamed would break them unseen."""
    tree = ast.parse(script.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "kavc":
            module = importlib.import_module(node.module)
            for each in node.names:
                if not hasattr(module, each.name):
                    importlib.import_module(f"{node.module}.{each.name}")
