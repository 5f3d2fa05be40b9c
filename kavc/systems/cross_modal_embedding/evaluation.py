"""From a trained network and examples to the paper's tables and what they leave out."""

from __future__ import annotations

from collections.abc import Mapping

import keras
import numpy as np
import scipy.sparse

from kavc.data.canonical import canonical_correlation
from kavc.data.feature_store import FeatureStore
from kavc.evaluation.estimate import FEWEST
from kavc.evaluation.figure import Figure
from kavc.evaluation.report import Report
from kavc.evaluation.retrieval_charts import modality_map, occurrence_curves, recall_curves
from kavc.evaluation.table import Table
from kavc.metrics.hubness import Hubness, hubness
from kavc.metrics.random_galleries import RandomGalleries
from kavc.metrics.relevance import LabelRelevance, label_relevance
from kavc.systems.cross_modal_embedding import paper
from kavc.systems.cross_modal_embedding.config import CrossModalConfig
from kavc.systems.cross_modal_embedding.embeddings import (
    CCA_DIRECTIONS,
    DIRECTIONS,
    Embedded,
    Ranks,
    embed_alone,
    embed_canonical,
    embed_pairs,
)
from kavc.systems.cross_modal_embedding.galleries import headline_size, per_query
from kavc.systems.cross_modal_embedding.held import Held
from kavc.systems.cross_modal_embedding.hubs import Hubs, corrected
from kavc.systems.cross_modal_embedding.qualitative import class_name, qualitative_table
from kavc.systems.cross_modal_embedding.tables import (
    headline,
    hub_table,
    interval_table,
    label_differences,
    label_table,
    protocol_table,
    rank_table,
    recall_table,
)

# What is evaluated, by the name that its ranks have in a report's predictions.
NETWORK, LESS_HUBS, ALONE, CCA = "network", "less_hubs", "alone", "cca"
NAMES = {
    NETWORK: "this network",
    LESS_HUBS: "this network, less hubs",
    ALONE: "this network, each modality alone",
    CCA: "linear CCA",
}
LEAKS = "this network, as published (leaks)"
PLACES = 10  # that hubness looks at
SEED = 0  # of the pictures' choice of videos
MAP_VIDEOS = 400
MAP_GROUPS = 5
FEWEST_ON_MAP = 3

NOTES = (
    "A2V: a sound is the query and pictures are the gallery; V2A the other way round.",
    "A gallery holds the match and other test videos, drawn without replacement; recall is the "
    "mean over all draws, exactly, and over the orders of ties.",
    "Intervals: 95 %, percentile bootstrap over the test videos as queries, 2,000 draws; none from "
    f"fewer than {FEWEST} videos, nor where all queries count alike.",
    "Relevance by labels leaves the query's own match out: gain is the Jaccard index of both label "
    "sets; queries that share no label with any other test video are left out.",
    f"The paper's numbers belong to {paper.CORPUS} and to one gallery of each size.",
)
JOINT_NOTE = (
    "The joint norm divides both features of a pair by one number, so that a pair shares a scale: "
    "recall as published leaks. Alone: each modality is divided by its own norm, as it must be to "
    "be embedded without the other."
)


