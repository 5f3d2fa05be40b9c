"""Where the trained networks that ship lie."""

from __future__ import annotations

from pathlib import Path

from kavc.errors import ConfigError, unknown

ROOT = Path(__file__).parent


def names() -> list[str]:
    """Returns the names of all trained networks that ship, as "SYSTEM/NAME".

    >>> "cross-modal-embedding/youtube8m" in names()
    True
    """
    return sorted(file.parent.relative_to(ROOT).as_posix() for file in ROOT.glob("*/*/config.json"))


def folder(name: str) -> Path:
    """Returns the folder of one, which `kavc.load_run` opens.

    Args:
        name: one of `names()`.

    Raises:
        ConfigError: there is none of that name.

    Example:
        >>> (folder("cross-modal-embedding/youtube8m") / "config.json").is_file()
        True
        >>> folder("cross-modal-embedding/youtube")
        Traceback (most recent call last):
            ...
        kavc.errors.ConfigError: unknown trained preset ...
    """
    if name not in names():
        raise ConfigError(unknown("trained preset", name, names()))
    return ROOT / name
