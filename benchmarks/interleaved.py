"""Timing on a machine that others use too: cases take turns, and only ratios are reported.

Each round runs every case once, in turning order, so that a slow minute meets all of them. A ratio
is formed within a round; its median over the rounds is reported. Wall time says what a user waits;
CPU time of this process, all threads, is hardly touched by what others run.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable, Mapping

import keras
import numpy as np
import tensorflow as tf

from kavc.evaluation.table import Column

Times = Mapping[str, np.ndarray]

RATIO_COLUMNS = (
    Column("wall", ".2f"),
    Column("wall, least", ".2f"),
    Column("wall, most", ".2f"),
    Column("CPU", ".2f"),
)


def times(
    cases: Mapping[str, Callable[[], int]],
    rounds: int,
    cpu_time: Callable[[], float] = time.process_time,
) -> Times:
    """Runs all cases `rounds` times, in turns, after one run of each to warm up.

    Args:
        cases: name to a function that does its work and returns how many units it did.
        rounds: number of measured rounds.
        cpu_time: seconds so far; this process's, unless cases run in others too.

    Returns:
        Name to (rounds, 2) seconds a unit: wall time and CPU time.
    """
    measured: dict[str, list] = {name: [] for name in cases}
    for number in range(-1, rounds):
        for name in list(cases) if number % 2 else reversed(cases):
            wall, cpu = time.perf_counter(), cpu_time()
            units = cases[name]()
            spent = (time.perf_counter() - wall) / units, (cpu_time() - cpu) / units
            if number >= 0:
                measured[name].append(spent)
    return {name: np.array(values) for name, values in measured.items()}


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> tuple[float, float, float, float]:
    """Returns median, least and largest ratio of wall times, and the median one of CPU times."""
    wall, cpu = (numerator / denominator).T
    return float(np.median(wall)), float(wall.min()), float(wall.max()), float(np.median(cpu))


def provenance() -> str:
    """Returns the command, the versions and the number of cores, for a table's source."""
    arguments = [os.path.basename(each) if os.path.isabs(each) else each for each in sys.argv[1:]]
    command = " ".join(["python", os.path.relpath(sys.argv[0]), *arguments])
    return (
        f"{command}; TensorFlow {tf.__version__}, Keras {keras.__version__}, "
        f"Python {platform.python_version()}, {os.cpu_count()} cores, shared with other work"
    )
