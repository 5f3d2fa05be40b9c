"""The model card of a finished run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kavc.errors import DataError
from kavc.evaluation.report import Report
from kavc.export.model_card import model_card
from kavc.export.portable import source_name, without_paths
from kavc.inputs.opening import read_text
from kavc.layers.fingerprint import weights_fingerprint
from kavc.systems.base import Signature, SourceInfo
from kavc.training.run import NO_REPORT, Run, versions

MAX_REASON = 2**20

INTENDED_USE = (
    "Scoring features of the kind that it was trained on, in research and in products that watch "
    "its errors on their own data."
)


def run_card(
    run: Run,
    report: Report | None,
    signatures: Mapping[str, Signature],
    *,
    name: str,
    version: int,
) -> str:
    """Returns the card of a run's network, in Markdown. It names no path of this machine.

    Args:
        run: finished.
        report: what its test gave; None if it could not be made, of which the card says why.
        signatures: what it answers to.
        name, version: under which it goes out.
    """
    data = run.data
    return model_card(
        name=name,
        version=version,
        system=run.system.name,
        summary=run.system.summary,
        paper=run.system.paper,
        config=run.config.to_dict(),
        source=source_name(data["source"]),
        info=SourceInfo(
            counts=data["counts"],
            widths=data["widths"],
            classes=data["classes"],
            fingerprint=data["fingerprint"],
            notes=without_paths(data["notes"], paths_of(run)),
        ),
        intended_use=INTENDED_USE,
        signatures=signatures,
        versions=versions(),
        fingerprint=weights_fingerprint(run.network),
        **_result(run, report),
    )


def _result(run: Run, report: Report | None) -> dict[str, Any]:
    """Returns what the card says of the test, or why it says nothing."""
    if report is None:
        return {"no_report": without_paths(_why_no_report(run), paths_of(run))}
    known = set(run.data["notes"])
    return {
        "metric": report.headline.name,
        "value": report.headline.value,
        "interval": report.headline.interval,
        "unit": report.headline.unit,
        "measured": without_paths(
            [note for note in report.notes if note not in known], paths_of(run)
        ),
    }


def paths_of(run: Run) -> list[str]:
    """Returns the paths that what a run says may name."""
    source = run.data["source"].partition(":")[2]
    return [source, str(run.data["splits"] or ""), str(run.path)]


def _why_no_report(run: Run) -> str:
    """Returns one line, also of a run whose evaluation was stopped and left none."""
    try:
        text = read_text(run.path / NO_REPORT, most=MAX_REASON)
    except DataError:
        text = ""
    return " ".join(text.split()) or "the evaluation was not finished."
