"""Does a server live on, and answer, whatever requests, models and peers it is given?

Four parts. "graphs": versions that do harm, that are traps, odd files or spoilt at random, each
checked in a process of its own and, if it passes, served and asked in another. "requests":
thousands that are spoilt, huge, compressed or cut short. "peers": connections that are silent,
slow, in a hurry or speak no HTTP/2, beside a caller who behaves. "rolling": a model gets a version
that would hang its loader, while another one's versions must roll. What was seen is written as
JSON and as CSV; the exit code is 1 if anything was amiss.

    python benchmarks/hostile_serving.py [--only PART] [--count N] [--seed S] [--out PATH]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import hostile_graphs
import hostile_peers
import hostile_requests
import hostile_rolling
from hostile_server import Row
from interleaved import provenance

from kavc.cli.output import print_table
from kavc.evaluation.table import Column, Table
from kavc.files import write_text

OUT = Path(__file__).parent / "results" / "hostile_serving"
PARTS: dict[str, Callable[[Path, int, int], Iterator[Row]]] = {
    "graphs": hostile_graphs.run,
    "requests": hostile_requests.run,
    "peers": hostile_peers.run,
    "rolling": hostile_rolling.run,
}
COLUMNS = (
    Column("part"),
    Column("attack"),
    Column("count", "d"),
    Column("codes"),
    Column("median s", ".4f"),
    Column("largest s", ".4f"),
    Column("MiB before", ".1f"),
    Column("MiB at most", ".1f"),
    Column("MiB after", ".1f"),
    Column("faults"),
    Column("note"),
)
SUMMARY = ("attack", "count", "largest s", "MiB at most", "faults")


def main() -> None:
    """Runs the parts, writes what was seen and prints it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--count", type=int, default=5000, help="of requests; a fifth of graphs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=OUT, help="without a suffix")
    options = parser.parse_args()
    began = time.monotonic()
    rows = []
    for name in [options.only] if options.only else PARTS:
        with tempfile.TemporaryDirectory(prefix="hostile-") as scratch:
            for row in PARTS[name](Path(scratch), options.count, options.seed):
                rows.append(row)
                _print_row(row, time.monotonic() - began)
    _write(rows, options.out, time.monotonic() - began)
    print_table(_summary(rows))
    sys.exit(any(row.faults for row in rows))


def _print_row(row: Row, seconds: float) -> None:
    shown = (row.facts()[name] for name in ("part", "attack", "codes", "note", "faults"))
    print(f"{seconds:5.0f} s", *shown, sep=" | ", flush=True)


def _write(rows: list[Row], out: Path, seconds: float) -> None:
    facts = [row.facts() for row in rows]
    written = {"source": provenance(), "seconds": round(seconds), "rows": facts}
    write_text(out.with_suffix(".json"), json.dumps(written, indent=2) + "\n")
    cells = [tuple(each.values()) for each in facts]
    table = Table("hostile-serving", COLUMNS, cells, source=provenance())
    write_text(out.with_suffix(".csv"), table.to_csv())


def _summary(rows: list[Row]) -> Table:
    columns = [column for column in COLUMNS if column.name in SUMMARY]
    cells = [[row.facts()[name] for name in SUMMARY] for row in rows]
    return Table("hostile-serving", columns, cells, "Hostile requests, models and peers")


if __name__ == "__main__":
    main()
