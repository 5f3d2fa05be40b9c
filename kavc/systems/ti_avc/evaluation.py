"""From a trained network and examples to the paper's tables and figures."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np

from kavc.evaluation.bootstrap import auc_bootstrap
from kavc.evaluation.charts import bars, reliability, roc
from kavc.evaluation.delong import auc_interval, auc_intervals_per_group
from kavc.evaluation.estimate import FEWEST, Estimate
from kavc.evaluation.figure import Figure
from kavc.evaluation.report import Headline, Report
from kavc.evaluation.table import Column, Table
from kavc.metrics.auc import roc_auc
from kavc.metrics.calibration import (
    brier_score,
    expected_calibration_error,
    fit_threshold,
    log_loss,
)
from kavc.systems.ti_avc import networks, paper
from kavc.systems.ti_avc.config import TiAVCConfig
from kavc.systems.ti_avc.contributions import INPUTS, proportions
from kavc.systems.ti_avc.held import Held
from kavc.systems.ti_avc.scoring import (
    Scored,
    evaluation_pairs,
    measured_contributions,
    pooled_contributions,
    score,
)

ELSEWHERE = f"The paper's numbers belong to another corpus, {paper.CORPUS}."
INTERVALS = (
    "Intervals: 95 %, DeLong's on the logit scale, and bootstrap over the test videos; none where "
    f"the smaller class has fewer than {FEWEST} pairs, nor where the AUC is 0 or 100 %."
)
LABEL_OF_VARIANT = {variant: label for label, variant in paper.VARIANT_OF_ROW.items()}


def evaluate(network: keras.Model, held: Held, config: TiAVCConfig) -> Report:
    """Evaluates one trained network on the test split.

    Returns:
        A report whose headline is the exact match AUC on random negatives, in percent.

    Reference:
        Su et al., 2020, section 5.2.
    """
    random = score(
        network, held.test, evaluation_pairs(held.test, same_theme=False), config.max_steps
    )
    same = score(network, held.test, evaluation_pairs(held.test, same_theme=True), config.max_steps)
    validation = score(
        network,
        held.validation,
        evaluation_pairs(held.validation, same_theme=False),
        config.max_steps,
    )
    label = LABEL_OF_VARIANT[config.variant]
    tables = [
        match_table(random, same, held, label),
        theme_table(random, same, held),
        calibration_table(random, validation, held),
    ]
    figures = [theme_figure(random, held), *_curves(random, held)]
    if isinstance(network, networks.TiAVC):
        tables.append(contribution_table(network, held, config))
    interval = auc_interval(random.pairs.label, random.match)
    headline = Headline(
        "match AUC",
        100 * interval.value,
        "max",
        interval=(100 * interval.low, 100 * interval.high),
        unit="%",
    )
    return Report(
        title=f"{label} on {held.source}",
        headline=headline,
        tables=tables,
        figures=figures,
        notes=[*held.notes, *_notes(random, same, held)],
        predictions=_predictions(random, same),
    )


def match_table(random: Scored, same: Scored, held: Held, label: str) -> Table:
    """Match AUC with intervals (Table 1), on random and on same-theme negatives, and its bounds."""
    columns = [
        Column("system and negatives"),
        Column("AUC", ".2f", "%"),
        Column("DeLong low", ".2f", "%"),
        Column("DeLong high", ".2f", "%"),
        Column("bootstrap low", ".2f", "%"),
        Column("bootstrap high", ".2f", "%"),
        Column("pairs", "d"),
    ]
    rows: list[tuple] = []
    for kind, scored in (("random", random), ("same-theme", same)):
        labels = scored.pairs.label
        delong = auc_interval(labels, scored.match)
        boot = auc_bootstrap(labels, scored.match, scored.pairs.visual).estimate()
        values = [delong.value, delong.low, delong.high, boot.low, boot.high]
        rows.append((f"{label}, {kind}", *(100 * value for value in values), len(labels)))
    for name, scores in held.bounds.items():
        for kind, scored, bound in (("random", random, scores[0]), ("same-theme", same, scores[1])):
            if bound is not None:
                auc = 100 * roc_auc(scored.pairs.label, bound)
                rows.append((f"{name}, {kind}", auc, None, None, None, None, len(bound)))
    published = paper.TABLE_1[label]
    rows.append(
        (f"paper, {paper.CORPUS} (another corpus)", published, None, None, None, None, None)
    )
    return Table("match", columns, rows, caption="Match AUC (Table 1)", source=held.source)


def theme_table(random: Scored, same: Scored, held: Held) -> Table:
    """AUC within each theme, negatives from anywhere (A) and from the theme (B): Figure 2."""
    found = [_per_theme(scored, len(held.themes)) for scored in (random, same)]
    videos, pairs = (
        np.bincount(scored.theme[scored.pairs.label == 1], minlength=len(held.themes))
        for scored in (random, same)
    )
    measured = [
        Column(f"{name} ({kind})", ".2f", "%") for kind in "AB" for name in ("AUC", "low", "high")
    ]
    rows = [
        (name, int(n), *_percents(a), *_percents(b), 2 * int(m))
        for name, n, a, b, m in zip(held.themes, videos, *found, pairs, strict=True)
    ]
    return Table(
        "themes",
        [Column("theme"), Column("videos", "d"), *measured, Column("pairs (B)", "d")],
        rows,
        caption="AUC within each theme: (A) negatives' audio from anywhere, (B) from the theme, "
        f"with DeLong's 95 % interval; only of themes with {FEWEST} matched pairs or more",
        source=held.source,
    )


def calibration_table(random: Scored, validation: Scored, held: Held) -> Table:
    """Calibration on test, and the threshold on the match score that validation recommends.

    Reference:
        Guo et al., 2017; Brier, 1950; Youden, 1950, for the threshold.
    """
    labels, logits = random.pairs.label, random.match
    scores = _sigmoid(logits)
    threshold = fit_threshold(validation.pairs.label, _sigmoid(validation.match))
    accuracy = float(np.mean((scores >= threshold.value) == (labels == 1)))
    rows = [
        ("expected calibration error", expected_calibration_error(labels, scores)),
        ("Brier score", brier_score(labels, scores)),
        ("log loss (nats)", log_loss(labels, logits)),
        ("recommended threshold on the match score", threshold.value),
        ("accuracy at this threshold", accuracy),
    ]
    return Table(
        "calibration",
        [Column("measure"), Column("value", ".4f", "fraction")],
        rows,
        caption="Calibration on test; threshold fitted on validation",
        source=held.source,
    )


def contribution_table(network: networks.TiAVC, held: Held, config: TiAVCConfig) -> Table:
    """Contributions of each input, equation (1), with the spread over batches (Table 2)."""
    sums = measured_contributions(
        network,
        held.test,
        evaluation_pairs(held.test, same_theme=False),
        kind=config.contributions,
        max_steps=config.max_steps,
    )
    names = [name for name in (*INPUTS, "product") if name in sums["positives"][0]]
    columns = [Column("pairs"), *(Column(name, ".2f", "%") for name in names)]
    rows: list[tuple] = []
    for kind, total in pooled_contributions(sums).items():
        shares = proportions(total)
        rows.append((kind, *(100 * shares[name] for name in names)))
    batches = [proportions(batch) for parts in sums.values() for batch in parts]
    spread = [
        100 * float(np.std([batch[name] for batch in batches])) if len(batches) > 1 else None
        for name in names
    ]
    rows.append(("standard deviation over batches", *spread))
    published = [paper.TABLE_2.get(name) for name in names]
    rows.append((f"paper, {paper.CORPUS} (another corpus)", *published))
    return Table(
        "contributions",
        columns,
        rows,
        caption=f"Contributions by equation (1), {config.contributions} (Table 2)",
        source=held.source,
    )


def theme_figure(random: Scored, held: Held, line: float | None = None) -> Figure:
    """AUC of each theme with DeLong's interval (Figure 2)."""
    found = _per_theme(random, len(held.themes))
    return theme_bars(
        held.themes,
        np.array([one.value for one in found]),
        np.bincount(random.theme[random.pairs.label == 1], minlength=len(held.themes)),
        held.source,
        line,
        intervals=np.array([one.interval for one in found]),
        remark="Whiskers: DeLong's 95 % interval.",
    )


