"""`kavc index`: catalogues of what a run's network embeds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from kavc.cli.output import print_json, print_table, progress, results
from kavc.cli.train import AsJson, Data, Splits

HELP = "Make, extend and describe indexes of embeddings."

IndexFolder = Annotated[Path, typer.Argument(metavar="INDEX", help="Folder of the index.")]
HubCorrectionOption = Annotated[
    bool,
    typer.Option(
        "--hub-correction/--no-hub-correction",
        help="Take off the scores of items that are near to every query, as the run says.",
    ),
]
Split = Annotated[str, typer.Option("--split", help="Split of the data to embed.")]


def build(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    modality: Annotated[str, typer.Option("--modality", help="What to embed, as audio.")],
    out: Annotated[Path, typer.Option("--out", help="Folder to write; must be new.")],
    data: Data = None,
    splits: Splits = None,
    split: Split = "test",
    backend: Annotated[
        str, typer.Option("--backend", help="exact, or flat, ivf or hnsw of FAISS.")
    ] = "exact",
    hub_correction: HubCorrectionOption = True,
) -> None:
    """Embed one modality of a split, by default of the run's own data, into a new index."""
    from kavc.training.index import build_index

    build_index(
        run,
        out,
        modality=modality,
        data=data,
        splits=splits,
        split=split,
        backend=backend,
        hub_correction=hub_correction,
    )
    results.print(out, highlight=False, soft_wrap=True)


def add(
    index: IndexFolder,
    run: Annotated[Path, typer.Option("--run", help="Run that made the index.")],
    data: Data = None,
    splits: Splits = None,
    split: Split = "test",
) -> None:
    """Embed more data with the network that made an index, and add them to it."""
    from kavc.training.index import add_to_index

    found = add_to_index(index, run, data=data, splits=splits, split=split)
    progress(f"{index}: {len(found)} vectors")


def remove(
    index: IndexFolder,
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids to remove.")],
) -> None:
    """Remove vectors by their ids, all or none."""
    from kavc.training.index import remove_from_index

    progress(f"{index}: {len(remove_from_index(index, ids))} vectors")


def info(index: IndexFolder, as_json: AsJson = False) -> None:
    """Check an index, and say what it holds and which network made it."""
    from kavc.evaluation.table import Table
    from kavc.retrieval.index import Index

    found = Index.load(index)
    facts: dict[str, Any] = {
        "vectors": len(found),
        "dim": found.dim,
        "modality": found.modality,
        "model": found.model,
        "backend": found.backend,
        "scores": found.score,
        "labelled": sum(map(bool, found.labels or ())),
        "hub correction": "none" if found.hubs is None else str(found.hubs),
    }
    if as_json:
        print_json(facts)
        return
    rows = [(name, str(value)) for name, value in facts.items()]
    print_table(Table("index", ["entry", "value"], rows, caption=str(index)))


COMMANDS = (build, add, remove, info)
