"""How near do the systems of Ti-AVC come to the best possible on the KWAI-like corpus?

Draws a world for each seed, trains each system on its videos, and prints and appends one row a
system: match AUC on random and on same-theme negatives, and the bounds of both. Nothing here is
the paper's corpus; the paper's numbers belong to another one.

    python benchmarks/synthetic_kwai.py --knobs default --worlds 10 11 12 --out results.csv
"""

from __future__ import annotations

import argparse
import csv
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from kavc.data.pairing import Pairs
from kavc.data.store import VideoStore
from kavc.data.synthetic import bayes
from kavc.data.synthetic.kwai import KwaiWorld, Truth
from kavc.data.synthetic.kwai_knobs import knobs
from kavc.metrics.auc import roc_auc
from kavc.systems.base import Stage
from kavc.systems.ti_avc import recipe
from kavc.systems.ti_avc.config import VARIANTS, TiAVCConfig
from kavc.systems.ti_avc.scoring import evaluation_pairs, score
from kavc.systems.ti_avc.stages import CorrespondenceStage, frozen_embeddings
from kavc.systems.ti_avc.videos import video_store

COLUMNS = ("knobs", "changes", "options", "world", "train_videos", "test_videos", "system")
COLUMNS += ("auc", "bound", "same_theme_auc", "same_theme_bound", "theme_accuracy")
COLUMNS += ("epochs", "cpu_seconds")


def main() -> None:
    """Parses the command line, trains and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--knobs", default="default", help="named set")
    parser.add_argument("--set", nargs="*", default=[], metavar="KNOB=VALUE", help="changed knobs")
    parser.add_argument("--worlds", nargs="+", type=int, default=[10, 11, 12], help="world seeds")
    parser.add_argument("--videos", type=int, default=3200, help="training videos")
    parser.add_argument("--validation", type=int, default=400)
    parser.add_argument("--test", type=int, default=3000)
    parser.add_argument("--systems", nargs="+", default=list(VARIANTS))
    parser.add_argument("--options", nargs="*", default=[], metavar="OPTION=VALUE",
                        help="options of the systems")  # fmt: skip
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True, help="CSV file; rows are appended")
    arguments = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
    tf.config.threading.set_inter_op_parallelism_threads(arguments.threads)

    chosen = knobs(arguments.knobs, **parsed(arguments.set))
    options = {"batch_size": 64, "learning_rate": 1e-3} | parsed(arguments.options)
    for seed in arguments.worlds:
        world = KwaiWorld(chosen, seed)
        sizes = (arguments.videos, arguments.validation, arguments.test)
        train, validation, test = (draw(world, size, i) for i, size in enumerate(sizes))
        for variant in arguments.systems:
            config = TiAVCConfig(
                variant=variant,
                themes=chosen.themes,
                audio_dim=chosen.audio_dim,
                visual_dim=chosen.visual_dim,
            ).replace(**options)
            row = {
                "knobs": arguments.knobs,
                "changes": " ".join(arguments.set),
                "options": " ".join(arguments.options),
                "world": seed,
                "train_videos": arguments.videos,
                "test_videos": arguments.test,
                "system": variant,
            }
            row |= measured(config, world, train[0], validation[0], *test, seed)
            write_row(arguments.out, row)
            print(" ".join(f"{value}" for value in row.values()), flush=True)


def parsed(pairs: list[str]) -> dict:
    """Returns NAME=VALUE arguments as numbers where they are numbers."""

    def value(text):
        for kind in (int, float):
            try:
                return kind(text)
            except ValueError:
                pass
        return text

    return {name: value(text) for name, text in (pair.split("=", 1) for pair in pairs)}


def draw(world: KwaiWorld, videos: int, sample_seed: int) -> tuple[VideoStore, Truth]:
    """Draws videos that have audio, and their truth."""
    drawn = [(e, t) for e, t in world.sample(videos, sample_seed) if len(e["audio"])]
    examples, truths = zip(*drawn, strict=True)
    columns = {name: [e[name] for e in examples] for name in ("audio", "visual")}
    store = video_store(
        np.array([e["id"] for e in examples]),
        np.array([e["theme"] for e in examples]),
        np.concatenate(columns["audio"]),
        np.array([len(x) for x in columns["audio"]]),
        np.concatenate(columns["visual"]),
        np.array([len(x) for x in columns["visual"]]),
    )
    return store, Truth.stack(truths)


def measured(
    config: TiAVCConfig,
    world: KwaiWorld,
    train: VideoStore,
    validation: VideoStore,
    test: VideoStore,
    truth: Truth,
    seed: int,
) -> dict:
    """Trains one system and sets its AUCs beside their bounds."""
    keras.utils.set_random_seed(seed)
    network = recipe.build(config)
    start = time.process_time()
    epochs = [fit(stage, network, train, validation, seed) for stage in recipe.stages(config)]
    seconds = time.process_time() - start
    row = {}
    for prefix, same_theme in (("", False), ("same_theme_", True)):
        drawn = evaluation_pairs(test, same_theme=same_theme)
        scored = score(network, test, drawn, config.max_steps)
        row[f"{prefix}auc"] = round(float(roc_auc(drawn.label, scored.match)), 4)
        row[f"{prefix}bound"] = bound(world, truth, drawn, config.variant, same_theme)
        if scored.theme_logits is not None and not same_theme:
            hit = scored.theme_logits.argmax(axis=1) == scored.theme
            row["theme_accuracy"] = round(float(hit[drawn.label == 1].mean()), 4)
    return row | {"epochs": "+".join(map(str, epochs)), "cpu_seconds": round(seconds)}


def bound(world: KwaiWorld, truth: Truth, drawn: Pairs, variant: str, same_theme: bool) -> float:
    """Returns the AUC that no system can surpass with what this one is given."""
    name = "no_theme" if variant == "baseline-1" else "theme"
    if same_theme:
        name = "within_theme"
    return round(float(roc_auc(drawn.label, bayes.scores(world, truth, drawn)[name])), 4)


def fit(
    stage: Stage,
    network: keras.Model,
    train: VideoStore,
    validation: VideoStore,
    seed: int,
) -> int:
    """Fits one stage on stores, with early stopping; returns the number of epochs that it took."""
    with tempfile.TemporaryDirectory() as folder:
        train = prepared(stage, network, train, Path(folder) / "train")
        validation = prepared(stage, network, validation, Path(folder) / "validation")
    model = stage.trainee(network)
    steps = len(stage.dataset(train, 0, seed))
    epochs = tf.data.Dataset.counter()
    model.compile(**stage.compile_arguments())
    history = model.fit(
        epochs.flat_map(lambda epoch: stage.dataset(train, epoch, seed)),
        steps_per_epoch=steps,
        epochs=stage.epochs,
        validation_data=stage.dataset(validation, None, seed),
        callbacks=[
            keras.callbacks.EarlyStopping(patience=stage.patience, restore_best_weights=True)
        ],
        shuffle=False,
        verbose=0,
    )
    return len(history.epoch)


def prepared(stage: Stage, network: keras.Model, store: VideoStore, folder: Path) -> VideoStore:
    """Returns what the stage trains on: the store, or the frozen embeddings of its videos."""
    if isinstance(stage, CorrespondenceStage):
        return video_store(**frozen_embeddings(network, store, stage.config.max_steps))
    return store


def write_row(path: Path, row: dict) -> None:
    """Appends a row; a new file gets its header first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if new:
            writer.writeheader()
        writer.writerow(row)


if __name__ == "__main__":
    main()
