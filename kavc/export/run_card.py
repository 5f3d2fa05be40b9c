"""The model card of a finished run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kavc.data.features.header import OF_SYNTHETIC
from kavc.errors import DataError
from kavc.evaluation.made import Made
from kavc.evaluation.report import Report
from kavc.export import calls
from kavc.export.card import model_card
from kavc.export.licences import licences
from kavc.export.portable import source_name, without_paths
from kavc.extraction.served import RECIPE
from kavc.inputs.opening import read_text
from kavc.layers.fingerprint import weights_fingerprint
from kavc.systems.base import Signature, SourceInfo
from kavc.training import shown
from kavc.training.made import calls_of
from kavc.training.run import NO_REPORT, VERSIONS, WEIGHTS, Run, versions

MAX_REASON = 2**20

INTENDED_USE = (
    "Scoring features of the kind that it was trained on, in research and in products that watch "
    "its errors on their own data."
)
MADE_ALIKE = (
    "made as those of its training were: by the same extractors, at the same rate, in the same "
    "range. Of others its answers mean nothing."
)
NOT_MEASURED = (
    "How well it does for different groups of people, other languages or other kinds of video was "
    "not measured."
)
SYNTHETIC = "synthetic"
SHOWN = ("Seed", "Date", "Trained", "Duration", "Device", "Devices")  # of how a report was made


def run_card(
    run: Run,
    report: Report | None,
    signatures: Mapping[str, Signature],
    *,
    name: str,
    version: int,
    ships: bool = False,
) -> str:
    """Returns the card of a run's network, in Markdown. It names no path of this machine.

    Args:
        run: finished.
        report: what its test gave; None if it could not be made, of which the card says why.
        signatures: what it answers to.
        name, version: under which it goes out.
        ships: whether it comes with this package, as "preset:NAME".
    """
    data = run.data
    layout = data["source"].partition(":")[0]
    synthetic = layout == SYNTHETIC or OF_SYNTHETIC in data["notes"]
    made = (report and report.made) or _by_calls(run)
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
        limits=(*run.system.limits, _features(signatures), NOT_MEASURED),
        synthetic=synthetic,
        signatures=signatures,
        calls=calls.of_preset(name, signatures) if ships else calls.of_export(name, version),
        versions=shown.json_object(run.path / VERSIONS) or made.versions or versions(),
        fingerprint=weights_fingerprint(run.network),
        size=_size(run),
        made=_made(run, made),
        licences=licences(
            SYNTHETIC if synthetic else layout, data.get("extractors") or {}, ships=ships
        ),
        **_result(run, report),
    )


def _features(signatures: Mapping[str, Signature]) -> str:
    """Returns what features must be, of a network that takes nothing else, or media, too."""
    if RECIPE in signatures:
        return f"Where it takes features, have them {MADE_ALIKE}"
    return f"It takes features alone, {MADE_ALIKE}"


def _size(run: Run) -> dict[str, str]:
    """Returns how large a network is: numbers, memory, and the file that ships."""
    weights = run.network.weights
    held = sum(weight.numpy().nbytes for weight in weights)
    found = {"parameters": f"{run.network.count_params():,}", "in memory": _megabytes(held)}
    file = run.path / WEIGHTS
    return found | ({"file of weights": _megabytes(file.stat().st_size)} if file.is_file() else {})


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB" if count >= 1e5 else f"{count:,} bytes"


def _made(run: Run, made: Made) -> Iterator[tuple[str, str]]:
    """Yields the command that trains a run again, and what is known of when it was trained."""
    yield "Command", f"`{calls.training_command(run)}`"
    yield from (line for line in made.lines() if line[0] in SHOWN)
    if not made.date:
        yield "Date", "not recorded by the version of kavc that trained it"


def _by_calls(run: Run) -> Made:
    """Returns how a run without a report, or with one of an earlier version, was made."""
    seed, found = run.settings.seed, calls_of(run.path)
    if not found:
        return Made(seeds=[seed])
    seconds = round(sum(call.training_seconds for call in found), 1)
    last = found[-1]
    return Made(seeds=[seed], date=last.date, devices=last.devices, seconds={"training": seconds})


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
