"""`kavc retrieve`: which items of an index fit these features, or this clip?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kavc.cli.index import HubCorrectionOption
from kavc.cli.media import Media, WeightsOption, check_asked, features_of_run
from kavc.cli.output import print_json, print_table
from kavc.cli.train import AsJson
from kavc.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np

    from kavc.retrieval.hits import Hits
    from kavc.retrieval.index import Index


def retrieve(
    place: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN]",
            help="Run that made the index, of --index; with --run, the index itself.",
        ),
    ] = None,
    index: Annotated[Path | None, typer.Option("--index", help="Folder of the index.")] = None,
    run: Annotated[str | None, typer.Option("--run", help="Run that made the index.")] = None,
    inputs: Annotated[
        Path | None,
        typer.Option("--input", help=".npz or .json: the other modality's features (n, width)."),
    ] = None,
    media: Media = None,
    weights: WeightsOption = None,
    top: Annotated[int, typer.Option("--top", min=1, help="Items to find for each query.")] = 10,
    server: Annotated[
        str | None, typer.Option("--server", help="HOST:PORT of a server, in place of a run.")
    ] = None,
    model: Annotated[
        str, typer.Option("--model", help="Name of the model at the server.")
    ] = "cross-modal-embedding",
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.001, help="Seconds, of a server.")
    ] = 10.0,
    hub_correction: HubCorrectionOption = True,
    as_json: AsJson = False,
) -> None:
    """Find what fits in an index: sounds for silent videos, or videos for sounds."""
    if run is not None and index is None:
        place, index = run, None if place is None else Path(place)
    what = "the other modality's features, --input FEATURES"
    check_asked(place, server, inputs, media, what, weights=weights)
    if (server is None) == (index is None):
        raise ConfigError("expected --index FOLDER with a run, and none with a server, whose model"
                          " has its own")  # fmt: skip
    if server is not None:
        if not hub_correction:
            raise ConfigError("a server searches as its model was exported; for cosines export it"
                              " with an index that was built with --no-hub-correction")  # fmt: skip
        ids, scores, labels = _of_server(server, model, inputs, media, timeout, top)
        caption, score = f"found by {model}", None
    else:
        from kavc.retrieval.index import COSINE, Index

        found = Index.load(Path(str(index)))
        found.check_k(top)
        hits = _of_run(str(place), found, inputs, media, weights, top, hub_correction)
        ids, scores = hits.ids.tolist(), hits.scores.tolist()
        labels = None if hits.labels is None else hits.labels.tolist()
        caption = f"{found.modality} of {index}"
        score = found.score if hub_correction else COSINE
    if as_json:
        more = {"labels": labels, "score": score}  # a server says not what scores are
        known = {name: value for name, value in more.items() if value is not None}
        print_json({"ids": ids, "scores": scores, **known})
        return
    from kavc.evaluation.table import Column, Table

    rows = [
        (query, rank, id_, value, *([] if labels is None else [", ".join(labels[query][rank - 1])]))
        for query, places in enumerate(zip(ids, scores, strict=True))
        for rank, (id_, value) in enumerate(zip(*places, strict=True), 1)
    ]
    columns = [
        Column("query", "d"),
        Column("rank", "d"),
        Column("id"),
        Column(score or "score", ".3f"),
        *([] if labels is None else [Column("labels")]),
    ]
    print_table(Table("retrieved", columns, rows, caption=caption))


def _of_run(
    run: str,
    found: Index,
    inputs: Path | None,
    media: Path | None,
    weights: Any,
    top: int,
    hub_correction: bool,
) -> Hits:
    from kavc.serving.arrays import load_inputs
    from kavc.training.index import retrieve as find
    from kavc.training.run import Run

    opened = Run(run)
    if media is not None:
        # Not of what is looked for, which a clip without sound doesn't have.
        asks = set(opened.system.modalities) - {found.modality}
        features = features_of_run(opened, media, weights, asks)
        values: dict[str, np.ndarray] = {
            name: rows.mean(axis=0, dtype="f8").astype("f4")[None]
            for name, rows in features.arrays.items()
        }
    else:
        values = load_inputs(Path(str(inputs)))
    return find(found, opened, values, top, hub_correction=hub_correction)


def _of_server(
    server: str, model: str, inputs: Path | None, media: Path | None, timeout: float, top: int
) -> tuple[list, list, list | None]:
    """Asks a served catalogue, which finds as many as it was exported for."""
    from kavc.serving.arrays import load_inputs
    from kavc.serving.client.blocking import Client
    from kavc.systems.cross_modal_embedding import asking

    values = load_inputs(inputs) if inputs is not None else {}
    with Client(server, timeout=timeout) as client:
        found = asking.retrieve(client, model, features=values, clip=media, top=top)
    return found.ids, found.scores, found.labels


COMMANDS = (retrieve,)