def evaluate(network: keras.Model, held: Held, config: CrossModalConfig) -> Report:
    """Evaluates one trained network on the test split.

    Returns:
        A report whose headline is recall at 1, in percent, mean of both directions, in galleries
        of 1,024, or the largest that fits the split, of cosines alone; a row beside it has what
        the correction of hubs makes of them, where the network has one. `predictions` hold the
        videos' "id" and, for each system and direction, how many others score higher than each
        query's match, and as much: "network_a2v_better", "network_a2v_tied" `(videos,) int64` and
        so on.

    Reference:
        Surís et al., 2018, section 4.
    """
    joint = config.input_norm == "joint"
    systems = _systems(network, held, joint)
    names = NAMES | {NETWORK: LEAKS} if joint else NAMES
    embedded = {names[key]: of for key, of in systems.items()}
    ranks = {key: of.ranks() for key, of in systems.items()}
    named = {names[key]: of for key, of in ranks.items()}
    labels = held.test.label_matrix(len(held.classes))
    relevance = {name: _relevance(of, labels) for name, of in embedded.items()}
    spread = {name: _hubness(of, _heard(held)) for name, of in embedded.items()}
    tables = [
        recall_table(named, held.source),
        interval_table({name: per_query(of) for name, of in named.items()}, held.source),
        *_protocol(embedded, held),
        *_without_silent(embedded, held),
        rank_table(named, held.source),
        label_table(relevance, held.source),
        *([label_differences(relevance, NAMES[CCA], held.source)] if CCA in systems else []),
        hub_table(spread, held.source),
        qualitative_table(
            systems[NETWORK], ranks[NETWORK], held.test.ids, labels, held.classes, held.source
        ),
    ]
    return Report(
        title=f"Cross-modal embedding on {held.source}",
        headline=headline(per_query(ranks[NETWORK]), ", as published (leaks)" if joint else ""),
        tables=tables,
        figures=[
            _curves(named, held),
            _occurrences(spread, held),
            *_map(systems[NETWORK], labels, held),
        ],
        notes=[*held.notes, *_notes(held, joint, relevance), *_hub_notes(network.hubs, config)],
        predictions=_predictions(held.test, ranks),
    )


def _systems(network: keras.Model, held: Held, joint: bool) -> dict[str, Embedded]:
    embed = embed_pairs if joint else embed_alone
    found = {NETWORK: embed(network, held.test)}
    if network.hubs is not None:
        network.hubs.check(network)
        found[LESS_HUBS] = corrected(network.hubs, found[NETWORK], held.test.ids)
    if joint:
        found[ALONE] = embed_alone(network, held.test, normalize=True)
    if held.train is not None:
        directions = canonical_correlation(held.train.audio, held.train.visual)
        found[CCA] = embed_canonical(directions, held.test)
    return found


def _relevance(embedded: Embedded, labels: scipy.sparse.csr_matrix) -> dict[str, LabelRelevance]:
    return {direction: label_relevance(*embedded.of(direction), labels) for direction in DIRECTIONS}


def _hubness(embedded: Embedded, rows: np.ndarray) -> dict[str, Hubness]:
    k, some = min(PLACES, len(rows)), embedded.select(rows)
    return {direction: hubness(*some.of(direction), k) for direction in DIRECTIONS}


def _heard(held: Held) -> np.ndarray:
    """Returns the videos with sound; all, where none has any.

    Silent ones ask alike, so that each of the first ones of silence would seem to be a hub.
    """
    heard = np.flatnonzero(~held.test.silent)
    return heard if len(heard) else np.arange(len(held.test))


def _protocol(systems: Mapping[str, Embedded], held: Held) -> list[Table]:
    fits = len(held.test) >= min(paper.GALLERIES)
    return [protocol_table(systems, held.source)] if fits else []


def _without_silent(systems: Mapping[str, Embedded], held: Held) -> list[Table]:
    heard = np.flatnonzero(~held.test.silent)
    if not 0 < len(heard) < len(held.test):
        return []
    ranks = {name: of.select(heard).ranks() for name, of in systems.items()}
    caption = f"Recall without the {len(held.test) - len(heard)} silent videos"
    return [recall_table(ranks, held.source, name="recall-without-silent", caption=caption)]


def _curves(ranks: Mapping[str, Ranks], held: Held) -> Figure:
    size = headline_size(len(held.test))
    ks = np.unique(np.geomspace(1, size, 40).astype(int))
    drawn = RandomGalleries(size, len(held.test))
    panels = {
        heading: {
            system: (ks, 100 * drawn.hits(of[direction], ks.tolist()).mean(axis=0))
            for system, of in ranks.items()
        }
        for direction, heading in DIRECTIONS.items()
    }
    published = {
        heading: (paper.KS, paper.RECALL[direction][size])
        for direction, heading in DIRECTIONS.items()
        if size in paper.GALLERIES
    }
    return recall_curves(
        "recall",
        panels,
        size,
        published=published,
        caption=f"Recall against K in galleries of {size:,}. A2V: a sound asks and pictures are "
        f"ranked; V2A the other way round. Mean over all galleries of {len(held.test):,} test "
        "videos.",
        source=held.source,
    )


