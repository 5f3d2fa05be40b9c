"""From clips to a corpus: only the rest is done, and the end is that of one clean run."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from kavc.errors import ConfigError, DataError, KavcError
from kavc.extraction import engines, folder, run

from .conftest import NAMES, parts, records

pytestmark = pytest.mark.usefixtures("in_process")  # test_engines.py has the real ones


def failed(out):
    with (out / "failed.csv").open(newline="") as file:
        return [tuple(row) for row in csv.reader(file)][1:]


def leave(out):
    """What is in a folder, but for what is hidden."""
    return sorted(path.name for path in out.iterdir() if not path.name.startswith("."))


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it."""


def test_a_corpus_that_readers_read(extract, clips, tmp_path):
    out, told = tmp_path / "out", []
    found = extract(clips, out, report=told.append)
    assert (found.clips, found.made, found.failed, found.truncated) == (3, 3, [], [])
    assert told[-1].total == told[-1].made == 3 and told[-1].left == 0
    assert told[-1].media == pytest.approx(6, abs=1)
    assert {"clips.json", "corpus.json", "extraction.json"} < set(leave(out))
    assert not {"failed.csv", "parts"} & set(leave(out))
    known = json.loads((out / "clips.json").read_text())
    assert known["a"]["rows"] == {"audio": 4, "visual": 4} and known["a"]["file"] == "a.mkv"
    assert known["a"]["tracks"]["audio"] == {"track": 1, "truncated": ""}
    content = json.loads((out / "corpus.json").read_text())
    arrays = content["provenance"]["arrays"]
    assert (
        arrays["audio"]["extractor"] == "small-sound" and arrays["audio"]["options"]["hop"] == 0.5
    )
    assert content["fields"]["audio"]["hop"] == content["fields"]["visual"]["hop"] == 0.5
    assert content["fields"]["visual"]["shape"] == [None, 5]


def test_again_there_is_nothing_to_do(extract, clips, tmp_path, monkeypatch):
    out = tmp_path / "out"
    extract(clips, out)
    before = {path: path.stat().st_ino for path in out.glob("*") if path.name != folder.SETTINGS}
    monkeypatch.setattr(engines, "here", None)
    assert extract(clips, out).made == 0
    assert before.items() <= {path: path.stat().st_ino for path in out.glob("*")}.items()


