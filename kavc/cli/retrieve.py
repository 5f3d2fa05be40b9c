"""`kavc retrieve`: which items of an index fit these features?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kavc.cli.index import IndexFolder
from kavc.cli.output import print_json, print_table
from kavc.cli.train import AsJson


def retrieve(
    index: IndexFolder,
    run: Annotated[Path, typer.Option("--run", help="Run that made the index.")],
    inputs: Annotated[
        Path,
        typer.Option("--input", help=".npz or .json: the other modality's features (n, width)."),
    ],
    top: Annotated[int, typer.Option("--top", min=1, help="Items to find for each query.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Find what fits in an index: sounds for silent videos, or videos for sounds."""
    from kavc.retrieval.index import Index
    from kavc.serving.arrays import load_inputs
    from kavc.training.index import retrieve as find

    found = Index.load(index)
    ids, scores = find(found, run, load_inputs(inputs), top)
    if as_json:
        print_json({"ids": ids.tolist(), "scores": scores.tolist()})
        return
    from kavc.evaluation.table import Column, Table

    rows = [
        (query, rank, ids[query, rank - 1], float(scores[query, rank - 1]))
        for query in range(len(ids))
        for rank in range(1, ids.shape[1] + 1)
    ]
    columns = [Column("query", "d"), Column("rank", "d"), Column("id"), Column("score", ".3f")]
    print_table(Table("retrieved", columns, rows, caption=f"{found.modality} of {index}"))


COMMANDS = (retrieve,)