def theme_bars(
    themes: Sequence[str],
    auc: np.ndarray,
    videos: np.ndarray,
    source: str,
    line: float | None = None,
    *,
    intervals: np.ndarray | None = None,
    remark: str = "",
) -> Figure:
    """The paper's Figure 2: AUC by theme, most frequent first, with the number of its videos.

    Args:
        themes: names.
        auc: (themes,) in [0, 1]. "n/a" stands where it is NaN or rests on fewer than
            `kavc.evaluation.estimate.FEWEST` videos.
        videos: (themes,) number of test videos.
        source: where the numbers come from.
        line: optional AUC of baseline-1 over all pairs, in [0, 1].
        intervals: optional (themes, 2) ends of the whiskers, in [0, 1]; NaN for none.
        remark: sentence of the caption on what the AUCs and whiskers are.

    Example:
        >>> auc, videos = np.array([0.8, 0.6, 0.9]), np.array([40, 900, 2])
        >>> figure = theme_bars(["games", "food", "rare"], auc, videos, "a corpus", line=0.55)
        >>> figure.name, figure.source
        ('themes', 'a corpus')
    """
    order = np.argsort(-videos, kind="stable")
    auc = np.where(videos < FEWEST, np.nan, auc)
    caption = (
        "Match AUC by theme (Figure 2). In brackets the number of test videos; n/a: fewer than "
        f"{FEWEST} of them."
    )
    return bars(
        "themes",
        [f"{themes[i]} ({videos[i]:,})" for i in order],
        100 * auc[order],
        None if intervals is None else 100 * intervals[order],
        value_label="match AUC (%)",
        line=None if line is None else 100 * line,
        line_label="baseline-1, all pairs",
        chance=50,
        caption=f"{caption} {remark}".strip(),
        source=source,
    )


def _curves(random: Scored, held: Held) -> list[Figure]:
    labels, logits = random.pairs.label, random.match
    return [
        roc(
            "roc",
            labels,
            {"match": logits},
            caption="ROC of the match score, random negatives. In brackets: DeLong's 95 % "
            "interval.",
            source=held.source,
        ),
        reliability(
            "reliability",
            labels,
            _sigmoid(logits),
            caption="Reliability of the match score, random negatives.",
            source=held.source,
        ),
    ]


def _notes(random: Scored, same: Scored, held: Held) -> list[str]:
    notes = [
        f"Test videos: {len(held.test)}; left out: "
        + (", ".join(f"{n} {why}" for why, n in held.test.dropped.items() if n) or "none")
        + f"; {same.pairs.dropped} more for same-theme negatives, alone in their theme.",
        INTERVALS,
        ELSEWHERE,
    ]
    share = float(np.sum((np.bincount(held.test.columns["theme"]) / len(held.test)) ** 2))
    notes.append(
        f"Who only knew whether the themes agree would reach {100 * (1 - share / 2):.1f} % on "
        f"random negatives (chance agreement: {100 * share:.1f} %) and 50 % on same-theme ones."
    )
    if random.theme_logits is not None:
        matched = random.pairs.label == 1
        right = random.theme_logits[matched].argmax(axis=1) == random.theme[matched]
        notes.append(f"Theme accuracy on matched pairs: {100 * float(np.mean(right)):.1f} %.")
    return notes


def _predictions(random: Scored, same: Scored) -> dict[str, np.ndarray]:
    return {
        f"{kind}_{name}": values
        for kind, scored in (("random", random), ("same_theme", same))
        for name, values in {
            "label": scored.pairs.label.astype(np.int8),
            "match": scored.match,
            "theme": scored.theme,
            "visual": scored.pairs.visual,
            "audio": scored.pairs.audio,
        }.items()
    }


def _per_theme(scored: Scored, themes: int) -> list[Estimate]:
    return auc_intervals_per_group(scored.pairs.label, scored.match, scored.theme, themes)


def _percents(auc: Estimate) -> tuple[float, float, float]:
    return 100 * auc.value, 100 * auc.low, 100 * auc.high


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits.astype(np.float64)))
