"""How do the rows of Table 1, and the preset `improved`, compare on real YouTube-8M features?

Puts finished runs together, seed by seed on the same test pairs; trains nothing. The runs are of

    kavc reproduce ti-avc --data youtube8m:PATH --splits FILE --seeds 3 --out RUNS/paper
    kavc train ti-avc --preset improved --data youtube8m:PATH --splits FILE --seed S
        --out RUNS/improved/seed-S                                       (S = 0, 1, 2)

and then

    python benchmarks/ti_avc_youtube8m.py --runs RUNS/paper --improved RUNS/improved --name paper

`results/ti_avc_youtube8m/kernel-1` is the same with `--set kernel_size=1 --seeds 1`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from kavc.evaluation.report import Report
from kavc.systems.ti_avc.paper import VARIANT_OF_ROW
from kavc.systems.ti_avc.summary import summarise
from kavc.training.reproduction import folder_name
from kavc.training.run import load_run

RESULTS = Path(__file__).parent / "results"


def reports_of(folder: Path) -> list[Report]:
    """Returns the reports of all seeds below `folder`, in order."""
    return [Report.load(seed) for seed in sorted(folder.glob("seed-*"))]


def main() -> None:
    """Writes one report, with tables and figures, below results/."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, required=True, help="what `kavc reproduce` wrote")
    parser.add_argument("--improved", type=Path, help="folder of seed-0, seed-1, ...")
    parser.add_argument("--name", required=True, help="folder below results/ti_avc_youtube8m")
    options = parser.parse_args()
    reports = {label: reports_of(options.runs / folder_name(label)) for label in VARIANT_OF_ROW}
    if options.improved:
        reports["improved (joint)"] = reports_of(options.improved)
    seeds = min(len(found) for found in reports.values())
    reports = {label: found[:seeds] for label, found in reports.items()}
    first = load_run(options.runs / folder_name("Ti-AVC") / "seed-0")
    report = summarise(reports, first.data["classes"], "YouTube-8M, 100 video-level shards")
    report.save(RESULTS / "ti_avc_youtube8m" / options.name)
    print(report.to_markdown())


if __name__ == "__main__":
    main()
