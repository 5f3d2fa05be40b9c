"""Hubs of a trained network: the bank of training videos, and how much of a bias is taken off.

The bank is of the training split alone: centres of groups of its embeddings, by k-means, with the
number of videos in each. A few hundred of these do nearly as well as all videos, and better than
as many videos drawn at random (benchmarks/hub_banks.py). Strength and temperature are those that
find most on the validation split, for each direction.
"""

from __future__ import annotations

import dataclasses
import itertools
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from kavc.data.feature_store import FeatureStore
from kavc.data.ids import shown
from kavc.errors import DataError
from kavc.files import whole_folder
from kavc.layers.fingerprint import weights_fingerprint
from kavc.metrics.random_galleries import RandomGalleries
from kavc.metrics.retrieval import (
    MatchRanks,
    blocked_scores,
    first_equal,
    joined_ranks,
    rank_scores,
)
from kavc.retrieval.checks import check_ids
from kavc.retrieval.hubs import CSLS, INVERTED_SOFTMAX, HubCorrection, Settings
from kavc.systems.cross_modal_embedding.config import CrossModalConfig
from kavc.systems.cross_modal_embedding.embeddings import Corrected, Embedded, embed_one
from kavc.systems.cross_modal_embedding.galleries import headline_size

SEED = 0  # of the groups' first centres
MOST_TRAINING = 50_000  # videos that the bank is made of
MOST_VALIDATION = 5000  # videos that the choice is made by
STRENGTHS = (0.25, 0.5, 0.75, 1.0, 1.25)
BETAS = (5.0, 10.0, 15.0, 20.0, 30.0)
NEIGHBOURS = (1, 5, 20)  # of the bank's rows
MOST_PASSES = 10  # of k-means: twice as many find no more
OTHER = {"audio": "visual", "visual": "audio"}
FEWEST = 2  # queries of a bank


@dataclass(frozen=True)
class Hubs:
    """The corrections of a network.

    Args:
        audio: of a gallery of sounds.
        visual: of a gallery of pictures.

    Reference:
        Conneau et al., 2018, for CSLS; Smith et al., 2017, for the inverted softmax.
    """

    audio: HubCorrection
    visual: HubCorrection

    def of(self, modality: str) -> HubCorrection:
        """Returns that of a gallery of one modality."""
        return {"audio": self.audio, "visual": self.visual}[modality]

    def check(self, network: keras.Model) -> None:
        """Raises unless they are of this network, as it is.

        Raises:
            ConfigError: they are of another one, or of other weights.
        """
        model = weights_fingerprint(network)
        for modality in OTHER:
            width = network.output[f"{modality}_embedding"].shape[-1]
            self.of(modality).check(model=model, dim=width, items=modality)

    def save(self, folder: Path) -> None:
        """Writes them into a new folder, one folder each."""
        with whole_folder(folder) as temporary:
            for modality in OTHER:
                self.of(modality).save(temporary / modality)

    @classmethod
    def load(cls, folder: Path) -> Hubs:
        """Reads what `save` wrote.

        Raises:
            DataError: a file is missing or damaged.
        """
        return cls(**{modality: HubCorrection.load(folder / modality) for modality in OTHER})


def fit_hubs(
    network: keras.Model, train: FeatureStore, validation: FeatureStore, config: CrossModalConfig
) -> Hubs:
    """Makes the corrections of a trained network.

    Args:
        network: embeds each modality alone.
        train: gives the bank, `config.hub_bank` groups of its videos with sound; each video, if
            there are no more. Of more than 50,000 videos so many evenly spaced ones are taken.
        validation: decides on strength and temperature; of more than 5,000 videos, so many evenly
            spaced ones.
        config: gives the kind, too.

    Raises:
        DataError: fewer than two training videos have sound, or embeddings are not finite.

    Reference:
        Conneau et al., 2018, for CSLS; Smith et al., 2017, for the inverted softmax.
    """
    held = validation.select(_spaced(len(validation), MOST_VALIDATION))
    rows = _heard(train)
    heard = train.select(rows[_spaced(len(rows), MOST_TRAINING)])
    model = weights_fingerprint(network)
    found = {}
    for modality, other in OTHER.items():
        queries = embed_one(network, other, getattr(heard, other))
        bank = bank_of(queries, heard.ids, config.hub_bank, other, model)
        asked, items = (embed_one(network, m, getattr(held, m)) for m in (other, modality))
        settings = choose(asked, items, bank, config.hub_correction)
        found[modality] = dataclasses.replace(bank, settings=settings)
    return Hubs(**found)


