"""What killed writers left goes; what a living one writes stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from kavc.partials import locked, new_folder

KILLED = """
import os, signal, sys
from kavc.partials import new_folder
with new_folder(sys.argv[1]) as folder:
    (folder / "half").write_text("x")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def partials(folder):
    return sorted(folder.glob(".partial-*"))


def test_a_killed_writers_folder_goes_with_the_next_one(tmp_path):
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "a")])
    assert done.returncode == -signal.SIGKILL
    (left,) = partials(tmp_path)
    with new_folder(tmp_path / "a") as temporary:
        assert partials(tmp_path) == [temporary]
        assert not left.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_living_writers_folder_stays(tmp_path):
    with new_folder(tmp_path / "1", alone=True) as first:
        with new_folder(tmp_path / "2", alone=True) as second:
            assert first.is_dir() and second.is_dir()
        assert first.is_dir()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2"]


def test_only_what_was_to_become_the_same_folder_unless_nobody_else_writes(tmp_path):
    for name in (".partial-0-a", ".partial-0-b", ".new-3"):
        (tmp_path / name).mkdir()
    (tmp_path / ".partial-file-a").write_text("")
    with new_folder(tmp_path / "a"):
        assert {path.name for path in partials(tmp_path)} >= {".partial-0-b", ".partial-file-a"}
        assert not (tmp_path / ".partial-0-a").exists()
    with new_folder(tmp_path / "c", alone=True):
        pass
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [".new-3", ".partial-file-a", "a", "c"]


def test_a_link_is_not_followed(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("x")
    (tmp_path / ".partial-0-a").symlink_to(tmp_path / "mine")
    with new_folder(tmp_path / "a", alone=True):
        pass
    assert (tmp_path / "mine" / "file").is_file()


def test_what_fails_leaves_nothing(tmp_path):
    with pytest.raises(KeyError), new_folder(tmp_path / "a") as temporary:
        (temporary / "half").write_text("x")
        raise KeyError
    with pytest.raises(FileExistsError, match="exists"), new_folder(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_lock_is_held_by_one(tmp_path):
    with locked(tmp_path), pytest.raises(BlockingIOError), locked(tmp_path, wait=False):
        pass
    with locked(tmp_path, wait=False):
        assert os.listdir(tmp_path) == []
