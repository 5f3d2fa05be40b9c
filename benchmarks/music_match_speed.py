"""How near do ranking and training come to the matrix products that they consist of?

Ranking: the vectors of 10,000 tracks for one video, by the run's own `rank` signature in this
process, over the products of the hidden layer and of the logit alone; in both orders for the plain
head, which has twice as many. Training: a step of `fit` on features, over the products of its
kernels, forward and backward, and the optimizer's update. All take turns; see README.md for how
times are taken.

    python benchmarks/music_match_speed.py
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from interleaved import RATIO_COLUMNS, provenance, ratio, times
from limits import Kernels, dense_products, normal, repeated

from kavc.cli.output import print_table
from kavc.data.comparisons.store import ComparisonStore
from kavc.data.store import VideoStore
from kavc.evaluation.table import Column, Table
from kavc.files import write_text
from kavc.systems.music_match.config import MusicMatchConfig
from kavc.systems.music_match.networks import MusicMatch
from kavc.systems.music_match.recipe import build, stages
from kavc.systems.music_match.signatures import signatures
from kavc.training.stages import epochs_of

OUT = Path(__file__).parent / "results" / "music_match_speed.csv"
PRESETS = ("paper", "improved")
LIMIT = "products alone"
CASES = ("rank", "step")
COLUMNS = (
    Column("preset"), Column("what"), Column("over"), *RATIO_COLUMNS, Column("wall, ms", ".2f"),
)  # fmt: skip
STEPS = 32
RANKS = 5


def main() -> None:
    """Measures both presets, and writes the table after each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15, help="measured rounds")
    parser.add_argument("--tracks", type=int, default=10_000)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    rows: list[tuple] = []
    for preset in PRESETS:
        config = MusicMatchConfig.preset(preset)
        rows += [(preset, *row) for row in measured(config, options)]
        caption = f"Time of ranking {options.tracks:,} tracks, and of a training step"
        table = Table("music-match-speed", COLUMNS, rows, caption, provenance())
        write_text(options.out, table.to_csv())
    print_table(table)


def measured(config: MusicMatchConfig, options: argparse.Namespace) -> list[tuple]:
    """Returns the rows of one preset."""
    network = fresh(config)
    found = []
    for what, (case, limit, over) in {
        "rank": (ranking(network, config, options.tracks), rank_products(network, config, options),
                 LIMIT),
        "step": (*training(config), f"{LIMIT} and the update"),
    }.items():  # fmt: skip
        spent = times({what: case, "limit": limit}, options.rounds)
        wall = 1000 * float(np.median(spent[what][:, 0]))
        found.append((what, over, *ratio(spent[what], spent["limit"]), wall))
    return found


def fresh(config: MusicMatchConfig) -> MusicMatch:
    """Returns a network with random weights."""
    keras.utils.set_random_seed(0)
    return build(config)


def ranking(network: MusicMatch, config: MusicMatchConfig, tracks: int) -> Callable[[], int]:
    """Ranks by the signature that a run and a server answer with."""
    rng = np.random.default_rng(0)
    width = network.track_network.output.shape[-1]
    inputs = {
        name: rng.normal(size=(1, 1, *config.row(name))).astype("f4") for name in config.streams
    }
    inputs |= {"tracks": rng.normal(size=(1, tracks, width)).astype("f4")}
    inputs |= {f"{name}_length": np.array([x.shape[1]], np.int32) for name, x in inputs.items()}
    tensors = {name: tf.constant(x) for name, x in inputs.items()}
    answer = tf.function(signatures(network, config)["rank"].function)

    def run() -> int:
        for _ in range(RANKS):
            answer(**tensors)["scores"].numpy()
        return RANKS

    return run


def rank_products(
    network: MusicMatch, config: MusicMatchConfig, options: argparse.Namespace
) -> Callable[[], int]:
    """Makes the products of the tracks with the hidden kernels, and with what comes after."""
    rows, units = options.tracks, config.units
    parts = network.track_network.output.shape[-1]
    terms = 1
    if config.interaction == "product":
        parts, terms = config.embedding_dim, 2
    x, kernels = normal(rows, parts), [normal(parts, units) for _ in range(terms)]
    hidden, last = normal(rows, units), normal(units, 1)
    ways = 2 if config.head == "plain" else 1  # against the mean track, in both orders

    @tf.function
    def step() -> list[tf.Tensor]:
        found = [x @ kernel for kernel in kernels for _ in range(ways)]
        return found + [hidden @ last for _ in range(ways)]

    def run() -> int:
        for _ in range(RANKS):
            step()[-1].numpy()
        return RANKS

    return run


def training(config: MusicMatchConfig) -> tuple[Callable[[], int], Callable[[], int]]:
    """Returns a fit's epoch, and the products and updates of as many steps."""
    (stage,) = stages(config)
    network = fresh(config)
    store = stage.prepare(network, lambda: store_of(config), Path("train"))
    model = stage.trainee(network)
    model.compile(**stage.compile_arguments(), steps_per_execution=STEPS)
    epoch = epochs_of(stage, store, tf.Variable(0, dtype=tf.int64), seed=0)

    def fit() -> int:
        model.fit(epoch, verbose=0, shuffle=False)
        return STEPS

    products = dense_products(kernels_of(network, config))
    copies = [keras.Variable(each) for each in model.trainable_variables]
    gradients = [normal(*each.shape) for each in copies]
    optimizer = stage.compile_arguments()["optimizer"]
    optimizer.build(copies)

    @tf.function
    def step() -> list[tf.Tensor]:
        optimizer.apply_gradients(zip([each.value() for each in gradients], copies, strict=True))
        return products()

    run = repeated(step)
    return fit, lambda: run(STEPS)


def kernels_of(network: MusicMatch, config: MusicMatchConfig) -> Kernels:
    """Returns the products of a step: of hidden kernels with video and tracks, and so on."""
    batch = config.batch_size
    tracks = batch * (2 if config.head == "symmetric" else 1)
    found: Kernels = []
    given = not network.trains_norms  # else a gradient goes back to the norms
    for at, kernel in enumerate(network.get_layer("hidden").kernels):
        found.append((batch if at == 0 else tracks, *kernel.shape, given))
    found.append((tracks, config.units, 1, False))
    return found


def store_of(config: MusicMatchConfig) -> ComparisonStore:
    """Returns an epoch's judgements, of noise: a video each, and as many tracks."""
    rng, count = np.random.default_rng(0), STEPS * config.batch_size
    ids = np.arange(count).astype("S")
    videos = {
        name: (rng.standard_normal((count, *config.row(name)), np.float32), np.ones(count, int))
        for name in config.streams
    }
    sound = rng.standard_normal((5 * count, *config.row("audio")), np.float32)
    tracks = VideoStore(ids, {"audio": (sound, np.full(count, 5))})
    rows = np.arange(count)
    answer = rng.integers(2, size=count)
    return ComparisonStore(
        ids, ids, answer, rows, rows, np.roll(rows, 1), VideoStore(ids, videos), tracks
    )


if __name__ == "__main__":
    main()
