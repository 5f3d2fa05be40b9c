"""`kavc extract`: from media files to a corpus of features."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kavc.cli.media import WeightsOption
from kavc.cli.output import errors, print_json, progress, results, resumable
from kavc.cli.train import AsJson
from kavc.errors import ConfigError

if TYPE_CHECKING:
    from kavc.extraction.run import Outcome


def extract(
    clips: Annotated[
        list[Path] | None, typer.Argument(help="Media files, or folders of them.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder of the corpus; new, or one that was begun."),
    ] = None,
    system: Annotated[
        str | None, typer.Option("--for", help="System whose published features to make.")
    ] = None,
    only: Annotated[
        str | None,
        typer.Option("--only", metavar="NAME,NAME", help="Of all arrays, those that are made."),
    ] = None,
    audio: Annotated[
        str | None, typer.Option("--audio", help="Extractor of the array audio.")
    ] = None,
    visual: Annotated[
        str | None, typer.Option("--visual", help="Extractor of the array visual.")
    ] = None,
    arrays: Annotated[
        list[str] | None,
        typer.Option("--array", help="NAME=EXTRACTOR of any array; repeatable."),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", help="ARRAY.OPTION=VALUE of an extractor, as audio.hop=1."),
    ] = None,
    weights: WeightsOption = None,
    table: Annotated[
        Path | None,
        typer.Option(
            "--table", help="CSV with the columns id, [file], [theme] or [labels], [split]."
        ),
    ] = None,
    keep: Annotated[
        list[str] | None, typer.Option("--keep", help="Column to keep as text; repeatable.")
    ] = None,
    workers: Annotated[
        int, typer.Option("--workers", min=1, max=1024, help="Processes that decode.")
    ] = 2,
    cluster: Annotated[
        str | None, typer.Option("--cluster", help="HOST:PORT of a Ray cluster's head.")
    ] = None,
    limit: Annotated[
        float,
        typer.Option("--limit", min=0.1, help="Seconds within which a file must give more."),
    ] = 600.0,
    listed: Annotated[
        bool, typer.Option("--list", help="Instead: print the extractors and their options.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make features of media files, into a corpus of named arrays, features:OUT.

    The same command goes on after a kill, and takes clips that are new or were mended. Goes on past
    files that it can't read, lists them in failed.csv, and then exits 1.
    """
    if listed:
        _list(as_json=as_json)
        return
    if out is None:
        raise ConfigError("expected a folder for the features, --out FOLDER")
    from kavc.extraction.asked import check_arrays, recipes
    from kavc.extraction.clips import find_clips
    from kavc.extraction.weights import WeightFiles

    chosen = {"audio": audio, "visual": visual}
    named = [f"{array}={name}" for array, name in chosen.items() if name is not None]
    wanted = recipes(system, [*named, *(arrays or [])], overrides or [], only)
    check_arrays(wanted, keep or [])
    found = find_clips(clips or [], table, keep or [])
    files = WeightFiles.parse(weights or [])
    files.check_names(wanted.values())
    for recipe in wanted.values():
        files.of(recipe)
    # What needs no TensorFlow was asked for by now.
    from kavc.extraction.run import extract as run

    for array, recipe in wanted.items():
        progress(f"{array}: {recipe.NAME} ({recipe.SEEN})")
    if found.unlisted:
        progress(f"{found.unlisted} files are not in the table and are left out")
    with resumable(f"the same command; what was done is kept in {out}", out):
        outcome = run(
            found, wanted, out, weights=files, table=table, workers=workers, cluster=cluster,
            seconds=limit, tell=_tell,
        )  # fmt: skip
    _print(outcome, as_json=as_json)
    if outcome.failed:
        raise typer.Exit(1)


def _print(outcome: Outcome, *, as_json: bool) -> None:
    if as_json:
        failed = [dict(zip(("id", "file", "reason"), row, strict=True)) for row in outcome.failed]
        cut = [{"file": file, "reason": reason} for file, reason in outcome.truncated]
        print_json({
            "features": f"features:{outcome.folder}", "clips": outcome.clips, "made": outcome.made,
            "failed": failed, "truncated": cut,
        })  # fmt: skip
        return
    text = f"{outcome.clips} clips, {outcome.made} of them now"
    if outcome.failed:
        text += f"; {len(outcome.failed)} gave none, see {outcome.folder / 'failed.csv'}"
    progress(text)
    results.print(f"features:{outcome.folder}", highlight=False, soft_wrap=True)


def _tell(line: str) -> None:
    style = "red" if line.startswith("error:") else "yellow"
    errors.print(line, style=style, markup=False, highlight=False, soft_wrap=True)


def _list(*, as_json: bool) -> None:
    from kavc.cli.output import print_table
    from kavc.evaluation.table import Table
    from kavc.media.extractors.registry import names, recipe_of
    from kavc.media.published import PUBLISHED

    found = {name: recipe_of(name) for name in names()}
    if as_json:
        print_json({
            "extractors": {
                name: {
                    "modality": recipe.MODALITY, "summary": recipe.SUMMARY, "seen": recipe.SEEN,
                    "weights": [need.name for need in recipe().needs()],
                    "options": recipe.options(),
                }
                for name, recipe in found.items()
            },
            "systems": {
                system: {array: {"extractor": name, "options": dict(options)}
                         for array, (name, options) in arrays.items()}
                for system, arrays in PUBLISHED.items()
            },
        })  # fmt: skip
        return
    rows = [(name, recipe.MODALITY, recipe.SUMMARY, recipe.SEEN) for name, recipe in found.items()]
    columns = ["extractor", "modality", "makes", "seen"]
    print_table(Table("extractors", columns, rows, caption="Extractors"))
    options = [
        (name, each["name"], str(each["default"]), each["meaning"])
        for name, recipe in found.items()
        for each in recipe.options()
    ]
    columns = ["extractor", "option", "default", "meaning"]
    print_table(Table("options", columns, options, caption="Their options, --set ARRAY.OPTION="))
    systems = [
        (system, array, name, " ".join(f"{key}={value}" for key, value in options.items()))
        for system, arrays in PUBLISHED.items()
        for array, (name, options) in arrays.items()
    ]
    columns = ["system", "array", "extractor", "options"]
    print_table(Table("systems", columns, systems, caption="Published features, --for SYSTEM"))


COMMANDS = (extract,)