def interrupted(extract, clips, out, monkeypatch, name, after, error=Killed):
    """Extracts, and dies when a function of the folder's has been called so often."""
    calls = 0
    real = getattr(folder, name, None) or getattr(folder.os, name)
    place = folder if hasattr(folder, name) else folder.os

    def dying(*args, **options):
        nonlocal calls
        calls += 1
        if calls > after:
            raise error
        return real(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(place, name, dying)
        with pytest.raises(error):
            extract(clips, out, workers=1)


@pytest.mark.parametrize(
    ("name", "after", "left"),
    [
        ("write_npz", 0, 3), ("write_npz", 2, 1), ("write_json", 1, 0), ("replace", 3, 2),
        ("replace", 6, 0), ("replace", 10, 0), ("replace", 11, 0), ("replace", 13, 0),
        ("whole_files", 0, 0),
    ],
)  # fmt: skip
def test_after_a_kill_only_the_rest_is_done(
    extract, clips, whole, tmp_path, monkeypatch, name, after, left
):
    out = tmp_path / "out"
    interrupted(extract, clips, out, monkeypatch, name, after)
    if (out / "corpus.json").exists():
        assert records(out) == records(whole)
    assert extract(clips, out).made == left
    assert records(out) == records(whole)
    assert not list(out.rglob(".partial-*")) and not (out / "parts").exists()


def test_an_interrupt_keeps_what_was_done(extract, clips, tmp_path, monkeypatch):
    out = tmp_path / "out"
    interrupted(extract, clips, out, monkeypatch, "write_npz", 1, KeyboardInterrupt)
    assert len(parts(out)) == 1
    assert extract(clips, out).made == 2


def test_a_finished_corpus_takes_more(extract, clips, tmp_path):
    out, anew, other = tmp_path / "out", tmp_path / "anew", tmp_path / "other"
    (clips / "b.mkv").rename(tmp_path / "b.mkv")
    (clips / "c.mkv").write_text("no film")
    first = extract(clips, out)
    assert (first.clips, [row[0] for row in first.failed]) == (1, ["c"])
    (tmp_path / "b.mkv").rename(clips / "b.mkv")  # new
    shutil.copy(clips / "a.mkv", clips / "c.mkv")  # mended
    shutil.copy(clips / "b.mkv", clips / "a.mkv")  # changed
    second = extract(clips, out)
    assert (second.clips, second.made, second.failed) == (3, 3, [])
    extract(clips, anew)
    assert records(out) == records(anew) and leave(out) == leave(anew)
    assert (out / "corpus.json").read_bytes() == (anew / "corpus.json").read_bytes()
    extract([clips / "c.mkv"], other)
    extract([clips / "a.mkv", clips / "b.mkv"], other)  # others than before: none is lost
    assert records(other) == records(anew)


def test_films_that_join_later_are_as_synthetic_as_those_before(
    extract, clips, tmp_path, monkeypatch
):
    from kavc.data.features.header import read_header

    out, later = tmp_path / "out", tmp_path / "later" / "clips"
    later.mkdir(parents=True)
    (clips / "c.mkv").rename(later / "c.mkv")
    for folder_ in (tmp_path, later.parent):
        (folder_ / "corpus.json").write_text('{"synthetic": true}')
    extract(clips, out)
    assert read_header(out).synthetic
    assert extract(later, out).clips == 3 and read_header(out).synthetic

    real = tmp_path / "real" / "clips" / "d.mkv"
    real.parent.mkdir(parents=True)
    shutil.copy(clips / "a.mkv", real)
    (later / "c.mkv").touch()
    interrupted(extract, real, out, monkeypatch, "whole_files", 0)
    assert extract(later, out).clips == 4 and not read_header(out).synthetic
    (clips / "a.mkv").touch()
    assert extract(clips, out).made == 1 and not read_header(out).synthetic


@pytest.mark.parametrize(
    ("media", "words"), [(5.0, "0.5 x real time"), (12345.0, "1,234 x real time")]
)
def test_how_fast_it_is_in_words(media, words):
    assert run._in_words(run.Progress(1, 0, seconds=10.0, media=media)) == words


def test_a_kill_while_a_corpus_is_taken_apart(extract, clips, whole, tmp_path, monkeypatch):
    out = tmp_path / "out"
    (clips / "c.mkv").rename(tmp_path / "c.mkv")
    extract(clips, out)
    before = records(out)
    (tmp_path / "c.mkv").rename(clips / "c.mkv")
    interrupted(extract, clips, out, monkeypatch, "_write_part", 1)
    assert records(out) == before and (out / "corpus.json").exists()  # as it was
    interrupted(extract, clips, out, monkeypatch, "_write_part", 2)
    assert parts(out) == ["a", "b"]
    assert extract(clips, out).made == 1
    assert records(out) == records(whole)


def test_a_clip_that_went_bad_or_away(extract, clips, tmp_path):
    out, told = tmp_path / "out", []
    extract(clips, out)
    (clips / "a.mkv").write_text("spoilt")
    (clips / "b.mkv").unlink()
    found = extract(clips, out, tell=told.append)
    assert (found.clips, found.made) == (2, 0) and failed(out)[0][0] == "a"
    assert any(line.startswith("warning: 1 clips of before are gone") for line in told)
    (clips / "a.mkv").unlink()
    before = records(out)
    assert extract([clips / "c.mkv"], out).clips == 2 and not (out / "failed.csv").exists()
    assert records(out) == before


def test_a_bad_file_does_not_write_a_corpus_anew(extract, clips, tmp_path):
    out = tmp_path / "out"
    (clips / "bad.mp4").write_text("no film")
    assert len(extract(clips, out).failed) == 1
    before = (out / "corpus.json").stat().st_ino
    assert extract(clips, out).failed == [("bad", str(clips / "bad.mp4"), failed(out)[0][2])]
    assert (out / "corpus.json").stat().st_ino == before


def test_no_clip_at_all(extract, tmp_path):
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips/x.mp4").write_text("no film")
    for _ in range(2):
        with pytest.raises(KavcError, match=r"no clip gave features; .*failed.csv says why"):
            extract(tmp_path / "clips", tmp_path / "out")
    assert len(failed(tmp_path / "out")) == 1 and not (tmp_path / "out/corpus.json").exists()


def test_all_clips_went_bad(extract, clips, tmp_path):
    extract(clips, tmp_path / "out")
    for clip in clips.iterdir():
        clip.write_text("spoilt")
    with pytest.raises(KavcError, match="no clip gave features"):
        extract(clips, tmp_path / "out")
    assert not (tmp_path / "out/corpus.json").exists()


def test_other_settings_are_refused(extract, small, clips, weights, recipes, tmp_path):
    out, table = tmp_path / "out", tmp_path / "table.csv"
    extract(clips, out)
    with pytest.raises(
        ConfigError, match=r"begun with another audio \(its options: .*other folder"
    ):
        extract(clips, out, recipes={**recipes, "audio": small.SmallSound(hop=0.25)})
    with pytest.raises(ConfigError, match=r"begun with other arrays \(audio, visual\)"):
        extract(clips, out, recipes={"audio": small.SmallSound()})
    with pytest.raises(ConfigError, match=r"begun with another visual \(its extractor"):
        extract(clips, out, recipes={**recipes, "visual": small.SmallSound()})
    changed = shutil.copytree(weights, tmp_path / "weights")
    with np.load(changed / "small-sound.npz") as arrays:
        kernel = arrays["kernel"] * 1
    kernel[0, 0] += 1
    np.savez(changed / "small-sound.npz", kernel=kernel)
    with pytest.raises(ConfigError, match=r"begun with another audio \(its weights"):
        extract(clips, out, files=changed)
    table.write_text("id,title\na,x\n")
    with pytest.raises(ConfigError, match="begun with another table"):
        extract(clips, out, table=table)
    extract(clips, tmp_path / "kept", table=table, keep=["title"])
    with pytest.raises(ConfigError, match=r"begun with other columns that are kept \(title\)"):
        extract(clips, tmp_path / "kept", table=table)


def test_two_at_once(extract, clips, recipes, weights, tmp_path):
    out = tmp_path / "out"
    told = []

    def beside(progress):
        if progress.made == 1:
            with pytest.raises(ConfigError, match="another process extracts into it") as error:
                extract(clips, out)
            told.append(error)

    assert extract(clips, out, report=beside).made == 3 and len(told) == 1


def test_a_foreign_folder(extract, clips, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/thesis.txt").write_text("mine")
    with pytest.raises(ConfigError, match="not empty and no features folder"):
        extract(clips, tmp_path / "out")
    with pytest.raises(ConfigError, match="a file; extracted features"):
        extract(clips, clips / "a.mkv")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("extraction.json", "[]", "expected an object"),
        ("extraction.json", '{"arrays": 3, "table": null, "kept": []}', "'arrays' is 3"),
        ("clips.json", '{"a": {"file": 3}}', "clips.json: a: 'file' is 3"),
        ("clips.json", '{"../a": {}}', "not a plain file name"),
        ("clips.json", "{}", "nothing of 'a'"),
    ],
)
def test_a_folder_that_was_tampered_with(extract, clips, tmp_path, name, content, words):
    extract([clips / "a.mkv"], tmp_path / "out")
    (tmp_path / "out" / name).write_text(content)
    with pytest.raises((DataError, ConfigError), match=words):
        extract(clips, tmp_path / "out")


