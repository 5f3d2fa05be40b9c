"""`kavc listen`: events of several files, as tables and as JSON, past those that can't be read."""

from __future__ import annotations

import json

import pytest

from kavc.errors import DataError
from kavc.media.listening import Listener, SoundEvent


class Heard:
    """Stands for a listener: hears a dog everywhere but in what is bad."""

    def events(self, path, threshold):
        if path.stem == "bad":
            raise DataError(f"{path}: no audio track")
        return [SoundEvent(0.0, 2.0, "Dog", 0.75)] if threshold <= 0.75 else []


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(Listener, "load", classmethod(lambda cls, folder: Heard()))
    for name in ("yamnet.h5", "yamnet_class_map.csv", "one.mp4", "bad.mp4", "two.wav"):
        (tmp_path / name).touch()
    return tmp_path


def test_tables_of_all_files(cli, folder):
    done = cli("listen", folder / "one.mp4", folder / "two.wav", "--weights", folder)
    assert done.exit_code == 0 and done.stdout.count("Dog") == 2
    assert "one.mp4" in done.stdout.replace("\n", "")


def test_json_goes_on_past_a_bad_file(cli, folder):
    files = [folder / name for name in ("one.mp4", "bad.mp4", "two.wav")]
    done = cli("listen", *files, "--json", "--weights", folder)
    assert done.exit_code == 1 and "bad.mp4: no audio track" in done.stderr
    event = {"start": 0.0, "end": 2.0, "label": "Dog", "score": 0.75}
    assert json.loads(done.stdout) == {str(files[0]): [event], str(files[2]): [event]}


def test_nothing_above_the_threshold(cli, folder, monkeypatch):
    monkeypatch.setenv("KAVC_YAMNET", str(folder))
    done = cli("listen", folder / "one.mp4", "--threshold", "0.9")
    assert done.exit_code == 0 and "nothing is heard" in done.stdout.replace("\n", " ")


def test_without_weights(refused, folder, monkeypatch):
    monkeypatch.delenv("KAVC_YAMNET", raising=False)
    assert "expected YAMNet's weights" in refused("listen", folder / "one.mp4")
