"""What leaves a machine names none of its folders: paths become the last name in them."""

from __future__ import annotations

import re
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
    """Returns the last name of a path, also of "." and the like."""
    return Path(path).name or Path(path).resolve().name


def without_paths(value: Any) -> Any:
    """Returns text, or a nesting of lists and dicts, with a name for each absolute path.

    >>> without_paths(["kwai:/home/me/corpus/a.npz: damaged", "see https://example.org/a/b"])
    ['kwai:a.npz: damaged', 'see https://example.org/a/b']
    """
    if isinstance(value, str):
        return PATH.sub(r"\1", value)
    if isinstance(value, dict):
        return {key: without_paths(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [without_paths(each) for each in value]
    return value
