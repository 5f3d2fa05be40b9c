"""One small corpus of films and songs for all tests."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import pytest

from kavc.data.synthetic.films import FilmSettings, write

SMALL = FilmSettings(seconds=2, width=64, height=48, seed=3)
VIDEOS, TRACKS = 20, 4


@dataclass(frozen=True)
class Corpus:
    folder: Path
    settings: FilmSettings
    videos: list[dict[str, str]]
    tracks: list[dict[str, str]]


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("films") / "made"
    write(folder, SMALL, videos=VIDEOS, tracks=TRACKS)
    return Corpus(folder, SMALL, read(folder / "videos.csv"), read(folder / "tracks.csv"))
