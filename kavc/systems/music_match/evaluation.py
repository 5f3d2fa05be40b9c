"""From a trained network and judgements to the paper's table, and what it takes to read it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import keras
import numpy as np
from scipy.special import expit, logit

from kavc.evaluation.bootstrap import Bootstrap
from kavc.evaluation.charts import reliability
from kavc.evaluation.dot_charts import dots
from kavc.evaluation.estimate import Estimate
from kavc.evaluation.figure import Figure
from kavc.evaluation.mean_intervals import mean_bootstrap
from kavc.evaluation.proportions import (
    binomial_test,
    normal_interval,
    sizes_of_interval,
    wilson_interval,
)
from kavc.evaluation.report import Headline, Report
from kavc.evaluation.table import Column, Table
from kavc.metrics.agreement import fleiss_kappa, noise_ceiling
from kavc.metrics.calibration import brier_score, expected_calibration_error, log_loss
from kavc.systems.music_match import paper
from kavc.systems.music_match.config import MusicMatchConfig
from kavc.systems.music_match.held import Held
from kavc.systems.music_match.scoring import Scored, score

ELSEWHERE = f"The paper's numbers belong to another corpus, {paper.CORPUS}."
INTERVALS = (
    "Intervals are at 95 %; p: exact, one-sided, against 50 %. Wilson's interval and the tests "
    "take judgements as independent; the bootstrap draws videos, each with all its judgements."
)
PUBLISHED = {"two-stream": paper.TWO_STREAM, "i3d": paper.I3D}


def evaluate(network: keras.Model, held: Held, config: MusicMatchConfig) -> Report:
    """Evaluates one trained network on the test split.

    Returns:
        A report whose headline is the accuracy as judgements were asked, in percent.

    Reference:
        Langlois, 2019, section 3.1.
    """
    scored = score(network, held.test)
    right = hits(scored.logit, scored.preferred)
    interval = wilson_interval(int(right.sum()), len(right))
    label = f"{config.variant}, {config.head}"
    tables = [
        accuracy_table(scored, held, config),
        intervals_table(scored, held),
        published_table(held),
        places_table(scored, held),
        calibration_table(scored, held),
    ]
    raters = raters_table(scored, held)
    return Report(
        title=f"Music for video ({label}) on {held.source}",
        headline=Headline(
            "accuracy", 100 * interval.value, "max",
            interval=(100 * interval.low, 100 * interval.high), unit="%",
        ),
        tables=[*tables, *([raters] if raters else [])],
        figures=_figures(tables[0], scored, held),
        notes=[*held.notes, *_notes(scored, held), INTERVALS, ELSEWHERE],
        predictions=_predictions(scored, held),
    )  # fmt: skip


def hits(logit: np.ndarray, preferred: np.ndarray) -> np.ndarray:
    """Returns which answers are right: (judgements,) bool. Who can't decide, at 0, isn't.

    Example:
        >>> hits(np.array([2.0, 0.0, -1.0]), np.array([True, True, False])).tolist()
        [True, False, True]
    """
    return np.where(preferred, logit > 0, logit < 0)


def accuracy_table(scored: Scored, held: Held, config: MusicMatchConfig) -> Table:
    """Accuracy (Table 1) as asked and in other ways, of who knows less, and at best."""
    columns = [
        Column("who answers"),
        *(Column(name, ".2f", "%") for name in ("accuracy", "low", "high")),
        Column("p", ".2g"),
        *([Column("expected", ".2f", "%")] if held.oracles else []),
    ]
    rows = [_row(name, logit, scored, held) for name, logit in _asked(scored, held)]
    rows.append(_filled(columns, (paper.GUESSING, paper.TABLE_1[paper.GUESSING])))
    if (published := PUBLISHED.get(config.variant)) is not None:
        name = f"paper, {published} (another corpus)"
        rows.append(_filled(columns, (name, paper.TABLE_1[published])))
    caption = "Test accuracy (Table 1): which of two tracks a rater preferred"
    return Table("accuracy", columns, rows, caption=caption, source=held.source)


def _asked(scored: Scored, held: Held) -> Iterator[tuple[str, np.ndarray]]:
    """Yields who answers, and a logit of each judgement, the network first."""
    yield "network", scored.logit
    yield "network, tracks swapped", -scored.swapped
    yield "network, mean of both orders", scored.symmetrised
    yield "network, by scores of tracks", scored.score[:, 0] - scored.score[:, 1]
    yield "network, videos shuffled", scored.shuffled
    if not math.isnan(held.first_preferred):
        first = held.first_preferred >= 0.5
        always = np.full(len(scored.logit), 1.0 if first else -1.0)
        yield f"always the {'first' if first else 'second'} track", always
    for name, probability in held.oracles.items():
        yield name, probability - 0.5


def _filled(columns: list[Column], row: tuple) -> tuple:
    return (*row, *[None] * (len(columns) - len(row)))


def _row(name: str, logit: np.ndarray, scored: Scored, held: Held) -> tuple:
    right = hits(logit, scored.preferred)
    count, total = int(right.sum()), len(right)
    wilson = wilson_interval(count, total)
    shares = [100 * share for share in (wilson.value, wilson.low, wilson.high)]
    known = [] if held.truth is None else [100 * expected(logit, held.truth)]
    return (name, *shares, binomial_test(count, total).p, *known)


def intervals_table(scored: Scored, held: Held) -> Table:
    """The network's accuracy with each kind of interval, one of which the paper's ± may be.

    Reference:
        Wilson, 1927.
    """
    right = hits(scored.logit, scored.preferred)
    count, total = int(right.sum()), len(right)
    found = {
        "Wilson": wilson_interval(count, total),
        "normal, as ± of a report": normal_interval(count, total),
        "bootstrap over videos": over_videos(right, held.test.video),
    }
    columns = [
        Column("interval, 95 %"),
        *(Column(name, ".2f", "%") for name in ("low", "high", "half of it")),
        Column("remark"),
    ]
    rows = [
        (name, 100 * each.low, 100 * each.high, 50 * (each.high - each.low), each.reason)
        for name, each in found.items()
    ]
    caption = f"Intervals of the network's accuracy, {total:,} judgements"
    return Table("intervals", columns, rows, caption=caption, source=held.source)


def over_videos(right: np.ndarray, video: np.ndarray) -> Estimate:
    """The accuracy with its bootstrap over videos, each drawn with all its judgements.

    Args:
        right: (judgements,) bool.
        video: (judgements,) integers; equal ones are one video.

    Reference:
        Efron, 1979.

    Example:
        >>> found = over_videos(np.array([True, True, False, True]), np.array([7, 7, 8, 8]))
        >>> found.value
        0.75
    """
    _, of = np.unique(video, return_inverse=True)
    hit, asked = mean_bootstrap(np.stack([np.bincount(of, right), np.bincount(of)], axis=1))
    found = hit.samples / asked.samples
    return Bootstrap(float(right.mean()), found, hit.count).estimate()


def expected(logit: np.ndarray, probability: np.ndarray) -> float:
    """Returns the accuracy to be expected of answers that are drawn again: a fraction.

    The luck of one draw of the answers is not in it, so that it tells networks apart more sharply.

    Args:
        logit: (judgements,), of a being preferred.
        probability: (judgements,), that a rater prefers a; known of a synthetic corpus alone.

    Example:
        >>> expected(np.array([1.5, -0.5]), np.array([0.9, 0.6]))  # 0.9 and 0.4 are agreed with
        0.65
    """
    return float(np.select([logit > 0, logit < 0], [probability, 1 - probability], 0.0).mean())


def published_table(held: Held) -> Table:
    """The paper's Table 1, and how many judgements its ± can stand for."""
    columns = [
        Column("row of Table 1"),
        Column("accuracy", ".2f", "%"),
        Column("±", ".2f", "%"),
        Column("judgements, if a 95 % interval", ",.0f"),
        Column("judgements, if a standard error", ",.0f"),
        Column("p, if an interval", ".2g"),
        Column("p, if an error", ".2g"),
    ]
    rows = []
    for name, margin in paper.MARGINS.items():
        share = paper.TABLE_1[name] / 100
        sizes = sizes_of_interval(share, margin / 100)
        counts = [round(sizes.interval), round(sizes.standard_error)]
        tests = [binomial_test(round(share * count), count).p for count in counts]
        rows.append((name, 100 * share, margin, *counts, *tests))
    caption = "Table 1 as published: its test split isn't given, nor what ± is"
    source = f"{held.source} has no part in these numbers, which are of {paper.CORPUS}"
    return Table("published", columns, rows, caption=caption, source=source)


