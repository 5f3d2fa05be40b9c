"""Only regular files are opened, and only up to a size: each refusal is one line."""

from __future__ import annotations

import hashlib
import os
import socket

import pytest

from kavc.errors import ConfigError, DataError
from kavc.inputs.opening import check_file, open_file, read_bytes, read_text, sha256


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"some text\r\n")
    return path


def a_socket(path):
    os.chdir(path.parent)  # a socket's path is short
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)


REFUSED = {
    "missing": (lambda path: None, "no such file"),
    "folder": (lambda path: path.mkdir(), "a folder; a file is expected"),
    "fifo": (os.mkfifo, "a FIFO; a file is expected"),
    "socket": (a_socket, "a socket or a device; a file is expected"),
    "device": (lambda path: path.symlink_to("/dev/zero"), "a device; a file is expected"),
    "loop": (lambda path: path.symlink_to(path.name), "links that lead in a circle"),
    "dangling": (lambda path: path.symlink_to("nothing"), "no such file"),
    "memory": (lambda path: path.symlink_to("/proc/self/mem"), "Input/output error"),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("read", [open_file, check_file, lambda path: read_bytes(path, most=99)])
def test_what_is_no_file_is_refused_at_once(tmp_path, monkeypatch, name, read):
    monkeypatch.chdir(tmp_path)
    make, words = REFUSED[name]
    make(tmp_path / "odd")
    with pytest.raises(DataError, match=words) as error:
        read(tmp_path / "odd")
    assert str(error.value).startswith(f"{tmp_path / 'odd'}: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("n" * 300, "its name is too long for a file"),
        ("a\0b", "its name holds a zero byte"),
        ("file/below", "what stands above it is no folder"),
        ("line\nbreak", r"'.*line\\nbreak': no such file"),
        ("n" * 10**6, r"^'/.{79}…' \(1,000,\d{3} characters\): its name is too long for a file"),
    ],
)
def test_names_that_can_be_none(file, name, words):
    with pytest.raises(DataError, match=words) as error:
        open_file(f"{file.parent}/{name}")
    assert "\n" not in str(error.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="who may not become another can't lose a right")
def test_a_file_that_may_not_be_read(file):
    file.chmod(0)
    for folder in file.parents[:3]:
        folder.chmod(0o755)
    os.seteuid(65534)
    try:
        with pytest.raises(DataError, match="no permission to read it"):
            open_file(file)
    finally:
        os.seteuid(0)


def test_what_is_raised_is_what_the_caller_names(tmp_path):
    with pytest.raises(ConfigError, match="no such file"):
        read_text(tmp_path / "none", most=1, error=ConfigError)


def test_a_size_is_looked_at_before_the_first_read(file):
    assert read_bytes(file, most=11) == b"some text\r\n"
    for read in (open_file, read_bytes, read_text, check_file):
        with pytest.raises(DataError, match="file: larger than 0 MiB"):
            read(file, most=10)
    os.truncate(file, 2**40)
    with pytest.raises(DataError, match="file: larger than 64 KiB"):
        read_bytes(file, most=2**16)


def test_files_that_say_that_they_are_empty_are_read_up_to_the_limit():
    assert read_bytes("/proc/self/status", most=2**16).startswith(b"Name:")
    with pytest.raises(DataError, match="status: larger than"):
        read_bytes("/proc/self/status", most=20)


def test_descriptors_are_given_back(tmp_path):
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with pytest.raises(DataError):
            open_file(tmp_path)
        with pytest.raises(DataError):
            open_file("/dev/zero")
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("text".encode("utf-16"), "text in UTF-16; save it as UTF-8"),
        (b"caf\xe9!", r"no UTF-8 text \(byte 0xe9 at 3\)"),
        (b"a\0b", "no text: it holds zero bytes"),
    ],
)
def test_what_is_no_text(file, content, words):
    file.write_bytes(content)
    with pytest.raises(DataError, match=f"file: {words}"):
        read_text(file, most=99)


def test_text_keeps_its_line_ends_and_loses_its_mark(file):
    file.write_bytes("\ufeffa\r\né\n".encode())
    assert read_text(file, most=99) == "a\r\né\n"


def test_digests(file):
    assert sha256(file) == hashlib.sha256(b"some text\r\n").hexdigest()
    with pytest.raises(DataError, match="a device"):
        sha256("/dev/zero")
