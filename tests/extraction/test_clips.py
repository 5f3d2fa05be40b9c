"""Which clips there are: places, names that can't be ids, and tables."""

from __future__ import annotations

import os

import pytest

from kavc.errors import ConfigError, DataError
from kavc.extraction.clips import LONGEST, are_synthetic, find_clips


@pytest.fixture
def make(tmp_path):
    def touch(*names):
        for name in names:
            path = os.fsencode(tmp_path) + b"/" + os.fsencode(name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb"):
                pass
        return tmp_path

    return touch


def table(folder, text):
    (folder / "table.csv").write_text(text)
    return folder / "table.csv"


def ids(found):
    return [clip.id for clip in found.clips]


def reasons(found):
    return {file: reason for _, file, reason in found.bad}


@pytest.mark.parametrize(
    ("said", "expected"),
    [('{"synthetic": true}', True), ('{"synthetic": "yes"}', False), ("[]", False), ("{", False)],
)
def test_clips_that_were_made_up_are_known_by_the_folder_above(make, said, expected):
    folder = make("films/clips/a.mp4", "films/clips/b.mp4", "own/clips/c.mp4")
    (folder / "films" / "corpus.json").write_text(said)
    assert are_synthetic(find_clips([folder / "films"]).clips) is expected
    assert not are_synthetic(find_clips([folder]).clips)  # one of them is not of films
    assert not are_synthetic([])


def test_folders_and_files(make):
    folder = make(
        "b.mp4", "a.WAV", "deep/c.webm", "deep/notes.txt", ".hidden/d.mp4", "odd", ".e.mp4"
    )
    assert ids(find_clips([folder])) == ["a", "b", "c"]
    assert ids(find_clips([folder / "odd", folder / "b.mp4"])) == ["b", "odd"]
    assert ids(find_clips([folder, folder, folder / "b.mp4", folder / "deep/.." / "b.mp4"])) == [
        "a", "b", "c"
    ]  # fmt: skip


def test_a_folder_called_as_a_clip(make):
    folder = make("x.mp4/y.mp4")
    assert ids(find_clips([folder])) == ["x", "y"]  # that x is none is said where it is opened
    assert ids(find_clips([folder / "x.mp4"])) == ["y"]


def test_nothing_there(make):
    folder = make("notes.txt")
    with pytest.raises(ConfigError, match="expected clips: media files, or folders of them"):
        find_clips([])
    with pytest.raises(DataError, match=r"gone.mp4: no such file or folder"):
        find_clips([folder / "gone.mp4"])
    with pytest.raises(DataError, match=r"no media files \(\.3gp, "):
        find_clips([folder])


def test_two_of_one_name(make):
    found = find_clips([make("a/x.mp4", "b/x.mp4", "b/y.mp4")])
    assert ids(found) == ["y"] and len(found.bad) == 2
    for (id_, file, reason), other in zip(found.bad, ("b/x.mp4", "a/x.mp4"), strict=True):
        assert id_ == "x" and not file.endswith(other) and other in reason
        assert "rename one, or give a table with columns id and file" in reason


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (".mp4", "can't be an id"),
        ("a\nb.mp4", "signs that can't be printed"),
        (b"caf\xe9.mp4", "its name is not UTF-8"),
        ("a\\b.mp4", "can't be an id"),
        ("é" * 101 + ".mp4", f"too long for an id: 202 bytes, {LONGEST} at most"),
    ],
)
def test_names_that_can_not_be_ids(make, name, words):
    folder = make(name, "good.mp4")
    place = folder / os.fsdecode(name)
    found = find_clips([place, folder / "good.mp4"])
    assert ids(found) == ["good"]
    ((id_, file, reason),) = found.bad
    assert words in reason and id_ == "" and (file + reason).isprintable()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
def test_a_folder_that_can_not_be_listed(make):
    folder = make("a.mp4", "closed/b.mp4")
    (folder / "closed").chmod(0)
    try:
        found = find_clips([folder])
    finally:
        (folder / "closed").chmod(0o700)
    assert ids(found) == ["a"]
    assert found.bad == [
        ("", str(folder / "closed"), "its files can't be listed (Permission denied)")
    ]


def test_a_folder_that_goes_while_it_is_listed(make, monkeypatch):
    folder = make("a.mp4", "closed/b.mp4")
    real = os.scandir

    def scandir(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = find_clips([folder])
    assert ids(found) == ["a"]
    ((_, file, reason),) = found.bad
    assert file == str(folder / "closed") and "Permission denied" in reason


def test_a_table_with_files(make):
    folder = make("deep/1.mp4", "2.mp4", "3.mp4")
    path = table(folder, "id,file,theme,split\nq,deep/1.mp4,Cars,train\np,2.mp4,Food,test\n")
    found = find_clips([], path)
    assert ids(found) == ["p", "q"] and found.split and found.classes == ["Cars", "Food"]
    assert [clip.path for clip in found.clips] == [folder / "2.mp4", folder / "deep/1.mp4"]
    assert find_clips([folder], path).unlisted == 1  # 3.mp4
    assert find_clips([], path).unlisted == 0


def test_a_table_without_files(make):
    folder = make("p.mp4", "q.mp4", "r.mp4", "x/q.mp4")
    path = table(folder, "id,labels,title\nq,A|B,two\np,A,one\ns,,three\n")
    found = find_clips([folder], path, ["title"])
    assert ids(found) == ["p"] and found.unlisted == 1 and not found.split
    assert found.clips[0].row.kept == {"title": "one"} and found.kept == ["title"]
    assert sorted(row[0] for row in found.bad) == ["q", "q", "s"]
    assert next(reason for id_, _, reason in found.bad if id_ == "s").startswith("no clip of this")
    assert set(found.rows) == {"p", "q", "s"}


def test_ids_of_a_table_that_name_no_file(make):
    folder = make("p.mp4")
    path = table(folder, f'id,file\n"a\nb",p.mp4\n{"x" * 201},p.mp4\nc,p.mp4\n')
    found = find_clips([], path)
    assert ids(found) == ["c"] and len(found.bad) == 2
    assert all((file + reason).isprintable() for _, file, reason in found.bad)


def test_an_odd_table(make):
    folder = make("p.mp4")
    with pytest.raises(DataError, match="no column 'id'"):
        find_clips([folder], table(folder, "name\np\n"))
    with pytest.raises(DataError, match="comes twice"):
        find_clips([folder], table(folder, "id\np\np\n"))
    with pytest.raises(DataError, match="no column 'title'"):
        find_clips([folder], table(folder, "id\np\n"), ["title"])
