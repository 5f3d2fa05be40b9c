"""Versions that are half copied, damaged, or reach out of their folder."""

from __future__ import annotations

import os
import shutil
import socket
import stat

import pytest

from kavc.errors import ExportError
from kavc.serving.inspection import version_files
from kavc.serving.inspection.version_files import check_files, check_variables, read_saved_model


@pytest.fixture
def version(models_dir, tmp_path):
    folder = tmp_path / "2"
    shutil.copytree(models_dir / "tiny" / "2", folder)
    return folder


def test_a_whole_version(version):
    read_saved_model(version)
    check_files(version, ["themes.txt"] if (version / "assets" / "themes.txt").exists() else [])
    assert check_variables(version) > 1


def test_no_graph(version):
    (version / "saved_model.pb").unlink()
    with pytest.raises(ExportError, match=r"saved_model\.pb: no such file"):
        read_saved_model(version)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda data: b"", "holds no graph"),
        (lambda data: data[: len(data) // 2], "damaged, or no SavedModel"),
        (lambda data: b"\xff" * 50, "damaged, or no SavedModel"),
    ],
)
def test_a_damaged_graph(version, change, says):
    path = version / "saved_model.pb"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ExportError, match=says):
        read_saved_model(version)


def test_a_graph_beyond_the_limit_is_not_read(version, monkeypatch):
    monkeypatch.setattr(version_files, "MAX_GRAPH_BYTES", 100)
    with pytest.raises(ExportError, match=r"saved_model\.pb: larger than"):
        read_saved_model(version)


def test_links_may_stay_inside(version, tmp_path):
    (version / "inside").symlink_to(version / "saved_model.pb")
    check_files(version)
    outside = tmp_path / "secret"
    outside.write_text("x")
    (version / "assets.extra" / "link").symlink_to(outside)
    with pytest.raises(ExportError, match=r"link: a link to .*secret, outside the version's"):
        check_files(version)


def test_the_version_may_be_a_link_itself(version, tmp_path):
    (tmp_path / "3").symlink_to(version)
    check_files(tmp_path / "3")


def test_a_missing_asset(version):
    with pytest.raises(ExportError, match=r"none\.txt: missing; the version is not whole"):
        check_files(version, ["none.txt"])


def test_missing_variables(version):
    (version / "variables" / "variables.data-00000-of-00001").unlink()
    with pytest.raises(ExportError, match=r"data-00000-of-00001: missing; the version is not"):
        check_variables(version)
    (version / "variables" / "variables.index").unlink()
    with pytest.raises(ExportError, match=r"variables\.index: missing; the version is not whole"):
        check_variables(version)


def test_memory_is_not_taken_for_what_is_not_there(version):
    path = version / "variables" / "variables.data-00000-of-00001"
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(ExportError, match="the index claims more than there is"):
        check_variables(version)


def cut(data):
    return data[: len(data) // 2]


def flip(data):
    return data[:100] + bytes([data[100] ^ 1]) + data[101:]


@pytest.mark.parametrize("change", [cut, flip])
@pytest.mark.parametrize("file", ["variables.index", "variables.data-00000-of-00001"])
def test_damaged_variables(version, file, change):
    path = version / "variables" / file
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ExportError, match="variables: damaged or cut short") as error:
        check_variables(version)
    assert "\n" not in str(error.value)


def test_only_files_and_folders(version):
    os.mkfifo(version / "assets.extra" / "pipe")
    with pytest.raises(ExportError, match="pipe: a FIFO; a version holds files and folders alone"):
        check_files(version)


def test_a_socket(version, monkeypatch):
    monkeypatch.chdir(version)  # a socket's path is short
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("here")
        with pytest.raises(ExportError, match="here: a socket; a version holds files"):
            check_files(version)


@pytest.mark.skipif(os.geteuid() != 0, reason="a device needs root")
def test_a_device(version):
    try:
        os.mknod(version / "assets" / "zero", stat.S_IFCHR | 0o600, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("no devices here")
    with pytest.raises(ExportError, match="zero: a device; a version holds files and folders"):
        check_files(version)


def test_links_in_a_circle(version):
    (version / "a").symlink_to("b")
    (version / "b").symlink_to("a")
    (version / "self").symlink_to(".")
    check_files(version)
    with pytest.raises(ExportError, match="a: missing; the version is not whole"):
        (version / "assets" / "a").symlink_to("a")
        check_files(version, ["a"])


def test_a_folder_that_is_a_link_out(version, tmp_path):
    (tmp_path / "other").mkdir()
    (version / "more").symlink_to(tmp_path / "other")
    with pytest.raises(ExportError, match=r"more: a link to .*other, outside the version's"):
        check_files(version)


def test_more_entries_than_are_looked_at(version, monkeypatch):
    monkeypatch.setattr(version_files, "MAX_ENTRIES", 5)
    with pytest.raises(ExportError, match="more than 5 files and folders"):
        check_files(version)


@pytest.mark.parametrize("name", ["saved_model.cpb", "saved_model.pbtxt"])
def test_a_second_graph(version, name):
    (version / name).touch()
    with pytest.raises(ExportError, match=f"{name}: a second graph, which is not checked"):
        check_files(version)


@pytest.mark.parametrize("name", ["../saved_model.pb", "/etc/hosts", "a\0b", ".."])
def test_an_asset_out_of_its_folder(version, name):
    with pytest.raises(ExportError, match=r"the asset .* lies outside assets/"):
        check_files(version, [name])


def test_names_are_printable(version):
    (version / "a\x1b[2J").symlink_to("/etc")
    with pytest.raises(ExportError) as error:
        check_files(version)
    assert str(error.value).isprintable()


def test_a_graph_without_variables(version):
    (version / "variables" / "variables.index").unlink()
    assert check_variables(version, needed=False) == 0


def test_an_asset_beyond_the_limit(version):
    asset = version / "assets" / "words.txt"
    asset.parent.mkdir(exist_ok=True)
    asset.touch()
    os.truncate(asset, 2**40)  # takes no room on the disk
    with pytest.raises(ExportError, match="larger than 1024 MiB"):
        check_files(version, [asset.name])
