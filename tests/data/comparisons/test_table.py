import numpy as np
import pytest

from kavc.data.comparisons import read_comparisons
from kavc.errors import DataError

HEADER = "video,track_a,track_b,answer"


@pytest.fixture
def table(tmp_path):
    def write(*lines):
        path = tmp_path / "triples.csv"
        path.write_text("\n".join(lines) + "\n" * bool(lines), encoding="utf-8")
        return path

    return write


def test_columns_and_ids(table):
    path = table("Video, track_a,track_b,ANSWER,note,rater,Split",
                 "v,x,y, A ,hm,r1,Train", "v,x,y,b,,r2,test", "café,x y,z,b,,,validation",
                 "café,x y,z,a,,,validation", "café,x y,z,a,,,validation")  # fmt: skip
    found = read_comparisons(path)
    assert found.ids.tolist() == [
        b"v|x|y|r1", b"v|x|y|r2", *("café|x y|z" + s for s in ("", "#2", "#3"))
    ][:2] + [("café|x y|z" + s).encode() for s in ("", "#2", "#3")]  # fmt: skip
    assert found.video.tolist() == [b"v", b"v", *["café".encode()] * 3]
    assert found.tracks().tolist()[1:3] == [[b"x", b"y"], [b"x y", b"z"]]
    assert found.rater.tolist() == [b"r1", b"r2", b"", b"", b""]
    assert found.answer.tolist() == [0, 1, 1, 0, 0] and found.answer.dtype == np.int32
    assert found.split.tolist() == ["train", "test", *["validation"] * 3]
    assert found.lines.tolist() == [2, 3, 4, 5, 6] and len(found) == 5


def test_the_other_order_is_another_judgement(table):
    found = read_comparisons(table(HEADER + ",rater", "v,x,y,a,r", "v,y,x,a,r"))
    assert found.ids.tolist() == [b"v|x|y|r", b"v|y|x|r"]
    assert found.split is None


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([HEADER, "v,x,y,a", "v,x,z,c"], "triples.csv, line 3: answer 'c'; expected a or b"),
        ([HEADER, "v,x,x,a"], "line 2: track 'x' is compared with itself"),
        ([HEADER, ",x,y,a"], "line 2: video is empty"),
        ([HEADER, "v,x,,a"], "line 2: track_b is empty"),
        ([HEADER, "v,x\x07,y,a"], r"line 2: track_a 'x\\x07' is no id"),
        ([HEADER, '"v\n",x,y,a'], r"line 3: video 'v\\n' is no id"),
        ([HEADER, "v|w,x,y,a"], r"video 'v\|w' is no id; .* without \|"),
        ([HEADER, "v" * 1025 + ",x,y,a"], "longer than 1,024 characters"),
        ([HEADER, "v,x,y"], "another number of columns"),
        ([HEADER + ",rater", "v,x,y,a,r", "v,x,y,b,r"], "line 3: rater 'r' judges what line 2"),
        ([HEADER, "v,x,y,a", "v,x,y#2,a", "v,x,y,b"], "line 4: a judgement has the id of what"),
        ([HEADER + ",split", "v,x,y,a,tets"], "split 'tets'; expected one of train, valid"),
        ([HEADER + ",split", "v,x,y,a,"], "line 2: split ''; expected one of"),
        ([HEADER + ",data_split", "v,x,y,a,test"], "'data_split' is not read; did you mean 'sp"),
        ([HEADER + ",part", "v,x,y,a,test"], "'part' holds names of splits and is not read"),
        ([HEADER + ",rator", "v,x,y,a,r"], "'rator' is not read; did you mean 'rater'"),
        (["video,track_a,track_b,anwser", "v,x,y,a"], "'anwser' is not read; did you mean 'an"),
        (["video,track_a,trackb,answer", "v,x,y,a"], "'trackb' is not read; did you mean 'tr"),
        (["video,track_a,answer", "v,x,a"], "no column 'track_b'; it has video, track_a, answer;"
         r" expected video,track_a,track_b,answer\[,rater\]\[,split\]"),
        ([HEADER], "the table has no rows"),
        ([], "no column 'video'; it has none"),
    ],
)  # fmt: skip
def test_errors_are_one_clear_line(table, lines, words):
    with pytest.raises(DataError, match=words) as caught:
        read_comparisons(table(*lines))
    assert "\n" not in str(caught.value)


def test_a_table_that_is_too_large_or_missing(table, monkeypatch, tmp_path):
    monkeypatch.setattr("kavc.data.comparisons.table.MAX_BYTES", 1 << 12)
    path = table(HEADER, *(f"v{i},x,y,a" for i in range(1000)))
    with pytest.raises(DataError, match="larger than 4 KiB"):
        read_comparisons(path)
    with pytest.raises(DataError, match="no such file"):
        read_comparisons(tmp_path / "none.csv")
