from __future__ import annotations

import re

from kavc.systems.cross_modal_embedding.paper import GALLERIES, PAPER, RECALL


def test_numbers_are_those_of_the_reference_page(shared):
    page = (shared / "reference" / "cross_modal_embedding.md").read_text(encoding="utf-8")
    row = next(line for line in page.splitlines() if line.startswith("| paper |"))
    found = [float(number) for number in re.findall(r"\d+\.\d", row)]
    mine = [
        x for direction in ("a2v", "v2a") for size in GALLERIES for x in RECALL[direction][size]
    ]
    assert found == mine


def test_numbers_are_those_of_the_paper(shared):
    text = (shared / "papers" / "cross_modal_embedding.txt").read_text(encoding="utf-8")
    for size in GALLERIES:
        row = re.search(rf"^{size}\t.*$", text, re.MULTILINE).group()
        shown = [f"{x}%" for direction in ("a2v", "v2a") for x in RECALL[direction][size]]
        size, first, second = str(size), shown[:3], shown[3:]
        assert row.split("\t") == [size, *first, size, *second]


def test_tables_have_all_cells():
    assert [len(table) for table in PAPER.tables.values()] == [9, 9]
    assert PAPER.tables["Table 2, video to audio, recall (%)"]["gallery of 512, R@5"] == 38.0
