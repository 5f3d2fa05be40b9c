"""Tables 1 and 2 of the cross-modal embedding on YouTube-8M, several seeds a row.

The paper's label term is switched on at its step 10,000 of an unknown number. Here `paper` gets a
budget of steps, and the switch at the same fraction of it as in 12,100 steps, the preset's 550
epochs of the 23,091 training videos. `published-code` gets the same budget.

    python benchmarks/cross_modal_embedding_youtube8m.py --data youtube8m:PATH --splits FILE \
        --out runs/table

What is trained already is taken as it is, so it may run in several processes, a part of the rows
(`--rows`) each, and once more for the table. `--table hubs` writes the table of some rows alone:

    python benchmarks/cross_modal_embedding_youtube8m.py --data youtube8m:PATH --splits FILE \
        --out runs/table --rows improved tuned --table hubs
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from math import nan
from pathlib import Path

import numpy as np

from kavc.data.source import Source
from kavc.evaluation.report import Report
from kavc.evaluation.table import Column, Table
from kavc.files import write_text
from kavc.systems.registry import get
from kavc.training.fit import train

RESULTS = Path(__file__).parent / "results"
SYSTEM = "cross-modal-embedding"
EPOCHS = 22  # 484 steps; validation recall of `paper` is at its best before
SWITCH = round(EPOCHS * 22 * 10_000 / 12_100)
ROWS = {
    "paper": {"epochs": EPOCHS, "switch_step": SWITCH},
    "published-code": {"epochs": EPOCHS},
    "improved": {},
    "tuned": {},
}
SEEDS = {"tuned": 3}  # most; twice as large and as slow as the others


def main() -> None:
    """Trains what is missing; with all rows there, writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--splits", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--table", help="part of the results' names; else of all rows, and none")
    options = parser.parse_args()
    source = Source.parse(options.data, options.splits)
    reports: dict[str, list[Report]] = {}
    for row in options.rows:
        for seed in range(min(options.seeds, SEEDS.get(row, options.seeds))):
            print(f"{row}, seed {seed}", flush=True)
            run = train(
                SYSTEM, source, options.out / row / f"seed-{seed}", preset=row,
                overrides=ROWS[row], seed=seed, resume=True,
            )  # fmt: skip
            reports.setdefault(row, []).append(run.report)
    if list(reports) != list(ROWS) and not options.table:
        return
    report = get(SYSTEM).summarise(reports, source, run.config)
    report.save(options.out)
    name = f"cross_modal_embedding_{options.table}_" if options.table else "cross_modal_embedding_"
    tables = [*report.tables, spread_table(reports, "hubs"), spread_table(reports, "labels"),
              spread_table(reports, "label-differences")]  # fmt: skip
    for table in tables:
        write_text(RESULTS / f"{name}{table.name}.csv", table.to_csv())
    print(report.to_markdown())


def spread_table(reports: Mapping[str, Sequence[Report]], name: str) -> Table:
    """Returns mean and standard deviation over seeds of a table of each report, by row."""
    columns = next(iter(reports.values()))[0].table(name).columns
    rows: list[tuple] = []
    for row, seeds in reports.items():
        tables = [{cells[:2]: cells[2:] for cells in one.table(name).rows} for one in seeds]
        for key in tables[0]:
            values = np.array([found[key] for found in tables], float)
            spread = values.std(axis=0, ddof=1) if len(seeds) > 1 else np.full(len(values[0]), nan)
            rows.append((row, *key, "mean", len(seeds), *values.mean(axis=0)))
            rows.append((row, *key, "standard deviation", len(seeds), *spread))
    heads = [Column("row"), *columns[:2], Column("over seeds"), Column("seeds", "d")]
    return Table(name, [*heads, *columns[2:]], rows, f"{name}, over seeds")


if __name__ == "__main__":
    main()