def bank_of(
    queries: np.ndarray, ids: np.ndarray, rows: int, modality: str = "", model: str = ""
) -> HubCorrection:
    """Returns a bank of queries: as they are, where they are so few; else centres of groups.

    The same queries give the same bank, to the last bit.

    Args:
        queries: `(n, dim) float32` of norm 1.
        ids: (n,) bytes, whose they are.
        rows: most rows of the bank.
        modality, model: see `HubCorrection`.

    Raises:
        DataError: a query is not finite.

    Reference:
        Lloyd, "Least squares quantization in PCM", 1982, for the groups.

    Example:
        >>> queries = np.eye(4, dtype=np.float32)
        >>> bank_of(queries, np.array([b"a", b"b", b"c", b"d"]), rows=4).ids
        ['a', 'b', 'c', 'd']
        >>> len(bank_of(queries, np.array([b"a", b"b", b"c", b"d"]), rows=2).units)
        2
    """
    if not np.isfinite(queries).all():
        raise DataError("the bank of queries: embeddings are not finite; the network diverged")
    centres, counts = (queries, None) if len(queries) <= rows else _groups(queries, rows)
    names = _names(ids) if counts is None else []
    return HubCorrection.of(centres, weights=counts, ids=names, modality=modality, model=model)


def _names(ids: np.ndarray) -> list[str]:
    """Returns ids as an index has them; none, if an index could not hold one of them."""
    try:
        return check_ids(shown(each) for each in ids)
    except DataError:
        return []


def _groups(queries: np.ndarray, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the centres of at most so many groups, at least 2, and how many are in each."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    # To draw first centres far from each other takes ten times as long, and finds no more.
    machine = KMeans(rows, init="random", n_init=1, max_iter=MOST_PASSES, random_state=SEED)
    with warnings.catch_warnings(), threadpool_limits(1, "openmp"):
        # One thread, since several add in an order of their own: other last bits.
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer queries differ than asked for
        groups = machine.fit_predict(queries)
    counts = np.bincount(groups, minlength=rows)
    there = np.flatnonzero(counts)
    if len(there) < FEWEST:  # of a network that collapsed, all are alike
        return queries[:FEWEST], np.full(FEWEST, len(queries) / FEWEST)
    return machine.cluster_centers_[there], counts[there]


def corrected(hubs: Hubs, embedded: Embedded, ids: np.ndarray) -> Corrected:
    """Returns embeddings with the bias of each as an item.

    Args:
        hubs: of the network.
        embedded: by that network, each modality alone.
        ids: (videos,) bytes, whose embeddings they are.
    """
    names = [shown(each) for each in ids]
    biases = [
        hubs.of(each).bias(getattr(embedded, each), names)[first_equal(getattr(embedded, each))]
        for each in OTHER
    ]
    return Corrected(embedded.audio, embedded.visual, *biases)


def choose(queries: np.ndarray, items: np.ndarray, bank: HubCorrection, kind: str) -> Settings:
    """Returns what finds most among held-out videos: by recall at 1 in the headline's galleries.

    Args:
        queries, items: `(n, dim) float32` of norm 1; query i belongs to item i.
        bank: of other queries; its settings don't matter.
        kind: as of `Settings`.

    Returns:
        The best settings; of equal ones the weakest, which may be none at all.

    Reference:
        Conneau et al., 2018, for CSLS; Smith et al., 2017, for the inverted softmax.

    Example:
        >>> vectors = np.eye(8, dtype=np.float32)
        >>> bank = bank_of(vectors, np.array([b"%d" % row for row in range(8)]), rows=8)
        >>> choose(vectors, vectors, bank, "csls").strength  # nothing to mend: none
        0.0
    """
    candidates = [Settings(kind, 0.0), *_candidates(kind)]
    alike = first_equal(items)  # else equal items, as of silence, would not tie
    biases = [each.bias(items, bank.units, bank.weights)[alike] for each in candidates]
    parts: list[list[MatchRanks]] = [[] for _ in candidates]
    for first, scores in blocked_scores(queries, items):
        for found, bias in zip(parts, biases, strict=True):
            found.append(rank_scores(scores - bias, first=first))
    galleries = RandomGalleries(headline_size(len(items)), len(items))
    recalls = [galleries.recall_at(joined_ranks(found), 1) for found in parts]
    return candidates[int(np.argmax(recalls))]


def _candidates(kind: str) -> Iterator[Settings]:
    """Yields what is tried, the weakest first."""
    if kind == CSLS:
        for strength, neighbours in itertools.product(STRENGTHS, NEIGHBOURS):
            yield Settings(CSLS, strength, neighbours=neighbours)
    else:
        for strength, beta in itertools.product(STRENGTHS, BETAS):
            yield Settings(INVERTED_SOFTMAX, strength, beta=beta)


def _spaced(count: int, most: int) -> np.ndarray:
    """Returns at most so many row numbers, evenly spaced."""
    return np.linspace(0, count - 1, min(count, most)).astype(int)


def _heard(train: FeatureStore) -> np.ndarray:
    """Returns who may be in the bank: silence is no query that anybody asks."""
    heard = np.flatnonzero(~train.silent)
    if len(heard) < FEWEST:
        raise DataError(
            f"{len(heard)} of the {len(train)} training videos have sound; the bank of queries for "
            f"the correction of hubs needs {FEWEST} (hub_correction=none does without)"
        )
    return heard
