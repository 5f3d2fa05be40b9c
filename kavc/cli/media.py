"""`--media CLIP` in place of `--input FEATURES`: what commands that ask have in common."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kavc.cli.output import progress
from kavc.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np

    from kavc.extraction.one_clip import Features
    from kavc.extraction.weights import WeightFiles
    from kavc.media.extractors.base import Extractor
    from kavc.serving.client.blocking import Client
    from kavc.training.run import Run

RunFolder = Annotated[
    str | None, typer.Argument(help="Run folder, or preset:NAME; leave it out with --server.")
]
Media = Annotated[
    Path | None, typer.Option("--media", help="A clip, mp4 or other, in place of --input.")
]
WeightsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--weights",
        help="NAME=PATH of a network's weights, or a folder that has them under their published "
        "names; repeatable. KAVC_WEIGHTS names folders, too.",
    ),
]


def check_asked(
    run: object,
    server: object,
    inputs: object,
    media: Path | None,
    what: str,
    more: str = "",
    *,
    weights: object = None,
    listed: bool = False,
) -> None:
    """Raises unless one of run and server, and one of features and a clip, is given.

    Args:
        run, server, inputs, media: what was typed.
        what: `--input` takes.
        more: how else one may ask.
        weights: likewise; they are for a run that is asked about a clip.
        listed: whether nothing is asked but what there is to ask.
    """
    if (run is None) == (server is None):
        raise ConfigError("expected a run folder, or --server HOST:PORT")
    if not listed and (inputs is None) == (media is None):
        raise ConfigError(f"expected {what}, or a clip, --media CLIP{more}")
    if weights and (media is None or server is not None):
        raise ConfigError("--weights are for a run that is asked about a clip; leave them out")
    if media is not None:
        from kavc.inputs.opening import check_file

        check_file(media)


def features_of_run(
    run: Run, clip: Path, weights: list[str] | None, arrays: Collection[str] | None = None
) -> Features:
    """Returns the features of a clip, made as those were that a run was trained on.

    Args:
        run: the run.
        clip: the file.
        weights: what was typed.
        arrays: names of those that are wanted, of what the network takes; None for all.

    Raises:
        ConfigError: it isn't known how, or weights are missing or others.
        DataError: the clip gives none.
    """
    from kavc.extraction.weights import WeightFiles

    return features_of_clip(clip, extractors_of_run(run, WeightFiles.parse(weights or []), arrays))


def extractors_of_run(
    run: Run, weights: WeightFiles, arrays: Collection[str] | None = None
) -> dict[str, Extractor]:
    """Returns what made the features that a run was trained on.

    Where the run doesn't know, as one on published features, the published extractors stand in.
    """
    from kavc.extraction.one_clip import extractors_as
    from kavc.media.published import PUBLISHED, recipes_for

    made_by = run.data.get("extractors")
    if made_by is None:
        name = run.system.name
        layout = str(run.data["source"]).partition(":")[0]
        if layout in ("features", "kwai", "mgsv", "synthetic", "triples") or name not in PUBLISHED:
            raise ConfigError(
                f"{run.path}: what made its features isn't known, since its corpus doesn't say;"
                " give --input FEATURES, or train on what `kavc extract` writes"
            )
        made_by = {array: recipe.described() for array, recipe in recipes_for(name).items()}
        progress(
            f"it was trained on {layout}'s features; those of the clip are made as is known of"
            " them, and will not be the same to the bit"
        )
    return extractors_as(made_by, weights, arrays)


def features_of_clip(clip: Path, extractors: Mapping[str, Extractor]) -> Features:
    """Returns the features of a clip, and tells of what makes them."""
    from kavc.extraction.one_clip import features_of

    for array, extractor in extractors.items():
        progress(f"{array}: {extractor.recipe.NAME} of {clip}")
    return features_of(clip, extractors)


def served(
    client: Client, model: str, signature: str, clip: Path, version: int | None = None
) -> tuple[str, dict[str, np.ndarray]]:
    """Decodes a clip to what a served model with a front end wants of it.

    Args:
        client: of the server.
        model: its name there.
        signature: what would be called with features.
        clip: the file.
        version: of the model; the latest by default.

    Returns:
        The signature to call, and its inputs but for those that are no media.
    """
    from kavc.extraction.served import served_request

    return served_request(client, model, signature, clip, version)
