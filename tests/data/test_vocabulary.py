import pytest

from kavc.data import vocabulary
from kavc.data.source import Source
from kavc.errors import DataError

HEADER = "Index,TrainVideoCount,KnowledgeGraphId,Name,WikiUrl,Vertical1,Vertical2\n"
GAME = '1,9,/m/1,"Game, video",u,Games,\n'
CAR = "0,8,/m/2,Car,u,Autos & Vehicles,\n"


def written(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_are_joined_by_index(tmp_path):
    odd = '2,1,/m/3,,u,,"two\nlines"\n'
    read = vocabulary.read(written(tmp_path / "v.csv", HEADER + GAME + odd + CAR))
    assert read.names == ("Car", "Game, video", "")
    assert read.verticals == ("Autos & Vehicles", "Games", "(Unknown)")
    assert len(read) == 3


def test_case_and_space_of_the_columns_do_not_count(tmp_path):
    header = HEADER.replace("Index", "\ufeffindex ").replace("Name", " NAME")
    read = vocabulary.read(written(tmp_path / "v.csv", header + CAR))
    assert read == vocabulary.Vocabulary(("Car",), ("Autos & Vehicles",))


def test_the_published_vocabulary(shared):
    read = vocabulary.read(shared / "data" / "youtube8m" / "vocabulary.csv")
    assert len(read) == 3862
    assert read.names[:2] == ("Game", "Video game")
    assert read.verticals.count("Games") == 734
    assert read.names.count("") == 56
    assert len(set(read.verticals)) == 25


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no column 'index'; .* expected the vocabulary of https"),
        ("Index,Name\n0,a\n", "no column 'vertical1'"),
        ("Index,index,Name,Vertical1\n0,0,a,b\n", "columns 'Index' and 'index' are the same"),
        (HEADER, "0 classes"),
        (HEADER + GAME, "1 classes whose Index goes up to 1; rows are missing"),
        (HEADER + '0,8,/m/2,"two\nlines",u,Games,\n', "line 3: 'two.nlines' holds a line break"),
        (HEADER + '0,8,/m/2,Car,u,"two\u2028lines",\n', "holds a line break or another control"),
        (HEADER + CAR + CAR, "line 3: Index 0 comes twice"),
        (HEADER + CAR.replace("0", "-1", 1), "line 2: Index '-1' is not"),
        (HEADER + CAR.replace("0", "x", 1), "line 2: Index 'x' is not"),
        (HEADER + CAR.replace("0", "99999999", 1), "is not a class index"),
        (HEADER + "0,1\n", "line 2: the row has another number of columns"),
        (HEADER + CAR.strip() + ",more\n", "line 2: the row has another number of columns"),
        (HEADER + '0,1,a,"open,u,Games,', "not readable as CSV"),
    ],
)
def test_malformed_vocabularies(tmp_path, text, words):
    with pytest.raises(DataError, match=words):
        vocabulary.read(written(tmp_path / "v.csv", text))


def test_not_text_missing_and_too_large(tmp_path, monkeypatch):
    path = tmp_path / "v.csv"
    with pytest.raises(DataError, match="no such file"):
        vocabulary.read(path)
    path.write_bytes(HEADER.encode() + b"\xff\xfe\n")
    with pytest.raises(DataError, match="not readable as CSV"):
        vocabulary.read(path)
    monkeypatch.setattr(vocabulary, "MAX_BYTES", 10)
    with pytest.raises(DataError, match="larger than"):
        vocabulary.read(path)


def test_find_looks_in_three_places(tmp_path):
    folder, beside = tmp_path / "a" / "data", tmp_path / "b"
    folder.mkdir(parents=True)
    beside.mkdir()
    source = Source("youtube8m", folder, beside / "splits.json")
    with pytest.raises(DataError, match=r"fetch https://research.google.com.* and put it into"):
        vocabulary.find(source)
    for place in (folder.parent, beside, folder):  # later ones win
        path = written(place / "vocabulary.csv", HEADER)
        assert vocabulary.find(source).resolve() == path.resolve()
