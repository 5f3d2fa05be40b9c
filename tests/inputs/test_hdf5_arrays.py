import fcntl
import os
import subprocess
import sys

import h5py
import numpy as np
import pytest

from kavc.errors import ConfigError, DataError
from kavc.inputs import hdf5_arrays
from kavc.inputs.hdf5_arrays import ENGINES, H5PY, NATIVE, open_array

KEY = "avadataset"
SHAPE = (None, 10, 8)


@pytest.fixture(params=ENGINES)
def engine(request):
    if request.param == NATIVE and hdf5_arrays._native_read() is None:
        pytest.skip("tensorflow-io's operations do not load beside this TensorFlow")
    return request.param


@pytest.fixture
def stored(tmp_path):
    """Writes an array to a file, in place of what had its name, and returns its path."""

    def write(values, name="array.h5", key=KEY, **options):
        with h5py.File(tmp_path / "new", "w") as file:
            file.create_dataset(key, data=values, **options)
        return (tmp_path / "new").rename(tmp_path / name)

    return write


def values(*shape, dtype="f4"):
    return (100 * np.random.default_rng(0).normal(size=shape)).astype(dtype)


@pytest.mark.parametrize("shape", [(20,), (20, 29), (20, 10, 8), (20, 10, 3, 8)])
@pytest.mark.parametrize("dtype", ["f4", "f8", "i8", "u1"])
def test_rows_of_up_to_four_axes(stored, engine, shape, dtype):
    wanted = values(*shape, dtype=dtype)
    with open_array(stored(wanted), KEY, (None, *shape[1:]), engine=engine) as array:
        assert (array.shape, array.dtype, len(array)) == (shape, np.dtype(dtype), 20)
        for rows in ([3], [0, 1, 2], [19], [5, 6, 2, 2, 3, 19], [], range(20)):
            found = array.take(rows)
            assert found.dtype == dtype
            np.testing.assert_array_equal(found, wanted[list(rows)])
        np.testing.assert_array_equal(array.rows(4, 9), wanted[4:9])
        assert array.rows(4, 4).shape == (0, *shape[1:])
        for start, stop in ((19, 21), (-1, 2)):
            with pytest.raises(IndexError, match="of 20"):
                array.rows(start, stop)


def test_both_libraries_read_the_published_features_alike(shared, engine):
    path = shared / "data" / "ave" / "audio_feature_noisy.h5"
    if not path.exists():
        pytest.skip("no ../shared/data/ave with the published noisy features")
    with h5py.File(path) as file, open_array(path, KEY, (178, 10, 128), engine=engine) as array:
        np.testing.assert_array_equal(array.rows(0, 178), file[KEY][:])
        np.testing.assert_array_equal(array.take([7, 150]), file[KEY][[7, 150]])


def calls(monkeypatch):
    """Records which library reads."""
    made = []
    for name in ("_native", "_plain"):
        monkeypatch.setattr(
            hdf5_arrays.Hdf5Array, name,
            lambda self, start, stop, name=name: made.append(name) or np.zeros(self.shape)[:1],
        )  # fmt: skip
    return made


def test_which_library_reads(stored, monkeypatch):
    monkeypatch.setattr(hdf5_arrays, "_native_read", lambda: print)
    made = calls(monkeypatch)
    for shape, options in {
        (1, 2): {}, (1, 2, 2, 2): {}, (1, 2, 2, 2, 2): {}, (1, 3): {"compression": "gzip"},
    }.items():  # fmt: skip
        open_array(stored(values(*shape), **options), KEY, shape).rows(0, 1)
    for dtype in (">f4", ">f8", "f2"):  # it would misread two, and refuses the third
        open_array(stored(values(1, 2, dtype=dtype)), KEY, (1, 2)).rows(0, 1)
    open_array(stored(values(5)), KEY, (5,)).take([1, 3])
    assert made == ["_native", "_native"] + ["_plain"] * 7


def test_without_tensorflow_io(stored, monkeypatch):
    monkeypatch.setattr(hdf5_arrays, "_native_read", lambda: None)
    wanted = values(6, 10, 8)
    path = stored(wanted)
    np.testing.assert_array_equal(open_array(path, KEY, SHAPE).rows(1, 5), wanted[1:5])
    with pytest.raises(ConfigError, match="can't read 'avadataset': its operations do not load"):
        open_array(path, KEY, SHAPE, engine=NATIVE)


def test_tensorflow_io_that_can_only_be_imported(monkeypatch):
    """As beside a newer TensorFlow: the module is there, and its operations are not."""

    class NoOperations:
        def __getattr__(self, name):
            raise NotImplementedError("undefined symbol")

    package = type(sys)("tensorflow_io.python.ops")
    package.core_ops = NoOperations()
    for name in ("tensorflow_io", "tensorflow_io.python"):
        monkeypatch.setitem(sys.modules, name, type(sys)(name))
    monkeypatch.setitem(sys.modules, "tensorflow_io.python.ops", package)
    assert hdf5_arrays._native_read.__wrapped__() is None
    monkeypatch.setitem(sys.modules, "tensorflow_io", None)
    monkeypatch.setitem(sys.modules, "tensorflow_io.python.ops", None)
    assert hdf5_arrays._native_read.__wrapped__() is None


