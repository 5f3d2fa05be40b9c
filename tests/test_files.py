"""Files that are whole or not there, with the process's permissions and a digest beside them."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest

from kavc.files import (
    is_as_written,
    whole_file,
    whole_folder,
    write_json,
    write_text,
    write_with_digest,
)


@pytest.fixture(params=[0o077, 0o027, 0o022, 0o002], ids=oct)
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path):
    return path.stat().st_mode & 0o777


def test_files_and_folders_have_the_permissions_that_the_umask_leaves(umask, tmp_path):
    write_text(tmp_path / "new" / "file.txt", "text")
    with whole_folder(tmp_path / "folder") as temporary:
        write_json(temporary / "inside.json", {})
    assert mode(tmp_path / "new" / "file.txt") == 0o666 & ~umask
    assert mode(tmp_path / "folder" / "inside.json") == 0o666 & ~umask
    assert mode(tmp_path / "folder") == mode(tmp_path / "new") == 0o777 & ~umask


def test_a_block_that_fails_leaves_nothing(tmp_path):
    (tmp_path / "file").write_text("before")
    for opened in (whole_file(tmp_path / "file"), whole_folder(tmp_path / "folder")):
        with pytest.raises(RuntimeError), opened as temporary:
            (temporary / "part" if temporary.is_dir() else temporary).write_text("half")
            raise RuntimeError
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "before"


def test_a_temporary_file_keeps_the_suffixes(tmp_path):
    with whole_file(tmp_path / "a.weights.h5") as temporary:
        assert temporary.name.startswith(".partial-")
        assert temporary.name.endswith("-a.weights.h5")


def test_a_digest_is_what_sha256sum_checks(tmp_path):
    write_with_digest(tmp_path / "file", b"text")
    command = ["sha256sum", "--check", "file.sha256"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True).returncode == 0
    assert is_as_written(tmp_path / "file")


def test_a_digest_finds_each_spoilt_byte(tmp_path):
    content = bytes(range(64))
    write_with_digest(tmp_path / "file", content)
    for place in range(len(content)):
        spoilt = bytearray(content)
        spoilt[place] ^= 1
        (tmp_path / "file").write_bytes(spoilt)
        assert not is_as_written(tmp_path / "file")
    (tmp_path / "file").write_bytes(content)
    assert is_as_written(tmp_path / "file")


@pytest.mark.parametrize("beside", ["", "not a digest", "\0", "0" * 64])
def test_a_digest_that_is_damaged_itself(tmp_path, beside):
    (tmp_path / "file").write_text("text")
    (tmp_path / "file.sha256").write_text(beside)
    assert not is_as_written(tmp_path / "file")


def test_a_file_without_a_digest_passes(tmp_path):
    (tmp_path / "file").write_text("of an earlier version")
    assert is_as_written(tmp_path / "file")


FULL = """
import resource, sys
import keras
from kavc.files import write_json
from kavc.training.weights import save_network, save_weights

network = keras.Sequential([keras.Input((64,)), keras.layers.Dense(256)])
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))  # a write beyond fails, as on a full disk
for write in (
    lambda: save_weights(network, f"{sys.argv[1]}/a.weights.h5"),
    lambda: save_network(network, f"{sys.argv[1]}/a.keras"),
    lambda: write_json(f"{sys.argv[1]}/a.json", "x" * 10_000),
):
    try:
        write()
    except OSError as error:
        print(error.errno)
"""


def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path):
    """In a process of its own, which HDF5 would end by a segmentation fault."""
    command = [sys.executable, "-c", FULL, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["27"] * 3  # EFBIG
    assert list(tmp_path.iterdir()) == []


def test_an_error_names_what_was_to_be_written(tmp_path):
    for opened in (whole_file(tmp_path / "a.json"), whole_folder(tmp_path / "folder")):
        with pytest.raises(OSError) as error, opened as temporary:
            raise OSError(errno.ENOSPC, "No space left on device")
        assert error.value.filename in (str(tmp_path / "a.json"), str(tmp_path / "folder"))
    with pytest.raises(OSError) as error, whole_folder(tmp_path / "folder") as temporary:
        (temporary / "missing" / "inside").write_text("")
    assert error.value.filename == str(tmp_path / "folder" / "missing" / "inside")
