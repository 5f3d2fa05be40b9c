"""Input files are never trusted; output files are whole."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest

from kavc.errors import ConfigError, DataError
from kavc.serving import arrays
from kavc.serving.arrays import LARGEST_WHOLE, is_no_float, load_inputs, save_outputs


def test_npz_and_json_give_the_same(tmp_path):
    audio, theme = np.arange(6.0).reshape(1, 2, 3), np.array([3])
    np.savez_compressed(tmp_path / "x.npz", audio=audio, theme=theme)
    (tmp_path / "x.json").write_text(
        json.dumps({"audio": audio.tolist(), "theme": theme.tolist(), "id": ["ü"]})
    )
    for name in ("x.npz", "x.json"):
        found = load_inputs(tmp_path / name)
        np.testing.assert_array_equal(found["audio"], audio)
        np.testing.assert_array_equal(found["theme"], theme)
    assert found["id"].tolist() == ["ü"]


def lying_header() -> bytes:
    """An array of 8 bytes whose header claims a terabyte."""
    stream = io.BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": (2**37,)}
    np.lib.format.write_array_header_1_0(stream, header)
    return stream.getvalue() + b"\0" * 8


def npz(tmp_path, content: bytes):
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", content)
    return path


def text(tmp_path, content: str):
    path = tmp_path / "x.json"
    path.write_text(content)
    return path


def pickled(tmp_path):
    np.savez(tmp_path / "x.npz", a=np.array([{}], object))
    return tmp_path / "x.npz"


def cut(tmp_path):
    np.savez(tmp_path / "x.npz", a=np.zeros(1000))
    path = tmp_path / "x.npz"
    path.write_bytes(path.read_bytes()[:500])
    return path


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: p / "x.npz", "no such file"),
        (lambda p: p / "x.txt", r"ends in \.npz or \.json"),
        (lambda p: npz(p, lying_header()), "claims the shape"),
        (lambda p: npz(p, b"garbage"), "not readable as .npz"),
        (lambda p: npz(p, b""), "not readable as .npz"),
        (pickled, "pickled objects"),
        (cut, "not readable as .npz"),
        (lambda p: text(p, "{"), "not readable as JSON"),
        (lambda p: text(p, "[" * 10**5 + "]" * 10**5), "nested too deeply"),
        (lambda p: text(p, "[1]"), "expected one object"),
        (lambda p: text(p, "{}"), "holds no input"),
        (lambda p: text(p, '{"a": [[1], [1, 2]]}'), "'a' is not a rectangular nesting"),
        (lambda p: text(p, '{"a": [null]}'), "'a' is not a rectangular nesting"),
        (lambda p: text(p, '{"a": {"b": 1}}'), "'a' is not a rectangular nesting"),
        (lambda p: text(p, '{"a": [99999999999999999999999]}'), "whole number of 23 digits"),
    ],
)
def test_bad_files(tmp_path, make, message):
    path = make(tmp_path)
    with pytest.raises(DataError, match=message):
        load_inputs(path)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(arrays, "MAX_BYTES", 2**20)
    np.savez_compressed(tmp_path / "x.npz", a=np.zeros(2**18))
    assert (tmp_path / "x.npz").stat().st_size < 2**14
    with pytest.raises(DataError, match="larger than 1 MiB unpacked"):
        load_inputs(tmp_path / "x.npz")


@pytest.mark.parametrize("name", ["y.npz", "y.json"])
def test_outputs_come_back(tmp_path, name):
    outputs = {
        "match": np.array([0.25, 0.5], "f"),
        "word": np.array([b"a\0", "ü".encode()], object),
    }
    save_outputs(tmp_path / name, outputs)
    found = load_inputs(tmp_path / name)
    np.testing.assert_array_equal(found["match"], outputs["match"])
    assert found["word"][1] == "ü"
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_json_can_not_hold_nan(tmp_path):
    with pytest.raises(DataError, match="'a' is not finite"):
        save_outputs(tmp_path / "y.json", {"a": np.array([np.nan])})
    with pytest.raises(DataError, match=r"ends in \.npz or \.json"):
        save_outputs(tmp_path / "y.csv", {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["y.npz", "y.json", "link.npz"])
def test_outputs_replace_nothing(tmp_path, name):
    (tmp_path / "link.npz").symlink_to(tmp_path / "nowhere")
    (tmp_path / name).with_suffix(".json").write_text("mine")
    np.savez(tmp_path / "y.npz", a=np.zeros(1))
    before = {path: path.is_file() and path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ConfigError, match=f"{name}: exists; choose another name or remove it"):
        save_outputs(tmp_path / name, {"a": np.ones(1)})
    assert {path: path.is_file() and path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.zeros((1, 2), "float32"), False),
        (np.full((1, 2), 200.0), False),
        (np.zeros((1, 2), "uint8"), True),
        (np.zeros((1, 2), "int64"), True),
        (np.zeros((1, 0), "int8"), True),
        (np.zeros((1, 2), bool), True),
        ([[0, 1]], False),
        ([[0, LARGEST_WHOLE]], False),
        ([[0, LARGEST_WHOLE + 1]], True),
        ([[0, -LARGEST_WHOLE - 1]], True),
        ([[0.5, 255]], False),
        ([[True, False]], True),
        ([np.array([1, 2], "uint8")], True),
        ([], False),
    ],
)
def test_whole_numbers_for_floats(value, expected):
    assert is_no_float(value) == expected


def test_json_may_write_floats_as_whole_numbers_and_npz_may_not(tmp_path):
    for name, most in (("small.json", 1), ("codes.json", 255)):
        (tmp_path / name).write_text(json.dumps({"a": [[0, most]]}))
    np.savez(tmp_path / "small.npz", a=np.array([[0, 1]]))
    found = {path.name: is_no_float(load_inputs(path)["a"]) for path in tmp_path.iterdir()}
    assert found == {"small.json": False, "codes.json": True, "small.npz": True}
