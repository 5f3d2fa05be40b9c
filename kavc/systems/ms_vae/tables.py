"""The tables of a report: the paper's two, and what puts them in proportion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from kavc.evaluation.mean_intervals import mean_bootstrap
from kavc.evaluation.table import Column, Table
from kavc.systems.ms_vae import paper
from kavc.systems.ms_vae.controls import two_errors
from kavc.systems.ms_vae.held import CHANCE, Held, chance
from kavc.systems.ms_vae.retrieval import TASKS, chances

WAYS = ("a2v", "v2a")
ELSEWHERE = f"paper, {paper.CORPUS} (another corpus)"
HERE = f"paper, {paper.CORPUS}"
SHUFFLED = "this network, pictures of another video"


def localization_table(
    hits: Mapping[str, np.ndarray],
    shuffled: Mapping[str, np.ndarray],
    others: Mapping[str, Mapping[str, np.ndarray]],
    held: Held,
    label: str,
) -> Table:
    """Table 1: exact matches, and what can be had without a network.

    Args:
        hits: direction to (queries,) bool, of this network.
        shuffled: direction to (permutations,) per cent: where the other modality is of another
            video.
        others: who else answers to their hits.
        held: test videos and constants.
        label: of the row of the paper.
    """
    rows: list[tuple] = [("this network", *_interval(hits))]
    means = [float(np.mean(shuffled[way])) for way in WAYS]
    mean, error = float(np.mean(means)), two_errors(np.mean([shuffled[x] for x in WAYS], axis=0))
    rows.append((SHUFFLED, *means, mean, mean - error, mean + error))
    rows += [(name, *_interval(theirs)) for name, theirs in others.items()]
    guess = 100 * chance(held.test)
    rows.append((CHANCE, guess, guess, guess, None, None))
    for name, onsets in held.onsets.items():
        share = 100 * float(np.mean(onsets == held.test.start[held.test.queries]))
        rows.append((name, share, share, share, None, None))
    if label in paper.LOCALIZATION:
        called = HERE if held.published else ELSEWHERE
        rows.append((f"{label}, {called}", *paper.LOCALIZATION[label], None, None))
    return Table(
        "localization",
        [
            Column("who answers"),
            *(Column(name, ".1f", "%") for name in ("A2V", "V2A", "average")),
            *(Column(f"average, {end}", ".1f", "%") for end in ("low", "high")),
        ],
        rows,
        caption="Cross-modal localisation: share of the queries that are found exactly (Table 1)",
        source=held.source,
    )


def length_table(hits: Mapping[str, np.ndarray], held: Held) -> Table:
    """Exact matches of queries of each length, which chance depends on."""
    length = held.test.length[held.test.queries]
    segments = held.test.event.shape[1]
    rows = []
    for each in np.unique(length):
        of = length == each
        shares = (100 * float(hits[way][of].mean()) for way in WAYS)
        rows.append((int(each), int(of.sum()), *shares, 100 / (segments + 1 - int(each))))
    return Table(
        "lengths",
        [
            Column("seconds of the query", "d"),
            Column("queries", "d"),
            *(Column(name, ".1f", "%") for name in ("A2V", "V2A", CHANCE)),
        ],
        rows,
        caption="Exact matches by the length of the query",
        source=held.source,
    )


def retrieval_table(
    ranks: Mapping[str, np.ndarray],
    others: Mapping[str, Mapping[str, np.ndarray]],
    held: Held,
    label: str,
) -> Table:
    """Table 2: mean reciprocal rank, its deviation over draws, and that of a random order.

    Args:
        ranks: task to (draws, queries) reciprocal ranks.
        others: who else answers to their ranks.
        held: test videos.
        label: of the row of the paper.
    """
    means = {task: ranks[task].mean(axis=1) for task in TASKS}
    rows: list[tuple] = [("this network", *(means[task].mean() for task in TASKS))]
    if len(next(iter(means.values()))) > 1:
        rows.append(("sd over draws", *(means[task].std(ddof=1) for task in TASKS)))
    rows += [(name, *(theirs[task].mean() for task in TASKS)) for name, theirs in others.items()]
    guess = chances(held.test.label[held.test.event.any(axis=1)])
    rows.append((CHANCE, *(guess[task] for task in TASKS)))
    if label in paper.RETRIEVAL:
        called = HERE if held.published else ELSEWHERE
        rows.append((f"{label}, {called}", *paper.RETRIEVAL[label]))
    return Table(
        "retrieval",
        [Column("who answers"), *(Column(task, ".3f") for task in TASKS)],
        rows,
        caption="Mean reciprocal rank of the first segment of the query's category, query's "
        "modality first (Table 2)",
        source=held.source,
    )


def generation_table(errors: Mapping[str, Sequence[float | None]], held: Held) -> Table:
    """How well one modality's features are generated from the other's.

    Args:
        errors: who generates to mean squared errors of pictures from sound and of sound from
            pictures, and of either from itself; None where it doesn't.
        held: test videos.
    """
    return Table(
        "generation",
        [
            Column("who generates"),
            *(
                Column(name, ".4f")
                for name in ("pictures from sound", "sound from pictures", "pictures from "
                             "pictures", "sound from sound")
            ),
        ],
        [(name, *values) for name, values in errors.items()],
        caption="Mean squared error of what is generated of the test videos' event segments",
        source=held.source,
    )  # fmt: skip


def segment_table(accuracy: float, background: float, held: Held) -> Table:
    """How many segments are told the right class, or the background.

    Reference:
        Tian et al., ECCV 2018.
    """
    return Table(
        "segments",
        [Column("who answers"), Column("segments", ".1f", "%")],
        [("this network", accuracy), ("the background everywhere", background)],
        caption="Supervised localisation: share of the test segments whose class is right",
        source=held.source,
    )


def _interval(hits: Mapping[str, np.ndarray]) -> tuple[float, ...]:
    """A2V, V2A and average in per cent, and the interval of the last over queries."""
    both = [100.0 * np.asarray(hits[way]) for way in WAYS]
    average = np.mean(both, axis=0)
    found = mean_bootstrap(average[:, None])[0].estimate()
    return *(float(x.mean()) for x in both), found.value, found.low, found.high
