import json

import pytest

from kavc.errors import ConfigError, DataError
from kavc.inputs import json_files
from kavc.inputs.json_files import parse_json, read_json


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b'{"a": [1, 2.5, null, true, "x"]}', {"a": [1, 2.5, None, True, "x"]}),
        (b"\xef\xbb\xbf[1]\r\n", [1]),
        (b" 3 ", 3),
        (b'"caf\\u00e9 \\ud83d\\ude00"', "café 😀"),
        (b"[18446744073709551615, -9223372036854775808]", [2**64 - 1, -(2**63)]),
        (b'["0000000000000000000000000000", 1e300, 1E-999]', ["0" * 28, 1e300, 0.0]),
        (b'{"a": {"b": 1}, "b": {"b": 1}}', {"a": {"b": 1}, "b": {"b": 1}}),
        (b"[" * 500 + b"]" * 500, json.loads("[" * 500 + "]" * 500)),
    ],
)
def test_what_is_read(tmp_path, content, value):
    (tmp_path / "a.json").write_bytes(content)
    assert read_json(tmp_path / "a.json") == value


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (b'{"a": [1, 2', "it is cut: { is not closed by }"),
        (b"[1, 2}", "it is cut"),
        (b"{nope}", "line 1 column 2"),
        (b"[1] [2]", "Extra data"),
        (b"<html>", "Expecting value"),
        (b"[" * 10**5 + b"]" * 10**5, "nested too deeply"),
        (b"[" + b"9" * 10**5 + b"]", "a whole number of 100000 digits"),
        (b"[18446744073709551616]", "a whole number of 20 digits, more than 64 bits hold"),
        (b"[-9223372036854775809]", "more than 64 bits hold"),
        (b"[1e400]", "1e400 is beyond any number of 64 bits"),
        (b"[NaN]", "NaN is no number of JSON"),
        (b"[-Infinity]", "-Infinity is no number of JSON"),
        (b'{"a": 1, "b": {"a": 1, "a": 2}}', "'a' comes twice; list it once"),
        (b'["\\ud800"]', "half a surrogate pair"),
        (b'["\xff"]', "no UTF-8 text"),
        (b'["\0"]', "zero bytes"),
        ("[1]".encode("utf-16"), "UTF-16; save it as UTF-8"),
        (b"[" + b"[]," * 200_000 + b"[]]", "200,000 values in 200,002 lists and objects, too many"),
        (b"[" + b"1," * 1_100_000 + b"1]", "1,100,000 values in 1 lists and objects, too many"),
    ],
)
def test_what_is_refused_in_one_line(tmp_path, content, words):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.json: not readable as JSON \(") as error:
        read_json(path)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_limit_and_a_kind_of_error_are_the_callers(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('"0123456789"')
    assert read_json(path, most=12) == "0123456789"
    with pytest.raises(ConfigError, match=r"a\.json: larger than 0 MiB"):
        read_json(path, most=11, error=ConfigError)
    with pytest.raises(ConfigError, match="not readable as JSON"):
        parse_json(b"{", "it", error=ConfigError)


def test_numbers_are_looked_at_one_by_one_only_where_one_may_be_too_large(monkeypatch):
    seen = []
    monkeypatch.setattr(json_files, "_whole", lambda text: seen.append(text) or int(text))
    assert parse_json(b"[1, 2]", "it") == [1, 2]
    assert seen == []
    assert parse_json(b'[1, "1111111111111111111111"]', "it") == [1, "1" * 22]
    assert seen == ["1"]
