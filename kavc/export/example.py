"""The request that an export brings: what to ask it for a try, by command or client.

TensorFlow Serving passes over what it doesn't know in `assets.extra/`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from kavc.files import write_npz

EXAMPLE = "assets.extra/example_request.npz"


def write_example(
    version_folder: str | os.PathLike, example: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Writes a request of two rows, as `kavc predict --input` reads it; the same bytes each time.

    Args:
        version_folder: `MODELS_DIR/NAME/VERSION`, not yet served.
        example: input name to array of one row, text and images as bytes. NULs at their ends go,
            since NumPy pads with them.

    Returns:
        What was written.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as version:
        ...     Path(version, "assets.extra").mkdir()
        ...     write_example(version, {"audio": np.zeros((1, 31, 128), "float32")})["audio"].shape
        (2, 31, 128)
    """
    request = {name: _two_rows(value) for name, value in example.items()}
    write_npz(Path(version_folder) / EXAMPLE, request)
    return request


def _two_rows(row: np.ndarray) -> np.ndarray:
    """Returns a row and another: features the other way round, so that answers differ."""
    if row.dtype == object:  # which a file that is safe to read can't hold
        row = row.astype("S")
    features = row.dtype.kind == "f" and row.ndim > 1
    return np.concatenate([row, np.flip(row, axis=-1) if features else row])
