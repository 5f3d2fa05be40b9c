"""What the README and the pages of `docs/` have a reader type, and what they say is not typed.

Commands are lines indented by four spaces, or in a fence of `sh`; snippets are fences of `python`
and `json`. A comment `<!-- not typed: why -->` before a block leaves it out.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
RESULTS = DOCS / "results"  # whose commands take hours: they are looked at, not typed
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
# Pages beside these, for who sees that folder alone: what they name exists, and nothing is typed.
FOLDERS = [ROOT / name / "README.md" for name in ("benchmarks", "export", "notebooks", "tuning")]
# What a reader's own shell does: environments, and the commands that a comparison begins with.
EXCEPTED = ("make ", ". .venv/bin/activate", "pip install ")

FENCE = re.compile(r"```(\w*)$")
NOT_TYPED = re.compile(r"<!-- not typed: (.*) -->$")
COMMENT = re.compile(r"\s+# .*")


@dataclass(frozen=True)
class Block:
    """What stands in one block of code.

    Args:
        kind: "sh", "python", "json" or another fence's word.
        text: its lines, without indentation.
        why: why it is not typed; empty if it is.
    """

    kind: str
    text: str
    why: str = ""

    @property
    def lines(self) -> list[str]:
        """A shell's lines, those that end in a backslash joined, without comments."""
        joined = self.text.replace("\\\n", " ")
        return [COMMENT.sub("", line) for line in joined.splitlines() if line.strip()]


def blocks(text: str) -> Iterator[Block]:
    """Yields the blocks of code of a page, in order."""
    lines, at, why = [*text.splitlines(), ""], 0, ""
    while at < len(lines):
        line, end = lines[at], at + 1
        if fence := FENCE.match(line):
            end = lines.index("```", at + 1)
            yield Block(fence[1], "\n".join(lines[at + 1 : end]) + "\n", why)
            end, why = end + 1, ""
        elif line.startswith("    ") and not lines[at - 1].strip():
            while lines[end].startswith("    "):
                end += 1
            yield Block("sh", "\n".join(each[4:] for each in lines[at:end]), why)
            why = ""
        elif line.strip():
            match = NOT_TYPED.match(line)
            why = match[1] if match else ""
        at = end


def name_of(page: Path) -> str:
    """Returns a page's path in the repository."""
    return page.relative_to(ROOT).as_posix()


def steps(page: Path) -> list[tuple[str, str]]:
    """Returns what a reader types, in order: ("kavc", line), ("python", code), ("json", text).

    A line that is no command of ours is ("other", line).
    """
    found = []
    for block in () if page.is_relative_to(RESULTS) else blocks(page.read_text("utf-8")):
        if block.why:
            continue
        if block.kind in ("python", "json"):
            found.append((block.kind, block.text))
        for line in block.lines if block.kind == "sh" else ():
            if not line.startswith(EXCEPTED):
                found.append(("kavc" if line.startswith("kavc ") else "other", line))
    return found


def commands(page: Path) -> Iterator[list[str]]:
    """Yields the words of every line of `kavc` or `python` on a page, typed or not."""
    for block in blocks(page.read_text("utf-8")):
        for line in block.lines if block.kind == "sh" else ():
            if line.startswith(("kavc ", "python ")):
                yield shlex.split(line)
