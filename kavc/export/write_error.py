"""What an export says if its files can't be written: the disk is full, read-only, and the like."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator

import tensorflow as tf

from kavc.errors import ExportError, is_wrong_path

SHOWN = 300  # characters of what the system or TensorFlow said


class WriteError(ExportError):
    """An export can't be written. Nothing is left of it.

    Args:
        message: str.
        exit_code: 2 where another path would have been right.
    """

    def __init__(self, message: str, exit_code: int = 1):
        super().__init__(message)
        self.exit_code = exit_code


@contextlib.contextmanager
def written(path: str | os.PathLike) -> Iterator[None]:
    """Makes one line of what writing fails of.

    Args:
        path: what is being written, for the message.

    Raises:
        WriteError: in place of an `OSError` or an error of TensorFlow's ops.
        FileExistsError: as it came.

    Example:
        >>> with written("models"):
        ...     raise OSError(28, "No space left on device")
        Traceback (most recent call last):
            ...
        kavc.export.write_error.WriteError: models: can't be written (No space left on device); ...
    """
    try:
        yield
    except FileExistsError:
        raise
    except (OSError, tf.errors.OpError) as error:
        wrong = isinstance(error, OSError) and is_wrong_path(error)
        what = "choose" if wrong else "make room or choose"
        raise WriteError(
            f"{os.fspath(path)}: can't be written ({_reason(error)}); nothing is left of it; "
            f"{what} another folder",
            exit_code=2 if wrong else 1,
        ) from error


def _reason(error: OSError | tf.errors.OpError) -> str:
    if isinstance(error, OSError):
        told = error.strerror or str(error)
    else:  # "FILE; File too large [Op:SaveV2]"; the file bears a temporary name
        told = re.sub(r" \[Op:\w+\]", "", error.message or "").rpartition("; ")[2]
    return " ".join((told or type(error).__name__).split())[:SHOWN]
