"""The model card that travels with an export: plain facts, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kavc.data.schema import Field
from kavc.systems.base import Paper, Signature, SourceInfo

SYNTHETIC = " – SYNTHETIC: trained and tested on made-up data"


def model_card(
    *,
    name: str,
    version: int,
    system: str,
    summary: str,
    paper: Paper,
    config: Mapping[str, Any],
    source: str,
    info: SourceInfo,
    metric: str = "",
    value: float | None = None,
    interval: tuple[float, float] | None = None,
    unit: str = "",
    measured: Sequence[str] = (),
    no_report: str = "",
    intended_use: str,
    limits: Sequence[str] = (),
    synthetic: bool = False,
    signatures: Mapping[str, Signature],
    calls: Mapping[str, str] | None = None,
    versions: Mapping[str, str],
    fingerprint: str,
    size: Mapping[str, str] | None = None,
    made: Iterable[tuple[str, str]] = (),
    licences: Iterable[str] = (),
) -> str:
    """Returns the card of one exported version.

    Args:
        name, version: of the export.
        system, summary: the system's name, and what it answers in a sentence.
        paper: where the system was published.
        config: setting to value.
        source, info: what it was trained on, as the user named it, and what that fixed.
        metric, value, interval, unit: the headline on the test split, with a confidence interval
            where there is one. Without a value, the card says that there is no report.
        measured: sentences on how that was measured.
        no_report: why there is none, in one line.
        intended_use: what it is for.
        limits: sentences on what it can't do, and must not be used for.
        synthetic: whether what it was trained on is, which the title says then.
        signatures: what it answers to.
        calls: language, as "sh" or "python", to code that asks it.
        versions: package to version, as it was trained.
        fingerprint: of the weights, as `kavc.layers.fingerprint.weights_fingerprint` gives it.
        size: what is counted, as "parameters", to how much of it there is.
        made: headings and texts on how it was made, as the date.
        licences: sentences on the licence of code, data and weights.

    Returns:
        Markdown.

    Reference:
        Mitchell et al., 2019.
    """
    bounds, terms = _bullets(limits), _bullets(list(licences))
    counts = ", ".join(f"{split} {count}" for split, count in info.counts.items())
    result = f"No report: {no_report}"
    if value is not None:
        range_ = f" ({interval[0]:.4g} to {interval[1]:.4g})" if interval else ""
        result = f"{metric}: {value:.4g}{unit}{range_}, on the test split of the data below."
    parts = [
        f"# {name}, version {version}{SYNTHETIC if synthetic else ''}",
        summary,
        f"System: {system}, after {paper.authors}, *{paper.title}*, {paper.year}. {paper.url}",
        "## Result",
        result,
        _bullets(measured),
        "## Use",
        intended_use,
        *(f"```{language}\n{code.strip()}\n```" for language, code in (calls or {}).items()),
        "## Limits" if bounds else "",
        bounds,
        "## Data",
        f"Source: {_code(source)}; examples: {counts}; fingerprint {_code(info.fingerprint)}.",
        _bullets(info.notes),
        "## Signatures",
        *(_signature(key, signature) for key, signature in signatures.items()),
        "## Settings",
        _table(("setting", "value"), [(k, _code(v)) for k, v in config.items()]),
        "## Size" if size else "",
        _bullets([f"{what}: {how_much}" for what, how_much in (size or {}).items()]),
        "## Provenance",
        _bullets([f"{heading}: {text}" for heading, text in made]),
        f"Weights: SHA-256 {_code(fingerprint)}.",
        _table(("package", "version"), versions.items()),
        "## Licence" if terms else "",
        terms,
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _signature(key: str, signature: Signature) -> str:
    rows = [
        (kind, _code(name), field.dtype, _shape(field), field.meaning)
        for kind, fields in (("input", signature.inputs), ("output", signature.outputs))
        for name, field in fields.items()
    ]
    table = _table(("", "name", "dtype", "shape", "meaning"), rows)
    return f"### {_code(key)}\n\n{signature.meaning}\n\n{table}"


def _shape(field: Field) -> str:
    sizes = ("any" if size is None else str(size) for size in field.shape)
    return f"({', '.join(('batch', *sizes))})"


def _table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(value: Any) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")


def _code(value: Any) -> str:
    return f"`{value}`"


def _bullets(sentences: Sequence[str]) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences)
