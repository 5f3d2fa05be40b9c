from pathlib import Path

import pytest

from kavc.data import layouts
from kavc.data.source import Source
from kavc.errors import DataError


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "corpus").mkdir()
    for name in ("file", "corpus.json", "train0000.tfrecord", "AVVP_train.csv",
                 "Annotations.txt", "triples.csv", "mgsv_ec_test_data.csv"):  # fmt: skip
        (tmp_path / "corpus" / name).write_text("x")
    return tmp_path / "corpus"


@pytest.mark.parametrize("layout", layouts.names())
def test_text_and_back(folder, layout):
    source = Source.parse(f"{layout}:{folder}")
    assert (source.layout, source.path, source.splits) == (layout, folder, None)
    assert str(source) == f"{layout}:{folder}"
    assert Source.parse(str(source)) == source


def test_colon_in_the_path(folder):
    odd = folder.rename(folder.with_name("a:b"))
    assert Source.parse(f"kwai:{odd}").path == odd


def test_home_folder(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    assert Source.parse("kwai:~/corpus").path == folder


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("youtube8m", "not of the form LAYOUT:PATH"),
        ("youtube8m:", "not of the form LAYOUT:PATH"),
        ("", "not of the form LAYOUT:PATH"),
        ("youtube8:{}", "did you mean 'youtube8m'"),
        ("kwai:{}/none", "no such folder"),
        ("kwai:{}/file", "give the folder"),
        ("kwai:{}/empty", "the folder is empty"),
        ("features:{}/other", "no features data: it holds no corpus.json"),
        ("youtube8m:{}/other", r"no youtube8m data: it holds no \*.tfrecord"),
    ],
)
def test_errors_are_one_clear_line(folder, text, words):
    (folder / "empty").mkdir()
    (folder / "other").mkdir()
    (folder / "other/notes.txt").touch()
    with pytest.raises(DataError, match=words) as caught:
        Source.parse(text.format(folder))
    assert "\n" not in str(caught.value)


def test_missing_splits_file(folder):
    with pytest.raises(DataError, match=r"splits file .*none.json: no such file"):
        Source.parse(f"kwai:{folder}", splits=folder / "none.json")


def test_home_folder_of_the_splits(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    source = Source.parse("kwai:~/corpus", "~/corpus/file", kept="~/corpus/file")
    assert source == Source("kwai", folder, folder / "file", folder / "file")
    with pytest.raises(DataError, match="no such user's home folder"):
        Source.parse("kwai:~nobody-of-this-name/corpus")


def test_a_kept_copy_is_read_in_place_of_the_splits_file(folder):
    gone, kept = folder / "gone.json", folder / "kept.json"
    kept.write_text('{"test": {"ids": ["a"]}}')
    source = Source.parse(f"kwai:{folder}", gone, kept=kept)
    assert source.parts()["test"].ids == ("a",)
    assert (source.splits, str(source)) == (gone, f"kwai:{folder}")
    assert Source.parse(f"kwai:{folder}", kept).parts() == source.parts()
    assert Source.parse(f"kwai:{folder}").parts() is None
    kept.unlink()
    with pytest.raises(DataError, match=r"splits file .*kept.json: no such file"):
        Source.parse(f"kwai:{folder}", gone, kept=kept)


def test_absolute_paths_keep_links(folder, monkeypatch):
    link = folder.parent / "link"
    link.symlink_to(folder)
    monkeypatch.chdir(folder.parent)
    source = Source("kwai", Path("link"), Path("link/file")).absolute()
    assert source == Source("kwai", link, link / "file")
    assert Source("kwai", link, link / "file", Path("x")).absolute().kept == folder.parent / "x"


def test_it_shows_itself_as_it_is_typed():
    assert repr(Source("features", Path("a/b"))) == "Source('features:a/b')"
    split = Source("features", Path("a"), splits=Path("s.json"))
    assert repr(split) == "Source('features:a', splits='s.json')"
    view = layouts.View(theme=True, frames=8)
    assert repr(view) == "View(theme=True, frames=8)"
