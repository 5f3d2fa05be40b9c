"""`kavc evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kavc.cli.output import print_report, progress
from kavc.cli.train import AsJson, Data, Splits


def evaluate(
    runs: Annotated[list[Path], typer.Argument(help="Run folders of one system.")],
    data: Data = None,
    splits: Splits = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write tables and figures here, too.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Evaluate runs on the test split: one run in detail, or several side by side."""
    from kavc.folders import check_own
    from kavc.training.evaluate import evaluate as evaluate_runs

    if out is not None:
        check_own(out, "report")
    report = evaluate_runs(runs, data=data, splits=splits)
    if out is not None:
        report.save(out)
        progress(f"report: {out / 'report.md'}")
    print_report(report, as_json=as_json)


COMMANDS = (evaluate,)