def places_table(scored: Scored, held: Held) -> Table:
    """What the places of the tracks do: to the network, and to the raters."""
    same = np.mean(np.sign(scored.logit) == -np.sign(scored.swapped))
    gap = np.abs(scored.logit + scored.swapped)
    rows = [
        ("swap consistency: same track when both change places (%)", 100 * float(same)),
        ("mean |logit + logit of changed places|", float(gap.mean())),
        ("largest |logit + logit of changed places|", float(gap.max())),
        ("mean |logit|", float(np.abs(scored.logit).mean())),
        ("first track preferred by the network (%)", 100 * float(np.mean(scored.logit > 0))),
        ("first track preferred by raters (%)", 100 * float(scored.preferred.mean())),
    ]
    return Table(
        "places",
        [Column("measure"), Column("value", ".4g")],
        rows,
        caption="Places of the tracks: swap consistency and position bias",
        source=held.source,
    )


def calibration_table(scored: Scored, held: Held) -> Table:
    """Whether the preference can be read as a probability."""
    columns = [
        Column("who answers"),
        *(Column(name, ".4f") for name in ("calibration error", "Brier score", "log loss (nats)")),
    ]
    answers = {"network": scored.logit}
    for name, probability in held.oracles.items():
        answers[name] = logit(np.clip(probability, 1e-12, 1 - 1e-12))
    rows = [(name, *_calibration(scored.preferred, each)) for name, each in answers.items()]
    rows.append(("always 50 %", 0.0, 0.25, math.log(2)))
    return Table("calibration", columns, rows, caption="Calibration on test", source=held.source)


