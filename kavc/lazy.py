"""Lazy package attributes (PEP 562): a name imports its module when it is first used.

TensorFlow takes seconds to import; `import kavc` and `kavc --help` must not wait for it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def attach(
    package: str, exports: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Makes `__getattr__`, `__dir__` and `__all__` of a package whose names live in modules below.

    Args:
        package: name of the package, `__name__`.
        exports: public name to the module, relative to the package, that defines it. A name that
            maps to itself with a leading dot is a sub-module.

    Returns:
        The three module attributes.

    Example:
        __getattr__, __dir__, __all__ = attach(__name__, {"Table": ".table"})
    """

    def getattr_(name: str) -> Any:
        if name not in exports:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = importlib.import_module(exports[name], package)
        return module if exports[name] == f".{name}" else getattr(module, name)

    return getattr_, lambda: sorted(exports), sorted(exports)
