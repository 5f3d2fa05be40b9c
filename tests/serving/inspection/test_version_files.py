"""Versions that are half copied, damaged, or reach out of their folder."""

from __future__ import annotations

import shutil

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
