"""From a trained network and held-out videos to the paper's tables and figures."""

from __future__ import annotations

import keras
import numpy as np

from kavc.evaluation import parsing_charts
from kavc.evaluation.estimate import FEWEST
from kavc.evaluation.figure import Figure
from kavc.evaluation.headline import Headline
from kavc.evaluation.mean_intervals import mean_bootstrap
from kavc.evaluation.report import Report
from kavc.metrics.parsing import class_counts, class_scores
from kavc.metrics.parsing_events import event_numbers
from kavc.systems.av_parsing import paper
from kavc.systems.av_parsing.config import AVParsingConfig
from kavc.systems.av_parsing.held import PROBE, Held
from kavc.systems.av_parsing.probes import probe_table
from kavc.systems.av_parsing.scoring import GATES, Answers, answers, asker, per_video
from kavc.systems.av_parsing.tables import (
    ELSEWHERE,
    HERE,
    TYPE,
    Decision,
    by_frequency,
    class_table,
    exclusive_table,
    gate_table,
    interval_table,
    parsing_table,
    video_table,
)

LABEL_OF_VARIANT = {variant: label for label, variant in paper.VARIANT_OF_ROW.items()}
HEADLINE = "segment Type@AV"
NOTES = (
    "Type@AV: mean of audio, visual and AV. Event@AV: audio and visual counted together, AV left "
    "out. Each is the mean over videos of the mean over the classes that are there or predicted.",
    "A video without any event of a stream has 100 there if none is predicted: who predicts "
    "nothing has that as often.",
    "Intervals: 95 %, percentile bootstrap over the test videos, 2,000 draws; none from fewer than "
    f"{FEWEST} videos, nor where all score alike.",
)
OTHER_CORPUS = f"The paper's numbers belong to another corpus, {paper.CORPUS}."


def evaluate(network: keras.Model, held: Held, config: AVParsingConfig) -> Report:
    """Evaluates one trained network on the test split.

    Returns:
        A report whose headline is the segment-level Type@AV in per cent, by the config's gate and
        threshold. `predictions` hold "id" (videos,); "segment" and "event", (videos, 5) float64,
        what each video adds to the five numbers of a level (audio, visual, AV, Type@AV, Event@AV),
        in per cent; "predicted" and "truth", (videos, segments, 2, classes) uint8; and
        "thresholds", (2,), of segments and of the gate.

    Raises:
        DataError: the network answers NaN.

    Reference:
        Lamba et al., 2021, section 4.
    """
    ask = asker(network)
    test, validation = (
        answers(ask, store, config.segments) for store in (held.test, held.validation)
    )
    best = {gate: validation.best_thresholds(gate) for gate in GATES}
    chosen = Decision(config.gate, network.pooling.thresholds, config.threshold)
    if config.threshold == "validation":  # of the training's data, whichever these are
        best[config.gate] = chosen.thresholds
    predicted = test.decide(chosen.gate, *chosen.thresholds)
    scores = per_video(predicted, test.truth)
    label = LABEL_OF_VARIANT[config.variant]
    called = label if config.members == 1 else f"{config.members} x {label}, their mean,"
    systems = {"this network": predicted, **held.reference}
    labels = held.test.columns["labels"] > 0
    tables = [
        parsing_table(
            systems, test.truth, label, HERE if held.published else ELSEWHERE, held.source
        ),
        interval_table(scores, held.source),
        gate_table(test, best, chosen, held.source),
        exclusive_table(systems, test.truth, held.source),
        video_table(test, labels, chosen.thresholds[1], held.source),
        class_table(predicted, test.truth, held.classes, held.source),
        probe_table(network, held.validation, held.test, held.source),
    ]
    return Report(
        title=f"{called} on {held.source}",
        headline=headline(scores["segment"][:, TYPE]),
        tables=tables,
        figures=_figures(predicted, test, scores["segment"][:, TYPE], held),
        notes=[*held.notes, *_notes(held, chosen)],
        predictions={
            "id": np.asarray(held.test.ids, bytes),
            **scores,
            "predicted": predicted.astype(np.uint8),
            "truth": test.truth.astype(np.uint8),
            "thresholds": np.asarray(chosen.thresholds),
        },
    )


def headline(type_at_av: np.ndarray, remark: str = "") -> Headline:
    """Returns the mean over videos with its interval.

    Args:
        type_at_av: (videos,), segment level, in per cent.
        remark: what the name ends in.

    Example:
        >>> found = headline(np.array([50.0, 70.0]), ", gate: modality")
        >>> found.name, found.value
        ('segment Type@AV, gate: modality', 60.0)
    """
    found = mean_bootstrap(type_at_av[:, None])[0].estimate()
    return Headline(f"{HEADLINE}{remark}", found.value, "max", found.interval, "%")


def chosen_video(truth: np.ndarray, scores: np.ndarray) -> int:
    """Returns the video that the timeline shows: of those with most events, a usual one.

    Args:
        truth: (videos, segments, 2, classes) bool.
        scores: (videos,). Of those with most events, the first whose score is nearest to the
            median of all videos is taken.

    Example:
        >>> truth = np.zeros((3, 10, 2, 4), bool)
        >>> truth[1:, 0] = True  # the second and third have eight events each
        >>> chosen_video(truth, np.array([90.0, 10.0, 60.0]))
        2
    """
    events = np.array([event_numbers(one[None]).sum() for one in truth])
    distance = np.where(events == events.max(), np.abs(scores - np.median(scores)), np.inf)
    return int(distance.argmin())


def _figures(predicted: np.ndarray, test: Answers, scores: np.ndarray, held: Held) -> list[Figure]:
    counts = class_counts(test.truth)
    order = by_frequency(counts)
    names = [held.classes[c] for c in order]
    per_class = 100 * class_scores(predicted, test.truth)[:2]
    video = chosen_video(test.truth, scores)
    id_ = held.test.ids[video].decode(errors="replace")
    return [
        parsing_charts.events_of_classes(
            "class-events",
            names,
            counts[:, order],
            caption=f"Events of each class in {len(held.test):,} test videos, by what they are in "
            "(Figure 1).",
            source=held.source,
        ),
        parsing_charts.scores_of_classes(
            "class-scores",
            names,
            {"this network": per_class[:, order]},
            caption="Segment-level F-score of each class, frequent ones first (Figure 4). Of "
            f"{len(held.test):,} test videos; n/a: neither there nor predicted.",
            source=held.source,
        ),
        parsing_charts.timeline(
            "timeline",
            held.classes,
            test.truth[video],
            predicted[video],
            caption=f"Test video {id_}, truth and prediction. Of those with most events, the one "
            f"whose segment Type@AV ({scores[video]:.1f} %) is nearest to the median.",
            source=held.source,
        ),
    ]


def _notes(held: Held, chosen: Decision) -> list[str]:
    left_out = ", ".join(f"{n} {why}" for why, n in held.test.dropped.items() if n) or "none"
    notes = [
        f"Test videos: {len(held.test)}; left out: {left_out}.",
        f"Decided by gate {chosen.gate!r} and thresholds of {chosen.thresholds[0]:.2f} for segments"
        f" and {chosen.thresholds[1]:.2f} for the gate ({chosen.rule}).",
        *NOTES,
    ]
    if PROBE in held.reference:
        notes.append(
            f"{PROBE[0].upper()}{PROBE[1:]}: logistic regression on the principal components of "
            "single segments' features, fitted to what is heard and seen in each training segment, "
            "which no network is told; no gate, and the threshold that is best on validation."
        )
    return notes if held.published else [*notes, OTHER_CORPUS]
