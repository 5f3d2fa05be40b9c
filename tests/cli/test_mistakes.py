"""A mistyped name, path or file is told before TensorFlow is loaded, which takes seconds."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from kavc import __version__

HEAVY = ("tensorflow", "keras", "keras_tuner", "sklearn", "matplotlib", "pandas")
# Arguments: [[WORD, ...], ...]. Prints a line of JSON for each: exit code, and what was loaded.
SCRIPT = f"""
import json, sys
from kavc.cli.main import main
for words in json.loads(sys.argv[1]):
    sys.argv = ["kavc", *words]
    try:
        main()
        code = 0
    except SystemExit as end:
        code = end.code
    print(json.dumps([code, sorted(set({HEAVY!r}) & set(sys.modules))]))
"""
TRAIN = ("train", "ti-avc", "--out", "{}/run", "--data")
MISTAKES = {
    ("train", "ti-avx", "--out", "{}/run", "--data", "features:{}/corpus"): "did you mean 'ti-avc'",
    (*TRAIN, "features:{}/nope"): "no such folder",
    (*TRAIN, "feature:{}/corpus"): "did you mean 'features'",
    (*TRAIN, "youtube8m:{}/corpus"): "holds no *.tfrecord",
    (*TRAIN, "features:{}/corpus", "--set", "unit=4"): "did you mean 'units'",
    (*TRAIN, "features:{}/corpus", "--set", "units=0"): "at least 1",
    (*TRAIN, "features:{}/corpus", "--preset", "papr"): "did you mean 'paper'",
    (*TRAIN, "features:{}/corpus", "--splits", "{}/nope.json"): "no such file",
    (*TRAIN, "features:{}/corpus", "--splits", "{}/cut.json"): "not readable as JSON",
    (*TRAIN, "features:{}/corpus", "--seed", "-1"): "seed must lie in",
    ("train", "--out", "{}/run", "--resume"): "no run to resume",
    ("reproduce", "ti-avx", "--data", "features:{}/corpus", "--out", "{}/all"): "'ti-avc'",
    ("evaluate", "{}/nope"): "no run folder",
    ("listen", "{}/nope.mp4", "--weights", "{}"): "no such file",
    ("listen", "{}/cut.json", "--weights", "{}"): "no weights of YAMNet",
    ("synth-video", "{}/corpus"): "exists; choose another folder",
    ("synth-video", "{}/new", "--videos", "0"): "videos must lie in 1",
    ("synth-video", "{}/new", "--size", "320"): "expected WIDTHxHEIGHT",
    ("tune", "run", "{}/nope.yaml", "--out", "{}/sweep"): "no such file",
    ("tune", "run", "ti-avc", "--data", "features:{}/corpus", "--out", "{}/sweep",
     "--space", "unit=4"): "did you mean 'units'",
    ("tune", "report", "{}/nope"): "no sweep folder",
    ("systems", "ti-avx"): "did you mean 'ti-avc'",
    ("data", "describe", "features:{}/nope"): "no such folder",
    ("data", "convert", "{}/nope", "--out", "{}/new"): "no such folder",
    ("data", "convert", "{}/arrays", "{}/nope.csv", "--out", "{}/new"): "no such file",
    ("data", "convert", "llp:{}/nope", "--out", "{}/new"): "no such folder",
    ("data", "convert", "llp:{}/corpus", "--out", "{}/new"): "holds no AVVP_*.csv",
    ("data", "convert", "llp:{}/llp", "--out", "{}/new"): "did you mean 'Dog'",
    ("data", "convert", "llp:{}/llp", "--keep", "x", "--out", "{}/new"): "brings its own tables",
    ("data", "convert", "features:{}/corpus", "--out", "{}/new"): "packs llp:PATH, or a folder",
    ("data", "describe", "features:{}/corpus", "--missing", "{}/new"): "has none of that kind",
    ("data", "describe", "llp:{}/llp", "--missing", "{}/cut.json"): "exists; choose another file",
    ("data", "synth", "ti-avc", "--knobs", "defalt", "--out", "{}/new"): "did you mean 'default'",
    ("export", "{}/nope", "--to", "{}/models"): "no run folder",
    ("export", "--check", "{}/nope"): "no such folder",
    ("index", "build", "{}/nope", "--modality", "audio", "--out", "{}/index"): "no run folder",
    ("index", "info", "{}/nope"): "no index",
    ("serve", "{}/nope"): "no such folder",
    ("parse", "{}/nope", "--input", "{}/arrays/v.npz"): "no run folder",
    ("parse", "{}/parser", "--input", "{}/nope.npz"): "no such file",
    ("parse", "{}/parser", "--input", "{}/arrays/v.npz"): "training has not ended",
    ("parse", "--server", "localhost", "--input", "{}/arrays/v.npz"): "is not an address",
    ("predict", "{}/asked", "--input", "{}/nope.npz"): "no such file",
    ("predict", "{}/asked", "--input", "{}/arrays/v.npz"): "missing input 'visual', float32 (?, 4)",
    ("predict", "{}/asked", "--input", "{}/arrays/v.npz", "--signature", "hear"): "mean 'heard'?",
    ("predict", "{}/asked", "--input", "{}/arrays/v.npz", "--outputs", "a"): "unknown output 'a'",
    ("predict", "{}/asked", "--input", "{}/arrays/v.npz", "--signature", "heard"):
        "input 'audio' is float32 (2, 3); expected float32 (?, 4)",
    ("predict", "{}/parser", "--list"): "training has not ended",
    ("predict", "--server", "localhost", "--model", "m", "--list"): "is not an address",
    ("rank", "{}/asked", "--input", "{}/arrays/v.npz", "--tracks", "{}/nope"): "no such folder",
    ("rank", "{}/asked", "--input", "{}/arrays/v.npz", "--tracks", "{}/songs"):
        "music-match is what ranks",
    ("localize", "{}/asked", "--input", "{}/arrays/v.npz"): "ms-vae is what this asks",
    ("generate", "{}/asked", "--input", "{}/arrays/v.npz", "--from", "sound"): "audio or visual",
    ("retrieve", "{}/asked", "--index", "{}/nope", "--input", "{}/arrays/v.npz"): "no index",
    ("evaluat",): "did you mean 'evaluate'",
    ("predict", "--serve", "localhost:1"): "did you mean '--server'",
    ("predict", "--timeout", "soon"): "expected a number",
    ("parse", "{}/trained", "--input", "{}/arrays/v.npz"): "expected (seconds, 128), of one video",
    ("parse", "{}/trained", "--input", "{}/arrays/v.npz", "--gate", "vidio"): "one of video, moda",
}  # fmt: skip


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """Types all mistakes, one after another in one process; returns each one's answer."""
    folder = tmp_path_factory.mktemp("mistakes")
    (folder / "corpus").mkdir()
    (folder / "corpus/corpus.json").write_text("{}")  # that it is none is not reached
    (folder / "arrays").mkdir()
    np.savez(folder / "arrays/v.npz", audio=np.zeros((2, 3), "float32"))
    (folder / "llp").mkdir()
    (folder / "llp/AVVP_train.csv").write_text("filename\tevent_labels\n-a_b-c_d-e0_0_10\tDgo\n")
    (folder / "cut.json").write_text('{"train": [')
    settings = {"system": "av-parsing", "preset": "paper", "overrides": {}, "seed": 0}
    for name in ("parser", "trained", "asked"):
        (folder / name).mkdir()
        (folder / name / "config.json").write_text(json.dumps(settings | {"options": {}}))
    for name in ("trained", "asked"):
        (folder / name / "model.keras").touch()  # that it is none is not reached
    rows = {"dtype": "float32", "shape": [None, 4]}
    heard = {"inputs": {"audio": rows}, "outputs": {"score": rows}}
    said = {"serving_default": {**heard, "inputs": {"audio": rows, "visual": rows}}, "heard": heard}
    asked = {"kavc": __version__, "signatures": said}
    (folder / "asked/signatures.json").write_text(json.dumps(asked))
    (folder / "songs").mkdir()
    (folder / "songs/a.wav").touch()
    commands = [[word.format(folder) for word in words] for words in MISTAKES]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(commands)],
        capture_output=True,
        text=True,
        check=False,
    )
    told = [json.loads(line) for line in done.stdout.splitlines()]
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(told) == len(errors) == len(MISTAKES), done.stderr
    return dict(zip(MISTAKES, zip(told, errors, strict=True), strict=True))


@pytest.mark.parametrize("words", MISTAKES, ids=" ".join)
def test_a_mistake_is_told_before_anything_slow_is_loaded(answers, words):
    (code, loaded), line = answers[words]
    assert MISTAKES[words] in line
    assert (code, loaded) == (2, [])
