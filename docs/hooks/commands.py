"""Makes the page of the command line: every command's help, from the program itself."""

from __future__ import annotations

from collections.abc import Iterator

import typer.main
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files

from kavc.cli.main import app

PAGE = "reference/commands.md"
HEAD = """# Command line

Every command, as `kavc COMMAND --help` has it. Results go to standard output, progress to standard
error; a mistake is one line and exit code 2.
"""


def commands(command: typer.core.TyperCommand, path: str = "kavc") -> Iterator[tuple[str, object]]:
    """Yields (words, command) of every command that does something."""
    if isinstance(command, typer.core.TyperGroup):
        for name in command.list_commands(None):
            yield from commands(command.commands[name], f"{path} {name}")
    elif not command.hidden:
        yield path, command


def section(path: str, command: typer.core.TyperCommand) -> str:
    """Returns the Markdown of one command."""
    with command.make_context(path, [], resilient_parsing=True) as context:
        usage = " ".join(command.collect_usage_pieces(context))
    rows = [row for param in command.params if (row := _row(param))]
    table = ["| | what it is | default |", "|---|---|---|", *rows] if rows else []
    return "\n".join([f"## {path}", "", f"`{path} {usage}`", "", _plain(command.help), "", *table])


def _row(param: object) -> str:
    if getattr(param, "hidden", False):
        return ""
    argument = param.param_type_name == "argument"
    names = [param.name.upper()] if argument else [*param.opts, *param.secondary_opts]
    name = ", ".join(f"`{each}`" for each in names)
    value = param.default
    shown = value not in (None, (), [], "") and value is not False and not callable(value)  # 0 is
    default = f"`{value}`" if shown else ("required" if param.required else "")
    return f"| {name} | {_plain(param.help)} | {default} |"


def _plain(text: str | None) -> str:
    """Returns help as Markdown: the escapes of the terminal's styles go, HTML is text."""
    text = (text or "").replace("\\[", "[").replace("&", "&amp;").replace("<", "&lt;")
    return text.replace("|", "\\|").replace("*", "\\*")


@event_priority(100)
def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the page."""
    whole = typer.main.get_command(app)
    found = [("kavc", whole), *commands(whole)]
    text = "\n\n".join([HEAD, *(section(path, command) for path, command in found)])
    files.append(File.generated(config, PAGE, content=text))
    return files
