"""What leaves a machine names none of its folders: paths become the last name in them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

# An absolute path, but for what follows a colon's "//", as an address in the web does.
PATH = re.compile(r"(?<![\w/.~)\]])/(?:[^\s/:;,'\"`()\[\]]+/)*([^\s/:;,'\"`()\[\]]+)/?")


def source_name(text: str) -> str:
    """Returns LAYOUT:NAME for the LAYOUT:PATH of a data source.

    >>> source_name("kwai:/home/me/corpus")
    'kwai:corpus'
    """
    layout, colon, path = text.partition(":")
    return f"{layout}{colon}{file_name(path)}"


def file_name(path: str) -> str:
    """Returns the last name of a path, also of "." and the like.

    >>> file_name("/home/me/corpus/")
    'corpus'
    """
    return Path(path).name or Path(path).resolve().name


def without_paths(value: Any, known: Iterable[str | os.PathLike] = ()) -> Any:
    """Returns text, or a nesting of lists and dicts, with a name for each absolute path.

    Args:
        value: what is to leave the machine.
        known: folders and files that it may name, whose names may hold spaces and brackets, by
            which no pattern knows a path; this user's home and the current folder, too.

    >>> without_paths(["kwai:/home/me/corpus/a.npz: damaged", "see https://example.org/a/b"])
    ['kwai:a.npz: damaged', 'see https://example.org/a/b']
    """
    if isinstance(value, str):
        for path in sorted(_unusual([*known, Path.home(), Path.cwd()]), key=len, reverse=True):
            value = re.sub(rf"(?<![\w.]){re.escape(path)}/", "", value)
            name = Path(path).name.replace("\\", r"\\")
            value = re.sub(rf"(?<![\w.]){re.escape(path)}\b", name, value)
        return PATH.sub(r"\1", value)
    if isinstance(value, dict):
        return {key: without_paths(each, known) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [without_paths(each, known) for each in value]
    return value


def _unusual(paths: Iterable[str | os.PathLike]) -> set[str]:
    """Returns those paths, in full, and folders above them that the pattern does not match."""
    whole = {Path(path).absolute() for path in paths if os.fspath(path)}
    above = {str(path) for one in whole for path in (one, *one.parents) if path != path.parent}
    return {path for path in above if not PATH.fullmatch(path)}
