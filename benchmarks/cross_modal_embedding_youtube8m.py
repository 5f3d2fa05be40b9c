"""Tables 1 and 2 of the cross-modal embedding on YouTube-8M, several seeds a row.

The paper's label term is switched on at its step 10,000 of an unknown number. Here `paper` gets a
budget of steps, and the switch at the same fraction of it as in 12,100 steps, the preset's 550
epochs of the 23,091 training videos. `published-code` gets the same budget.

    python benchmarks/cross_modal_embedding_youtube8m.py --data youtube8m:PATH --splits FILE \
        --out runs/table

What is trained already is taken as it is, so it may run in several processes, a part of the rows
(`--rows`) each, and once more for the table.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import kavc
from kavc.cli.output import epoch_line
from kavc.data.source import Source
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
}


def main() -> None:
    """Trains what is missing; with all rows there, writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--splits", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    options = parser.parse_args()
    source = Source.parse(options.data, options.splits)
    reports: dict[str, list[kavc.evaluation.Report]] = {}
    for row in options.rows:
        for seed in range(options.seeds):
            print(f"{row}, seed {seed}", flush=True)
            run = train(
                SYSTEM, source, options.out / row / f"seed-{seed}", preset=row,
                overrides=ROWS[row], seed=seed, resume=True, after_epoch=epoch_line,
            )  # fmt: skip
            reports.setdefault(row, []).append(run.report)
    if list(reports) != list(ROWS):
        return
    report = get(SYSTEM).summarise(reports, source, run.config)
    report.save(options.out)
    for table in report.tables:
        write_text(RESULTS / f"cross_modal_embedding_{table.name}.csv", table.to_csv())
    print(report.to_markdown())


if __name__ == "__main__":
    main()
