"""What `kavc data describe` says of features: their statistics beside those of published ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kavc.cli.output import print_table, results

if TYPE_CHECKING:
    from kavc.data.layouts import View
    from kavc.data.likeness import Verdict
    from kavc.data.source import Source
    from kavc.data.statistics import ArrayStatistics

SMALL_PRINT = (
    "L2: mean norm of the rows; fixed: columns that never change; equal: rows that came before"
)
MADE_UP = "made up by this package: compared with nothing"


@dataclasses.dataclass(frozen=True)
class Described:
    """The statistics of a source's arrays, and what these look like.

    Args:
        arrays: each with what it looks like.
        sample: of which videos, in words.
    """

    arrays: Sequence[tuple[ArrayStatistics, Verdict]]
    sample: str

    def to_json(self) -> dict[str, Any]:
        """Returns plain values, by the names of the arrays."""
        told = {}
        for found, verdict in self.arrays:
            numbers = dataclasses.asdict(found) | {"grid": found.grid}
            told[numbers.pop("name")] = numbers | dataclasses.asdict(verdict)
        return {"sample": self.sample, "arrays": told}

    def show(self) -> None:
        """Prints the table, and the sentences below it."""
        from kavc.evaluation.table import Column, Table

        columns = [
            Column("array"), Column("rows", ",d"), Column("width", "d"), Column("hop", ".3g", "s"),
            Column("mean", ".3f"), Column("std", ".3f"), Column("min", ".3g"),
            Column("max", ".3g"), Column("zero", ".1f", "%"), Column("< 0", ".1f", "%"),
            Column("L2", ".3g"), Column("fixed", "d"), Column("equal", ",d"),
        ]  # fmt: skip
        rows = [_row(found) for found, _ in self.arrays if found.rows]
        if rows:
            print_table(Table("statistics", columns, rows, f"features, {self.sample}", SMALL_PRINT))
        for found, verdict in self.arrays:
            for sentence in (verdict.looks, verdict.said, *verdict.notes):
                if sentence:
                    results.print(f"- {found.name}: {sentence}", markup=False, highlight=False)


def described(source: Source, view: View, splits: Sequence[str]) -> Described:
    """Measures the arrays of a source.

    Args:
        source: where they are.
        view: what a system reads of them.
        splits: whose videos are read, in that order.

    Raises:
        DataError: as `kavc.data.statistics.statistics`.
    """
    from kavc.data.likeness import Verdict, judge
    from kavc.data.statistics import statistics

    extractors = source.extractors()
    made_up = source.title().startswith("synthetic ")
    arrays = [
        (found, Verdict((), MADE_UP) if made_up else judge(found, extractors.get(found.name, "")))
        for found in statistics(source, splits, view=view)
    ]
    videos = sorted({found.videos for found, _ in arrays if found.videos})
    counted = " to ".join(f"{n:,}" for n in (videos[:1] + videos[1:][-1:])) or "no"
    if source.compares():
        return Described(arrays, f"first {counted} videos and tracks, of all splits")
    return Described(arrays, f"first {counted} videos of {', then '.join(splits)}")


def _row(found: ArrayStatistics) -> list[Any]:
    return [
        found.name, found.rows, found.width, found.hop, found.mean, found.std, found.least,
        found.most, 100 * found.zeros, 100 * found.negative, found.length, found.constant,
        found.repeated,
    ]  # fmt: skip
