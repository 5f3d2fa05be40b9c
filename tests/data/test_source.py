import pytest

from kavc.data.source import LAYOUTS, Source
from kavc.errors import DataError


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "file").write_text("x")
    return tmp_path / "corpus"


@pytest.mark.parametrize("layout", LAYOUTS)
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
    ],
)
def test_errors_are_one_clear_line(folder, text, words):
    (folder / "empty").mkdir()
    with pytest.raises(DataError, match=words) as caught:
        Source.parse(text.format(folder))
    assert "\n" not in str(caught.value)


def test_missing_splits_file(folder):
    with pytest.raises(DataError, match=r"splits file .*none.json: no such file"):
        Source.parse(f"kwai:{folder}", splits=folder / "none.json")
