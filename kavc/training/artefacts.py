"""What a stage leaves for later: of which weights, and whether it still is what was written.

`artefacts/STAGE/SPLIT/made_by.json` names the weights that the stage began with and has the SHA-256
of each file beside it.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras

from kavc.errors import DataError
from kavc.files import fingerprint, write_json
from kavc.inputs.json_files import read_json
from kavc.layers.fingerprint import weights_fingerprint

MADE_BY = "made_by.json"


@contextlib.contextmanager
def made_by(network: keras.Model, folder: Path) -> Iterator[None]:
    """Around `Stage.prepare`: removes artefacts of other weights first, and seals what is left.

    Args:
        network: as the stage finds it.
        folder: where the stage leaves them for one split; the caller's own.

    Raises:
        DataError: a file of these weights is not what was written.

    Example:
        >>> import tempfile
        >>> import keras
        >>> network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> with tempfile.TemporaryDirectory() as above:
        ...     with made_by(network, Path(above, "train")):
        ...         Path(above, "train").mkdir()
        ...         Path(above, "train", "labels.npy").touch()
        ...     sorted(path.name for path in Path(above, "train").iterdir())
        ['labels.npy', 'made_by.json']
    """
    weights = weights_fingerprint(network)
    if folder.is_dir() and not _is_of(folder, weights):
        shutil.rmtree(folder)
    yield
    if folder.is_dir() and not (folder / MADE_BY).exists():
        digests = {name: fingerprint([folder / name]) for name in _names(folder)}
        write_json(folder / MADE_BY, {"weights": weights, "files": digests})


def _is_of(folder: Path, weights: str) -> bool:
    """Whether all in a folder was made by these weights; what isn't sealed may not have been."""
    sealed = _sealed(folder)
    if sealed.get("weights") != weights or not isinstance(sealed.get("files"), dict):
        return False
    for name, digest in sealed["files"].items():
        if name not in _names(folder) or fingerprint([folder / name]) != digest:
            raise DataError(
                f"{folder / name}: missing or damaged (its SHA-256 is not the one in {MADE_BY}); "
                f"remove the folder {folder} to make it again"
            )
    return True


def _sealed(folder: Path) -> dict[str, Any]:
    try:
        found = read_json(folder / MADE_BY)
    except DataError:
        return {}
    return found if isinstance(found, dict) else {}


def _names(folder: Path) -> list[str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return [path.relative_to(folder).as_posix() for path in files if path.name != MADE_BY]
