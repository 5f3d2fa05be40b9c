"""A small corpus in the layout of YouTube-8M's video level, from a model with a shared latent.

z ~ N(0, I)            what sound and picture share; the labels are the classes nearest to it
audio  = A z + B tanh(C z) + noise of its own,      visual likewise, with other matrices
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from kavc import progress
from kavc.data.tfrecord import record_writer
from kavc.data.vocabulary import NAME as VOCABULARY
from kavc.data.youtube8m_records import AUDIO_DIM, VISUAL_DIM, silence
from kavc.errors import ConfigError
from kavc.files import write_json, write_text
from kavc.folders import check_new
from kavc.partials import new_folder

KIND = "youtube8m"
FRACTIONS = {"train": 0.7, "validate": 0.15, "test": 0.15}  # by the published file names
WORLD, VIDEO = 1, 2  # keep the random streams of worlds and of videos apart
DEFAULTS = {
    "shared_dim": 16,
    "classes": 24,
    "labels": 2,  # of each video
    "noise": 0.5,  # standard deviation of each modality's own part, in units of the shared part's
    "silent": 0.02,  # share of videos
}


class YouTube8MWorld:
    """Matrices and classes, and the videos that can be drawn from them.

    Args:
        world_seed: its constants depend on the knobs and on this alone.
        knobs: those of `DEFAULTS` that differ.

    Raises:
        ConfigError: an unknown knob, or a value out of range.

    Reference:
        Abu-El-Haija et al., 2016, of the layout.

    Example:
        >>> video = YouTube8MWorld(classes=8).video(seed=0, index=0)
        >>> video["mean_rgb"].shape, len(video["labels"])
        ((1024,), 2)
    """

    def __init__(self, world_seed: int = 0, **knobs: Any):
        self.knobs = _checked(knobs)
        self.world_seed = world_seed
        rng = np.random.default_rng([WORLD, world_seed])
        shared = self.knobs["shared_dim"]
        self.classes = rng.standard_normal((self.knobs["classes"], shared))
        self.maps = {
            name: [rng.standard_normal(shape) / shared**0.5 for shape in shapes]
            for name, shapes in {
                "mean_audio": [(AUDIO_DIM, shared), (AUDIO_DIM, shared), (shared, shared)],
                "mean_rgb": [(VISUAL_DIM, shared), (VISUAL_DIM, shared), (shared, shared)],
            }.items()
        }

    def video(self, seed: int, index: int) -> dict[str, Any]:
        """Draws one video; which one depends on the world, the seed and the index alone.

        Returns:
            "id" bytes, "labels" (labels,) int64, "mean_audio" (128,) float32, "mean_rgb" (1024,)
            float32.
        """
        rng = np.random.default_rng([VIDEO, self.world_seed, seed, index])
        shared = rng.standard_normal(self.knobs["shared_dim"])
        nearest = np.argsort(((self.classes - shared) ** 2).sum(axis=1))
        video: dict[str, Any] = {
            "id": f"{self.world_seed}-{seed}-{index:06d}".encode(),
            "labels": np.sort(nearest[: self.knobs["labels"]]),
        }
        for name, (linear, curved, inner) in self.maps.items():
            own = self.knobs["noise"] * rng.standard_normal(len(linear))
            features = linear @ shared + curved @ np.tanh(2 * inner @ shared) + own
            video[name] = np.clip(features, -1.99, 2).astype(np.float32)  # the published range
        if rng.random() < self.knobs["silent"]:
            video["mean_audio"] = silence()
        return video


def write(out: Path, *, videos: int, seed: int = 0, world_seed: int = 0, **knobs: Any) -> None:
    """Writes a corpus, whole or not at all: one TFRecord a split, a vocabulary, `corpus.json`.

    Args:
        out: folder to write; must be new.
        videos: of all splits together; at least 10.
        seed, world_seed: at least 0.
        knobs: see `DEFAULTS`.

    Raises:
        ConfigError: as `YouTube8MWorld`, or too few videos.
    """
    if videos < 10:
        raise ConfigError(f"videos is {videos}; expected at least 10")
    world = YouTube8MWorld(world_seed, **knobs)
    ends = np.round(np.cumsum(list(FRACTIONS.values())) * videos).astype(int)
    starts = [0, *ends[:-1]]
    check_new(out)
    with new_folder(out) as folder, progress.counting("writing", "videos", videos) as told:
        for split, start, end in zip(FRACTIONS, starts, ends, strict=True):
            with record_writer(folder / f"{split}0000.tfrecord") as writer:
                for record in _records(world, seed, range(start, end)):
                    writer.write(record)
                    told.advance()
        write_text(folder / VOCABULARY, _vocabulary(world.knobs["classes"]))
        write_json(
            folder / "corpus.json",
            {"kind": KIND, "knobs": world.knobs, "seed": seed, "world_seed": world_seed},
        )


def _records(world: YouTube8MWorld, seed: int, indices: range) -> Iterator[bytes]:
    for index in indices:
        video = world.video(seed, index)
        feature = {
            "id": tf.train.Feature(bytes_list=tf.train.BytesList(value=[video["id"]])),
            "labels": tf.train.Feature(int64_list=tf.train.Int64List(value=video["labels"])),
        }
        for name in world.maps:
            values = tf.train.FloatList(value=video[name])
            feature[name] = tf.train.Feature(float_list=values)
        yield tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


def _vocabulary(classes: int) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["Index", "Name", "Vertical1"])
    writer.writerows([index, f"Class {index}", f"Theme {index % 4}"] for index in range(classes))
    return text.getvalue()


def _checked(knobs: Mapping[str, Any]) -> dict[str, Any]:
    for name, value in knobs.items():
        if name not in DEFAULTS:
            raise ConfigError(f"no knob {name!r}; there are {', '.join(DEFAULTS)}")
        if type(value) not in (int, float) or not 0 <= value < math.inf:
            raise ConfigError(f"knob {name!r} is {value!r}; expected a number of at least 0")
    merged = {**DEFAULTS, **knobs}
    for name in ("shared_dim", "classes", "labels"):
        if type(merged[name]) is not int or merged[name] < 1:
            raise ConfigError(f"knob {name!r} is {merged[name]!r}; expected a whole number from 1")
    if merged["labels"] > merged["classes"] or merged["silent"] > 1:
        raise ConfigError("labels must not exceed classes, and silent is a share")
    return merged
