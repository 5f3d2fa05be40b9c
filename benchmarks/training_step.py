"""Is `fit` as fast as a training loop written by hand, and at which `steps_per_execution`?

Ti-AVC at full width, two of its stages: "pairs" (the joint model, everything trained) and
"correspondence" (on frozen embeddings), at batches of 8 and 64. `fit` runs on the recipe's own
compile arguments and data; the loop calls one `tf.function` a step with the same network,
optimizer, losses and metrics over the same data. Both run on the pipeline as training uses it and
on batches that are already in memory. Limits, in the same rounds: the data set alone, and the
matrix products of the same layers alone. See README.md for how times are taken.

    python benchmarks/training_step.py
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf
from interleaved import RATIO_COLUMNS, provenance, ratio, times
from matrix_products import matrix_products
from workloads import VARIANTS, alone, compiled, fit, prepared, synthetic_store

from kavc.cli.output import print_table
from kavc.data.store import VideoStore
from kavc.evaluation.table import Column, Table
from kavc.files import write_text
from kavc.systems.base import Stage
from kavc.systems.ti_avc.recipe import build
from kavc.training.stages import epochs_of

OUT = Path(__file__).parent / "results" / "training_step.csv"
EXECUTIONS = {"pipeline": (1, 8, 32, 64), "memory": (32,)}
COLUMNS = (Column("stage"), Column("batch", "d"), Column("data"), Column("case"), *RATIO_COLUMNS)


def main() -> None:
    """Measures all stages and writes the table after each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds")
    parser.add_argument(
        "--steps", type=int, default=128, help="steps a round at batch 8; a quarter at 64"
    )
    parser.add_argument("--videos", type=int, default=512, help="synthetic videos in memory")
    parser.add_argument("--threads", type=int, default=1, help="threads inside an operation")
    options = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    store = synthetic_store(options.videos)
    rows: list[tuple] = []
    for name in VARIANTS:
        for batch_size in (8, 64):
            steps = options.steps if batch_size == 8 else options.steps // 4
            measured = times(cases(name, store, batch_size, steps), options.rounds)
            for (data, case), spent in measured.items():
                values = ratio(spent, measured[data, "loop"])
                rows.append((name, batch_size, data, case, *values))
            caption = "Time of a step, over that of the hand-written loop"
            table = Table("training-step", COLUMNS, rows, caption, provenance())
            write_text(OUT, table.to_csv())
    print_table(table)


def cases(name: str, store: VideoStore, batch_size: int, steps: int) -> dict:
    """Returns what is timed, by data and name; each fit and the loop have their own network."""
    stage, store = prepared(name, store, batch_size)
    epoch = epochs_of(stage, store, tf.Variable(0, dtype=tf.int64), seed=0)
    cached = epoch.cache()
    cached.reduce(0, lambda n, _: n).numpy()  # a cache counts once it was read to its end
    data = {"pipeline": epoch.repeat().take(steps), "memory": cached.repeat().take(steps)}

    network = build(stage.config)
    run = loop(stage, stage.trainee(network), epoch.element_spec)
    models = {n: compiled(stage, n) for n in EXECUTIONS["pipeline"] if n <= steps}
    found: dict[tuple[str, str], Callable[[], int]] = {}
    for kind, batches in data.items():
        found[kind, "loop"] = lambda batches=batches: run(batches)
        for count in sorted(models.keys() & set(EXECUTIONS[kind])):
            found[kind, f"fit, steps_per_execution {count}"] = (
                lambda model=models[count], batches=batches: fit(model, batches)
            )
        found[kind, "data set alone"] = lambda batches=batches: alone(batches)
    products = products_of(network, next(iter(epoch))[0])
    found["memory", "matrix products alone"] = lambda: products(steps)
    return found


def loop(stage: Stage, model: keras.Model, spec: tuple) -> Callable[[tf.data.Dataset], int]:
    """Writes by hand what `fit` does; returns a function of the data."""
    arguments = stage.compile_arguments()
    optimizer, losses = arguments["optimizer"], arguments["loss"]
    optimizer.build(model.trainable_variables)
    loss_weights = arguments.get("loss_weights", {})
    means = {name: keras.metrics.Mean() for name in ("loss", *losses)}
    (accuracy,) = arguments["metrics"]["match"]

    @tf.function(input_signature=spec)
    def step(x, y, weights=None):
        with tf.GradientTape() as tape:
            answers = model(x, training=True)
            parts = {
                name: loss(y[name], answers[name], (weights or {}).get(name))
                for name, loss in losses.items()
            }
            total = tf.add_n([loss_weights.get(name, 1.0) * part for name, part in parts.items()])
        gradients = tape.gradient(total, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        for name, value in {"loss": total, **parts}.items():
            means[name].update_state(value, tf.shape(y["match"])[0])
        accuracy.update_state(y["match"], answers["match"])

    def run(data: tf.data.Dataset) -> int:
        for batch in data:
            step(*batch)
        for metric in (*means.values(), accuracy):
            metric.result().numpy()
            metric.reset_state()
        return int(data.cardinality())

    return run


def products_of(network: keras.Model, inputs: dict) -> Callable[[int], int]:
    """Returns the matrix products of a step on a batch like `inputs`."""
    learner, fusion = network.theme_learner, network.correspondence_learner.fusion_network
    frozen = "visual_embedding" in inputs
    visual = inputs["visual_embedding" if frozen else "visual"].shape
    parts = [(learner.fusion_network, visual), (fusion, visual)]
    if frozen:
        return matrix_products(parts, ("conv1",))
    parts += [(learner.audio_network, inputs["audio"].shape), (learner.visual_network, visual)]
    return matrix_products(parts, ("dense",))


if __name__ == "__main__":
    main()
