import numpy as np
import pytest

from kavc.errors import DataError
from kavc.inputs.arrays import read_npy, read_npz


@pytest.fixture
def file(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(6.0).reshape(2, 3))
    return tmp_path / "a.npy"


def test_there_and_back(file, tmp_path):
    np.testing.assert_array_equal(read_npy(file, most=1000), np.arange(6.0).reshape(2, 3))
    np.savez_compressed(tmp_path / "a.npz", x=np.zeros(3), y=np.array("text"))
    found = read_npz(tmp_path / "a.npz", most=10_000)
    assert list(found) == ["x", "y"] and str(found["y"]) == "text"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda b: b.replace(b"(2, 3)", b"(9, 9)"), "claims the shape"),
        (lambda b: b.replace(b"'<f8'", b"'|O' "), "holds pickled objects"),
        (lambda b: b[:100], "not readable as .npy"),
        (lambda b: b"", "not readable as .npy"),
        (lambda b: b[:6] + b"\x07" + b[7:], "has format version"),
        (lambda b: b * 20, "larger than 1 KiB"),
    ],
)
def test_what_is_no_array_is_named(file, change, words):
    file.write_bytes(change(file.read_bytes()))
    with pytest.raises(DataError, match=f"a.npy: .*{words}"):
        read_npy(file, most=2000)


@pytest.mark.parametrize("read", [read_npy, read_npz])
def test_devices_folders_and_missing_files(tmp_path, read):
    for path, words in (("/dev/zero", "a device"), (tmp_path, "a folder"), (tmp_path / "none", "")):
        with pytest.raises(DataError, match=words or "no such file"):
            read(path, most=10)
