"""What a card says is typed does what it says."""

from __future__ import annotations

import runpy
import shlex

import numpy as np

from kavc.data.schema import Field
from kavc.export.calls import of_export, of_preset, serving, training_command
from kavc.export.example import EXAMPLE
from kavc.systems.base import Signature
from kavc.training.run import load_run


def test_the_command_trains_the_run_again(tiny_run, tiny_corpus, small_options):
    words = shlex.split(training_command(load_run(tiny_run)))
    changed = [f"{name}={value}" for name, value in small_options.items()]
    assert words == [
        *("kavc", "train", "ti-avc", "--data", f"synthetic:{tiny_corpus.name}"),
        *("--preset", "paper", "--seed", "0"),
        *(word for each in changed for word in ("--set", each)),
        *("--out", "RUN"),
    ]


def test_the_example_in_python_runs(tiny_run, tmp_path, monkeypatch):
    run = load_run(tiny_run)
    monkeypatch.setattr("kavc.from_preset", lambda name: run, raising=False)
    code = of_preset("ti-avc/tiny", run.system.signatures(run.network, run.config))["python"]
    (tmp_path / "example.py").write_text(code)
    assert runpy.run_path(tmp_path / "example.py")["answers"]["match_score"].shape == (1,)


def test_text_is_an_input_too():
    fields = {"word": Field((), "string", "any"), "rows": Field((None, 3), "int32", "some")}
    code = of_preset("a/b", {"serving_default": Signature(dict, fields, {}, "")})["python"]
    assert 'word=np.full((1,), "text"), rows=np.zeros((1, 4, 3), "int32")' in code
    assert np.full((1,), "text").dtype.kind == "U"


def test_an_export_is_asked_with_the_request_that_it_brings():
    calls = of_export("ti-avc", 3)
    for code in calls.values():
        assert "MODELS/ti-avc/3/assets.extra/example_request.npz" in code
    compile(calls["python"], "card", "exec")


def test_what_is_typed_names_the_folder_as_it_was_typed(tmp_path):
    serve, ask = serving(tmp_path / "my models", "ti-avc", 3)
    assert serve == ["kavc", "serve", str(tmp_path / "my models")]
    assert shlex.join(ask).endswith(f" '{tmp_path}/my models/ti-avc/3/{EXAMPLE}'")
    assert of_export("ti-avc", 3)["sh"].splitlines()[1] == shlex.join(
        serving("MODELS", "ti-avc", 3)[1]
    )
