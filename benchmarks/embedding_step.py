"""How near does `fit` of the cross-modal embedding come to the matrix products it consists of?

The preset `paper` at batch 1024, before the switch of lambda and after it, where the labels' cross-
entropies join the loss. The limit is the products of the same layers alone, forward and backward,
in one compiled graph. Beside them a `tf.function` called in a loop and PyTorch, in an environment
of its own, which begin with the same weights and train on the same batches; that they do the same
shows in the loss of the last round. All take turns. See README.md for how times are taken.

    python -m venv TORCH && TORCH/bin/pip install torch numpy
    python benchmarks/embedding_step.py --torch-python TORCH/bin/python
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from interleaved import RATIO_COLUMNS, provenance, ratio, times
from matrix_products import matrix_products
from torch.process import TorchProcess
from workloads import alone

from kavc.cli.output import print_table
from kavc.data.feature_store import FeatureStore
from kavc.evaluation.table import Column, Table
from kavc.files import write_text
from kavc.systems.base import Stage
from kavc.systems.cross_modal_embedding.config import CrossModalConfig
from kavc.systems.cross_modal_embedding.recipe import build, stages
from kavc.training.stages import epochs_of

OUT = Path(__file__).parent / "results" / "embedding_step.csv"
LIMIT = "matrix products alone"
SWITCH = {"before": 10**9, "after": 0}  # of lambda, to the step at which it is
LABELS = 3  # of each video, about as many as in YouTube-8M
COLUMNS = (Column("switch"), Column("case"), Column("over"), *RATIO_COLUMNS, Column("loss", ".4f"))


class Contender:
    """A way to train: counts steps for `times`, and keeps the loss of its last epoch.

    Args:
        steps: of an epoch.
        train: trains one epoch and returns its mean loss.
    """

    def __init__(self, steps: int, train: Callable[[], float]):
        self.steps, self.train = steps, train
        self.loss: float | None = None

    def __call__(self) -> int:
        self.loss = self.train()
        return self.steps


def main() -> None:
    """Measures both sides of the switch, and writes the table after each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="measured rounds")
    parser.add_argument("--steps", type=int, default=16, help="steps of an epoch, one a round")
    parser.add_argument("--threads", type=int, default=2, help="of every contender")
    parser.add_argument("--torch-python", type=Path, help="interpreter that has PyTorch")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(options.threads)
    if options.torch_python is None:
        print("PyTorch is left out: no --torch-python")
    rows: list[tuple] = []
    for side, step in SWITCH.items():
        rows += [(side, *row) for row in measured(CrossModalConfig(switch_step=step), options)]
        caption = "Time of a training step at batch 1024, over that of another way"
        table = Table("embedding-step", COLUMNS, rows, caption, provenance())
        write_text(options.out, table.to_csv())
    print_table(table)


def measured(config: CrossModalConfig, options: argparse.Namespace) -> list[tuple]:
    """Returns the rows of one side of the switch."""
    store = synthetic_store(options.steps * config.batch_size, config)
    (stage,) = stages(config)
    epoch = epochs_of(stage, store, tf.Variable(0, dtype=tf.int64), seed=0)
    cases: dict[str, Callable[[], int]] = {
        "fit": Contender(options.steps, fit(stage, epoch)),
        "loop": Contender(options.steps, loop(stage, epoch)),
        "data set alone": lambda: alone(epoch),
        LIMIT: lambda: products(options.steps),
    }
    products = products_of(fresh(config), config)
    if options.torch_python is None:
        return table_rows(cases, times(cases, options.rounds))
    with tempfile.TemporaryDirectory() as folder:
        write_for_torch(Path(folder), config, epoch)
        torch = TorchProcess(
            "embedding_torch.py", options.torch_python, Path(folder), options.threads
        )
        cases["PyTorch"] = Contender(options.steps, lambda: torch.ask("epoch")["loss"])
        spent = times(cases, options.rounds, lambda: time.process_time() + torch.cpu)
        torch.stop()
    return table_rows(cases, spent)


def table_rows(cases: dict, spent: dict) -> list[tuple]:
    """Returns ratios over the limit, and those of `fit` over the other contenders."""
    losses = {name: getattr(case, "loss", None) for name, case in cases.items()}
    others = [name for name in cases if name != LIMIT]
    rivals = [name for name, loss in losses.items() if loss is not None and name != "fit"]
    pairs = [(name, LIMIT) for name in others] + [("fit", name) for name in rivals]
    return [(name, of, *ratio(spent[name], spent[of]), losses[name]) for name, of in pairs]


