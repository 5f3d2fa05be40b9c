"""`kavc listen`: which sounds are heard in media files, and when; nothing is trained for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kavc.cli.output import errors, print_json, print_table
from kavc.cli.train import AsJson
from kavc.errors import ConfigError, DataError

if TYPE_CHECKING:
    from kavc.media.listening import SoundEvent

VARIABLE = "KAVC_YAMNET"


def listen(
    clips: Annotated[list[Path], typer.Argument(help="Media files: mp4, wav, mp3 and others.")],
    weights: Annotated[
        Path | None,
        typer.Option(
            "--weights",
            envvar=VARIABLE,
            help="Folder of YAMNet's weights, yamnet.h5 or yamnet_coral_int8.npz, and of "
            "yamnet_class_map.csv.",
        ),
    ] = None,
    threshold: Annotated[
        float, typer.Option("--threshold", min=0.001, max=1, help="Least score of a second.")
    ] = 0.3,
    as_json: AsJson = False,
) -> None:
    """Say which sounds are heard in media files, and when, by YAMNet.

    Goes on past files that it can't read, and then exits 1.
    """
    weights = weights or _folder()
    if missing := [clip for clip in clips if not clip.exists()]:
        raise DataError(f"{missing[0]}: no such file")
    from kavc.media.weight_folders import yamnet_weights

    yamnet_weights(weights)
    from kavc.media.listening import Listener  # loads TensorFlow

    listener = Listener.load(weights)
    heard: dict[str, list[dict]] = {}
    failed = False
    for clip in clips:
        try:
            found = listener.events(clip, threshold)
        except DataError as error:
            errors.print(f"error: {error}", highlight=False, soft_wrap=True)
            failed = True
            continue
        if as_json:
            heard[str(clip)] = [asdict(event) for event in found]
        else:
            _print(found, str(clip))
    if as_json:
        print_json(heard)
    if failed:
        raise typer.Exit(1)


def _folder() -> Path:
    """Returns the first folder of `KAVC_WEIGHTS` that has YAMNet's weights."""
    from kavc.extraction.weights import VARIABLE as FOLDERS
    from kavc.extraction.weights import WeightFiles
    from kavc.media.weight_folders import YAMNET

    for folder in WeightFiles.parse().folders:
        if any((folder / name).exists() for name in YAMNET):
            return folder
    raise ConfigError(
        f"expected YAMNet's weights, --weights FOLDER, {VARIABLE} or {FOLDERS}: a folder with "
        "yamnet.h5 or yamnet_coral_int8.npz, and yamnet_class_map.csv"
    )


def _print(found: Sequence[SoundEvent], title: str) -> None:
    from kavc.evaluation.table import Column, Table

    columns = [
        Column("start", ".1f", "s"),
        Column("end", ".1f", "s"),
        Column("class"),
        Column("score", ".3f"),
    ]
    rows = [(each.start, each.end, each.label, each.score) for each in found]
    caption = f"Heard in {title}" if found else f"{title}: nothing is heard above the threshold"
    print_table(Table("sounds", columns, rows, caption=caption))


COMMANDS = (listen,)
