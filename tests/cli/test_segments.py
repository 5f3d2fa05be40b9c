"""`kavc localize` and `kavc generate`: a run, a server, and what is typed wrongly."""

from __future__ import annotations

import json

import numpy as np
import pytest

from kavc.serving.server.local import LocalServer

FLOAT32 = 2e-5  # other fusions of ops, other order of sums
WIDTHS = {"audio": 12, "visual": 16}
OPTIONS = {
    "latent_dim": 4, "visual_units": 8, "code_units": 8, "decoder_units": 8, "epochs": 1,
    "kl_epochs": 1, "draws": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The run folder of an MS-VAE trained for one epoch; not to be changed."""
    from kavc.data.synthetic import ave
    from kavc.data.synthetic.ave_knobs import knobs
    from kavc.training.fit import train

    folder = tmp_path_factory.mktemp("segments")
    small = knobs("default", latent_dim=8, audio_dim=12, visual_dim=16)
    counts = {"train": 40, "validation": 20, "test": 20}
    ave.write(folder / "corpus", small, counts=counts)
    return train("ms-vae", f"synthetic:{folder / 'corpus'}", folder / "run", overrides=OPTIONS)


@pytest.fixture(scope="module")
def server(run, tmp_path_factory):
    from kavc.export.run import export_run

    models = tmp_path_factory.mktemp("served") / "models"
    export_run(run.path, models)
    with LocalServer(models, port=0) as running:
        yield running.address


@pytest.fixture
def features(tmp_path):
    """Writes features of a video and returns the file."""

    def write(**seconds):
        rng = np.random.default_rng(0)
        arrays = {
            name: rng.normal(size=(n, WIDTHS[name])).astype("float32")
            for name, n in seconds.items()
        }
        file = tmp_path / f"{'-'.join(f'{n}{k}' for k, n in seconds.items())}.npz"
        np.savez(file, **arrays)
        return file

    return write


def asked(cli, *arguments):
    result = cli(*arguments, "--json")
    assert result.exit_code == 0, result.stderr or result.exception
    return json.loads(result.stdout)


def test_a_run_and_a_server_find_the_same_place(cli, run, server, features):
    file = features(audio=3, visual=10)
    mine = asked(cli, "localize", run.path, "--input", file)
    theirs = asked(cli, "localize", "--server", server, "--input", file)
    assert mine["query"] == "audio" and len(mine["costs"]) == 8
    np.testing.assert_allclose(mine.pop("costs"), theirs.pop("costs"), FLOAT32)
    assert mine == theirs
    assert mine["end"] - mine["start"] == 3


def test_a_run_and_a_server_generate_the_same(cli, run, server, features, tmp_path):
    file = features(audio=3)
    for name, where in (("mine", (run.path,)), ("theirs", ("--server", server))):
        asked(cli, "generate", *where, "--input", file, "--out", tmp_path / f"{name}.npz")
    with np.load(tmp_path / "mine.npz") as mine, np.load(tmp_path / "theirs.npz") as theirs:
        assert {name: mine[name].shape for name in mine} == {"visual": (3, 16), "audio": (3, 12)}
        for name in mine:
            np.testing.assert_allclose(mine[name], theirs[name], FLOAT32, FLOAT32)


def test_what_is_generated_is_compared_with_what_there_is(cli, run, features):
    found = asked(cli, "generate", run.path, "--from", "audio", "--input",
                  features(audio=4, visual=4))  # fmt: skip
    assert set(found["errors"]) == {"audio", "visual"}


def test_tables_are_printed(cli, run, features):
    said = cli("localize", run.path, "--input", features(visual=2, audio=9)).stdout
    assert "visual: from second" in said and "here" in said
    assert "generated from audio" in cli("generate", run.path, "--input", features(audio=2)).stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "expected a run folder, or --server HOST:PORT"),
        (("RUN",), "expected features, --input FEATURES.npz"),
        (("RUN", "--input", "FILE", "--query", "sound"), "--query must be audio or visual"),
        (("RUN", "--input", "FILE", "--query", "visual"), "the query, 'visual', has 10 rows"),
        (("RUN", "--input", "nowhere.npz"), "nowhere.npz"),
    ],
)
def test_mistakes_are_one_line(refused, run, features, arguments, said):
    known = {"RUN": run.path, "FILE": features(audio=3, visual=10)}
    assert said in refused("localize", *(known.get(each, each) for each in arguments))


def test_runs_of_other_systems_are_refused(refused, tiny_run, features):
    said = refused("localize", tiny_run, "--input", features(audio=3, visual=10))
    assert "a run of ti-avc; ms-vae is what this asks" in said
