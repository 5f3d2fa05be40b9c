"""Arrays in files: a request's inputs from .npz or .json, a response's outputs to either.

What goes into a float input must be floats. Features are published as codes of 0 to 255, for which
a network gives answers, wrong ones, without complaint; so arrays of whole numbers are refused.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kavc.errors import ConfigError, DataError
from kavc.files import write_json, write_npz
from kavc.inputs.arrays import read_npz
from kavc.inputs.json_files import read_json
from kavc.serving.interface import MAX_MESSAGE_BYTES
from kavc.texts import listed, quoted

MAX_BYTES = MAX_MESSAGE_BYTES
KINDS = (".npz", ".json")
LARGEST_WHOLE = 10  # beyond any dequantised (2) or standardised feature that is a whole number
NO_FLOATS = (
    "floats; dequantise codes such as 0 to 255, or write true whole numbers as floats (1.0, "
    "astype('float32'))"
)


class Listed(np.ndarray):
    """An array that was nested lists, whose whole numbers may stand for floats: JSON has 1 for 1.0.

    Make it with `numpy.asarray(lists).view(Listed)`.

    >>> is_no_float(np.array([[1, 2]])), is_no_float(np.array([[1, 2]]).view(Listed))
    (True, False)
    """


def is_no_float(value: object) -> bool:
    """Returns whether what is meant for floats is whole numbers, as quantised features are.

    Arrays of an integer or boolean dtype are. Nested lists may be whole numbers as far as none is
    beyond -10 to 10, and no truth values.

    >>> is_no_float(np.zeros(2, "uint8")), is_no_float([0, 1]), is_no_float([0, 255])
    (True, False, True)

    Args:
        value: array or nested lists, rectangular.
    """
    array = np.asarray(value)
    listed = isinstance(value, Listed) or not hasattr(value, "dtype")
    if array.dtype.kind == "i" and array.dtype == np.int_ and listed and array.size:
        return bool(array.max() > LARGEST_WHOLE or array.min() < -LARGEST_WHOLE)
    return array.dtype.kind in "biu"


def load_inputs(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Reads the inputs of one request.

    Args:
        path: .npz with one array an input; or .json with one object, input name to nested lists,
            `{"audio": [[[0.1, ...], ...]], "theme": [3]}`. Every input has a batch axis in front.
            At most 256 MiB unpacked (JSON: 8 MiB of text).

    Returns:
        Input name to array. From JSON: float64, int64, bool or text, as `Listed`; the client casts
        them to what the signature says.

    Raises:
        DataError: the file is missing, too large, of another kind, pickled, ragged or damaged.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "inputs.json")
        ...     _ = path.write_text('{"audio": [[0.5, 1]], "theme": [3]}')
        ...     inputs = load_inputs(path)
        >>> inputs["audio"].dtype, inputs["theme"].tolist()
        (dtype('float64'), [3])
    """
    path = Path(path)
    _check_kind(path)
    arrays = read_npz(path, most=MAX_BYTES) if path.suffix == ".npz" else _read_json(path)
    if not arrays:
        raise DataError(f"{path}: holds no input")
    return arrays


def feature_rows(features: Mapping[str, Any], name: str, widths: Mapping[str, int]) -> np.ndarray:
    """Returns one array of the features of a video, a row a second, checked by itself.

    Args:
        features: name to array of floats or nested lists.
        name: of the array.
        widths: name to width of what a network takes.

    Returns:
        (seconds, width) float32.

    Raises:
        DataError: it is missing, of another shape or width, of whole numbers or not finite.

    Example:
        >>> feature_rows({"audio": [[0.5, 1.0]]}, "audio", {"audio": 2}).shape
        (1, 2)
        >>> feature_rows({"audio": [[[0.5, 1.0]]]}, "audio", {"audio": 2})
        Traceback (most recent call last):
            ...
        kavc.errors.DataError: 'audio' is float64 of shape (1, 1, 2); expected ...
    """
    if name not in features:
        raise DataError(
            f"no array {name!r} among {listed(features)}; the network takes {', '.join(widths)}"
        )
    array = np.asarray(features[name])
    wanted = f"{name!r} is {array.dtype} of shape {array.shape}; expected (seconds, {widths[name]})"
    if array.ndim != 2 or array.shape[1] != widths[name]:
        cure = "; leave its batch axis out" if array.ndim == 3 and len(array) == 1 else ""
        raise DataError(f"{wanted}, of one video{cure}")
    if is_no_float(features[name]):
        raise DataError(f"{wanted}, {NO_FLOATS}")
    if array.dtype.kind not in "fi":
        raise DataError(f"{wanted}, floats")
    with np.errstate(over="ignore"):
        array = array.astype(np.float32)
    if not np.isfinite(array).all():
        raise DataError(f"{name!r} holds NaN, infinite values, or such as float32 does not hold")
    return array


def save_outputs(path: str | os.PathLike, outputs: Mapping[str, np.ndarray]) -> None:
    """Writes the outputs of one request, whole or not at all.

    Args:
        path: .npz or .json; must be new.
        outputs: name to array; strings are written as text.

    Raises:
        DataError: another suffix; or JSON of values that are not finite, which it can't hold.
        ConfigError: the file exists.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_outputs(f"{folder}/outputs.json", {"match_score": np.array([[0.5]])})
        ...     "".join(Path(folder, "outputs.json").read_text().split())
        '{"match_score":[[0.5]]}'
    """
    path = Path(path)
    check_new(path)
    arrays = {name: _text(np.asarray(value)) for name, value in outputs.items()}
    if path.suffix == ".npz":
        write_npz(path, arrays)
        return
    for name, value in arrays.items():
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            where = f"output {quoted(name)}"
            raise DataError(f"{where} is not finite, which JSON can't hold; write .npz")
    write_json(path, {name: value.tolist() for name, value in arrays.items()})


def check_new(path: str | os.PathLike) -> None:
    """Raises unless outputs can be written to a file: before they are computed.

    Raises:
        DataError: its name ends in neither .npz nor .json.
        ConfigError: it exists.

    Example:
        >>> check_new("outputs.txt")
        Traceback (most recent call last):
            ...
        kavc.errors.DataError: outputs.txt: expected a name that ends in .npz or .json
    """
    path = Path(path)
    _check_kind(path)
    if os.path.lexists(path):
        raise ConfigError(f"{path}: exists; choose another name or remove it")


def _check_kind(path: Path) -> None:
    if path.suffix not in KINDS:
        raise DataError(f"{path}: expected a name that ends in {' or '.join(KINDS)}")


def _read_json(path: Path) -> dict[str, np.ndarray]:
    content = read_json(path)
    if not isinstance(content, dict):
        raise DataError(f"{path}: expected one object, input name to nested lists")
    return {name: _array(path, name, value) for name, value in content.items()}


def _array(path: Path, name: str, value: object) -> np.ndarray:
    try:
        array = np.asarray(value)
    except (ValueError, OverflowError):
        array = np.asarray(None)
    if array.dtype.kind not in "biufU":
        raise DataError(
            f"{path}: {quoted(name)} is not a rectangular nesting of lists of numbers or of strings"
        )
    return array.view(Listed)


def _text(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind not in "OS":
        return array
    words = [w.decode(errors="replace") if isinstance(w, bytes) else str(w) for w in array.flat]
    return np.array(words, dtype=str).reshape(array.shape)
