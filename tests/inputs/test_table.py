import pytest

from kavc.errors import DataError
from kavc.inputs.table import read_table


def written(tmp_path, content):
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    return path


def read(tmp_path, content, **options):
    names, rows = read_table(written(tmp_path, content), **{"most": 1000} | options)
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
        ("id\nv0\n".encode("utf-16"), "text in UTF-16; save it as UTF-8"),
        (b"id\nv\0\n", "it holds zero bytes"),
        (b'id\n"v0"x\n', "expected after"),
    ],
)
def test_what_is_no_table_is_named(tmp_path, content, words):
    with pytest.raises(DataError, match=f"table.csv.*{words}"):
        read(tmp_path, content, needed=["id"])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"id\n" + b"x" * 2**18, "field larger than field limit"),
        (b"id\n" + b"x," * 2**20, "a line of more than 1,048,576 characters"),
        (b'id\n"' + b"x\n" * 2**18, "field larger than field limit"),
    ],
)
def test_nothing_is_read_that_is_very_long(tmp_path, content, words):
    with pytest.raises(DataError, match=words):
        read(tmp_path, content, most=2**24)


def test_rows_that_nobody_asks_for_are_left(tmp_path):
    _, rows = read_table(written(tmp_path, b"id\nv0\nv1\n"), most=1000)
    assert next(rows) == (2, {"id": "v0"})
    rows.close()
