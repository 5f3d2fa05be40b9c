"""The tables of a report: the paper's ten numbers, and what decides and what hides in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kavc.evaluation.mean_intervals import mean_bootstrap
from kavc.evaluation.table import Column, Table
from kavc.metrics.parsing import THRESHOLD, class_counts, class_scores, exclusive
from kavc.systems.av_parsing import paper
from kavc.systems.av_parsing.scoring import GATES, Answers, per_video

LEVELS = ("segment", "event")
PAPER = {"segment": paper.SEGMENT, "event": paper.EVENT}
METRICS = ("audio", "visual", "AV", "Type@AV", "Event@AV")  # as `paper.METRICS`, for readers
STREAMS = METRICS[:3]
TYPE, EVENT = METRICS.index("Type@AV"), METRICS.index("Event@AV")
ELSEWHERE = f"paper, {paper.CORPUS} (another corpus)"
HERE = f"paper, {paper.CORPUS}"

Masks = Mapping[str, np.ndarray]  # name of a system to (videos, segments, 2, classes) bool


@dataclass(frozen=True)
class Decision:
    """How probabilities become predictions.

    Args:
        gate: one of `kavc.systems.av_parsing.scoring.GATES`.
        thresholds: of segments, and of the gate.
        rule: where these are from, in a word.
    """

    gate: str
    thresholds: tuple[float, float]
    rule: str


def level_columns() -> list[Column]:
    """Returns a column of each of the ten numbers."""
    return [Column(f"{level}, {name}", ".1f", "%") for level in LEVELS for name in METRICS]


def parsing_table(systems: Masks, truth: np.ndarray, row: str, corpus: str, source: str) -> Table:
    """The ten numbers of Tables 1 and 2: systems, and a row of the paper.

    Args:
        systems: what each predicts.
        truth: (videos, segments, 2, classes) bool.
        row: the paper's label.
        corpus: what the paper's row is called: `HERE` or `ELSEWHERE`.
        source: see `Table`.

    Example:
        >>> truth = np.ones((3, 10, 2, 4), bool)
        >>> table = parsing_table({"ours": truth}, truth, "HAN", ELSEWHERE, "a corpus")
        >>> table.rows[0][:3], table.rows[1][:3]
        (('ours', 100.0, 100.0), ('HAN, paper, LLP (another corpus)', 60.1, 52.9))
    """
    rows = [(name, *_means(predicted, truth)) for name, predicted in systems.items()]
    rows.append((f"{row}, {corpus}", *(x for level in LEVELS for x in PAPER[level][row])))
    return Table(
        "parsing",
        [Column("system"), *level_columns()],
        rows,
        caption="F-scores of segments and of events (Tables 1 and 2)",
        source=source,
    )


def interval_table(scores: Mapping[str, np.ndarray], source: str) -> Table:
    """The ends of the ten numbers' intervals.

    Args:
        scores: see `kavc.systems.av_parsing.scoring.per_video`.
        source: see `Table`.

    Reference:
        Efron, "Bootstrap Methods: Another Look at the Jackknife", 1979.
    """
    columns = np.concatenate([scores[level] for level in LEVELS], axis=1)
    found = [one.estimate() for one in mean_bootstrap(columns)]
    rows = [(end, *(getattr(one, end) for one in found)) for end in ("low", "high")]
    return Table(
        "parsing-intervals",
        [Column("end"), *level_columns()],
        rows,
        caption="95 % intervals of this network's numbers, bootstrap over test videos",
        source=source,
    )


def gate_table(
    test: Answers,
    thresholds: Mapping[str, tuple[float, float]],
    chosen: Decision,
    source: str,
) -> Table:
    """The same probabilities under each gate, at one half and at what validation prefers.

    Args:
        test: the network's answers.
        thresholds: gate to those that are best on validation, of segments and of the gate.
        chosen: by the config.
        source: see `Table`.
    """
    rows = []
    for gate in GATES:
        for rule, pair in (("half", (THRESHOLD, THRESHOLD)), ("validation", thresholds[gate])):
            scores = per_video(test.decide(gate, *pair), test.truth)
            means = [scores[level][:, m].mean() for level in LEVELS for m in (TYPE, EVENT)]
            mark = "chosen" if (gate, rule) == (chosen.gate, chosen.rule) else ""
            segment, whole = pair
            rows.append((gate, rule, segment, None if gate == "none" else whole, *means, mark))
    names = [f"{level}, {METRICS[m]}" for level in LEVELS for m in (TYPE, EVENT)]
    return Table(
        "gates",
        [
            Column("gate"),
            Column("threshold by"),
            Column("threshold", ".2f", "fraction"),
            Column("gate's threshold", ".2f", "fraction"),
            *(Column(name, ".2f", "%") for name in names),
            Column("config"),
        ],
        rows,
        caption="The same probabilities, decided otherwise: a segment counts if the video's "
        "probability of the class reaches the gate's threshold (video), if that of its own "
        "modality does (modality), or in any case (none); thresholds at one half, or the best on "
        "validation",
        source=source,
    )


def exclusive_table(systems: Masks, truth: np.ndarray, source: str) -> Table:
    """F-scores of what is only heard and only seen, which the paper's numbers hide.

    Example:
        >>> truth = np.ones((3, 10, 2, 4), bool)
        >>> truth[:, :, 1] = False  # all is heard, nothing seen
        >>> exclusive_table({"everywhere": np.ones_like(truth)}, truth, "a corpus").rows
        (('everywhere', 0.0, 100.0, 0.0, 100.0),)
    """
    true = exclusive(truth)
    rows = []
    for name, predicted in systems.items():
        scores = per_video(exclusive(predicted), true)
        rows.append((name, *(scores[level][:, m].mean() for level in LEVELS for m in (0, 1))))
    names = [f"{level}, {kind}" for level in LEVELS for kind in ("audible only", "visible only")]
    return Table(
        "exclusive",
        [Column("system"), *(Column(name, ".1f", "%") for name in names)],
        rows,
        caption="F-scores of what is heard and not seen, and seen and not heard; a video without "
        "such a segment, in truth and prediction, has 100",
        source=source,
    )


def class_table(
    predicted: np.ndarray, truth: np.ndarray, classes: Sequence[str], source: str
) -> Table:
    """Number of events (Figure 1) and F-scores (Figure 4) of each class, frequent ones first."""
    counts = class_counts(truth)
    scores = [100 * class_scores(predicted, truth, level) for level in LEVELS]
    rows = [
        (classes[c], *counts[:, c], *(x for level in scores for x in level[:, c]))
        for c in by_frequency(counts)
    ]
    return Table(
        "classes",
        [
            Column("class"),
            *(Column(f"events, {stream}", "d") for stream in STREAMS),
            *(Column(f"{level}, {stream}", ".1f", "%") for level in LEVELS for stream in STREAMS),
        ],
        rows,
        caption="Each class: events of the test videos (Figure 1), and F-scores with counts added "
        "over these (Figure 4); none where a class is neither there nor predicted",
        source=source,
    )


def by_frequency(counts: np.ndarray) -> np.ndarray:
    """Returns the classes in the order of their audio and visual events together.

    Args:
        counts: (3, classes), see `kavc.metrics.class_counts`.

    Example:
        >>> by_frequency(np.array([[3, 9, 1], [0, 0, 5], [0, 0, 0]])).tolist()
        [1, 2, 0]
    """
    return np.argsort(-counts[:2].sum(axis=0), kind="stable")


def video_table(test: Answers, labels: np.ndarray, threshold: float, source: str) -> Table:
    """How well whole videos are classified: what the gate lets through.

    Args:
        test: the network's answers.
        labels: (videos, classes) bool. Weak labels.
        threshold: of probabilities.
        source: see `Table`.
    """
    occurs = test.truth.any(axis=1)
    kinds = {
        "video, weak labels": (test.video, labels),
        "audio, what is heard": (test.streams[:, 0], occurs[:, 0]),
        "visual, what is seen": (test.streams[:, 1], occurs[:, 1]),
    }
    rows = [
        (name, *_classification(found >= np.float32(threshold), true))
        for name, (found, true) in kinds.items()
    ]
    names = ("F, micro", "precision, micro", "recall, micro", "F, macro", "precision, macro",
             "recall, macro")  # fmt: skip
    return Table(
        "video",
        [Column("probability and truth"), *(Column(name, ".1f", "%") for name in names)],
        rows,
        caption=f"Classification of whole videos at a threshold of {threshold:.2f}: micro, over "
        "all videos and classes; macro, mean over the classes of which it is defined",
        source=source,
    )


def _classification(predicted: np.ndarray, true: np.ndarray) -> list[float]:
    """F, precision and recall in per cent: of all together, and as means over classes."""
    hits, found, there = (x.sum(axis=0) for x in (predicted & true, predicted, true))
    ratios = (2 * hits, found + there), (hits, found), (hits, there)
    micro = [_ratio(above.sum(), below.sum()) for above, below in ratios]
    macro = [_mean_of_known(_ratio(above, below)) for above, below in ratios]
    return [100 * x for x in (*map(float, micro), *macro)]


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Returns a quotient, NaN where it is 0 / 0."""
    return np.divide(above, below, out=np.full(np.shape(below), np.nan), where=below > 0)


def _mean_of_known(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else np.nan


def _means(predicted: np.ndarray, truth: np.ndarray) -> list[float]:
    scores = per_video(predicted, truth)
    return [x for level in LEVELS for x in scores[level].mean(axis=0)]
