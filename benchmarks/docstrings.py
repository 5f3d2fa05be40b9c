"""How many public docstrings have an example, and how many name where it is published.

    python benchmarks/docstrings.py [--missing example|reference] [--under kavc/metrics]

Public is a function, class or method whose name, and whose class's and module's, begins with no
underscore, and that has a docstring. An example is a doctest (`>>>`), which `make test` runs, or a
section `Example:`. A reference is a section `Reference:`, or a mention of a section, equation,
figure, table or algorithm by its number, of an author with a year, of an arXiv id, a DOI or an RFC.
"""

from __future__ import annotations

import argparse
import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kavc.evaluation.table import Column, Table

ROOT = Path(__file__).parent.parent
EXAMPLE = re.compile(r"^\s*(>>> |Examples?:\s*$)", re.MULTILINE)
REFERENCE = re.compile(
    r"^\s*References?:\s*$"
    r"|\b([Ss]ections?|[Ee]quations?|[Ff]igures?|[Tt]ables?|[Aa]lgorithms?) \(?[0-9A-Z]+(\.\d+)*\)?"
    r"|\b[A-Z]\w+( et al\.| and [A-Z]\w+)?,? \(?(19|20)\d\d\)?\b"
    r"|arXiv|\bdoi\b|\bRFC \d+",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Documented:
    """A public docstring: where it stands and what it has."""

    place: str
    package: str
    example: bool
    reference: bool


def documented(folder: Path = ROOT / "kavc") -> Iterator[Documented]:
    """Yields the public docstrings of a folder's modules, or of one module."""
    for file in [folder] if folder.is_file() else sorted(folder.rglob("*.py")):
        module = file.relative_to(ROOT)
        if any(part.startswith("_") and part != "__init__.py" for part in module.parts):
            continue
        for name, node in _public(ast.parse(file.read_text(encoding="utf-8")).body):
            if text := ast.get_docstring(node):
                package = ".".join(module.parts[:2]).removesuffix(".py")
                example, reference = (bool(each.search(text)) for each in (EXAMPLE, REFERENCE))
                yield Documented(f"{module}:{node.lineno} {name}", package, example, reference)


def _public(
    body: list[ast.stmt], within: str = ""
) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]]:
    for node in body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if not node.name.startswith("_"):
            yield within + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from _public(node.body, f"{within}{node.name}.")


def shares(found: list[Documented]) -> tuple[float, float]:
    """Returns the shares with an example and with a reference, in per cent."""
    count = len(found)
    return tuple(  # type: ignore[return-value]
        100 * sum(getattr(each, kind) for each in found) / count
        for kind in ("example", "reference")
    )


def main() -> None:
    """Prints the shares of each package, or what lacks an example or a reference."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--missing", choices=("example", "reference"))
    parser.add_argument("--under", type=Path, default=ROOT / "kavc")
    options = parser.parse_args()
    found = list(documented(options.under.resolve()))
    if options.missing:
        print("\n".join(each.place for each in found if not getattr(each, options.missing)))
        return
    packages: dict[str, list[Documented]] = defaultdict(list)
    for each in found:
        packages[each.package].append(each)
    rows = [(name, len(own), *shares(own)) for name, own in packages.items()]
    columns = ["package", Column("docstrings", "d")]
    columns += [Column(name, ".1f", "%") for name in ("with an example", "with a reference")]
    print(Table("docstrings", columns, [*rows, ("all", len(found), *shares(found))]).to_markdown())


if __name__ == "__main__":
    main()
