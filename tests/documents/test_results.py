"""The tables of `docs/results` have the numbers of the benchmarks' result files."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from itertools import takewhile

import pytest

from .pages import RESULTS, ROOT

FILES = ROOT / "benchmarks" / "results"
DECIMAL = re.compile(r"\d*\.\d+")
HALF = 1e-9  # of what a rounding of a half may differ by

# Page; how the header of its table begins, and which of those that do; the files that it shows.
TABLES = [
    ("ti-avc", "| system |", 0, ["ti_avc_youtube8m/paper/tables/table-1"]),
    ("av-parsing", "| | A | V | AV |", 0, ["av_parsing/summary/tables/table-1"]),
    ("av-parsing", "| | A | V | AV |", 1, ["av_parsing/summary/tables/table-2"]),
    ("av-parsing", "| | segment |", 0, ["parsing_ablation"]),
    ("ms-vae", "| | A2V |", 0, ["ms_vae/uniform-starts/summary/tables/table-1"]),
    ("ms-vae", "| | A2V |", 1, ["ms_vae/real-starts/summary/tables/table-1"]),
    ("ms-vae", "| | A-A |", 0, ["ms_vae/uniform-starts/summary/tables/table-2"]),
    ("ms-vae", "| | A-A |", 1, ["ms_vae/real-starts/summary/tables/table-2"]),
    ("ms-vae", "| | found exactly", 0, ["ms_vae/ablation"]),
    ("music-match", "| | accuracy |", 0, ["music_match/default/summary/tables/table-1"]),
    ("cross-modal-embedding", "| | R@1, 256 |", 0, ["cross_modal_embedding_ablation"]),
    ("cross-modal-embedding", "| | R@1, 256 |", 1, ["cross_modal_embedding_negatives"]),
    ("retrieval", "| bank |", 0, ["hub_banks"]),
    ("retrieval", "| | 100,000", 0, ["index_search_exact_random"]),
    ("speed", "| stage, batch", 0, ["training_step"]),
    ("speed", "| layout |", 0, ["tfrecord_reading"]),
    ("speed", "| | batch | threads", 0, ["parsing_step"]),
    ("speed", "| over |", 0, ["ms_vae_step"]),
]
MARGINS = {"1.62", "1.61"}  # of the report on music for video, which its own table has


def cells(page: str, header: str, which: int) -> Iterator[str]:
    """Yields the cells of a table of a page, without its header."""
    lines = (RESULTS / f"{page}.md").read_text("utf-8").splitlines()
    start = [at for at, line in enumerate(lines) if line.startswith(header)][which]
    for line in takewhile(lambda line: line.startswith("|"), lines[start + 2 :]):
        yield from line.strip("|").split("|")[1:]


def values(names: list[str]) -> list[float]:
    """Returns the sizes of all numbers in some result files."""
    found = []
    for name in names:
        with (FILES / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
            for row in csv.reader(stream):
                found += [abs(float(each)) for each in row if DECIMAL.fullmatch(each.lstrip("-"))]
    return found


@pytest.mark.parametrize(("page", "header", "which", "names"), TABLES)
def test_a_table_has_the_numbers_of_its_files(page, header, which, names):
    known = values(names)
    shown = [each for cell in cells(page, header, which) for each in DECIMAL.findall(cell)]
    assert len(shown) > 10
    for number in set(shown) - MARGINS:
        half = 0.5 * 10.0 ** -len(number.partition(".")[2]) + HALF
        nearest = min(known, key=lambda each, number=number: abs(each - float(number)))
        assert abs(nearest - float(number)) <= half, f"{number} is not {nearest}"
