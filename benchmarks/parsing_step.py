"""How does a training step of audio-visual video parsing compare with PyTorch, and with a limit?

HAN and the paper's whole model (Base + Adv + Skip + GCAA, against its discriminator) at batches of
16 and 64, on two threads and on one. Ours is `fit` on the stage's own data set. PyTorch, in an
environment of its own, trains the network as it was published, on 80 frames a video; and once on
the features that ours takes, pooled by 8. The limit is `parsing_limit.py`: the bare products of
matrices and the optimizer's update. First, without dropout, ours and PyTorch's begin with the same
weights and must have the same losses. See README.md for how times are taken.

    python -m venv TORCH && TORCH/bin/pip install torch numpy
    python benchmarks/parsing_step.py --torch-python TORCH/bin/python
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from interleaved import RATIO_COLUMNS, provenance, ratio, times
from limits import update
from parsing_limit import products
from torch_process import TorchProcess
from workloads import alone, fit

from kavc.cli.output import print_table
from kavc.data.store import VideoStore
from kavc.evaluation.table import Column, Table
from kavc.files import write_text
from kavc.systems.av_parsing.config import HAN_TRAINING, AVParsingConfig
from kavc.systems.av_parsing.recipe import build, stages
from kavc.systems.av_parsing.trainees import Adversarial
from kavc.systems.base import Stage

OUT = Path(__file__).parent / "results" / "parsing_step.csv"
MODELS = {"HAN": HAN_TRAINING, "Base + Adv + Skip + GCAA": {}}
STEPS = {16: 8, 64: 4}  # of a round, by batch
FRAMES = 8  # of a segment, as published
TORCH_BATCHES = 4  # go round
CHECKED_STEPS, TOLERANCE = 3, 1e-4  # of losses, relative: two ways to add up in float32
FIT, DATA, LIMIT = "fit", "data set alone", "products and update"
PUBLISHED, POOLED = "PyTorch, 80 frames", "PyTorch, pooled"
PAIRS = (
    (PUBLISHED, FIT),
    (POOLED, FIT),
    (FIT, LIMIT),
    ("products", LIMIT),
    (FIT, DATA),
)
COLUMNS = (
    Column("model"),
    Column("batch", "d"),
    Column("threads", "d"),
    Column("case"),
    Column("over"),
    *RATIO_COLUMNS,
)


def main() -> None:
    """Measures with each number of threads, in a process of its own, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch-python", type=Path, required=True, help="has PyTorch")
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds")
    parser.add_argument("--threads", type=int, nargs="+", default=[2, 1], help="of every contender")
    parser.add_argument("--videos", type=int, default=2048, help="synthetic videos in memory")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    rows: list[tuple] = []
    for threads in options.threads:
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, spawn) as process:
            rows += process.submit(measured, threads, options).result()
        caption = "Time of a training step, over that of another way"
        table = Table("parsing-step", COLUMNS, rows, caption, provenance())
        write_text(options.out, table.to_csv())
    print_table(table)