def synthetic_store(videos: int, config: CrossModalConfig) -> FeatureStore:
    """Returns videos of noise, with different labels each."""
    rng = np.random.default_rng(0)
    labels = np.sort(rng.integers(config.classes - LABELS, size=(videos, LABELS)), axis=1)
    return FeatureStore(
        np.arange(videos).astype(bytes),
        rng.standard_normal((videos, config.audio_dim), np.float32),
        rng.standard_normal((videos, config.visual_dim), np.float32),
        (labels + np.arange(LABELS)).ravel(),
        np.arange(videos + 1) * LABELS,
        np.zeros(videos, bool),
    )


def fresh(config: CrossModalConfig) -> keras.Model:
    """Returns the network with the weights that everybody starts from."""
    keras.utils.set_random_seed(0)
    return build(config)


def fit(stage: Stage, epoch: tf.data.Dataset) -> Callable[[], float]:
    """Trains as `kavc.training.stages` does."""
    model = stage.trainee(fresh(stage.config))
    model.compile(**stage.compile_arguments(), steps_per_execution=stage.steps_per_execution)
    return lambda: model.fit(epoch, verbose=0, shuffle=False).history["loss"][0]


def loop(stage: Stage, epoch: tf.data.Dataset) -> Callable[[], float]:
    """Writes by hand what `fit` does."""
    config = stage.config
    network = fresh(config)
    optimizer = stage.compile_arguments()["optimizer"]
    optimizer.build(network.trainable_variables)
    mean = keras.metrics.Mean()

    @tf.function
    def step(inputs, targets):
        with tf.GradientTape() as tape:
            embeddings = {
                "audio": network.audio_branch(inputs["audio"]),
                "visual": network.visual_branch(inputs["visual"]),
            }
            cosine = tf.reduce_sum(embeddings["audio"] * embeddings["visual"], axis=-1)
            hinge = tf.nn.relu(cosine - config.margin)
            loss = tf.reduce_mean(tf.where(targets["is_negative"], hinge, 1 - cosine))
            if config.switch_step == 0:
                for name, embedding in embeddings.items():
                    logits, labels = network.classifier(embedding), targets[f"{name}_labels"]
                    entropy = tf.reduce_sum(tf.nn.softplus(logits) - labels * logits, axis=-1)
                    loss += config.class_weight * tf.reduce_mean(entropy)
            loss += tf.add_n(network.losses)
        variables = [each.value for each in network.trainable_variables]
        zero = tf.UnconnectedGradients.ZERO  # the classifier's bias, before the switch
        gradients = tape.gradient(loss, variables, unconnected_gradients=zero)
        optimizer.apply_gradients(zip(gradients, network.trainable_variables, strict=True))
        mean.update_state(loss)

    def train() -> float:
        mean.reset_state()
        for inputs, targets in epoch:
            step(inputs, targets)
        return float(mean.result())

    return train


def products_of(network: keras.Model, config: CrossModalConfig) -> Callable[[int], int]:
    """Returns the matrix products of a step; the classifier's only if it is used."""
    batch = config.batch_size
    parts = [
        (network.audio_branch, (batch, config.audio_dim)),
        (network.visual_branch, (batch, config.visual_dim)),
    ]
    if config.switch_step == 0:
        classifier = keras.Sequential([keras.Input((config.embedding_dim,)), network.classifier])
        parts += [(classifier, (batch, config.embedding_dim))] * 2  # of sounds and of pictures
    return matrix_products(parts, reads_data=("dense1",))


def write_for_torch(folder: Path, config: CrossModalConfig, epoch: tf.data.Dataset) -> None:
    """Writes the options, the weights to start from and the batches of the epoch."""
    names = ("margin", "clip_norm", "learning_rate", "l2")
    options = {name: getattr(config, name) for name in names}
    options["class_weight"] = 0.0 if config.switch_step else config.class_weight
    (folder / "options.json").write_text(json.dumps(options))
    network = fresh(config)
    parts = {"audio": network.audio_branch, "visual": network.visual_branch}
    for name, part in {**parts, "classifier": network.classifier}.items():
        np.savez(folder / f"{name}.npz", *part.get_weights())
    for number, (inputs, targets) in enumerate(epoch.as_numpy_iterator()):
        flags = {name: value.astype(bool) for name, value in targets.items()}
        np.savez(folder / f"batch-{number:04}.npz", **inputs, **flags)


if __name__ == "__main__":
    main()