def _occurrences(spread: Mapping[str, Mapping[str, Hubness]], held: Held) -> Figure:
    return occurrence_curves(
        "hubs",
        {
            heading: {system: of[direction] for system, of in spread.items()}
            for direction, heading in DIRECTIONS.items()
        },
        caption=f"Hubs: how often each of {len(_heard(held)):,} items is among the first of a "
        "query. A2V: a sound asks and pictures are found; V2A the other way round.",
        source=held.source,
    )


def _map(embedded: Embedded, labels: scipy.sparse.csr_matrix, held: Held) -> list[Figure]:
    videos = len(held.test)
    if videos < FEWEST_ON_MAP:
        return []
    chosen = np.random.default_rng(SEED).permutation(videos)[:MAP_VIDEOS]
    groups, classes = _groups(labels[chosen])
    figure = modality_map(
        "map",
        embedded.audio[chosen],
        embedded.visual[chosen],
        groups,
        [class_name(held.classes, one) for one in classes],
        seed=SEED,
        caption=f"Sound and picture of {len(chosen)} test videos in the shared space. By t-SNE, "
        "whose axes have no unit; a colour is a label, of the most frequent ones.",
        source=held.source,
    )
    return [figure]


def _groups(labels: scipy.sparse.csr_matrix) -> tuple[np.ndarray, list[int]]:
    """Puts videos under few labels: the most frequent, then that of those left, and so on."""
    groups, classes = np.full(labels.shape[0], -1), []
    for group in range(MAP_GROUPS):
        counts = np.asarray(labels[groups < 0].sum(axis=0)).ravel()
        if not counts.any():
            break
        classes.append(int(counts.argmax()))
        has = np.asarray(labels[:, classes[-1]].todense()).ravel()
        groups[(groups < 0) & has] = group
    return groups, classes


def _notes(
    held: Held, joint: bool, relevance: Mapping[str, Mapping[str, LabelRelevance]]
) -> list[str]:
    silent, videos = int(held.test.silent.sum()), len(held.test)
    dropped = ", ".join(f"{n} {why}" for why, n in held.test.dropped.items() if n) or "none"
    answerable = next(iter(relevance.values()))["a2v"].answerable
    notes = [
        f"Test videos: {videos}, {silent} of them silent and, but for the table without them, "
        f"included; left out: {dropped}.",
        *NOTES,
        f"{int(answerable.sum())} of {videos} queries share a label with another test video.",
    ]
    if held.train is None:
        notes.append("No training videos at hand: linear CCA is not shown.")
    else:
        notes.append(
            f"Linear CCA: fitted on {len(held.train)} training videos, ridge 0.1 of the mean "
            f"eigenvalue, {CCA_DIRECTIONS} directions, weighted by their correlation squared."
        )
    return [*notes, JOINT_NOTE] if joint else notes


def _hub_notes(hubs: Hubs | None, config: CrossModalConfig) -> list[str]:
    if hubs is None:
        lacks = "No correction of hubs: the run has none; `kavc train --resume` fits one."
        return [lacks] if config.corrects_hubs else []
    chosen = "; ".join(
        f"{heading} {hubs.of('visual' if direction == 'a2v' else 'audio')}"
        for direction, heading in DIRECTIONS.items()
    )
    return [
        "Less hubs: each item's score less its bias, by a bank of training videos of the other "
        f"modality; how much of it, by recall at 1 on validation videos: {chosen}."
    ]


def _predictions(test: FeatureStore, ranks: Mapping[str, Ranks]) -> dict[str, np.ndarray]:
    found = {"id": np.asarray(test.ids, bytes)}
    for key, of in ranks.items():
        for direction, one in of.items():
            found[f"{key}_{direction}_better"] = one.better.astype(np.int64)
            found[f"{key}_{direction}_tied"] = one.tied.astype(np.int64)
    return found
