"""The videos of a split in memory, as Ti-AVC uses them: sound, frames and a theme each."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from kavc.data.store import VideoStore


def load_videos(examples: tf.data.Dataset, silent: str = "drop") -> VideoStore:
    """Reads a split once, into memory.

    Videos without frames are left out, and so are later ones of an id that came before.

    Args:
        examples: as `kavc.systems.ti_avc.TiAVCSystem.read` gives them.
        silent: "drop" leaves videos without audio out, as sound and as pictures; "keep" leaves them
            in, with length 0.

    Raises:
        DataError: as `VideoStore.from_dataset`.
    """
    return VideoStore.from_dataset(
        examples, ("audio", "visual") if silent == "drop" else ("visual",)
    )


def gather_pairs(
    store: VideoStore, audio: Any, visual: Any, max_steps: int | None = None
) -> dict[str, tf.Tensor]:
    """Puts together pairs, as the networks take them; also inside `tf.data.Dataset.map`.

    Args:
        store: the videos of a split.
        audio, visual: (batch,) integers. Rows of the videos that give the sound and the pictures.
        max_steps: optional. Audio is cropped to its first so many steps.

    Returns:
        "audio" (batch, steps, audio_dim) and "visual" (batch, frames, visual_dim) float32, padded
        with zeros; "audio_length", "visual_length" and "theme", that of the visual, (batch,) int32.

    Example:
        >>> lengths, rows = np.array([1, 2]), np.arange(6, dtype=np.float32).reshape(3, 2)
        >>> ids, themes = np.array([b"a", b"b"]), np.array([0, 1])
        >>> store = video_store(ids, themes, rows, lengths, rows, lengths)
        >>> batch = gather_pairs(store, np.array([0]), np.array([1]))  # sound of a, pictures of b
        >>> batch["audio"].numpy().tolist(), batch["visual"].numpy().tolist()
        ([[[0.0, 1.0]]], [[[2.0, 3.0], [4.0, 5.0]]])
    """
    rows = {"audio": audio, "visual": visual, "theme": visual}
    return store.gather(rows, max_steps={"audio": max_steps})


def video_store(
    ids: np.ndarray,
    themes: np.ndarray,
    audio: np.ndarray,
    audio_lengths: np.ndarray,
    visual: np.ndarray,
    visual_lengths: np.ndarray,
) -> VideoStore:
    """Returns the store of arrays, each of all videos end to end.

    Args:
        ids: (videos,) bytes.
        themes: (videos,) integers.
        audio: (sum of audio lengths, audio_dim) float32.
        audio_lengths: (videos,) integers. Steps of each video.
        visual: (sum of visual lengths, visual_dim) float32.
        visual_lengths: (videos,) integers. Frames of each video.

    Example:
        >>> lengths, rows = np.array([1, 2]), np.ones((3, 128), np.float32)
        >>> ids, themes = np.array([b"a", b"b"]), np.array([0, 1])
        >>> store = video_store(ids, themes, rows, lengths, rows, lengths)
        >>> len(store), store.columns["theme"].tolist()
        (2, [0, 1])
    """
    sequences = {"audio": (audio, audio_lengths), "visual": (visual, visual_lengths)}
    return VideoStore(ids, sequences, {"theme": np.asarray(themes, np.int32)})
