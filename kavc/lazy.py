"""Lazy package attributes (PEP 562): a name imports its module when it is first used.

TensorFlow takes seconds to import; `import kavc` and `kavc --help` must not wait for it.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
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
        The three module attributes. Sub-modules that are not exported are found too, as if they
        had been imported, since documentation names what they hold by its full path.

    Example:
        __getattr__, __dir__, __all__ = attach(__name__, {"Table": ".table"})
    """

    def getattr_(name: str) -> Any:
        where = exports.get(name, f".{name}")
        if name not in exports and not _is_module(package + where):
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = importlib.import_module(where, package)
        return module if where == f".{name}" else getattr(module, name)

    return getattr_, lambda: sorted(exports), sorted(exports)


def _is_module(path: str) -> bool:
    private = path.rpartition(".")[2].startswith("_")  # what tools ask every object for
    with contextlib.suppress(ModuleNotFoundError):  # the name above it is a module, no package
        return not private and importlib.util.find_spec(path) is not None
    return False
