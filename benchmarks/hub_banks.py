"""What does a bank of queries for the correction of hubs need? Banks of one trained network.

Videos drawn at random, centres of groups, and all training videos with sound, by the inverted
softmax; and CSLS on the groups. Strength and temperature are chosen on validation for each bank, as
in training; recall at 1 is given on validation and, for what was chosen, on test.

    python benchmarks/hub_banks.py preset:cross-modal-embedding/youtube8m \
        --data youtube8m:PATH --splits FILE
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from kavc.cli.output import print_table
from kavc.data.feature_store import FeatureStore
from kavc.data.ids import shown
from kavc.evaluation.table import Column, Table
from kavc.files import write_text
from kavc.metrics.random_galleries import RandomGalleries
from kavc.metrics.retrieval import match_ranks
from kavc.retrieval.hubs import CSLS, INVERTED_SOFTMAX, HubCorrection
from kavc.systems.cross_modal_embedding.embeddings import (
    DIRECTIONS,
    Embedded,
    embed_alone,
    with_bias,
)
from kavc.systems.cross_modal_embedding.hubs import bank_of, choose
from kavc.training.run import Run

OUT = Path(__file__).parent / "results" / "hub_banks.csv"
GALLERIES = (256, 1024)
GROUPS = (125, 250, 500, 1000)
DRAWN = (500, 2000, 8000)


def main() -> None:
    """Measures every bank, and writes the table after each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run")
    parser.add_argument("--data")
    parser.add_argument("--splits")
    options = parser.parse_args()
    run = Run(options.run)
    source = run.source_for(options.data, options.splits)
    stores = {
        split: FeatureStore.from_dataset(run.system.read(source, split, run.config))
        for split in ("train", "validation", "test")
    }
    embedded = {split: embed_alone(run.network, store) for split, store in stores.items()}
    heard = np.flatnonzero(~stores["train"].silent)
    rows: list[tuple] = []
    for name, kind, direction, bank in banks(embedded["train"].select(heard),
                                             stores["train"].ids[heard]):  # fmt: skip
        rows.append((name, DIRECTIONS[direction], *found(kind, direction, bank, embedded)))
        keep(rows, source.title())


def banks(train: Embedded, ids: np.ndarray) -> Iterator[tuple[str, str, str, HubCorrection | None]]:
    """Yields name, kind and direction, and the bank of the direction's queries."""
    drawn = np.random.default_rng(0).permutation(len(ids))
    for direction in DIRECTIONS:
        queries, _ = train.of(direction)
        yield "none", INVERTED_SOFTMAX, direction, None
        for count in DRAWN:
            some = np.sort(drawn[:count])
            bank = HubCorrection.of(queries[some], ids=[shown(each) for each in ids[some]])
            yield f"{count} drawn", INVERTED_SOFTMAX, direction, bank
        for count in GROUPS:
            bank = bank_of(queries, ids, count)
            yield f"{count} groups", INVERTED_SOFTMAX, direction, bank
            if count == 500:  # the default
                yield f"{count} groups, CSLS", CSLS, direction, bank
        whole = HubCorrection.of(queries, ids=[shown(each) for each in ids])
        yield f"all {len(ids)}", INVERTED_SOFTMAX, direction, whole


def found(
    kind: str, direction: str, bank: HubCorrection | None, embedded: dict[str, Embedded]
) -> tuple:
    """Returns the settings that validation chooses, and recalls on validation and test."""
    if bank is not None:
        settings = choose(*embedded["validation"].of(direction), bank, kind)
        bank = dataclasses.replace(bank, settings=settings)
    recalls: list[float] = []
    for split in ("validation", "test"):
        queries, items = embedded[split].of(direction)
        bias = np.zeros(len(items), np.float32) if bank is None else bank.bias(items)
        ranks = match_ranks(*with_bias(queries, items, bias))
        recalls += [100 * RandomGalleries(size, len(items)).recall_at(ranks, 1)
                    for size in GALLERIES]  # fmt: skip
    return ("" if bank is None else str(bank.settings), *recalls)


def keep(rows: list[tuple], source: str) -> None:
    """Prints the table and writes it whole."""
    recalls = [Column(f"{split}, {size}, R@1", ".2f", "%")
               for split in ("validation", "test") for size in GALLERIES]  # fmt: skip
    columns = [Column("bank"), Column("direction"), Column("chosen on validation"), *recalls]
    table = Table("hub-banks", columns, rows, "Banks of queries for the correction of hubs", source)
    write_text(OUT, table.to_csv())
    print_table(table)


if __name__ == "__main__":
    main()
