"""The model card of a finished run."""

from __future__ import annotations

from collections.abc import Mapping

from kavc.evaluation.report import Report
from kavc.export.model_card import model_card
from kavc.layers.fingerprint import weights_fingerprint
from kavc.systems.base import Signature, SourceInfo
from kavc.training.run import Run, versions

INTENDED_USE = (
    "Scoring features of the kind that it was trained on, in research and in products that watch "
    "its errors on their own data."
)


def run_card(
    run: Run, report: Report, signatures: Mapping[str, Signature], *, name: str, version: int
) -> str:
    """Returns the card of a run's network, in Markdown.

    Args:
        run: finished.
        report: what its test gave.
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
        source=data["source"],
        info=SourceInfo(
            data["counts"], data["widths"], data["classes"], data["fingerprint"], data["notes"]
        ),
        metric=report.headline.name,
        value=report.headline.value,
        interval=report.headline.interval,
        unit=report.headline.unit,
        intended_use=INTENDED_USE,
        measured=[note for note in report.notes if note not in data["notes"]],
        signatures=signatures,
        versions=versions(),
        fingerprint=weights_fingerprint(run.network),
    )
