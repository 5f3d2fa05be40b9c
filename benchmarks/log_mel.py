"""What does the log-mel spectrogram of 10 s cost in graph, beside what it can't do without?

Ours is `LogMel` as VGGish hears, in a `tf.function`, of one clip and of eight at once. The limit is
the bare transform of its frames and the product with its bands, on arrays that lie ready. NumPy's
is the published code's arithmetic. See README.md for how times are taken.

    python benchmarks/log_mel.py
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from interleaved import provenance, times

from kavc.cli.output import print_table
from kavc.evaluation.table import Column, Table
from kavc.files import write_text
from kavc.media.front_ends import VGGISH, LogMel, mel_matrix, power_of

OUT = Path(__file__).parent / "results" / "log_mel.csv"
SAMPLES, FRAMES = 160_000, 998
REPEATS = 20  # of a round
OURS, EIGHT, LIMIT, NUMPY = "in graph", "in graph, 8 clips", "transform and product", "NumPy"


def main() -> None:
    """Times all cases, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(options.threads)
    found = times(cases(), options.rounds)
    base = found[LIMIT]
    rows = []
    for name, each in found.items():
        wall, cpu = (each / base).T
        rows.append(
            (name, 1e3 * float(np.median(each[:, 0])), 1e3 * float(each[:, 0].min()),
             float(np.median(wall)), float(np.median(cpu)))
        )  # fmt: skip
    columns = [
        Column("a clip of 10 s"), Column("ms, median", ".2f"), Column("ms, least", ".2f"),
        Column("through the limit, wall", ".2f"), Column("CPU", ".2f"),
    ]  # fmt: skip
    table = Table("log_mel", columns, rows, "Log-mel of 10 s", provenance())
    print_table(table)
    write_text(options.out, table.to_csv())


def cases() -> dict:
    """Returns the cases by name; each returns how many clips it did."""
    draw = np.random.default_rng(0)
    wave = tf.constant(draw.normal(0, 0.1, (8, SAMPLES)), tf.float32)
    mel = tf.function(LogMel(VGGISH))
    frames = tf.constant(draw.normal(size=(1, FRAMES, VGGISH.fft)), tf.float32)
    weights = mel_matrix(VGGISH)
    ready = tf.constant(weights, tf.float32)
    limit = tf.function(lambda x: tf.matmul(tf.sqrt(power_of(tf.signal.rfft(x))), ready))

    def repeated(function, argument, clips):
        def run() -> int:
            for _ in range(REPEATS):
                function(argument)
            return REPEATS * clips

        return run

    return {
        OURS: repeated(mel, wave[:1], 1),
        EIGHT: repeated(mel, wave, 8),
        LIMIT: repeated(limit, frames, 1),
        NUMPY: repeated(lambda x: in_numpy(x, weights), wave[0].numpy().astype(np.float64), 1),
    }


def in_numpy(wave: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Returns log-mel patches by the published code's arithmetic, in float64."""
    s = VGGISH
    frames = np.lib.stride_tricks.sliding_window_view(wave, s.window)[:: s.hop]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi / s.window * np.arange(s.window))
    spectrum = np.abs(np.fft.rfft(frames * hann, s.fft))
    log = np.log(spectrum @ weights + s.offset)
    return log[: len(log) // s.frames * s.frames].reshape(-1, s.frames, s.bands)


if __name__ == "__main__":
    main()
