import pytest

from kavc.errors import DataError
from kavc.inputs.table import read_table


def read(tmp_path, content, **options):
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    names, rows = read_table(path, **{"most": 1000} | options)
    return names, list(rows)


def test_case_space_and_a_byte_order_mark_do_not_count(tmp_path):
    names, rows = read(tmp_path, b'\xef\xbb\xbfID , Theme\n\nv0,"a,\nb"\nv1,c\n', needed=["id"])
    assert names == ["id", "theme"]
    assert rows == [(4, {"id": "v0", "theme": "a,\nb"}), (5, {"id": "v1", "theme": "c"})]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no column 'id'; it has none"),
        (b"name\nx\n", "no column 'id'; it has name"),
        (b"id,Id\n", "'id' and 'Id' are the same"),
        (b"id,x\nv0\n", "line 2: the row has another number of columns than the header: 1 rather"),
        (b'id\n"v0\n', "not readable as CSV"),
        (b"id\n\xff\n", "not readable as CSV"),
        (b"id\n" + b"x" * 1000, "larger than 0 MiB"),
    ],
)
def test_what_is_no_table_is_named(tmp_path, content, words):
    with pytest.raises(DataError, match=f"table.csv.*{words}"):
        read(tmp_path, content, needed=["id"])
