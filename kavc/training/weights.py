"""Weights on disk: made in memory, written whole, with a digest beside them that loading checks.

HDF5 ends the process when it can't write, as on a full disk; so it writes into memory alone, and
what fails then is an `OSError` of Python's. A changed byte in its data would load as other weights.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Callable
from pathlib import Path

import keras

from kavc.errors import DataError
from kavc.files import DIGEST, is_as_written, write_with_digest
from kavc.inputs.archives import check_whole, open_archive
from kavc.inputs.hdf5 import check_weights
from kavc.inputs.json_files import MAX_BYTES, parse_json
from kavc.inputs.opening import open_file, too_large
from kavc.inputs.records import mapping

CONFIG, WEIGHTS = "config.json", "model.weights.h5"  # what an archive of Keras' must hold
LONGEST = 400  # characters of what Keras says
UNREADABLE = (OSError, ValueError, TypeError, KeyError)


class _Memory(io.BytesIO):
    """A file in memory under the name of one on disk: Keras looks at the suffix."""

    def __init__(self, path: Path):
        super().__init__()
        self._path = path

    def __str__(self) -> str:
        return str(self._path)


def save_weights(model: keras.Model, path: str | os.PathLike) -> None:
    """Writes a model's weights, and its optimizer's if it is compiled, as `NAME.weights.h5`.

    Raises:
        OSError: the file can't be written; nothing is left of it.

    Example:
        >>> import tempfile
        >>> network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_weights(network, f"{folder}/model.weights.h5")
        ...     load_weights(network, f"{folder}/model.weights.h5")
        ...     sorted(os.listdir(folder))
        ['model.weights.h5', 'model.weights.h5.sha256']

    Reference:
        Keras' format `.weights.h5`; the digest is SHA-256, FIPS 180-4.
    """
    _save(model.save_weights, Path(path))


def save_network(network: keras.Model, path: str | os.PathLike) -> None:
    """Writes a network, graph and weights, as `NAME.keras`.

    Raises:
        OSError: the file can't be written; nothing is left of it.

    Reference:
        Keras' format `.keras`; the digest is SHA-256, FIPS 180-4.
    """
    _save(network.save, Path(path))


def load_weights(model: keras.Model, path: str | os.PathLike, *, kind: str = "model") -> None:
    """Loads what `save_weights` wrote into a model, all of it.

    Args:
        model: built.
        path: of the file.
        kind: what a message calls the model.

    Raises:
        DataError: the file is missing, damaged or of another model.
    """
    path = Path(path)
    try:
        with open_file(path) as stream:
            _check_written(path)
            check_weights(stream)
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # of layers that keep random weights
            model.load_weights(path)
    except DataError:
        raise
    except (*UNREADABLE, UserWarning) as error:
        raise DataError(
            f"{path}: can't be read as weights of this {kind} ({_short(error)})"
        ) from None


def load_network(path: str | os.PathLike) -> keras.Model:
    """Loads what `save_network` wrote, not compiled.

    Raises:
        DataError: the file is missing or damaged.

    Example:
        >>> import tempfile
        >>> network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_network(network, f"{folder}/model.keras")
        ...     load_network(f"{folder}/model.keras").count_params()
        3
    """
    path = Path(path)
    _check_archive(path)
    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:  # on what others wrote as a config Keras may raise anything
        raise DataError(f"{path}: can't be loaded ({_short(error)})") from None


def _short(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} ..."


def _check_written(path: Path) -> None:
    if not is_as_written(path):
        raise ValueError(f"its SHA-256 is not the one in {path.name}{DIGEST}")


def _check_archive(path: Path) -> None:
    """Looks into an archive of Keras', which holds its members as they are.

    Raises:
        DataError: it is another one than was written, claims more than it holds, or holds no config
            or no weights.
    """
    with open_archive(path, "a network of Keras", packed=False) as archive:
        _check_written(path)
        for name in (CONFIG, WEIGHTS):
            if name not in archive.namelist():
                raise ValueError(f"it holds no {name}")
        where = f"{path}: {CONFIG} in it"
        if archive.getinfo(CONFIG).file_size > MAX_BYTES:
            raise DataError(f"{where}: {too_large(MAX_BYTES)}")
        mapping(parse_json(archive.read(CONFIG), where), where)
        for name in {*archive.namelist()} - {CONFIG, WEIGHTS}:
            with archive.open(name) as stream:
                check_whole(stream)
        try:
            check_weights(io.BytesIO(archive.read(WEIGHTS)))
        except ValueError as error:
            raise ValueError(f"{WEIGHTS} in it: {error}") from None


def _save(save: Callable[[io.BytesIO], None], path: Path) -> None:
    memory = _Memory(path)
    save(memory)
    with memory.getbuffer() as content:
        write_with_digest(path, content)
