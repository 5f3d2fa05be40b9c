"""Clips of two seconds, and the extractors of small.py, registered."""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path

import numpy as np
import pytest

from kavc.errors import KavcError
from kavc.extraction import engines
from kavc.extraction.weights import VARIABLE
from kavc.media.decoders import Done, Failed, Part
from kavc.media.extractors import registry

from ..media.conftest import Film, film, greys, talkie, tone  # noqa: F401 - film and talkie are fixtures

NAMES = ("a", "b", "c")


@pytest.fixture(scope="session")
def small():
    """The module small.py, which processes that begin from now on find by its name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parent)
        yield importlib.import_module("small")


@pytest.fixture(scope="session")
def weights(small, tmp_path_factory):
    """A folder with the weights of both."""
    return small.write_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture
def registered(small, weights, monkeypatch):
    """Has both extractors be known by their names, with weights that are found."""
    for recipe in (small.SmallSound, small.SmallFrames):
        monkeypatch.setitem(registry.EXTRACTORS, recipe.NAME, ("", recipe.NAME))
    known, recipe_of = (
        {each.NAME: each for each in (small.SmallSound, small.SmallFrames)},
        registry.recipe_of,
    )
    monkeypatch.setattr(
        "kavc.extraction.asked.recipe_of", lambda name: known.get(name) or recipe_of(name)
    )
    monkeypatch.setenv(VARIABLE, str(weights))
    return known


@pytest.fixture(scope="session")
def made_clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    for number, name in enumerate(NAMES):
        sound = np.stack([tone(200 * (number + 1), 2.2)]) * 0.5
        pieces = (sound * 32767).astype(np.int16)
        Film(folder / f"{name}.mkv").picture(greys(20, step=12 - number)).sound(pieces).write()
    return folder


@pytest.fixture
def clips(made_clips, tmp_path):
    """A folder of three clips, to be changed as one likes."""
    return shutil.copytree(made_clips, tmp_path / "clips")


@pytest.fixture
def recipes(small):
    return {"audio": small.SmallSound(), "visual": small.SmallFrames()}


@pytest.fixture(scope="session")
def whole(small, made_clips, weights, tmp_path_factory):
    """The corpus of all three clips, of one clean run."""
    from kavc.extraction import WeightFiles, extract, find_clips

    recipes = {"audio": small.SmallSound(), "visual": small.SmallFrames()}
    out = tmp_path_factory.mktemp("whole") / "out"
    extract(find_clips([made_clips]), recipes, out, weights=WeightFiles.parse([str(weights)]))
    return out


@pytest.fixture
def extract(recipes, weights):
    """Extracts what is in places into a folder, by the two extractors."""
    from kavc.extraction.clips import find_clips
    from kavc.extraction.run import extract
    from kavc.extraction.weights import WeightFiles

    def run(places, out, *, table=None, keep=(), files=weights, recipes=recipes, **options):
        places = [places] if isinstance(places, Path) else places
        found = find_clips(places, table, keep)
        given = WeightFiles.parse([str(files)])
        return extract(found, recipes, out, weights=given, table=table, **options)

    return run


class Here:
    """Stands for `Decoders`: reads in this process, which takes no time to start."""

    def __init__(self, count, seconds):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def stream(self, function, jobs):
        for key, path, args in jobs:
            try:
                yield from (Part(key, item) for item in function(path, *args))
                yield Done(key)
            except KavcError as error:
                yield Failed(key, error)


@pytest.fixture
def in_process(monkeypatch):
    monkeypatch.setattr(engines, "Decoders", Here)


def records(folder):
    """Bytes of the shards of a corpus, by name."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.tfrecord"))}


def parts(folder):
    """The ids of which there are features, of an extraction that is not done."""
    return sorted(path.stem for path in (folder / "parts").glob("*.npz"))
