"""`kavc data`: make, convert and describe data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kavc.cli.output import print_json, print_table, progress, results
from kavc.cli.ratings import ratings
from kavc.cli.train import AsJson, Overrides, Splits
from kavc.progress import task

if TYPE_CHECKING:
    from kavc.data.layouts import View
    from kavc.data.source import Source
    from kavc.systems.base import SourceInfo, System

HELP = "Make, convert and describe data."
PRINTED = ("counts", "widths", "classes", "fingerprint", "notes")  # of `SourceInfo`, as JSON
NO_SYSTEM = "none"
Strict = Annotated[
    bool, typer.Option("--strict", help="llp: refuse odd tables and missing features.")
]


def synth(
    system: Annotated[str, typer.Argument(help="System whose corpus to make.")],
    out: Annotated[Path, typer.Option("--out", help="Folder to write; must be new.")],
    videos: Annotated[int, typer.Option("--videos", min=10, help="Videos of all splits.")] = 4000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the videos.")] = 0,
    world_seed: Annotated[
        int, typer.Option("--world-seed", min=0, help="Seed of prototypes and mixing matrices.")
    ] = 0,
    knobs: Annotated[str, typer.Option("--knobs", help="Named set of knobs.")] = "default",
    overrides: Overrides = None,
    like: Annotated[
        str | None,
        typer.Option(
            "--like", help="ms-vae: ave:PATH, whose rows, lengths, onsets and splits it has."
        ),
    ] = None,
) -> None:
    """Generate a synthetic corpus in the layout of the real one."""
    from kavc.options import parse_overrides
    from kavc.systems.registry import get

    found = get(system)
    more = {} if like is None else {"like": _liked(found, like)}
    what = f"{videos:,} videos" if like is None else f"videos like {like}"
    progress(f"generating {what} for {system}, into {out}")
    changed = {name: _number(text) for name, text in parse_overrides(overrides or []).items()}
    with task("generating", unit="videos", total=None if like else videos):
        told = found.synthesise(
            out,
            videos=videos,
            seed=seed,
            world_seed=world_seed,
            knobs=knobs,
            overrides=changed,
            **more,
        )
    for line in told or ():
        progress(line)
    results.print(f"synthetic:{out}", highlight=False, soft_wrap=True)


def _liked(system: System, like: str) -> Path:
    """Returns the folder that a corpus is to be like."""
    from kavc.data.source import Source
    from kavc.errors import ConfigError

    source = Source.parse(like)
    if source.layout not in system.likenesses:
        known = ", ".join(f"{layout}:PATH" for layout in system.likenesses) or "no real data"
        raise ConfigError(f"--like {like}: a corpus for {system.name} can be made like {known}")
    return source.path


def describe(
    data: Annotated[str, typer.Argument(help="LAYOUT:PATH, for example youtube8m:data/yt8m.")],
    system: Annotated[
        str,
        typer.Option("--system", help="As this system reads it; none: all arrays, of any shape."),
    ] = "ti-avc",
    splits: Splits = None,
    overrides: Overrides = None,
    strict: Strict = False,
    missing: Annotated[
        Path | None,
        typer.Option(
            "--missing", help="llp: new file for the names of all files of features that lack."
        ),
    ] = None,
    with_statistics: Annotated[
        bool,
        typer.Option(
            "--statistics/--no-statistics",
            help="Measure the features, and compare them with published ones; it reads some.",
        ),
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Say what a data source holds: splits, counts, widths, themes, and what features look like."""
    from kavc.cli.statistics import described
    from kavc.data.source import Source
    from kavc.evaluation.table import Column, Table

    source = Source.parse(data, splits, strict=strict)
    if missing is not None:
        _list_missing(source, missing)
    progress(f"looking through {source}")
    with task(f"looking through {source}", unit="videos"):
        info, view = _as_read(source, system, overrides or [])
    first = list(info.counts)[:1]
    with task(f"measuring {source}", unit="videos"):
        measured = described(source, view, first) if with_statistics else None
    if as_json:
        told = {**{name: getattr(info, name) for name in PRINTED}, "splits": info.splits}
        told |= (
            {"shapes": {n: list(each) for n, each in info.shapes.items()}} if info.shapes else {}
        )
        print_json(told | ({"statistics": measured.to_json()} if measured else {}))
        return
    columns = [Column("split"), Column("examples", "d")]
    print_table(Table("splits", columns, list(info.counts.items()), caption=str(source)))
    shapes = {**{name: (width,) for name, width in info.widths.items()}, **info.shapes}
    widths = ", ".join(f"{name} {' x '.join(map(str, each))}" for name, each in shapes.items())
    results.print(f"feature widths: {widths}", highlight=False)
    if info.classes:
        results.print(f"{len(info.classes)} classes: {', '.join(info.classes)}", highlight=False)
    for note in info.notes:
        results.print(f"- {note}", markup=False, highlight=False)
    if measured:
        results.print()
        measured.show()


