"""What silence sounds like: one vector of audio features, of a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kavc.errors import DataError
from kavc.inputs.arrays import read_npy
from kavc.systems.av_parsing.config import AVParsingConfig

MAX_BYTES = 2**20


def read_silence(config: AVParsingConfig) -> np.ndarray | None:
    """Returns the audio features of silence, (audio_dim,) float32; None where no file is named.

    Raises:
        DataError: the file can't be read, or holds no such vector.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "silence.npy"
        ...     np.save(path, np.zeros(128, np.float32))
        ...     read_silence(AVParsingConfig(silence=str(path))).shape
        (128,)
    """
    if config.silence is None:
        return None
    path = Path(config.silence)
    found = read_npy(path, most=MAX_BYTES)
    if (
        found.shape != (config.audio_dim,)
        or found.dtype.kind != "f"
        or not np.isfinite(found).all()
    ):
        raise DataError(
            f"{path}: {found.dtype} of shape {found.shape}; expected the audio features of silence,"
            f" finite floats ({config.audio_dim},)"
        )
    return found.astype(np.float32)
