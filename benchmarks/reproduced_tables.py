"""The tables of a paper over rows and seeds, from the reports of their runs.

A row takes minutes a seed, and rows may be trained on several machines: what each run's report
holds is kept (`results/NAME/runs/ROW/seed-S`), and the tables and figures over all that are kept
are made of it, as `kavc reproduce` makes them.

    kavc data synth av-parsing --out llp --videos 3600
    kavc reproduce av-parsing --data synthetic:llp --seeds 3 --out runs/parsing
    python benchmarks/reproduced_tables.py av-parsing --runs runs/parsing --results av_parsing

    kavc data synth ms-vae --out uniform-starts --videos 4143
    kavc reproduce ms-vae --data synthetic:uniform-starts --seeds 3 --out runs/uniform
    python benchmarks/reproduced_tables.py ms-vae --runs runs/uniform --results ms_vae/uniform

With real annotations of AVE, `--like ave:PATH` of the second command makes its lengths and onsets.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from kavc.evaluation.report import Report
from kavc.files import whole_files, write_text
from kavc.systems import registry
from kavc.systems.base import System
from kavc.training.reproduction import folder_name
from kavc.training.run import Run

RESULTS = Path(__file__).parent / "results"
KEPT = ("predictions.npz", "report.json")


def keep(system: System, runs: Path, results: Path) -> None:
    """Copies what the report of each run that has one holds; figures are left out."""
    for label in labels(system):
        for run in sorted((runs / folder_name(label)).glob("seed-*")):
            if not (run / "report.json").is_file():
                continue
            there = results / "runs" / run.parent.name / run.name
            with whole_files(there, last=KEPT[-1]) as temporary:
                for name in KEPT:
                    shutil.copy(run / name, temporary / name)
                source = Run(run).source.title()
            write_text(results / "runs" / "source.txt", f"{source}\n")


def kept(system: System, results: Path, fewest: int | None) -> dict[str, list[Report]]:
    """Returns the reports that are kept, by row.

    Args:
        system: whose rows they are.
        results: where they are.
        fewest: seeds that a row must have; as many as any row has if None.
    """
    folders = {
        label: sorted((results / "runs" / folder_name(label)).glob("seed-*"))
        for label in labels(system)
    }
    found = {label: [Report.load(path) for path in seeds] for label, seeds in folders.items()}
    fewest = fewest or max(1, *map(len, found.values()))
    return {label: reports for label, reports in found.items() if len(reports) >= fewest}


def labels(system: System) -> list[str]:
    """Returns the labels of all rows, in the order of the tables."""
    return [row.label for row in system.rows(system.Config())]


def main() -> None:
    """Keeps reports, if runs are named; writes the tables and figures over all that are kept."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("system", help="av-parsing, for instance")
    parser.add_argument("--runs", type=Path, nargs="*", default=[], help="what `--out` had")
    parser.add_argument("--results", type=Path, required=True, help="below benchmarks/results")
    parser.add_argument("--fewest-seeds", type=int, help="of a row; as many as any row has")
    options = parser.parse_args()
    system, results = registry.get(options.system), RESULTS / options.results
    for runs in options.runs:
        keep(system, runs, results)
    reports = kept(system, results, options.fewest_seeds)
    if not reports:
        parser.error(f"no report of a row in {options.runs or results / 'runs'}")
    source = (results / "runs" / "source.txt").read_text(encoding="utf-8").strip()
    report = system.summarise(reports, Titled(source), system.Config())
    report.save(results / "summary")
    print(report.to_markdown())


class Titled:
    """Stands for a source of which nothing is kept but what it is called."""

    def __init__(self, title: str):
        self._title = title

    def title(self) -> str:
        """See `kavc.data.source.Source`."""
        return self._title


if __name__ == "__main__":
    main()
