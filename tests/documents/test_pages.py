"""What pages name exists: commands, their options, scripts; and what is not typed says why."""

from __future__ import annotations

import re

import pytest
import typer.main
from typer.core import TyperGroup

from kavc.cli.main import app

from .pages import FOLDERS, PAGES, ROOT, blocks, commands, name_of

ROOT_COMMAND = typer.main.get_command(app)
WHOLE = {"--help"} | {name for param in ROOT_COMMAND.params for name in param.opts}


def options_of(words: list[str]) -> tuple[set[str], set[str]]:
    """Returns (options that a line of `kavc` names, options that its command has)."""
    command, rest = ROOT_COMMAND, [word for word in words[1:] if word not in WHOLE]
    while isinstance(command, TyperGroup) and rest and not rest[0].startswith("-"):
        name, *rest = rest
        assert name in command.commands, f"there is no command {' '.join(words)}"
        command = command.commands[name]
    known = {each for param in command.params for each in (*param.opts, *param.secondary_opts)}
    return {word.partition("=")[0] for word in rest if word.startswith("--")}, known


@pytest.mark.parametrize("page", PAGES + FOLDERS, ids=name_of)
def test_commands_and_scripts_of_a_page_exist(page):
    for words in commands(page):
        if words[0] == "kavc":
            named, known = options_of(words)
            assert named <= known, f"{' '.join(words)}: {sorted(named - known)}"
        elif words[1] not in ("-c", "-m"):
            assert (ROOT / words[1]).is_file(), " ".join(words)


def test_an_unknown_option_is_found():
    named, known = options_of(["kavc", "data", "describe", "x", "--stickt"])
    assert named - known == {"--stickt"}
    with pytest.raises(AssertionError, match="no command"):
        options_of(["kavc", "data", "discribe"])


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_what_is_not_typed_says_why(page):
    """Reasons are short sentences; a comment before no block would leave nothing out."""
    text = page.read_text("utf-8")
    reasons = [block.why for block in blocks(text) if block.why]
    assert all(len(reason.split()) >= 2 for reason in reasons)
    assert len(reasons) == text.count("<!-- not typed: ")


@pytest.mark.parametrize("page", [ROOT / "README.md", *FOLDERS], ids=name_of)
def test_links_of_a_page_outside_the_site_lead_to_files(page):
    """Those of `docs/` are checked when the site is built."""
    targets = re.findall(r"\]\((?!\w+:|#)([^)\s#]+)", page.read_text("utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []
