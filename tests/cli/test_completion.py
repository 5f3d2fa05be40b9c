"""What a shell is told when it asks, by the variables with which Typer's completion asks."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from kavc.cli import completion
from kavc.systems.registry import get, names

# Shells and words to be completed come as arguments; prints a line of JSON each: what the shell is
# told, and what was loaded by then.
SCRIPT = """
import contextlib, io, json, os, sys
from kavc.cli.main import main
for shell, words in json.loads(sys.argv.pop()):
    line = " ".join(["kavc", *words])
    os.environ.update(_KAVC_COMPLETE=f"complete_{shell}", _TYPER_COMPLETE_ARGS=line)
    os.environ.update(COMP_WORDS=line, COMP_CWORD=str(len(words)))
    sys.argv = ["kavc"]
    with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.suppress(SystemExit):
        main()
    loaded = sorted({"tensorflow", "keras", "pandas", "h5py"} & set(sys.modules))
    print(json.dumps([said.getvalue(), loaded]))
"""
BREAKS = re.compile("([:=])")  # at which Bash begins another word
ASKED = {
    ("trai",): ["train"],
    ("data", "desc"): ["describe"],
    ("train", "ti-avc", "--da"): ["--data"],
    ("train", ""): names(),
    ("systems", "ms"): ["ms-vae"],
    ("tune", "run", "music"): ["music-match"],
    ("extract", "--for", "av"): ["av-parsing"],
    ("train", "ti-avc", "--preset", ""): sorted(get("ti-avc").Config.PRESETS),
    ("train", "ti-avx", "--preset", ""): [],
    ("train", "ti-avc", "--set", "learning"): ["learning_rate="],
    ("train", "ti-avc", "--data", "feat"): ["features:"],
    ("data", "describe", "you"): ["youtube8m:"],
    ("train", "ti-avc", "--data", "features:{}/"): ["features:{}/one/", "features:{}/two/"],
    ("train", "ti-avc", "--data", "features:{}/t"): ["features:{}/two/"],
    ("train", "ti-avc", "--data", "features:{}/no/"): [],
    ("extract", "--audio", "v"): ["vggish"],
    ("extract", "--visual", "vgg"): ["vgg-19"],
    ("extract", "--array", "sound=vgg"): ["sound=vgg-19", "sound=vggish"],
    ("extract", "--array", "soun"): [],
    ("predict", "pre"): ["preset:cross-modal-embedding/youtube8m"],
    ("predict", ""): [],  # the shell's own: folders
    ("index", "build", "run", "--modality", "a"): ["audio"],
    ("tune", "run", "ti-avc", "--tuner", "b"): ["bayesian"],
    ("predict", "preset:cro"): ["preset:cross-modal-embedding/youtube8m"],
    ("predict", "--timeout", ""): [],
    ("data", "ratings", "you"): [],
    ("data", "convert", "--array", "new=vgg"): [],
    ("data", "synth", "ti-avc", "--set", "learning"): [],
    ("extract", "--for", "ti-avc", "--set", "learning"): [],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("beneath")
    for name in ("one", "two", ".hidden"):
        (folder / name).mkdir()
    (folder / "file").touch()
    return folder


@pytest.fixture(scope="module")
def offered(folder):
    """Asks everything in one process; shell and words to what is offered and what was loaded."""
    asked = [("zsh", words) for words in ASKED] + [("bash", words) for words in ASKED]
    typed = [(shell, _split(shell, [w.format(folder) for w in words])) for shell, words in asked]
    command = [sys.executable, "-c", SCRIPT, json.dumps(typed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    lines = map(json.loads, done.stdout.splitlines())
    told = [
        (READ[shell](said), loaded) for (shell, _), (said, loaded) in zip(asked, lines, strict=True)
    ]
    return dict(zip(asked, told, strict=True))


def _split(shell, words):
    """Returns words as a shell has them."""
    if shell == "zsh":
        return words
    return [part for word in words for part in (list(filter(None, BREAKS.split(word))) or [""])]


def _of_zsh(said):
    """Returns the names of `_arguments '*: :(("NAME":"about"\\n...))'`; of `_files` none."""
    if said.strip() == "_files":
        return []
    lines = said.strip().removeprefix("_arguments '*: :((").removesuffix("))'").splitlines()
    return [line.split('"')[1].replace(r"\\:", ":") for line in lines]


READ = {"zsh": _of_zsh, "bash": str.split}


@pytest.mark.parametrize("words", ASKED, ids=" ".join)
@pytest.mark.parametrize("shell", READ)
def test_what_is_offered_and_that_nothing_slow_is_loaded(offered, folder, shell, words):
    known = [] if shell == "bash" and BREAKS.search("".join(words)) else ASKED[words]
    assert offered[shell, words] == ([name.format(folder) for name in known], [])


def test_a_completer_that_fails_offers_nothing():
    def fail(context, incomplete):
        raise RuntimeError

    assert completion._complete(fail, None, "") == []


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_are_told_what_it_is(cli, monkeypatch, shell):
    monkeypatch.setenv("_KAVC_COMPLETE", f"complete_{shell}")
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", "kavc systems ti")
    monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
    said = cli(prog_name="kavc").stdout
    assert "ti-avc" in said and get("ti-avc").summary in said


def test_the_script_for_a_shell(cli, monkeypatch):
    monkeypatch.setenv("_KAVC_COMPLETE", "source_bash")
    assert "complete -o default -F _kavc_completion kavc" in cli(prog_name="kavc").stdout
