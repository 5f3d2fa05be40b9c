"""From a trained network and test videos to the paper's tables and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import keras
import numpy as np

from kavc.evaluation.estimate import FEWEST
from kavc.evaluation.figure import Figure
from kavc.evaluation.headline import Headline
from kavc.evaluation.localization_charts import Search, searches, two_clouds
from kavc.evaluation.mean_intervals import mean_bootstrap
from kavc.evaluation.report import Report
from kavc.metrics.localization import window_costs
from kavc.systems.ms_vae import paper
from kavc.systems.ms_vae.config import GENERATING, MSVAEConfig
from kavc.systems.ms_vae.controls import LINEAR, PERMUTATIONS, linear_coded, shuffled
from kavc.systems.ms_vae.generation import generation_errors
from kavc.systems.ms_vae.held import Held
from kavc.systems.ms_vae.labelling import told_classes, true_classes
from kavc.systems.ms_vae.retrieval import (
    TASKS,
    draw_segments,
    mean_reciprocal_ranks,
    published_reciprocal_ranks,
)
from kavc.systems.ms_vae.scoring import Coded, Space, coder, spaces
from kavc.systems.ms_vae.tables import (
    WAYS,
    generation_table,
    length_table,
    localization_table,
    retrieval_table,
    segment_table,
)

LABEL_OF_VARIANT = {variant: label for label, variant in paper.VARIANT_OF_ROW.items()}
HEADLINE = "localisation, exact matches"
SHOWN = 400  # segments in Figure 3
NOTES = (
    "A query is the event of a video in one modality, and counts if it is found in the other at "
    "exactly its place. Events that fill their video ask nothing, and are left out.",
    "Constants: events often begin with their video or end with it, so a constant can beat what "
    "has learnt something. The usual onset is the most frequent one of training events of the "
    "query's length.",
    f"Pictures of another video: mean of {PERMUTATIONS} permutations of the test videos, and two "
    "standard errors of it. What asks is the event of its own video.",
    f"{LINEAR[0].upper()}{LINEAR[1:]}: of the training videos' event segments.",
    "Intervals: 95 %, percentile bootstrap over queries, 2,000 draws; none from fewer than "
    f"{FEWEST} queries, nor where all are alike.",
)
OTHER_CORPUS = f"The paper's numbers belong to another corpus, {paper.CORPUS}."
LABELLED = "Segments to learn from were chosen by their labels, as in the published code."


def evaluate(network: keras.Model, held: Held, config: MSVAEConfig) -> Report:
    """Evaluates one trained network whose distances tell where a query is from.

    Returns:
        A report whose headline is the mean of both directions' exact matches in per cent.
        `predictions` hold "id" (queries,), "start" and "length" (queries,) int64 of each query,
        "a2v" and "v2a" (queries,) int64, the onsets that were found; and "reciprocal_rank"
        (draws, 4, videos) in the order of `kavc.systems.ms_vae.retrieval.TASKS`, with
        "retrieved_id" (videos,); and "latents" (2, segments, 2) float32, sounds and pictures of
        segments in a plane.

    Raises:
        DataError: the network answers NaN.

    Reference:
        Zhu et al., 2021, sections 3.2 and 3.3.
    """
    if held.train is None:
        return _evaluate_labels(network, held, config)
    code = coder(network, config)
    coded = Coded.of(code, held.test, config)
    between = coded.between()
    found = coded.found(between)
    hits = coded.accuracy(found)
    ranks, rows = _ranks(coded, spaces(config, as_published=config.scripts_faults), config)
    label = LABEL_OF_VARIANT.get(config.variant, config.variant)
    linear = linear_coded(held.train, held.test)
    linear_hits = linear.accuracy(linear.found(linear.between()))
    linear_ranks, _ = _ranks(linear, linear.spaces, config)
    tables = [
        localization_table(hits, shuffled(coded), {LINEAR: linear_hits}, held, label),
        length_table(hits, held),
        retrieval_table(ranks, {LINEAR: linear_ranks}, held, label),
    ]
    if config.supervised:
        tables.append(segment_table(*_segments(network, held, config), held))
    if config.variant in GENERATING:
        errors = generation_errors(code, held.train, held.test, config)
        tables.append(generation_table(errors, held))
    queries = held.test.queries
    points = clouds(coded)
    return Report(
        title=f"{label} on {held.source}",
        headline=headline(hits),
        tables=tables,
        figures=[_search_figure(coded, between, hits, held), _cloud_figure(points, held)],
        notes=[*held.notes, *_notes(held, config)],
        predictions={
            "id": np.asarray(held.test.ids[queries], bytes),
            "start": held.test.start[queries],
            "length": held.test.length[queries],
            **found,
            "retrieved_id": np.asarray(held.test.ids[rows], bytes),
            "reciprocal_rank": np.stack([ranks[task] for task in TASKS], axis=1),
            "latents": points,
        },
    )


def _evaluate_labels(network: keras.Model, held: Held, config: MSVAEConfig) -> Report:
    """Evaluates a network that labels segments, and doesn't tell where a query is from.

    The headline is the share of the segments whose class is right; `predictions` hold "id"
    (videos,), "told" and "class" (videos, segments).
    """
    told = told_classes(network, held.test)
    true = true_classes(held.test, config.classes)
    found = mean_bootstrap(100.0 * (told == true).mean(axis=1)[:, None])[0].estimate()
    return Report(
        title=f"{config.variant} on {held.source}",
        headline=Headline("segments told right", found.value, "max", found.interval, "%"),
        tables=[segment_table(*_segments(network, held, config, told), held)],
        notes=[
            *held.notes,
            "Intervals: 95 %, percentile bootstrap over test videos, 2,000 draws.",
            "Supervised localisation is published on other splits of AVE (order=plain).",
        ],
        predictions={"id": np.asarray(held.test.ids, bytes), "told": told, "class": true},
    )


def _segments(
    network: keras.Model, held: Held, config: MSVAEConfig, told: np.ndarray | None = None
) -> tuple[float, float]:
    """Share of the segments that are told right, and of those of the background, in per cent."""
    told = told_classes(network, held.test) if told is None else told
    true = true_classes(held.test, config.classes)
    return 100 * float((told == true).mean()), 100 * float((true == config.classes).mean())


def headline(hits: Mapping[str, np.ndarray], remark: str = "") -> Headline:
    """Returns the mean of both directions with its interval.

    Args:
        hits: direction to (queries,) bool.
        remark: what the name ends in.

    Example:
        >>> found = headline({"a2v": np.array([True, False]), "v2a": np.array([True, True])})
        >>> found.name, found.value
        ('localisation, exact matches', 75.0)
    """
    average = 100 * np.mean([hits[way] for way in WAYS], axis=0)
    found = mean_bootstrap(average[:, None])[0].estimate()
    return Headline(f"{HEADLINE}{remark}", found.value, "max", found.interval, "%")


def _ranks(
    coded: Coded, of: Sequence[Space], config: MSVAEConfig
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Reciprocal ranks, (draws, videos) by task, and the rows of the videos."""
    rows, drawn = draw_segments(coded.videos, config.draws)
    rank = published_reciprocal_ranks if config.scripts_faults else mean_reciprocal_ranks
    found = [rank(coded, segments, rows, of) for segments in drawn]
    return {task: np.stack([one[task] for one in found]) for task in TASKS}, rows


