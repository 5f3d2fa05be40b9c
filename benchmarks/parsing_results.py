"""The rows of Tables 1 and 2 of audio-visual video parsing, over seeds, from their runs' reports.

A row takes minutes a seed, and rows may be trained on several machines: what each run's report
holds is kept (`results/av_parsing/runs/ROW/seed-S`, some 80 kB), and the tables and figures over
all that are kept are made of it, as `kavc reproduce` makes them.

    kavc data synth av-parsing --out llp --videos 3600
    kavc reproduce av-parsing --data synthetic:llp --seeds 3 --out runs/parsing
    python benchmarks/parsing_results.py --runs runs/parsing
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from kavc.evaluation.report import Report
from kavc.files import whole_files, write_text
from kavc.systems.av_parsing import paper, summary
from kavc.training.reproduce import folder_name
from kavc.training.run import Run

RESULTS = Path(__file__).parent / "results" / "av_parsing"
KEPT = ("predictions.npz", "report.json")
ROWS = (*paper.VARIANT_OF_ROW, paper.IMPROVED)


def keep(runs: Path, results: Path) -> None:
    """Copies what the report of each run that has one holds; figures are left out."""
    for label in ROWS:
        for run in sorted((runs / folder_name(label)).glob("seed-*")):
            if not (run / "report.json").is_file():
                continue
            there = results / "runs" / run.parent.name / run.name
            with whole_files(there, last=KEPT[-1]) as temporary:
                for name in KEPT:
                    shutil.copy(run / name, temporary / name)
                source = Run(run).source.title()
            write_text(results / "runs" / "source.txt", f"{source}\n")


def kept(results: Path) -> dict[str, list[Report]]:
    """Returns the reports that are kept, by row; rows of fewer seeds than others are left out."""
    folders = {
        label: sorted((results / "runs" / folder_name(label)).glob("seed-*")) for label in ROWS
    }
    found = {label: [Report.load(path) for path in seeds] for label, seeds in folders.items()}
    most = max(map(len, found.values()))
    return {label: reports for label, reports in found.items() if len(reports) == most}


def main() -> None:
    """Keeps reports, if runs are named; writes the tables and figures over all that are kept."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, help="what `kavc reproduce --out` wrote")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    if options.runs is not None:
        keep(options.runs, options.results)
    reports = kept(options.results)
    if not any(reports.values()):
        parser.error(f"no report of a row in {options.runs or options.results / 'runs'}")
    source = (options.results / "runs" / "source.txt").read_text(encoding="utf-8").strip()
    report = summary.summarise(reports, source)
    report.save(options.results / "summary")
    print(report.to_markdown())


if __name__ == "__main__":
    main()
