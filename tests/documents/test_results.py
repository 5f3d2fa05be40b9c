"""The tables of `docs/results` have the numbers of the benchmarks' result files.

Which number stands in which column, and what the sentences say, is not compared.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import takewhile

import pytest

from .pages import RESULTS, ROOT

FILES = ROOT / "benchmarks" / "results"
DECIMAL = re.compile(r"\d*\.\d+")
SEEDS = re.compile(r"(, \d+ seeds?| \(one seed\))")
HALF = 1e-9  # of what a rounding of a half may differ by

RECALL = ["cross_modal_embedding_recall", "cross_modal_embedding_hubs_recall"]
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
    ("cross-modal-embedding", "| | 256 | 512", 0, RECALL),
    ("cross-modal-embedding", "| | 256 | 512", 1, RECALL),
    ("retrieval", "| bank |", 0, ["hub_banks"]),
    ("retrieval", "| | 100,000", 0, ["index_search_exact_random"]),
    ("speed", "| stage, batch", 0, ["training_step"]),
    ("speed", "| layout |", 0, ["tfrecord_reading"]),
    ("speed", "| | batch | threads", 0, ["parsing_step"]),
    ("speed", "| over |", 0, ["ms_vae_step"]),
]
MARGINS = {"1.62", "1.61"}  # of the report on music for video, which its own table has


def lines_of(page: str, header: str, which: int) -> Iterator[tuple[str, list[str]]]:
    """Yields what a table of a page calls each of its lines, and the numbers in it."""
    lines = (RESULTS / f"{page}.md").read_text("utf-8").splitlines()
    start = [at for at, line in enumerate(lines) if line.startswith(header)][which]
    for line in takewhile(lambda line: line.startswith("|"), lines[start + 2 :]):
        label, *cells = line.strip("|").split("|")
        of_ours = "`improved`" in cells[0]  # the preset in a column of its own
        numbers = [each for cell in cells for each in DECIMAL.findall(cell)]
        yield "" if of_ours else plain(label), numbers


def plain(label: str) -> str:
    """Returns what is called, without marks and without how many seeds it has."""
    return SEEDS.sub("", re.sub(r"[*`]", "", label)).strip().lower()


def rows_of(names: list[str]) -> dict[str, list[float]]:
    """Returns the sizes of the numbers in some result files, by what a row is called."""
    found: dict[str, list[float]] = defaultdict(list)
    for name in names:
        with (FILES / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
            for row in csv.reader(stream):
                numbers = [each for each in row if DECIMAL.fullmatch(each.lstrip("-"))]
                found[plain(row[0])] += [abs(float(each)) for each in numbers]
    return found


@pytest.mark.parametrize(("page", "header", "which", "names"), TABLES)
def test_a_table_has_the_numbers_of_its_files(page, header, which, names):
    """Those of the row of the same name; of all rows, where no row is called as the line is."""
    rows = rows_of(names)
    every = [each for numbers in rows.values() for each in numbers]
    count = 0
    for label, shown in lines_of(page, header, which):
        if label not in rows and names == RECALL:
            continue  # of runs whose tables are not kept
        count += len(shown)
        for number in set(shown) - MARGINS:
            half = 0.5 * 10.0 ** -len(number.partition(".")[2]) + HALF
            known = rows.get(label, every)
            nearest = min(known, key=lambda each, number=number: abs(each - float(number)))
            assert abs(nearest - float(number)) <= half, f"{label}: {number} is not {nearest}"
    assert count > 10