def measured(threads: int, options: argparse.Namespace) -> list[tuple]:
    """Returns the rows of a number of threads, which TensorFlow takes but once in a process."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    rows = []
    for (name, changed), batch_size in itertools.product(MODELS.items(), STEPS):
        config = AVParsingConfig(**{**changed, "batch_size": batch_size})
        with tempfile.TemporaryDirectory() as folder:
            spent = times_of(config, threads, options, Path(folder))
        spent[LIMIT] = spent["products"] + spent["update"]
        rows += [
            (name, batch_size, threads, case, of, *ratio(spent[case], spent[of]))
            for case, of in PAIRS
        ]
    return rows


def times_of(
    config: AVParsingConfig, threads: int, options: argparse.Namespace, folder: Path
) -> dict[str, np.ndarray]:
    """Returns the times of a step of all cases."""
    keras.utils.clear_session()  # else layers that are named by number are numbered on
    steps = STEPS[config.batch_size]
    (stage,) = stages(config)
    examples = stage.prepare(None, lambda: store(options.videos, config), Path("train"))
    model = compiled(stage, steps)
    write_for_torch(folder, stage, model, examples)
    torch = TorchProcess("parsing_torch.py", options.torch_python, folder, threads)
    check_losses(stage, model, examples, torch)

    data = stage.dataset(examples, 0, 0).repeat()
    trained, gathered = data.take(steps), data.take(8 * steps)
    limits = products(config, model.trainable_variables), update(model.trainable_variables)
    cases: dict[str, Callable[[], int]] = {
        FIT: lambda: fit(model, trained),
        PUBLISHED: lambda: len(torch.ask(f"published {steps}")["losses"]),
        POOLED: lambda: len(torch.ask(f"pooled {steps}")["losses"]),
        "products": lambda: limits[0](steps),
        "update": lambda: limits[1](steps),
        DATA: lambda: alone(gathered),
    }
    spent = times(cases, options.rounds, lambda: time.process_time() + torch.cpu)
    torch.stop()
    return dict(spent)


def store(videos: int, config: AVParsingConfig) -> VideoStore:
    """Returns videos of noise, with two or three events each."""
    draw = np.random.default_rng(0)
    lengths = np.full(videos, config.segments)
    widths = {
        "audio": config.audio_dim,
        "visual": config.visual_dim,
        "visual_3d": config.visual_3d_dim,
    }
    sequences = {
        name: (draw.standard_normal((videos * config.segments, width), np.float32), lengths)
        for name, width in widths.items()
    }
    labels = (draw.random((videos, config.classes)) < 0.1).astype(np.float32)
    return VideoStore(np.arange(videos).astype(bytes), sequences, {"labels": labels})


def compiled(stage: Stage, steps: int) -> keras.Model:
    """Returns a fresh trainee, compiled as training does it."""
    keras.utils.set_random_seed(0)
    model = stage.trainee(build(stage.config))
    steps = min(steps, stage.steps_per_execution)
    model.compile(**stage.compile_arguments(), steps_per_execution=steps)
    model.optimizer.build(model.trainable_variables)
    return model


def batches(stage: Stage, examples: VideoStore, count: int) -> tf.data.Dataset:
    """Returns the first batches of an epoch."""
    return stage.dataset(examples, 0, 0).take(count)


def write_for_torch(folder: Path, stage: Stage, model: keras.Model, examples: VideoStore) -> None:
    """Writes options, weights, and batches whose frames have what ours takes as their means."""
    steps = {name: getattr(model, name, 0) for name in ("first_step", "total_steps")}
    check = {"dropout": 0.0, "first_step": steps["total_steps"] // 2}
    options = stage.config.to_dict() | steps | {"check": check}
    (folder / "options.json").write_text(json.dumps(options))
    np.savez(folder / "weights.npz", **{each.path: each.numpy() for each in model.weights})
    draw = np.random.default_rng(0)
    data = batches(stage, examples, TORCH_BATCHES).as_numpy_iterator()
    for number, (inputs, targets) in enumerate(data):
        noise = draw.standard_normal((*inputs["visual"].shape[:2], FRAMES, stage.config.visual_dim))
        frames = inputs["visual"][:, :, None] + noise - noise.mean(axis=2, keepdims=True)
        frames = frames.reshape(len(frames), -1, stage.config.visual_dim).astype(np.float32)
        arrays = {**inputs, "visual": frames, "labels": targets["video"]}
        np.savez(folder / f"batch-{number}.npz", **arrays)


def check_losses(
    stage: Stage, model: keras.Model, examples: VideoStore, torch: TorchProcess
) -> None:
    """Trains both from the same weights without dropout; ends the program if they differ.

    Gradients are reversed as in the middle of the training: at its start they hardly are.
    """
    (without,) = stages(stage.config.replace(dropout=0.0))
    without.steps = stage.steps
    copy = compiled(without, 1)
    copy.set_weights(model.get_weights())
    if isinstance(copy, Adversarial):
        copy.first_step = copy.total_steps // 2
    ours = [
        copy.train_on_batch(*batch, return_dict=True)["loss"]
        for batch in batches(stage, examples, CHECKED_STEPS)
    ]
    theirs = torch.ask(f"check {CHECKED_STEPS}")["losses"]
    if not np.allclose(ours, theirs, rtol=TOLERANCE, atol=0):
        raise SystemExit(f"ours and PyTorch's train differently: losses {ours} and {theirs}")


if __name__ == "__main__":
    main()