FIVE = """
import resource, sys
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
import tensorflow_io as tfio
print("begins", flush=True)
print(tfio.IOTensor.from_hdf5(sys.argv[1])("/avadataset")[0:1].shape)
"""


def test_five_axes_end_the_process_of_tensorflow_io(stored):
    """So h5py reads them. If this fails, they need not be kept from it any more."""
    if hdf5_arrays._native_read() is None:
        pytest.skip("tensorflow-io's operations do not load beside this TensorFlow")
    path = stored(values(4, 10, 7, 7, 2))
    np.testing.assert_array_equal(
        open_array(path, KEY, (4, 10, 7, 7, 2)).rows(1, 3), values(4, 10, 7, 7, 2)[1:3]
    )
    with pytest.raises(ConfigError, match="5 axes end the process; it reads 4 at most"):
        open_array(path, KEY, (4, 10, 7, 7, 2), engine=NATIVE)
    child = subprocess.run(
        [sys.executable, "-c", FIVE, str(path)], capture_output=True, text=True, timeout=120
    )
    assert child.stdout == "begins\n" and child.returncode < 0, child.stderr


def test_what_tensorflow_io_refuses(stored, monkeypatch):
    import tensorflow as tf

    def fail(**_):
        raise tf.errors.InvalidArgumentError(None, None, "out of\nboundary")

    monkeypatch.setattr(hdf5_arrays, "_native_read", lambda: fail)
    array = open_array(stored(values(6, 10, 8)), KEY, SHAPE)
    with pytest.raises(DataError, match=r"array.h5: rows 1 to 4 of 'avadataset' .*\(out of bound"):
        array.rows(1, 5)


def test_a_file_that_takes_the_place_of_another(stored, engine):
    """Each array is that of the file that was there when it was opened."""
    old, new = values(6, 10, 8), values(9, 10, 8) + 1
    before = open_array(stored(old), KEY, SHAPE)
    with open_array(before.path, KEY, SHAPE, engine=engine) as array:
        np.testing.assert_array_equal(array.rows(0, 3), old[:3])
        after = open_array(stored(new), KEY, SHAPE, engine=engine)
        np.testing.assert_array_equal(after.rows(0, 9), new)
        np.testing.assert_array_equal(before.rows(0, 6), old)
        if engine == NATIVE:
            with pytest.raises(DataError, match=r"not readable .its place is another's, or a pro"):
                array.rows(0, 6)


def test_a_file_that_another_holds(stored, engine):
    """Were it not asked first, tensorflow-io would end the process."""
    wanted = values(6, 10, 8)
    path = stored(wanted)
    with path.open("rb") as other, open_array(path, KEY, SHAPE) as array:
        fcntl.flock(other, fcntl.LOCK_EX)
        np.testing.assert_array_equal(array.rows(0, 6), wanted)
        fcntl.flock(other, fcntl.LOCK_UN)
        with open_array(path, KEY, SHAPE, engine=engine) as again:
            np.testing.assert_array_equal(again.rows(0, 6), wanted)


def test_files_are_closed_with_their_arrays(stored):
    def is_open():
        places = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
        return any(os.path.realpath(place) == str(path) for place in places)

    path = stored(values(6, 10, 8))
    array = open_array(path, KEY, SHAPE, engine=H5PY)
    assert is_open()
    del array
    assert not is_open()
    with open_array(path, KEY, SHAPE):
        pass
    assert not is_open()


@pytest.mark.parametrize("engine_", [None, "hdf"])
def test_engines(stored, engine_):
    path = stored(values(2, 10, 8))
    if engine_ is None:
        open_array(path, KEY, SHAPE, engine=engine_).close()
        return
    with pytest.raises(ConfigError, match=r"unknown engine 'hdf'. Known: h5py, t"):
        open_array(path, KEY, SHAPE, engine=engine_)


def linked(to):
    def change(file):
        del file[KEY]
        file["other"] = np.zeros(3)
        file[KEY] = to

    return change


def external(file):
    del file[KEY]
    file.create_dataset(KEY, (4, 10, 8), "f4", external="/etc/passwd")