def _search_figure(
    coded: Coded, between: np.ndarray, hits: Mapping[str, np.ndarray], held: Held
) -> Figure:
    """Figure 2: the first query that is found and the first that isn't, of sound in pictures."""
    queries = held.test.queries
    start, length = held.test.start[queries], held.test.length[queries]
    costs = window_costs(between, start, length)
    shown = []
    for name, of in (("found", hits["a2v"]), ("missed", ~hits["a2v"])):
        if of.any():
            at = int(of.argmax())
            id_ = held.test.ids[queries[at]].decode(errors="replace")
            shown.append(Search(f"{name}: {id_}", costs[at], int(start[at]), int(length[at])))
    return searches(
        "searches",
        shown,
        caption="Where a sound is looked for in the pictures of its video (Figure 2). Distance of "
        "each window, of the first test query that is found and the first that is missed.",
        source=held.source,
    )


def _cloud_figure(points: np.ndarray, held: Held) -> Figure:
    """Figure 3, of one network."""
    return two_clouds(
        "latents",
        {"this network": tuple(points)},
        caption=f"Latents of {points.shape[1]} event segments of the test videos, each in sound "
        "and in pictures (Figure 3). By t-SNE, whose axes have no unit.",
        source=held.source,
    )


def clouds(coded: Coded) -> np.ndarray:
    """Returns sounds and pictures of test segments in a plane, (2, n, 2) float32, by t-SNE.

    Reference:
        van der Maaten and Hinton, 2008; Zhu et al., 2021, figure 3.
    """
    from sklearn.manifold import TSNE

    event = coded.videos.event
    space = coded.spaces[0].name
    audio, visual = (codes[space][event] for codes in (coded.audio, coded.visual))
    rows = np.linspace(0, len(audio) - 1, min(len(audio), SHOWN)).astype(int)
    both = np.concatenate([audio[rows], visual[rows]])
    perplexity = min(30.0, (len(both) - 1) / 3)
    found = TSNE(2, perplexity=perplexity, init="pca", random_state=0).fit_transform(both)
    return found.reshape(2, len(rows), 2).astype(np.float32)


def _notes(held: Held, config: MSVAEConfig) -> list[str]:
    left_out = ", ".join(f"{n} {why}" for why, n in held.dropped.items() if n) or "none"
    notes = [
        f"Test videos: {len(held.test)}, of which {len(held.test.queries)} ask; left out: "
        f"{left_out}.",
        *NOTES,
    ]
    if config.train_on == "events" and config.variant in GENERATING:
        notes.append(LABELLED)
    if config.scripts_faults:
        notes.append(
            "Retrieval is computed as the published script does, faults included: A-V says nothing."
        )
    return notes if held.published else [*notes, OTHER_CORPUS]
