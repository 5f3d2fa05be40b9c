"""Makes the API reference: a page for each public package, of the names that it exports.

The packages are lazy, and what documents them reads files without importing them; so each name is
followed to the module that defines it, by the table that its package gave to `kavc.lazy.attach`.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
import re
from collections.abc import Iterator, Mapping

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files

SECTION = "API reference"
INNER = ("kavc.cli", "kavc.app", "kavc.inputs", "kavc.serving.server", "kavc.serving.inspection")
BLOCK = """
[](){{ #{public} }}

::: {defined}
    options:
      heading: {name}
      toc_label: {name}
"""


def exports(package: str) -> Mapping[str, str] | None:
    """Returns a package's public names and their modules; None if it has no such table."""
    getter = getattr(importlib.import_module(package), "__getattr__", None)
    return inspect.getclosurevars(getter).nonlocals["exports"] if getter else None


def packages(root: str = "kavc") -> Iterator[str]:
    """Yields the public packages that export names, the outer ones first."""
    if exports(root) is not None:
        yield root
    for module in pkgutil.iter_modules(importlib.import_module(root).__path__, f"{root}."):
        if module.ispkg and module.name not in INNER:
            yield from packages(module.name)


def defined(package: str, name: str) -> str:
    """Returns the full path under which `package.name` is defined."""
    where = exports(package)[name]
    module = importlib.util.resolve_name(where, package)
    if where == f".{name}":
        return module
    spec = importlib.util.find_spec(module)
    if spec and spec.submodule_search_locations is not None:
        return defined(module, name)
    return f"{module}.{name}"


def homes() -> dict[str, str]:
    """Returns the package on whose page each definition is: the first one that exports it."""
    found: dict[str, str] = {}
    for package in packages():
        for name in exports(package):
            found.setdefault(defined(package, name), package)
    return found


def page_of(package: str, home: Mapping[str, str]) -> str:
    """Returns the Markdown of a package's page: its docstring, sub-packages, and each name."""
    parts = [f"# {package}\n", *_introduction(importlib.import_module(package).__doc__)]
    elsewhere, here, public = [], [], set(packages())
    for name in sorted(exports(package), key=str.lower):
        path = defined(package, name)
        if path in public:
            elsewhere.append(f"- [`{path}`]({path}.md)")
        elif home[path] != package:
            elsewhere.append(f"- [`{name}`]({home[path]}.md#{home[path]}.{name})")
        else:
            here.append(BLOCK.format(name=name, public=f"{package}.{name}", defined=path))
    return "\n".join([*parts, "\n".join(elsewhere), *here])


def _introduction(docstring: str | None) -> Iterator[str]:
    """Yields the paragraphs of a docstring; a listing in columns becomes a block of code."""
    for paragraph in inspect.cleandoc(docstring or "").split("\n\n"):
        listing = any(re.search(r"\S {3,}\S|^ ", line) for line in paragraph.splitlines())
        yield f"```text\n{paragraph}\n```\n" if listing else f"{paragraph}\n"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Lists the pages in the navigation, where the section of this name stands."""
    section = next(each for each in config.nav if SECTION in each)
    section[SECTION] += [{name: f"reference/{name}.md"} for name in packages()]
    return config


@event_priority(100)
def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages."""
    home = homes()
    for name in packages():
        content = page_of(name, home)
        files.append(File.generated(config, f"reference/{name}.md", content=content))
    return files
