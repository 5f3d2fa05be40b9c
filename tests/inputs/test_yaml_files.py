import subprocess
import sys

import pytest

from kavc.errors import ConfigError, DataError
from kavc.inputs.yaml_files import parse_yaml, read_yaml


def test_plain_values():
    text = "a: 1\nb: [0.5, true, null, text, -3]\nc:\n  d: {e: '1:30', f: 0}\n"
    inner = {"e": "1:30", "f": 0}
    assert parse_yaml(text, "it") == {"a": 1, "b": [0.5, True, None, "text", -3], "c": {"d": inner}}
    assert parse_yaml("", "it") is None
    assert parse_yaml("2020-01-01x", "it") == "2020-01-01x"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "line 1, column 5: expected"),
        ("a: &x 1\nb: *x", "line 2: an alias"),
        ("a: " + "[" * 11 + "]" * 11, "line 1: nested too deeply"),
        ("- " * 3000, "nested too deeply"),
        ("a: !!python/object:os.system 1", "line 1: a tag"),
        ("a: !!binary aGk=", "a tag"),
        ("a: 1\n---\nb: 2", "another document"),
        ("a: 1\nb:\n  c: 1\n  c: 2", "line 4: 'c' stands twice"),
        ("? [1]\n: 2", "line 1: a key that is no plain word"),
        ("{{a: 1}: 2}", "a key that is no plain word"),
        ("a: 1:30", "line 1: 1:30 would be read as another number"),
        ("a: 1:30.5", "would be read as another number"),
        ("a: 010", "would be read as another number"),
        ("a: 1_000", "would be read as another number"),
        ("1:30: a", "would be read as another number"),
        ("a: 0x" + "f" * 9000, "would be read as another number"),
        ("a: " + "9" * 9000, "line 1: a whole number of 9000 digits"),
        ("a: 2020-13-45", "month must be in 1..12"),
        ("a: \a", "unacceptable character"),
        ("a:\t- b", "cannot start any token"),
    ],
)
def test_what_is_refused_in_one_line(text, words):
    with pytest.raises(DataError, match=r"^it: not readable as YAML \(") as error:
        parse_yaml(text, "it")
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_files(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\r\n")
    assert read_yaml(path) == {"a": 1}
    path.write_bytes(b"a: \xff")
    with pytest.raises(ConfigError, match=r"a\.yaml: no UTF-8 text"):
        read_yaml(path, error=ConfigError)
    path.write_text("a: " + "x" * 2**14)
    with pytest.raises(DataError, match=r"a\.yaml: larger than 16 KiB"):
        read_yaml(path)


def test_the_extra_is_imported_when_it_is_needed():
    code = "import sys, kavc.inputs.yaml_files; print('yaml' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