def test_a_part_that_was_tampered_with(extract, clips, tmp_path, monkeypatch):
    out = tmp_path / "out"
    interrupted(extract, clips, out, monkeypatch, "write_npz", 1)
    (part,) = (out / "parts").iterdir()
    np.savez(part, audio=np.zeros((1, 3), np.float32))
    with pytest.raises(DataError, match=r"parts/.\.npz"):
        extract(clips, out)
    part.write_bytes(b"PK")
    with pytest.raises(DataError, match=r"parts/.\.npz"):
        extract(clips, out)


def test_names_that_clash(extract, small, clips, tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("id,audio\na,x\n")
    with pytest.raises(ConfigError, match="--keep audio: an array has that name"):
        extract(clips, tmp_path / "out", table=table, keep=["audio"])
    for name in ("labels", "id", "silent", "a_times_times", "a/b", ""):
        with pytest.raises(ConfigError, match="an array can't be called"):
            extract(clips, tmp_path / "out", recipes={name: small.SmallSound()})
    assert not (tmp_path / "out").exists()


def test_of_one_take_the_file_is_decoded_once(extract, small, clips, tmp_path, monkeypatch):
    twin = {"one": small.SmallFrames(), "two": small.SmallFrames(scale=2.0)}
    assert engines.Assembly({name: Taken(recipe) for name, recipe in twin.items()}).taken == (
        small.SmallFrames().taken(),
    )
    extract(clips, tmp_path / "out", recipes=twin)
    spec = json.loads((tmp_path / "out/corpus.json").read_text())["fields"]
    assert {"one", "two", "one_times", "two_times"} <= set(spec)
    for example in examples(tmp_path / "out"):
        np.testing.assert_allclose(2 * example["one"], example["two"], 1e-5)
        assert example["one_times"].tolist() == example["two_times"].tolist()


class Taken:
    def __init__(self, recipe):
        self.recipe = recipe


def examples(out):
    from kavc.data.features.header import read_header
    from kavc.data.tfrecord import read_records

    spec = read_header(out).spec
    for example in read_records(sorted(out.glob("*.tfrecord")), spec):
        yield {name: value.numpy() for name, value in example.items()}


def test_the_rows_are_those_of_one_extractor_alone(extract, recipes, weights, clips, tmp_path):
    extract(clips, tmp_path / "out")
    found = {example["id"].decode(): example for example in examples(tmp_path / "out")}
    assert list(found) == list(NAMES)
    for name, recipe in recipes.items():
        extractor = recipe.load({recipe.NAME: weights / f"{recipe.NAME}.npz"})
        times, rows = extractor.extract(clips / "b.mkv")
        np.testing.assert_array_equal(found["b"][name], rows)
        np.testing.assert_allclose(found["b"][f"{name}_times"], times, 0, 1e-6)


def test_an_outcome_is_one_line_however_many_failed():
    failed = [(str(n), "x.mp4", "no video") for n in range(1000)]
    found = run.Outcome(Path("features"), 2000, 30, failed, [("y.mp4", "cut")])
    assert repr(found) == (
        "Outcome('features': 2,000 clips, 30 made now, 1,000 failed, 1 cut short)"
    )
