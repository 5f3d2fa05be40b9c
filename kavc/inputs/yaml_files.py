"""YAML in files of others: plain values, as JSON has them, within limits.

PyYAML is an extra: it is imported when it is needed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from kavc.errors import DataError, KavcError
from kavc.inputs.opening import Path, named, read_text

if TYPE_CHECKING:
    import yaml

MAX_BYTES = 16 * 2**10  # PyYAML reads some 30 KiB of short values a second
DEEPEST = 10
INT, FLOAT = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"
# What YAML 1.1 takes for other numbers than are written: 1:30 for 90, 010 for 8, 1_0 for 10.
ODD = re.compile(r"[-+]?(.*[:_].*|0[0-9xb].*)")
MOST_DIGITS = 20  # of a whole number of 64 bits, with its sign


def read_yaml(path: Path, *, most: int = MAX_BYTES, error: type[KavcError] = DataError) -> Any:
    """Reads a YAML file.

    Args:
        path: of the file, UTF-8.
        most: bytes that it may have. Defaults to 16 KiB.
        error: what is raised.

    Raises:
        KavcError: of the kind `error`: as `kavc.inputs.opening.read_text`, or as `parse_yaml`.
    """
    return parse_yaml(read_text(path, most=most, error=error), named(path), error=error)


def parse_yaml(text: str, where: str, *, error: type[KavcError] = DataError) -> Any:
    """Reads YAML from text.

    Args:
        text: one document. No aliases, which can make little text very large, nor tags.
        where: names it in messages.
        error: what is raised.

    Raises:
        KavcError: of the kind `error`: it is no such YAML, is nested deeper than 10, names a key
            twice, or holds a number that YAML reads as another one than is written.

    Reference:
        YAML 1.1 (Ben-Kiki, Evans and Ingerson, 2005), less aliases, tags and odd forms of numbers.

    Example:
        >>> parse_yaml("{lr: 0.001, layers: [450, 200]}", "options.yaml")
        {'lr': 0.001, 'layers': [450, 200]}
    """
    import yaml

    try:
        _check_tokens(text)
        node = yaml.compose(text, yaml.SafeLoader)
        if node is None:
            return None
        _check_node(node)
        return yaml.SafeLoader("").construct_document(node)
    except (yaml.YAMLError, ValueError, OverflowError) as fault:
        raise error(f"{where}: not readable as YAML ({_reason(fault)})") from None


def _check_tokens(text: str) -> None:
    """Looks at the text alone, before anything is made of it."""
    import yaml

    opening = (
        yaml.FlowSequenceStartToken,
        yaml.FlowMappingStartToken,
        yaml.BlockSequenceStartToken,
        yaml.BlockMappingStartToken,
    )
    closing = (yaml.FlowSequenceEndToken, yaml.FlowMappingEndToken, yaml.BlockEndToken)
    depth = 0
    for token in yaml.scan(text, yaml.SafeLoader):
        depth += isinstance(token, opening) - isinstance(token, closing)
        line = token.start_mark.line + 1
        if depth > DEEPEST:
            raise ValueError(f"line {line}: nested too deeply")
        if isinstance(token, yaml.AliasToken):
            raise ValueError(f"line {line}: an alias (*name); write its value out")
        if isinstance(token, yaml.TagToken):
            raise ValueError(f"line {line}: a tag (!name); write a plain value")


def _check_node(node: yaml.Node) -> None:
    import yaml

    line = f"line {node.start_mark.line + 1}"
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            at = f"line {key.start_mark.line + 1}"
            if not isinstance(key, yaml.ScalarNode):
                raise ValueError(f"{at}: a key that is no plain word")
            if key.value in seen:
                raise ValueError(f"{at}: {key.value[:40]!r} stands twice")
            seen.add(key.value)
            _check_node(key)
            _check_node(value)
    elif isinstance(node, yaml.SequenceNode):
        for each in node.value:
            _check_node(each)
    elif node.tag in (INT, FLOAT) and ODD.fullmatch(node.value):
        raise ValueError(f"{line}: {node.value[:40]} would be read as another number; write it in"
                         " decimal digits, or in quotes if it is text")  # fmt: skip
    elif node.tag == INT and len(node.value) > MOST_DIGITS:
        raise ValueError(f"{line}: a whole number of {len(node.value)} digits")


def _reason(fault: Exception) -> str:
    mark, problem = getattr(fault, "problem_mark", None), getattr(fault, "problem", None)
    if mark is None or problem is None:
        return " ".join(str(fault).split())
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}"