def virtual(file):
    del file[KEY]
    layout = h5py.VirtualLayout((4, 10, 8), "f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (4, 10, 8))
    file.create_virtual_dataset(KEY, layout)


def written(shape=(4, 10, 8), dtype="f4", **options):
    def change(file):
        del file[KEY]
        file.create_dataset(KEY, shape, dtype, **options)

    return change


def half(file):
    written(chunks=(1, 10, 8), compression="gzip")(file)
    file[KEY][:2] = 1


def moved(file):
    file.move(KEY, "labels")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (moved, "no array 'avadataset' in it; it holds 'labels'"),
        (lambda file: file.clear(), "no array 'avadataset' in it; it holds nothing"),
        (linked(h5py.SoftLink("/other")), "'avadataset' is a group, or leads elsewhere"),
        (linked(h5py.SoftLink("/nowhere")), "'avadataset' is a group, or leads elsewhere"),
        (linked(h5py.ExternalLink("/etc/passwd", "/x")), "'avadataset' is a group, or leads"),
        (lambda file: (moved(file), file.create_group(KEY)), "'avadataset' is a group, or leads"),
        (external, "/avadataset lies in other files, which are not read"),
        (virtual, "/avadataset lies in other files, which are not read"),
        (written(dtype="S3"), r"'avadataset' holds \|S3; numbers are expected"),
        (written(dtype="c8"), "'avadataset' holds complex64; numbers are expected"),
        (written(dtype="bool"), "'avadataset' holds bool; numbers are expected"),
        (written((4, 10)), r"the shape \(4, 10\), \(any, 10, 8\) is expected"),
        (written((4, 9, 8)), r"the shape \(4, 9, 8\), \(any, 10, 8\) is expected"),
        (written(()), r"the shape \(\), \(any, 10, 8\) is expected"),
        (written(), "claims 1,280 bytes and 0 are stored: it was not written whole"),
        (written((2**30, 10, 8)), "claims 343,597,383,680 bytes and 0 are stored"),
        (half, "stored: it was not written whole"),
        (written((2**20, 10, 8), chunks=(2**20, 10, 8)), "larger than 256 MiB; write it in"),
    ],
)
def test_what_is_no_such_array(stored, change, words):
    path = stored(values(4, 10, 8))
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(DataError, match=rf"array.h5: .*{words}") as error:
        open_array(path, KEY, SHAPE)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "it is empty"), (b"version https://git-lfs", "no HDF5 file"), (300, "truncated|unable")],
)
def test_what_is_no_hdf5(stored, content, words):
    path = stored(values(4, 10, 8))
    path.write_bytes(path.read_bytes()[:content] if isinstance(content, int) else content)
    with pytest.raises(DataError, match=rf"(?i)array.h5: .*{words}") as error:
        open_array(path, KEY, SHAPE)
    assert "\n" not in str(error.value)


def test_files_that_are_cut_or_no_files(stored, tmp_path):
    path = stored(values(4, 10, 8))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"array.h5: .*truncated"):
        open_array(path, KEY, SHAPE)
    with pytest.raises(DataError, match=r"none.h5: no such file"):
        open_array(tmp_path / "none.h5", KEY, SHAPE)
    with pytest.raises(DataError, match="a folder; a file is expected"):
        open_array(tmp_path, KEY, SHAPE)


def test_damage_shows_when_it_is_read(stored):
    path = stored(values(64, 10, 8), chunks=(1, 10, 8), compression="gzip")
    content = bytearray(path.read_bytes())
    content[-4000:-3000] = bytes(1000)
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"rows 0 to 63 of 'avadataset' .*; copy the file again"):
        open_array(path, KEY, SHAPE).rows(0, 64)


def test_a_sparse_file_of_hundreds_of_megabytes_is_not_read_whole(tmp_path, monkeypatch):
    path = tmp_path / "maps.h5"
    with h5py.File(path, "w") as file:
        maps = file.create_dataset(KEY, (4143, 10, 7, 7, 512), "f8")
        maps[4142] = 2.5
    assert path.stat().st_size > 8_315_000_000 and path.stat().st_blocks * 512 < 2**26
    with open_array(path, KEY, (None, 10, 7, 7, 512)) as array:
        found = array.take([4142, 5])
    assert (found[0] == 2.5).all() and not found[1].any()


def test_arrays_in_groups(tmp_path):
    path = tmp_path / "grouped.h5"
    with h5py.File(path, "w") as file:
        file["layer/inner/kernel"] = np.arange(6.0).reshape(3, 2)
        file["layer/away"] = h5py.SoftLink("/layer/inner")
    with open_array(path, "layer/inner/kernel", (None, 2)) as array:
        np.testing.assert_array_equal(array.rows(0, 3), np.arange(6.0).reshape(3, 2))
    for key, reason in (
        ("layer/inner/bias", "'/layer/inner' holds 'kernel'"),
        ("layer/inner/kernel/more", "holds nothing"),
        ("layer/inner", "is a group"),
        ("layer/away/kernel", "no array"),  # a link may lead to another file
    ):
        with pytest.raises(DataError, match=reason):
            open_array(path, key, (None, 2))
