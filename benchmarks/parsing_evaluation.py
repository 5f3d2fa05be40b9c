"""How long does the evaluation of audio-visual video parsing take?

1,200 videos, as many as LLP's test split has, of 10 segments and 25 classes: from the network's
probabilities to masks and to the ten numbers of both levels, by `kavc.metrics`; and by a loop of
the definition, a video, stream and class at a time, as the published script goes (of which a part
of the videos is run, and the time scaled up). Both must give the same numbers.

    python benchmarks/parsing_evaluation.py
"""

from __future__ import annotations

import argparse
import itertools
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from interleaved import provenance, times

from kavc.cli.output import print_table
from kavc.evaluation.table import Column, Table
from kavc.files import write_text
from kavc.metrics.parsing import parsing_metrics, predictions

OUT = Path(__file__).parent / "results" / "parsing_evaluation.csv"
VIDEOS, SEGMENTS, CLASSES = 1200, 10, 25
LOOP_VIDEOS = 120
COLUMNS = (
    Column("case"),
    Column("median", ",.1f", "ms"),
    Column("least", ",.1f", "ms"),
    Column("most", ",.1f", "ms"),
    Column("CPU", ",.1f", "ms"),
)
Videos = tuple[np.ndarray, np.ndarray, np.ndarray]  # segments' and videos' probabilities, truth


def main() -> None:
    """Measures both and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15, help="measured rounds")
    options = parser.parse_args()
    videos = drawn(VIDEOS)
    part = tuple(each[:LOOP_VIDEOS] for each in videos)
    if not np.allclose(evaluate(part), loop(part), rtol=1e-9):
        raise SystemExit("the loop gives other numbers than kavc.metrics")
    scale = VIDEOS / LOOP_VIDEOS
    cases = {
        "kavc.metrics": lambda: len([evaluate(videos)]),
        f"loop of the definition ({LOOP_VIDEOS} videos, scaled)": lambda: len([loop(part)]) / scale,
    }
    rows = [
        (case, *(1000 * f(spent[:, 0]) for f in (np.median, np.min, np.max)), cpu_ms(spent))
        for case, spent in times(cases, options.rounds).items()
    ]
    caption = f"Time to evaluate {VIDEOS:,} videos of {SEGMENTS} segments and {CLASSES} classes"
    table = Table("parsing-evaluation", COLUMNS, rows, caption, provenance())
    write_text(OUT, table.to_csv())
    print_table(table)


def cpu_ms(spent: np.ndarray) -> float:
    """Returns the median CPU time in milliseconds."""
    return float(1000 * np.median(spent[:, 1]))


def drawn(videos: int) -> Videos:
    """Returns videos with two events of each modality.

    Half of their segments are predicted, and of all others one in twenty.
    """
    draw = np.random.default_rng(0)
    truth = np.zeros((videos, SEGMENTS, 2, CLASSES), bool)
    for video, stream, _ in itertools.product(range(videos), range(2), range(2)):
        first, last = np.sort(draw.integers(SEGMENTS, size=2))
        truth[video, first : last + 1, stream, draw.integers(CLASSES)] = True
    segments = 0.45 * truth + 0.6 * draw.random(truth.shape, np.float32) ** 3
    whole = segments.max(axis=(1, 2))
    return segments.astype(np.float32), whole.astype(np.float32), truth


def evaluate(videos: Videos) -> list[float]:
    """Returns the ten numbers by `kavc.metrics`."""
    segments, whole, truth = videos
    return list(parsing_metrics(predictions(segments, whole), truth).as_dict().values())


def loop(videos: Videos) -> list[float]:
    """Returns the ten numbers by the definition, read out in loops."""
    scores = []
    for segments, whole, truth in zip(*videos, strict=True):
        found = (segments >= 0.5) & (whole >= 0.5)
        found, true = (np.stack([m[:, 0], m[:, 1], m[:, 0] & m[:, 1]]) for m in (found, truth))
        scores.append([video_scores(found, true, count) for count in (by_segments, by_events)])
    numbers = 100 * np.mean(scores, axis=0)
    return [
        number
        for audio, visual, both, added in numbers
        for number in (audio, visual, both, (audio + visual + both) / 3, added)
    ]


def video_scores(found: np.ndarray, true: np.ndarray, count) -> list[float]:
    """Returns the scores of a video: audio, visual, audio-visual, and audio and visual added."""
    counts = [
        [count(found[stream, :, c], true[stream, :, c]) for c in range(CLASSES)]
        for stream in range(3)
    ]
    counts.append(
        [tuple(map(sum, zip(*both, strict=True))) for both in zip(*counts[:2], strict=True)]
    )
    scores = []
    for stream in counts:
        each = [2 * hits / (2 * hits + errors) for hits, errors in stream if hits + errors]
        scores.append(sum(each) / len(each) if each else 1.0)
    return scores


def by_segments(found: np.ndarray, true: np.ndarray) -> tuple[int, int]:
    """Counts segments that are found and true, and those that are one of the two."""
    pairs = list(zip(found.tolist(), true.tolist(), strict=True))
    return sum(f and t for f, t in pairs), sum(f != t for f, t in pairs)


def by_events(found: np.ndarray, true: np.ndarray) -> tuple[int, int]:
    """Counts found events that match a true one, and events that match none."""
    found, true = runs(found.tolist()), runs(true.tolist())
    matches = [[len(f & t) >= 0.5 * len(f | t) for t in true] for f in found]
    hits = sum(map(any, matches))
    matched = sum(map(any, zip(*matches, strict=True)))
    return hits, len(found) - hits + len(true) - matched


def runs(mask: list[bool]) -> list[set[int]]:
    """Returns the longest runs of ones, each as its segments."""
    at = itertools.groupby(range(len(mask)), key=mask.__getitem__)
    return [set(run) for one, run in at if one]


if __name__ == "__main__":
    main()
