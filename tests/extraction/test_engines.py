"""Bad clips, each told in a line while the rest is done; of processes that hang or crash, too."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest

from kavc.errors import KavcError
from kavc.extraction import engines
from kavc.media.windows import Windows

from .conftest import Here, film, greys, records  # noqa: F401 - film is a fixture


def lines(outcome):
    """Reasons by the name of the file; each must be one line that doesn't name it again."""
    found = {}
    for _, file, reason in outcome.failed:
        assert reason.isprintable() and file not in reason
        found[os.path.basename(file)] = reason
    return found


def test_bad_clips_of_every_kind(extract, clips, whole, film, tmp_path):  # noqa: F811
    sound = np.full((1, 32_000), 9000, np.int16)
    film("clips/mute.mkv").picture(greys(20)).write()
    film("clips/blind.wav").sound(sound).write()
    film("clips/brief.mkv").picture(greys(5)).sound(sound[:, :4800]).write()
    content = (clips / "a.mkv").read_bytes()
    (clips / "zero.mp4").touch()
    (clips / "text.mp4").write_text("no film")
    (clips / "folder.mp4").mkdir()
    (clips / "headless.mkv").write_bytes(content[2000:])
    (clips / "gone.mp4").symlink_to("nowhere")
    os.mkfifo(clips / "fifo.mp4")
    (clips / "tail.mkv").write_bytes(content[: len(content) * 2 // 3])
    told = []
    found = extract(clips, tmp_path / "out", tell=told.append)
    reasons = lines(found)
    expected = {
        "mute.mkv": "audio", "blind.wav": "video", "zero.mp4": "it is empty",
        "text.mp4": "no video or sound that can be read", "folder.mp4": "a folder",
        "brief.mkv": "its sound of 0.30 s is shorter than the 0.5 s", "gone.mp4": "no such file",
        "headless.mkv": "no video or sound that can be read", "fifo.mp4": "a FIFO",
    }  # fmt: skip
    assert set(reasons) == set(expected)
    told_so = (
        "no audio track; a file with one is expected; audio can't be made of it: --only visual"
    )
    assert reasons["mute.mkv"] == f"{told_so} leaves that out"
    assert "visual can't be made of it: --only audio leaves" in reasons["blind.wav"]
    for name, words in expected.items():
        assert words in reasons[name], name
    assert found.clips == found.made == 4  # the three, and as much as there is of the last one
    assert len([line for line in told if line.startswith("error: ")]) == len(expected)
    for name in ("tail.mkv", *expected):
        path = clips / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    (tmp_path / "out/clips.json").read_text()
    extract(clips, tmp_path / "anew")
    assert records(tmp_path / "anew") == records(whole)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_clip_that_may_not_be_read(extract, clips, tmp_path):
    (clips / "a.mkv").chmod(0)
    assert lines(extract(clips, tmp_path / "out")) == {"a.mkv": "no permission to read it"}


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("hang", "reading it took longer than 2 s; it is left out"),
        ("crash", "reading it crashed the process (SIGSEGV); it is left out"),
        ("memory", "reading it needs more than 4096 MiB of memory"),
    ],
)
def test_a_codec_that_goes_wrong(extract, small, clips, tmp_path, monkeypatch, how, words):
    """The processes call another function, which does so with one clip, after its first windows."""
    monkeypatch.setattr(engines, "windows", getattr(small, how))
    found = extract(clips, tmp_path / "out", seconds=2.0, workers=1)
    assert lines(found) == {"b.mkv": words} and found.clips == 2


def test_weights_that_give_no_numbers(extract, small, clips, tmp_path, weights):
    spoilt = shutil.copytree(weights, tmp_path / "weights")
    np.savez(spoilt / "small-frames.npz", kernel=np.full((192, 5), np.nan, np.float32))
    with pytest.raises(engines.KavcError, match="no clip gave features"):
        extract(clips, tmp_path / "out", files=spoilt)
    assert (
        "its features hold NaN or infinity; are these" in (tmp_path / "out/failed.csv").read_text()
    )


def test_names_that_are_no_text_of_one_line(extract, clips, tmp_path):
    for name in (b"caf\xe9.mkv", b"new\nline.mkv"):
        shutil.copy(clips / "a.mkv", os.fsencode(clips) + b"/" + name)
    found = extract(clips, tmp_path / "out")
    assert found.clips == 3 and len(found.failed) == 2
    assert len((tmp_path / "out/failed.csv").read_text().splitlines()) == 3


def test_a_clip_far_from_here(extract, small, clips, tmp_path, monkeypatch):
    """A clip's path may be relative, and its name be in what is told of it."""
    monkeypatch.chdir(tmp_path)
    (clips / "x.mkv").write_text("no film")
    found = extract([clips.relative_to(tmp_path)], tmp_path / "out")
    assert lines(found)["x.mkv"].startswith("no video or sound that can be read")


@pytest.mark.parametrize(
    "items",
    [
        [],
        ["text"],
        [(0, "text")],
        [(7, Windows(np.zeros(1), np.zeros((1, 8), np.float32)))],
        [(0, Windows(np.zeros(1), np.zeros((1, 8), np.float32)))],  # of another width
        [(0, Windows("now", np.zeros((1, 800), np.float32)))],
        [(0, {"track": "one", "truncated": 0})],
    ],
    ids=repr,
)
def test_what_a_process_sends_is_checked(extract, clips, tmp_path, monkeypatch, items):
    """A codec that was taken over by a file can spoil that file alone."""

    class Others(Here):
        def stream(self, function, jobs):
            def spoilt(path, *args):
                return items if path.stem == "b" else function(path, *args)

            return super().stream(spoilt, jobs)

    monkeypatch.setattr(engines, "Decoders", Others)
    outcome = extract(clips, tmp_path / "out")
    assert [id_ for id_, _, _ in outcome.failed] == ["b"]
    assert "left out" in outcome.failed[0][2]
    assert outcome.clips == 2


def test_a_clip_whose_rows_are_too_large_for_a_corpus(extract, clips, tmp_path, monkeypatch):
    monkeypatch.setattr(engines, "MOST", 2**5)
    with pytest.raises(KavcError, match="no clip gave features"):
        extract(clips, tmp_path / "out")
    told = (tmp_path / "out/failed.csv").read_text()
    assert "its features have more than 0 MiB, with " in told and " numbers a row of " in told
    monkeypatch.undo()
    assert extract(clips, tmp_path / "out").clips == 3
