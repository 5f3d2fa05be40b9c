import pytest

from kavc.errors import DataError
from kavc.inputs.columns import check_names, check_not_misspelt, columns


def test_case_and_space_do_not_count():
    assert columns(["Id", " Theme ", "SPLIT", "", ""], "t") == ["id", "theme", "split", "", ""]
    assert columns(None, "t") == []
    with pytest.raises(DataError, match="t: columns 'Split' and ' split' are the same"):
        columns(["id", "Split", " split"], "t")


@pytest.mark.parametrize("name", ["splits", "spilt", "splt", "data_split", "Split set"])
def test_misspelt_names_are_refused(name):
    with pytest.raises(DataError, match=rf"t {name!r} is not read; did you mean 'split'\?"):
        check_not_misspelt("split", ["id", name], "t", words=True)
    check_not_misspelt("split", ["split", name], "t", words=True)


def test_other_names_pass():
    check_not_misspelt("split", ["id", "title", "spirit", "part", ""], "t", words=True)
    check_not_misspelt("splits", ["split_seed", "world"], "t", words=False)
    with pytest.raises(DataError, match="did you mean 'splits'"):
        check_not_misspelt("splits", ["Splits"], "t", words=False)


@pytest.mark.parametrize("sign", ["\n", "\r", "\0", "\x1b", "\x7f", "\x85", "\u2028", "\ud800"])
def test_names_that_no_line_of_a_file_can_hold(sign):
    with pytest.raises(DataError, match=r"it: '.*' holds a line break or another") as error:
        check_names(["a", f"b{sign}c"], "it")
    assert len(str(error.value).splitlines()) == 1


def test_names():
    odd = ["", "Autos\u00a0& Vehicles", "a|b, 'c'", "\u200d", " "]
    assert check_names(odd, "it") == odd
    for names in ("abc", ["a", 1], None, {"a": 1}):
        with pytest.raises(DataError, match="it must be a list of names"):
            check_names(names, "it")
