"""What does each ingredient of the preset `improved` bring to the cross-modal embedding?

Trains the preset with one member in place of its four, then that with one ingredient taken away or
changed, several seeds each, and reports recall at 1 on the *validation* split, in galleries of 256
and 1,024, with the difference to the first row and its interval: paired bootstrap over the videos,
of the mean over seeds. Choices are made on validation alone; the test split is for the README's
table.

    python benchmarks/cross_modal_embedding_ablation.py --data youtube8m:PATH --splits FILE \
        --out runs/ablation
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

import kavc
from kavc.data.feature_store import FeatureStore
from kavc.data.source import Source
from kavc.evaluation.mean_intervals import mean_bootstrap
from kavc.evaluation.spreads import spread
from kavc.evaluation.table import Column, Table
from kavc.files import write_text
from kavc.metrics.random_galleries import RandomGalleries
from kavc.systems.base import System
from kavc.systems.cross_modal_embedding.embeddings import DIRECTIONS, embed_alone

RESULTS = Path(__file__).parent / "results"
GALLERIES = (256, 1024)
ABLATIONS = {
    "one member": {},
    "- kernel machine": {"kernel_features": 0},
    "- labels": {"class_weight": 0.0},
    "- mixing": {"mixing": 0.0},
    "- dropout": {"dropout": 0.0},
    "- averaged weights": {"ema_momentum": 0.0},
    "- weight decay": {"weight_decay": 0.0},
    "+ silent training videos": {"silent": "keep"},
    "batch 512": {"batch_size": 512},
    "batch 2048": {"batch_size": 2048},
    "paper's network": {"network": "paper", "embedding_dim": 250, "kernel_features": 0},
    "four members (improved)": {"members": 4},
}


def validation_hits(run: kavc.training.Run) -> np.ndarray:
    """Returns each match's chance of being first, `(videos, galleries)`, of both directions."""
    store = FeatureStore.from_dataset(run.system.read(run.source, "validation", run.config))
    ranks = embed_alone(run.network, store).ranks()
    return np.stack(
        [
            np.mean(
                [RandomGalleries(size, len(store)).hits(ranks[d], (1,))[:, 0] for d in DIRECTIONS],
                axis=0,
            )
            for size in GALLERIES
        ],
        axis=1,
    )


def difference_table(name: str, hits: dict[str, list[np.ndarray]], source: Source | str) -> Table:
    """One row a configuration; each is held against the first."""
    columns = [Column("configuration"), Column("seeds", "d")]
    for size in GALLERIES:
        columns += [
            Column(f"R@1, {size}", ".2f", "%"),
            Column(f"sd, {size}", ".2f", "%"),
            Column(f"difference, {size}", "+.2f", "%"),
            Column(f"low, {size}", "+.2f", "%"),
            Column(f"high, {size}", "+.2f", "%"),
        ]
    whole = next(iter(hits.values()))
    rows = [(row, len(seeds), *_cells(seeds, whole)) for row, seeds in hits.items()]
    return Table(name, columns, rows, caption="Recall at 1 on validation", source=str(source))


def _cells(seeds: Sequence[np.ndarray], whole: Sequence[np.ndarray]) -> list[float | None]:
    cells: list[float | None] = []
    for column in range(len(GALLERIES)):
        over_seeds = spread([100 * hits[:, column].mean() for hits in seeds])
        cells += [over_seeds.mean, over_seeds.std]
        if seeds is whole:
            cells += [None, None, None]
            continue
        lost = np.mean([hits[:, column] for hits in seeds], axis=0)
        lost = lost - np.mean([hits[:, column] for hits in whole], axis=0)
        drawn = mean_bootstrap(100 * lost[:, None])
        cells += [100 * float(lost.mean()), *(float(x) for x in drawn[0].estimate().interval)]
    return cells


def measure(name: str, meaning: str, variants: Mapping[str, tuple[str | System, dict]]) -> None:
    """Trains what is missing and writes the table after every variant.

    Args:
        name: of the table; ends its file's name.
        meaning: of the command.
        variants: row to the system and what differs from the preset `improved`.
    """
    parser = argparse.ArgumentParser(description=meaning)
    parser.add_argument("--data", required=True)
    parser.add_argument("--splits", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=2)
    options = parser.parse_args()
    source = Source.parse(options.data, options.splits)
    hits: dict[str, list[np.ndarray]] = {}
    for number, (row, (system, overrides)) in enumerate(variants.items()):
        for seed in range(options.seeds):
            print(f"{row}, seed {seed}", flush=True)
            run = kavc.train(
                system, source, options.out / f"{number}-seed-{seed}", preset="improved",
                overrides=overrides, seed=seed, resume=True,
            )  # fmt: skip
            hits.setdefault(row, []).append(validation_hits(run))
        result = difference_table(name, hits, source)
        write_text(RESULTS / f"cross_modal_embedding_{name}.csv", result.to_csv())
    print(result.to_markdown())


if __name__ == "__main__":
    measure(
        "ablation",
        __doc__.splitlines()[0],
        {
            row: ("cross-modal-embedding", {"members": 1} | overrides)
            for row, overrides in ABLATIONS.items()
        },
    )