def _calibration(preferred: np.ndarray, logit: np.ndarray) -> tuple[float, float, float]:
    probability = expit(logit)
    return (
        expected_calibration_error(preferred, probability),
        brier_score(preferred, probability),
        log_loss(preferred, logit),
    )


def raters_table(scored: Scored, held: Held) -> Table | None:
    """How far raters agree on one video and two tracks; None where nobody was asked twice.

    Reference:
        Fleiss, 1971.
    """
    counts = counts_of(scored)
    if counts.sum(axis=1).max(initial=0) < 2:
        return None
    ceiling = noise_ceiling(counts)
    # Which of both is the first category is nobody's choice: by chance each is answered half of
    # the time.
    kappa = fleiss_kappa(np.concatenate([counts, counts[:, ::-1]]))
    kappa = replace(kappa, items=kappa.items // 2)
    found = {
        "share of the most frequent answer (ceiling, optimistic)": ceiling.majority,
        "agreement with most of the others (ceiling, pessimistic)": ceiling.held_out,
        "Fleiss' kappa": kappa,
    }
    rows = [(name, each.value, each.items, each.reason) for name, each in found.items()]
    columns = [
        Column("measure"), Column("value", ".3f"), Column("comparisons", "d"), Column("remark"),
    ]  # fmt: skip
    caption = "Raters who were asked the same, in whatever order of the tracks"
    return Table("raters", columns, rows, caption=caption, source=held.source)


def counts_of(scored: Scored) -> np.ndarray:
    """Returns how often each of two tracks was preferred for a video: (comparisons, 2) int64."""
    store = scored.store
    low, high = np.minimum(store.a, store.b), np.maximum(store.a, store.b)
    asked = np.stack([store.video, low, high], axis=1)
    _, of = np.unique(asked, axis=0, return_inverse=True)
    preferred = np.where(scored.preferred, store.a, store.b)
    return np.stack([np.bincount(of, preferred == each) for each in (low, high)], axis=1).astype(
        np.int64
    )


def _figures(accuracy: Table, scored: Scored, held: Held) -> list[Figure]:
    rows = [row for row in accuracy.to_records() if row["low"] is not None]
    names = [str(row["who answers"]).removeprefix("network, ") for row in rows]
    values = np.array([row["accuracy"] for row in rows], float)
    ends = np.array([[row["low"], row["high"]] for row in rows], float)
    return [
        dots(
            "accuracy",
            names,
            values,
            ends,
            value_label="accuracy (%)",
            chance=50,
            caption="Test accuracy of the network and of who knows less or all. Of "
            f"{len(scored.preferred):,} judgements; whiskers: Wilson's 95 % interval.",
            source=held.source,
        ),
        reliability(
            "reliability",
            scored.preferred,
            expit(scored.logit),
            caption="Reliability of the preference for the first track. Label 1: the rater "
            "preferred it.",
            source=held.source,
        ),
    ]


def _notes(scored: Scored, held: Held) -> list[str]:
    store = held.test
    notes = [
        f"Test: {len(store):,} judgements of {len(store.videos):,} videos and "
        f"{len(store.tracks):,} tracks."
    ]
    if held.truth is not None:
        notes.append(
            "Expected: the accuracy over all answers that raters may have given, which a synthetic "
            "corpus knows; the oracle's is the Bayes accuracy of these judgements."
        )
    if undecided := int(np.sum(scored.logit == 0)):
        notes.append(f"{undecided} judgements without a preference count as wrong.")
    return notes


def _predictions(scored: Scored, held: Held) -> dict[str, np.ndarray]:
    store = scored.store
    known = {} if held.truth is None else {"probability": held.truth}
    return {
        **known,
        "preferred": scored.preferred,
        "logit": scored.logit,
        "swapped": scored.swapped,
        "score": scored.score,
        "shuffled": scored.shuffled,
        "video": store.video,
        "a": store.a,
        "b": store.b,
    }