def _as_read(source: Source, system: str, overrides: list[str]) -> tuple[SourceInfo, View]:
    """Returns what a source holds as a system, or none, reads it; and what that reads."""
    from kavc.data.features.header import TIMES
    from kavc.data.layouts import View
    from kavc.errors import ConfigError
    from kavc.options import parse_overrides
    from kavc.systems.base import SourceInfo
    from kavc.systems.registry import get

    if system != NO_SYSTEM:
        found = get(system)
        config = found.Config().replace(**parse_overrides(overrides))
        return found.describe(source, config), found.view(config)
    if overrides:
        raise ConfigError("--set is for options of a system; leave it out with --system none")
    there = [name for group in source.arrays() for name in group if not name.endswith(TIMES)]
    if not there:
        raise ConfigError(f"{source}: its layout doesn't say which arrays there are; name a system")
    view = View({name: name for name in there}, vectors=False)
    return SourceInfo(**source.describe(view)), view


def convert(
    features: Annotated[
        str, typer.Argument(help="Folder of <id>.npz, or of <array>/<id>.npy; or llp:PATH.")
    ],
    table: Annotated[
        Path | None,
        typer.Argument(help="CSV with the columns id, [theme], [split]; or labels (a|b)."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder to write; must be new.")] = ...,  # type: ignore[assignment]
    arrays: Annotated[
        list[str] | None,
        typer.Option(
            "--array", help="NAME or NEW=NAME: an array to take; repeatable. All if none."
        ),
    ] = None,
    keep: Annotated[
        list[str] | None, typer.Option("--keep", help="Column to keep as text; repeatable.")
    ] = None,
    strict: Strict = False,
) -> None:
    """Turn arrays of your own and a table, or LLP, into a corpus that every system reads."""
    from kavc.data import layouts
    from kavc.data.features.convert import convert as run
    from kavc.errors import ConfigError

    if features.partition(":")[0] in layouts.names() and not Path(features).exists():
        _pack(features, out, strict, own=bool(table or arrays or keep))
        return
    if strict:
        raise ConfigError(f"{features}: --strict is for LLP; for its folder, write llp:{features}")
    named = {new: name or new for new, _, name in (one.partition("=") for one in arrays or [])}
    with task(f"converting {features}", unit="videos"):
        run(features, table, out, arrays=named, keep=keep or ())
    results.print(f"features:{out}", highlight=False, soft_wrap=True)


def refined(
    labels: Annotated[
        Path, typer.Argument(help="npz of audio_row, audio_class, visual_row, visual_class.")
    ],
    table: Annotated[Path, typer.Option("--table", help="LLP's AVVP_train.csv.")] = ...,  # type: ignore[assignment]
    out: Annotated[Path, typer.Option("--out", help="npz to write; must be new.")] = ...,  # type: ignore[assignment]
) -> None:
    """Turn published refined labels of LLP into a file for the option refined_labels."""
    from kavc.data.llp.refinement import MODALITIES, read_published
    from kavc.errors import ConfigError
    from kavc.systems.av_parsing.pseudo_labels import write_modalities

    if out.exists():
        raise ConfigError(f"{out}: exists; choose another file or remove it")
    ids, kept = read_published(labels, table)
    write_modalities(out, ids, kept)
    counts = kept.sum(axis=(0, 2))
    for modality, count in zip(MODALITIES, counts, strict=True):
        progress(f"{modality}: {count} labels are kept")
    results.print(f"refined_labels={out}", highlight=False, soft_wrap=True)


def _pack(data: str, out: Path, strict: bool, *, own: bool) -> None:
    """Packs LLP into a corpus."""
    from kavc.data.llp.packing import convert as run
    from kavc.data.source import Source
    from kavc.errors import ConfigError

    source = Source.parse(data, strict=strict)
    if source.layout != "llp":
        raise ConfigError(f"{source}: convert packs llp:PATH, or a folder of arrays of your own;"
                          f" {source.layout}: is read as it lies")  # fmt: skip
    if own:
        raise ConfigError(f"{source}: brings its own tables and arrays; a table, --array and --keep"
                          " are for arrays of your own")  # fmt: skip
    progress(f"packing {source} into {out}")
    with task("packing", unit="videos"):
        counts, notes = run(source.path, out, strict=source.strict)
    for note in (*(f"{split}: {count} videos" for split, count in counts.items()), *notes):
        progress(note)
    results.print(f"features:{out}", highlight=False, soft_wrap=True)


def _list_missing(source: Source, file: Path) -> None:
    """Writes the names of the files of features that an LLP folder lacks, one a line."""
    from kavc.data.llp.folder import missing_features
    from kavc.errors import ConfigError
    from kavc.files import write_text

    if source.layout != "llp":
        raise ConfigError(f"{source}: --missing lists the files of features that llp:PATH lacks;"
                          f" {source.layout}: has none of that kind")  # fmt: skip
    if file.exists():
        raise ConfigError(f"{file}: exists; choose another file for --missing or remove it")
    lacking = missing_features(source.path)
    names = [f"{folder}/{id_}.npy" for folder, ids in lacking.items() for id_ in ids]
    write_text(file, "".join(f"{name}\n" for name in names))
    progress(f"{len(names)} missing files of features are listed in {file}")


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


COMMANDS = (synth, describe, convert, refined, ratings)
