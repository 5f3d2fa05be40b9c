"""`kavc extract`: real networks with random weights, what is printed, and mistakes of a user's."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from kavc.extraction import run

from ..media.conftest import Film, greys, tone
from ..media.published import write_applications


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """A folder of random weights, as large as real ones, under the names that are looked for."""
    from kavc.media.networks.mobilenet_v2 import mobilenet_v2
    from kavc.media.networks.yamnet import YAMNet

    folder = tmp_path_factory.mktemp("weights")
    write_applications(YAMNet(), folder / "yamnet.h5")
    write_applications(mobilenet_v2(), folder / "mobilenet_v2_1.0_224.h5")
    return folder


@pytest.fixture
def clips(tmp_path):
    folder = tmp_path / "clips"
    folder.mkdir()
    for number, name in enumerate("ab"):
        sound = (np.stack([tone(300 * (number + 1), 2.2)]) * 9000).astype(np.int16)
        Film(folder / f"{name}.mkv").picture(greys(20)).sound(sound).write()
    return folder


BOTH = ("--audio", "yamnet", "--visual", "mobilenet-v2", "--set", "visual.frames=uniform:2")


def test_features_of_clips(cli, refused, clips, weights, tmp_path):
    (clips / "bad.mp4").write_text("no film")
    out = tmp_path / "out"
    words = ("extract", clips, *BOTH, "--weights", weights, "--out", out, "--workers", "1")
    done = cli(*words)
    assert done.exit_code == 1, done.stderr
    assert done.stdout == f"features:{out}\n"
    lines = done.stderr.splitlines()
    assert [line for line in lines if line.startswith("error: ")] == [
        f"error: {clips / 'bad.mp4'}: "
        + (out / "failed.csv").read_text().splitlines()[1].partition("mp4,")[2].strip('"')
    ]
    assert any(line.startswith("audio: yamnet (") for line in lines)
    assert lines[-1] == f"2 clips, 2 of them now; 1 gave none, see {out / 'failed.csv'}"
    (clips / "bad.mp4").unlink()
    again = cli(*words, "--json")
    assert again.exit_code == 0, again.stderr
    assert json.loads(again.stdout) == {
        "features": f"features:{out}", "clips": 2, "made": 0, "failed": [], "truncated": []
    }  # fmt: skip
    fields = json.loads((out / "corpus.json").read_text())["fields"]
    assert (fields["audio"]["shape"], fields["visual"]["shape"]) == ([None, 1024], [None, 1280])
    other = ("--set", "visual.frames=uniform:3")
    words = ("extract", clips, *BOTH[:4], *other, "--weights", weights, "--out", out)
    assert "features were begun with another visual" in refused(*words)
    described = cli("data", "describe", f"features:{out}")
    assert described.exit_code in (0, 2)  # two clips don't fill three splits


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--audio", "yamnet"), "expected a folder for the features, --out FOLDER"),
        (("--out", "o"), "expected what to extract: --for SYSTEM"),
        (("--for", "ti-avg", "--out", "o"), "ti-avc"),
        (("--audio", "yamnte", "--out", "o"), "yamnet"),
        (("--array", "labels=yamnet", "--out", "o"), "can't be called 'labels'"),
        (("--audio", "yamnet", "--set", "audio.hop=-1", "--out", "o"), "hop"),
        (("--audio", "yamnet", "--weights", "nowhere", "--out", "o"), "NAME=PATH, or a folder"),
        (("--audio", "yamnet", "--weights", "yamnte=x", "--out", "o"), "yamnet"),
        (("--audio", "yamnet", "--weights", "yamnet=x", "--out", "o"), "x: no such file"),
        (("--audio", "yamnet", "--out", "o"), "no weights 'yamnet'; give --weights yamnet=PATH"),
        (("--audio", "yamnet", "--out", "o", "--table", "t.csv"), "t.csv: no such file"),
        (("--audio", "yamnet", "--out", "o", "--keep", "a b"), "--keep"),
    ],
)
def test_mistakes_before_anything_slow(refused, clips, monkeypatch, tmp_path, words, told):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv("KAVC_WEIGHTS", raising=False)
    monkeypatch.setattr(run, "extract", None)
    assert told in refused("extract", "clips", *words)
    assert not (tmp_path / "o").exists()


def test_no_clips(refused, tmp_path, weights):
    words = ("--audio", "yamnet", "--weights", weights, "--out", tmp_path / "o")
    assert "expected clips" in refused("extract", *words)
    assert "no such file or folder" in refused("extract", tmp_path / "gone", *words)
    (tmp_path / "empty").mkdir()
    assert "no media files" in refused("extract", tmp_path / "empty", *words)


def test_a_folder_of_somebodys(refused, clips, weights, tmp_path):
    words = ("extract", clips, "--audio", "yamnet", "--weights", weights, "--out")
    assert "not empty and no features folder" in refused(*words, clips)


def test_a_clip_of_which_nothing_comes(cli, weights, tmp_path):
    (tmp_path / "x.mp4").touch()
    words = ("--audio", "yamnet", "--weights", weights, "--out", tmp_path / "o")
    done = cli("extract", tmp_path / "x.mp4", *words)
    assert done.exit_code == 1 and done.stdout == ""
    assert [line for line in done.stderr.splitlines() if line.startswith("error: ")] == [
        f"error: {tmp_path / 'x.mp4'}: it is empty; a video or a sound is expected",
        f"error: no clip gave features; {tmp_path / 'o/failed.csv'} says why",
    ]


def test_what_there_is(cli):
    done = cli("extract", "--list", "--json")
    said = json.loads(done.stdout)
    assert set(said) == {"extractors", "systems"} and "ti-avc" in said["systems"]
    assert said["extractors"]["yamnet"]["weights"] == ["yamnet"]
    shown = cli("extract", "--list").stdout
    for name in said["extractors"]:
        assert name in shown


def test_an_interrupt(clips, weights, tmp_path):
    """The program itself: what was done before stays."""
    for number in range(40):
        (clips / f"c{number}.mkv").write_bytes((clips / "a.mkv").read_bytes())
    out = tmp_path / "out"
    program = [sys.executable, "-m", "kavc", "extract", clips, *BOTH[:2], "--out", out]
    environment = {**os.environ, "KAVC_WEIGHTS": str(weights)}
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        list(map(str, program)), cwd=root, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        while process.poll() is None and not list(out.glob("parts/[!.]*.npz")):
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 130, told
    assert told.splitlines()[-2:] == [
        f"to go on: the same command; what was done is kept in {out}", "error: interrupted",
    ]  # fmt: skip
    assert list(out.glob("parts/[!.]*.npz")) and not (out / "corpus.json").exists()


RAW = ("--audio", "log-mel", "--array", "visual=pixels", "--set", "visual.side=16", "--set",
       "visual.frames=uniform:2", "--array", "flow=flow-fields", "--set", "flow.side=16", "--set",
       "flow.frames=rate:10")  # fmt: skip


def test_what_networks_take_is_kept_without_any_weights(cli, refused, clips, tmp_path):
    table = tmp_path / "table.csv"
    (clips / "c.mkv").write_bytes((clips / "a.mkv").read_bytes())
    table.write_text("id,split\na,train\nb,validation\nc,test\n")
    for name in ("one", "other"):
        words = ("--table", table, "--out", tmp_path / name, "--workers", "1")
        done = cli("extract", clips, *RAW, *words)
        assert done.exit_code == 0, done.stderr
        assert "visual: pixels (keeps what is there; it has no weights)" in done.stderr
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "other" / file.name).read_bytes(), file.name
    data = f"features:{tmp_path / 'one'}"
    said = json.loads(cli("data", "describe", data, "--system", "none", "--json").stdout)
    assert said["shapes"] == {"audio": [96, 64], "flow": [16, 16, 20], "visual": [16, 16, 3]}
    assert said["counts"] == {"train": 1, "validation": 1, "test": 1}
    assert said["statistics"]["arrays"]["visual"]["most"] > 20
    shown = cli("data", "describe", data, "--system", "none", "--no-statistics").stdout
    assert "audio 96 x 64, visual 16 x 16 x 3, flow 16 x 16 x 20" in shown
    assert "one vector a step of time" in refused("data", "describe", data)
    words = ("--system", "none", "--set", "frames=8")
    assert "leave it out with --system none" in refused("data", "describe", data, *words)
    about = json.loads((tmp_path / "one/corpus.json").read_text())["provenance"]["arrays"]
    assert [about[name]["weights"] for name in ("audio", "visual", "flow")] == [{}, {}, {}]


def test_a_silent_clip_gives_what_it_can(cli, refused, tmp_path):
    silent = Film(tmp_path / "silent.mkv").picture(greys(20)).write()
    words = ("extract", silent, *RAW, "--out")
    done = cli(*words, tmp_path / "all")
    assert done.exit_code == 1
    line = "audio can't be made of it: --only visual,flow leaves that out"
    assert line in done.stderr and line in (tmp_path / "all/failed.csv").read_text()
    words = ("extract", silent, *RAW[2:], "--audio", "log-mel", "--out", tmp_path / "some")
    done = cli(*words, "--only", "visual,flow")
    assert done.exit_code == 0, done.stderr
    assert set(json.loads((tmp_path / "some/corpus.json").read_text())["fields"]) == {
        "id", "visual", "visual_times", "flow", "flow_times"
    }  # fmt: skip
    line = refused(*words, "--only", "visual,flw")
    assert line.startswith("--only visual,flw: unknown array 'flw'; did you mean 'flow'?")
