"""How does a training step of MS-VAE compare with PyTorch, and with a limit?

The published loss, of 64 segments at the published widths. Ours is `fit` on the stage's own data
set, under that loss (`code`: the decoder's step twice) and under the paper's (`paper`). PyTorch, in
an environment of its own, trains as the published code does, which encodes and decodes again for
the latents' distance and steps two optimizers; and once without what isn't needed. The limit is the
bare products of matrices and one optimizer's update. First, without draws, the losses of ours and
of PyTorch's must be equal on equal weights. See README.md for how times are taken.

    python -m venv TORCH && TORCH/bin/pip install torch numpy
    python benchmarks/ms_vae_step.py --torch-python TORCH/bin/python
"""

from __future__ import annotations

import argparse
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
from limits import Kernels, dense_products, repeated, update
from torch_process import TorchProcess
from workloads import alone, fit

from kavc.cli.output import print_table
from kavc.evaluation.table import Column, Table
from kavc.files import write_text
from kavc.systems.ms_vae.config import MSVAEConfig
from kavc.systems.ms_vae.recipe import build, stages
from kavc.systems.ms_vae.stages import GeneratingStage
from kavc.systems.ms_vae.videos import Segments, Videos

OUT = Path(__file__).parent / "results" / "ms_vae_step.csv"
SEGMENTS, VIDEOS = 64, 640
STEPS = 32  # of a round
CODE, PAPER, DATA = "fit, the code's loss", "fit, the paper's loss", "data set alone"
PUBLISHED, NEEDED, LIMIT = "PyTorch, published", "PyTorch, what is needed", "products and update"
PAIRS = (
    (PUBLISHED, CODE),
    (PUBLISHED, PAPER),
    (NEEDED, CODE),
    (CODE, LIMIT),
    (PAPER, LIMIT),
    ("products", LIMIT),
    (CODE, DATA),
)
CONFIGS = {
    CODE: MSVAEConfig(latent="matrix", learning_rate=1e-5, batch_size=SEGMENTS),
    PAPER: MSVAEConfig(batch_size=SEGMENTS),
}
COLUMNS = (Column("threads", "d"), Column("case"), Column("over"), *RATIO_COLUMNS)


def main() -> None:
    """Measures with each number of threads, in a process of its own, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch-python", type=Path, required=True, help="has PyTorch")
    parser.add_argument("--rounds", type=int, default=9, help="measured rounds")
    parser.add_argument("--threads", type=int, nargs="+", default=[2, 1], help="of every contender")
    options = parser.parse_args()
    rows: list[tuple] = []
    for threads in options.threads:
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, spawn) as process:
            rows += process.submit(measured, threads, options).result()
    caption = f"Time of a training step of {SEGMENTS} segments, over that of another way"
    table = Table("ms-vae-step", COLUMNS, rows, caption, provenance())
    write_text(OUT, table.to_csv())
    print_table(table)


def measured(threads: int, options: argparse.Namespace) -> list[tuple]:
    """Returns the rows of a number of threads, which TensorFlow takes but once in a process."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    segments = Segments(synthetic_videos(), events_alone=False)
    models, data = {}, {}
    for name, config in CONFIGS.items():
        (stage,) = stages(config)
        stage.steps = stage.count(segments)
        models[name] = compiled(stage)
        data[name] = stage.dataset(segments, 0, 0).take(STEPS)
    with tempfile.TemporaryDirectory() as folder:
        write_for_torch(Path(folder), models[CODE], data[CODE])
        torch = TorchProcess("ms_vae_torch.py", options.torch_python, Path(folder), threads)
        check_loss(models[CODE], data[CODE], torch)
        variables = models[CODE].trainable_variables
        products = repeated(tf.function(dense_products(kernels(variables))))
        updates = update(variables)
        cases: dict[str, Callable[[], int]] = {
            CODE: lambda: fit(models[CODE], data[CODE]),
            PAPER: lambda: fit(models[PAPER], data[PAPER]),
            PUBLISHED: lambda: len(torch.ask(f"published {STEPS}")["losses"]),
            NEEDED: lambda: len(torch.ask(f"needed {STEPS}")["losses"]),
            "products": lambda: products(STEPS),
            "update": lambda: updates(STEPS),
            DATA: lambda: alone(data[CODE]),
        }
        spent = dict(times(cases, options.rounds, lambda: time.process_time() + torch.cpu))
        torch.stop()
    spent[LIMIT] = spent["products"] + spent["update"]
    return [(threads, case, of, *ratio(spent[case], spent[of])) for case, of in PAIRS]


def synthetic_videos() -> Videos:
    """Returns videos of noise, as large as features of AVE."""
    draw = np.random.default_rng(0)
    shape = (VIDEOS, CONFIGS[CODE].segments)
    audio, visual = (
        np.abs(draw.standard_normal((*shape, width), np.float32))
        for width in (CONFIGS[CODE].audio_dim, CONFIGS[CODE].visual_dim)
    )
    event = np.ones(shape, bool)
    return Videos(np.arange(VIDEOS).astype(bytes), audio, visual, event, np.zeros(VIDEOS, int))


def compiled(stage: GeneratingStage) -> keras.Model:
    """Returns a fresh trainee, compiled as training does it."""
    keras.utils.set_random_seed(0)
    model = stage.trainee(build(stage.config))
    model.compile(**stage.compile_arguments(), steps_per_execution=stage.steps_per_execution)
    model.optimizer.build(model.trainable_variables)
    return model


def kernels(variables: list[keras.Variable]) -> Kernels:
    """Returns every kernel with the rows that it meets: the decoder's of both modalities."""
    matrices = [each for each in variables if len(each.shape) == 2]
    return [
        (
            SEGMENTS * (2 if each.path.startswith("decoder") else 1),
            *each.shape,
            "encoder_0/" in each.path,
        )
        for each in matrices
    ]


def write_for_torch(folder: Path, model: keras.Model, data: tf.data.Dataset) -> None:
    """Writes options, weights and batches."""
    options = {"kl_weight": CONFIGS[CODE].kl_weight, "learning_rate": CONFIGS[CODE].learning_rate}
    (folder / "options.json").write_text(json.dumps(options))
    np.savez(folder / "weights.npz", **{each.path: each.numpy() for each in model.network.weights})
    batches = [inputs for (inputs,) in data.as_numpy_iterator()]
    np.savez(folder / "batches.npz", **{k: np.stack([b[k] for b in batches]) for k in batches[0]})


def check_loss(model: keras.Model, data: tf.data.Dataset, torch: TorchProcess) -> None:
    """Compares losses without draws; ends the program if they differ."""
    ((inputs,),) = data.take(1)
    answers = model.forward(inputs, training=False)
    error, kl, _ = model.losses_of(answers)
    apart = tf.norm(answers["audio_mean"] - answers["visual_mean"])  # ours draws for it
    ours = float(error + CONFIGS[CODE].kl_weight * kl + 2 * apart)
    (theirs,) = torch.ask("check 1")["losses"]
    if not np.isclose(ours, theirs, rtol=1e-5, atol=0):
        raise SystemExit(f"ours and PyTorch's differ: losses {ours} and {theirs}")


if __name__ == "__main__":
    main()
