import warnings
import zipfile

import numpy as np
import pytest

from kavc.errors import DataError
from kavc.inputs import archives, arrays
from kavc.inputs.arrays import map_npy, read_npy, read_npz

ARRAYS = {
    "floats": np.arange(6.0).reshape(2, 3),
    "Fortran's order": np.asfortranarray(np.arange(6, dtype=np.float16).reshape(2, 3)),
    "big end first": np.arange(3, dtype=">i4"),
    "truth": np.array([True, False]),
    "text": np.array(["a", "bcé"]),
    "bytes": np.array([b"a\0b", b"c"]),
    "none": np.zeros((0, 3), np.uint8),
    "one": np.float32(3),
    "complex": np.array([1j]),
}


@pytest.fixture
def file(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(6.0).reshape(2, 3))
    return tmp_path / "a.npy"


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_there_and_back(tmp_path, name, version):
    array = ARRAYS[name]
    with open(tmp_path / "a.npy", "wb") as stream:
        np.lib.format.write_array(stream, np.asanyarray(array), version)
    for found in (read_npy(tmp_path / "a.npy", most=1000), map_npy(tmp_path / "a.npy")):
        np.testing.assert_array_equal(found, array, strict=True)
        assert found.flags.f_contiguous == array.flags.f_contiguous


def test_archives(tmp_path):
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "a.npz", **ARRAYS)
        found = read_npz(tmp_path / "a.npz", most=10_000)
        assert list(found) == list(ARRAYS)
        for name, array in ARRAYS.items():
            np.testing.assert_array_equal(found[name], array, strict=True)


def test_an_archive_of_ours_is_as_large_as_its_file(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros(10**5))
    assert read_npz(tmp_path / "a.npz", most=None)["x"].shape == (10**5,)
    np.savez_compressed(tmp_path / "a.npz", x=np.zeros(10**5))
    with pytest.raises(DataError, match=r"larger than .* unpacked"):
        read_npz(tmp_path / "a.npz", most=None)


def headed(text, data=bytes(24), version=1):
    """Returns an `.npy` file with a header of one's own."""
    length = len(text).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes([version, 0]) + length + text.encode() + data


def said(descr="'<f4'", shape="(2, 3)"):
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (headed(said(shape="(-2, -3)")), "a header that is not NumPy's"),
        (headed(said(shape="(2, 2)")), "is longer"),
        (headed(said(shape="(99999999999, 99999999999)")), "claims the shape"),
        (headed(said(shape=f"({'1, ' * 33})")), "claims the shape"),
        (headed(said(shape=f"({'9' * 5000},)")), "claims the shape|not NumPy's|digits"),
        (headed(said("'|O'")), "holds pickled objects"),
        (headed(said("[('a', '<f4'), ('b', '<f4')]")), "numbers or text are expected"),
        (headed(said("'<M8[s]'")), "numbers or text are expected"),
        (headed(said("'<f3'")), "no type of NumPy's"),
        (headed(said("'|b1'", "(24,)"), b"\2" * 24), "truth values that are neither"),
        (headed(said("'<U1'", "(6,)"), b"\xff" * 24), "text that is no Unicode"),
        (headed(said("'<U1'", "(6,)"), b"\0\xd8\0\0" * 6), "text that is no Unicode"),
        (headed("(" * 5000), "a header that is not NumPy's"),
        (headed("-" * 5000 + "1"), "a header that is not NumPy's"),
        (headed("{'descr': '<f4'}"), "a header that is not NumPy's"),
        (headed(said() * 200), "claims a header of"),
        (b"\x93NUMPY\2\0\xff\xff\xff\xff{", "claims a header of 4,294,967,295 bytes"),
        (b"\x93NUMPY\1\0\x80\0{", "ends inside its header"),
        (b"no array", "is no array of NumPy"),
    ],
)
def test_odd_headers(tmp_path, content, words):
    path = tmp_path / "a.npy"
    path.write_bytes(content)
    for read in (map_npy, lambda path: read_npy(path, most=10**5)):
        if read is map_npy and ("truth" in words or "Unicode" in words):
            continue  # what is mapped is not looked at
        with pytest.raises(DataError, match=rf"a\.npy: not readable as \.npy .*({words})") as error:
            read(path)
        assert "\n" not in str(error.value)


def zipped(path, *members, packing=zipfile.ZIP_STORED):
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", packing) as made:
        warnings.simplefilter("ignore")  # of names that come twice
        for name, content in members:
            made.writestr(name, content)
    return path


GOOD = headed(said())


@pytest.mark.parametrize(
    ("members", "packing", "words"),
    [
        ([("x.npy", GOOD), ("x.npy", GOOD)], zipfile.ZIP_STORED, "holds 'x.npy' twice"),
        ([], zipfile.ZIP_STORED, "it holds no array"),
        ([("x.npy", GOOD), ("x.txt", b"text")], zipfile.ZIP_STORED, "'x.txt' in it is no array"),
        ([("x.npy", GOOD)], zipfile.ZIP_LZMA, "compressed in a way that is not read"),
        ([("x.npy", GOOD + b"more")], zipfile.ZIP_DEFLATED, "is longer"),
        ([("x.npy", GOOD[:-1])], zipfile.ZIP_DEFLATED, "is shorter"),
        ([("x.npy", bytes(10**7))], zipfile.ZIP_DEFLATED, "larger than 1 MiB unpacked"),
    ],
)
def test_archives_that_hold_something_else(tmp_path, members, packing, words):
    path = zipped(tmp_path / "a.npz", *members, packing=packing)
    with pytest.raises(DataError, match=rf"a\.npz: not readable as \.npz \(.*{words}"):
        read_npz(path, most=2**20)


def test_what_unpacks_to_far_more_than_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "FREE", 2**16)
    path = zipped(tmp_path / "a.npz", ("x.npy", bytes(2**20)), packing=zipfile.ZIP_DEFLATED)
    with pytest.raises(DataError, match=r"unpacks to 1,048,576 bytes, .* times its own"):
        read_npz(path, most=2**30)


def test_a_directory_of_very_many_members(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_DIRECTORY", 100)
    path = zipped(tmp_path / "a.npz", ("x.npy", GOOD), ("y.npy", GOOD))
    with pytest.raises(DataError, match=r"a directory of 1.. bytes, far more members"):
        read_npz(path, most=2**30)


@pytest.mark.parametrize("free", [0, 2**30])
def test_a_spoilt_byte_is_found(tmp_path, monkeypatch, free):
    """Also in large archives, before anything is kept of them."""
    monkeypatch.setattr(arrays, "FREE", free)
    path = zipped(tmp_path / "a.npz", ("x.npy", GOOD), ("y.npy", GOOD))
    content = bytearray(path.read_bytes())
    content[content.find(bytes(24)) + 3] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"Bad CRC-32 for file 'x\.npy'"):
        read_npz(path, most=2**20)


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
