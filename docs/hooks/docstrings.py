"""Has the house's docstrings shown as they are meant: examples as code, call arguments as a list.

Google's style, which is read here, knows neither `Example:` with bare code nor `Call arguments:`.
"""

from __future__ import annotations

import inspect
import re
import textwrap

import griffe

SECTION = re.compile(r"^(Example|Call arguments|Attributes):\n((?:(?:    .*)?\n?)+)", re.MULTILINE)
ITEM = re.compile(r"^(\w[\w, ]*): ", re.MULTILINE)
SESSION = re.compile(r"^>>> (?:.+\n?)+", re.MULTILINE)  # outside of a section
NO_BREAK = "\u00a0"  # what would follow a space counts as an attribute's type


def _shown(match: re.Match[str]) -> str:
    body = textwrap.dedent(match[2]).strip("\n")
    if match[1] == "Call arguments":
        listed = ITEM.sub(r"- `\1`: ", body)
        return f"Call arguments:\n{textwrap.indent(listed, '    ')}\n\n"
    if match[1] == "Attributes":
        joined = ITEM.sub(lambda item: item[0].replace(", ", f",{NO_BREAK}"), body)
        return f"Attributes:\n{textwrap.indent(joined, '    ')}\n\n"
    code = body if ">>>" in body else f"```python\n{body}\n```"
    return f"Examples:\n{textwrap.indent(code, '    ')}\n\n"


class HouseStyle(griffe.Extension):
    """Rewrites each docstring once, when it was read."""

    def on_object(self, *, obj: griffe.Object, **_: object) -> None:
        """Is called with every module, class, function and attribute."""
        if obj.docstring:
            text = SECTION.sub(_shown, inspect.cleandoc(obj.docstring.value))
            obj.docstring.value = SESSION.sub(r"```pycon\n\g<0>\n```\n", text)
