"""One model more in the text of a `models.config`, of which every character stays.

Nothing is printed anew: a text is cut at one place, the entry put in, and the whole parsed to see
that it says what it said, and the entry.
"""

from __future__ import annotations

import re
import textwrap

from kavc.errors import ConfigError
from kavc.serving.configs import add_model, models_text, parse_models

LIST = "model_config_list"
TOKEN = re.compile(
    r"""
    \#[^\n]* | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'  # comments and strings may hold brackets
    | (?P<word>[A-Za-z_]\w*) | (?P<open>[{<\[]) | (?P<close>[}>\]])
    """,
    re.VERBOSE,
)


def entry(name: str, base_path: str) -> str:
    """Returns what stands for a model in the list, as one line.

    >>> entry("ti-avc", "/models/ti-avc")
    'config { name: "ti-avc" base_path: "/models/ti-avc" model_platform: "tensorflow" }'
    """
    return " ".join(_lines(name, base_path).split())


def with_model(text: str, name: str, base_path: str) -> str | None:
    """Returns the text of a `ModelServerConfig` with a model added to its list.

    Args:
        text: such a message, in any layout.
        name, base_path: of the model.

    Returns:
        All characters of `text` in their order, and an entry among them; `text` itself if the name
        is listed; None if the entry can't be added so, as to a `custom_model_config`.

    Raises:
        ConfigError: `text` is no such message.

    Reference:
        TensorFlow Serving, `config/model_server_config.proto`.

    Example:
        >>> text = 'model_config_list { config { name: "a" base_path: "/models/a" } }  # mine'
        >>> with_model(text, "a", "/elsewhere") == text
        True
        >>> with_model(text, "b", "/models/b").endswith("# mine")
        True
    """
    wanted = parse_models(text)
    if wanted.WhichOneof("config") == "custom_model_config":
        return None
    if not add_model(wanted, name, base_path):
        return text
    added = _added(text, name, base_path)
    try:
        return added if parse_models(added) == wanted else None
    except ConfigError:
        return None


def _added(text: str, name: str, base_path: str) -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    end = _end_of_list(text)
    if end is None:
        gap = newline if text and not text.endswith("\n") else ""
        return text + gap + models_text({name: base_path}).replace("\n", newline)
    start = text.rfind("\n", 0, end) + 1
    indent = text[start:end]
    if indent.strip():  # the bracket shares its line with others
        gap = "" if text[end - 1].isspace() else " "
        return f"{text[:end]}{gap}{entry(name, base_path)} {text[end:]}"
    lines = textwrap.indent(_lines(name, base_path), f"{indent}  ").replace("\n", newline)
    return f"{text[:start]}{lines}{text[start:]}"


def _end_of_list(text: str) -> int | None:
    """Returns where the bracket stands that ends the list of models; None if there is no list."""
    depth, word, field = 0, "", ""
    for token in TOKEN.finditer(text):
        if token["word"] and not depth:
            word = token["word"]
        elif token["open"]:
            field = field if depth else word
            depth += 1
        elif token["close"]:
            depth -= 1
            if not depth and field == LIST:
                return token.start()
    return None


def _lines(name: str, base_path: str) -> str:
    inside = models_text({name: base_path}).partition("\n")[2].rpartition("}")[0]
    return textwrap.dedent(inside)
