"""A sample of `benchmarks/hostile_files.py`: each loader refuses some files in one line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from kavc.errors import KavcError

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
FEW = ("empty", "web page", "noise", "a FIFO", "zeros without end", "a link to itself")


@pytest.fixture(scope="module")
def loaders():
    """The loaders that take no time to begin with."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import hostile_loaders
    finally:
        sys.path.remove(str(BENCHMARKS))
    return hostile_loaders


KINDS = ("JSON", "YAML", "CSV", "npz", "npy", "text")


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_files_are_refused_in_one_line(loaders, kind, tmp_path):
    chosen = [each for each in loaders.LOADERS if each.kind == kind and each.before is None]
    assert chosen
    for number, loader in enumerate(chosen):
        folder = tmp_path / str(number)
        folder.mkdir()
        loader.make(folder)
        loader.load(folder)
        file = folder / loader.file
        content = file.read_bytes()
        for name in FEW:
            file.unlink()
            if name in loaders.OPENINGS:
                loaders.OPENINGS[name](file)
            else:
                file.write_bytes(loader.damages.get(name, lambda _: b"\xff")(content))
            if loader.after:
                loader.after(folder)
            with pytest.raises(KavcError) as error:
                loader.load(folder)
            assert error.value.exit_code == 2, (loader.name, name)
            assert str(folder) in str(error.value), (loader.name, name)
            assert len(str(error.value).splitlines()) == 1, (loader.name, name)
