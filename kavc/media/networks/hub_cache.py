"""Where a SavedModel lies: a folder here, or the copy that TensorFlow Hub keeps of a handle."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from pathlib import Path
from typing import Any

from kavc.errors import ConfigError, DataError
from kavc.inputs.opening import named
from kavc.serving.versions import GRAPH

HANDLE = re.compile(r"(https?):/+(.+)")
CACHE = "TFHUB_CACHE_DIR"
LONGEST = 300  # characters of what TensorFlow Hub says


def handle_of(text: str | Path) -> str | None:
    """Returns a handle of TensorFlow Hub, or None for a path. A `Path` may have lost its slash.

    >>> handle_of("https:/tfhub.dev/google/vggish/1"), handle_of("models/vggish")
    ('https://tfhub.dev/google/vggish/1', None)
    """
    found = HANDLE.fullmatch(os.fspath(text))
    return f"{found[1]}://{found[2]}" if found else None


def local_folder(text: str | Path, *, download: bool = False) -> Path:
    """Returns the folder of a SavedModel.

    Args:
        text: a folder, which needs no TensorFlow Hub; or a handle.
        download: whether a handle that isn't in the cache is fetched.

    Raises:
        DataError: there is no SavedModel, or a handle is in no cache; says where it belongs.
        ConfigError: TensorFlow Hub isn't installed.
    """
    handle = handle_of(text)
    folder = Path(text) if handle is None else _resolved(handle, download)
    if not (folder / GRAPH).is_file():
        raise DataError(f"{named(text)}: no SavedModel; expected a folder with {GRAPH}")
    return folder.resolve()


def cached_folder(handle: str) -> Path:
    """Returns where TensorFlow Hub keeps a handle, whether it is there or not.

    >>> cached_folder("https://tfhub.dev/google/vggish/1").name
    'a2d9c70b5c312dce4d2cde46297518f806bd50d0'
    """
    cache = os.environ.get(CACHE) or Path(tempfile.gettempdir()) / "tfhub_modules"
    return Path(cache) / hashlib.sha1(handle.encode()).hexdigest()


def _resolved(handle: str, download: bool) -> Path:
    there = cached_folder(handle)
    if not (download or there.is_dir()):
        raise DataError(
            f"{handle}: not in TensorFlow Hub's cache; fetch {handle}?tf-hub-format=compressed and"
            f" unpack it as {named(there)} ({CACHE} says where the cache is), or set download=true"
        )
    hub = _library()
    try:
        return Path(os.fsdecode(hub.resolve(handle)))
    except Exception as error:  # of the network, of archives, of file systems
        reason = " ".join(str(error).split())[:LONGEST] or type(error).__name__
        raise DataError(
            f"{handle}: TensorFlow Hub can't fetch it ({reason}); unpack it as {named(there)}"
        ) from None


def _library() -> Any:
    try:
        import tensorflow_hub
    except ImportError as error:
        raise ConfigError(
            f"a handle of TensorFlow Hub needs a package that is not installed ({error}); pip "
            "install 'kavc[media]', or give the folder of the SavedModel"
        ) from None
    return tensorflow_hub
