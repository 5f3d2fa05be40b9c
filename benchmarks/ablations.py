"""The table of an ablation: each configuration held against the first, seeds paired."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from kavc.data.source import Source
from kavc.evaluation.spreads import spread
from kavc.evaluation.table import Column, Table


def ablation_table(
    name: str,
    scores: Mapping[str, Sequence[Sequence[float]]],
    measures: Sequence[Column],
    caption: str,
    source: Source,
) -> Table:
    """Returns one row a configuration.

    Args:
        name: of the table.
        scores: configuration to one row of measures a seed, the same seeds in order.
        measures: what each is called, with its format and unit.
        caption: what was measured where.
        source: of the data.
    """
    columns = [Column("configuration"), Column("seeds", "d")]
    for each in measures:
        plain, signed = (each.format, each.unit), (f"+{each.format}", each.unit)
        columns += [Column(each.name, *plain), Column(f"sd, {each.name}", *plain)]
        columns += [Column(f"{end}, {each.name}", *signed) for end in ("difference", "low", "high")]
    whole = np.array(next(iter(scores.values())))
    rows: list[tuple] = []
    for label, seeds in scores.items():
        cells: list[float | None] = []
        for number, values in enumerate(np.transpose(seeds)):
            alone = spread(list(values))
            apart = spread(list(values - whole[: len(values), number]))
            compared = (apart.mean, *apart.interval) if rows else (None, None, None)
            cells += [alone.mean, alone.std, *compared]
        rows.append((label, len(seeds), *cells))
    caption = f"{caption}; intervals: Student's, 95 %, of paired seeds"
    return Table(name, columns, rows, caption=caption, source=source.title())
