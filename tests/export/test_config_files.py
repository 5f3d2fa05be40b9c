"""Configs that lie ready beside the models; what an operator wrote in them stays."""

from __future__ import annotations

import errno
import os
import stat
import threading
from pathlib import Path

import pytest

from kavc.data.schema import Field
from kavc.errors import ConfigError
from kavc.export.config_entry import entry
from kavc.export.config_files import check_config_files, write_config_files
from kavc.serving.configs import read_batching, read_models, read_monitoring
from kavc.systems.base import Signature

FIXED = Field((4,), "float32", "")
VARYING = Field((None, 4), "float32", "")
OPERATORS = """# ours
model_config_list {
  config {  # {pinned}
    name: "old"  base_path: "/models/old"  model_platform: "tensorflow"
    model_version_policy { specific { versions: 3 } }
  }
}
"""


def signatures(field):
    return {"serving_default": Signature(dict, {"x": field}, {"y": FIXED}, "")}


def paths(folder):
    listed = read_models(folder / "models.config").model_config_list.config
    return {entry.name: entry.base_path for entry in listed}


def test_three_files(tmp_path):
    write_config_files(tmp_path, "m", signatures(VARYING))
    assert paths(tmp_path) == {"m": "/models/m"}
    assert read_batching(tmp_path / "batching.config").pad_variable_length_inputs
    assert read_monitoring(tmp_path / "monitoring.config").enable
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "batching.config",
        "models.config",
        "monitoring.config",
    ]


def test_a_second_model_and_a_second_version(tmp_path):
    for name in ("m", "n", "m"):
        write_config_files(tmp_path, name, signatures(VARYING))
    assert paths(tmp_path) == {"m": "/models/m", "n": "/models/n"}


def test_padding_is_turned_on_when_a_model_needs_it(tmp_path):
    write_config_files(tmp_path, "m", signatures(FIXED))
    assert not read_batching(tmp_path / "batching.config").pad_variable_length_inputs
    write_config_files(tmp_path, "n", signatures(VARYING))
    assert read_batching(tmp_path / "batching.config").pad_variable_length_inputs
    write_config_files(tmp_path, "o", signatures(FIXED))
    assert read_batching(tmp_path / "batching.config").pad_variable_length_inputs


def test_edited_files_stay(tmp_path):
    for name in ("batching.config", "monitoring.config"):
        (tmp_path / name).write_text("# mine\n")
    (tmp_path / "models.config").write_text(OPERATORS)
    write_config_files(tmp_path, "new", signatures(VARYING))
    for name in ("batching.config", "monitoring.config"):
        assert (tmp_path / name).read_text() == "# mine\n"
    text = (tmp_path / "models.config").read_text()
    assert text.startswith(OPERATORS.removesuffix("}\n"))  # comments and layout too
    assert paths(tmp_path) == {"old": "/models/old", "new": "/models/new"}


def test_an_entry_of_that_name_stays(tmp_path):
    (tmp_path / "models.config").write_text(OPERATORS)
    write_config_files(tmp_path, "old", signatures(VARYING))
    assert (tmp_path / "models.config").read_text() == OPERATORS


def test_exports_at_the_same_time_lose_nothing(tmp_path):
    names = [f"m{number}" for number in range(20)]
    threads = [
        threading.Thread(target=write_config_files, args=(tmp_path, name, signatures(VARYING)))
        for name in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(paths(tmp_path)) == set(names)


def test_a_file_that_can_not_be_read(tmp_path):
    check_config_files(tmp_path, "m")
    (tmp_path / "models.config").write_text("models {}")
    with pytest.raises(ConfigError, match=r"models\.config: not a ModelServerConfig"):
        check_config_files(tmp_path, "m")


@pytest.fixture
def linked(tmp_path):
    """A folder of models whose `models.config` is a link to an operator's file elsewhere."""
    models = tmp_path / "models"
    models.mkdir()
    real = tmp_path / "etc" / "served.config"
    real.parent.mkdir()
    real.write_text(OPERATORS)
    real.chmod(0o640)
    (models / "models.config").symlink_to(Path("..") / "etc" / "served.config")
    return models, real


def test_a_link_is_written_through(linked):
    models, real = linked
    check_config_files(models, "new")
    write_config_files(models, "new", signatures(VARYING))
    assert (models / "models.config").is_symlink()
    assert real.read_text().startswith(OPERATORS.removesuffix("}\n"))
    assert paths(models) == {"old": "/models/old", "new": "/models/new"}
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert [path.name for path in real.parent.iterdir()] == ["served.config"]


@pytest.mark.parametrize("name", ["models.config", "batching.config", "monitoring.config"])
def test_links_that_lead_nowhere_and_folders_are_refused_before(tmp_path, name):
    path = tmp_path / name
    path.symlink_to("nowhere")
    with pytest.raises(ConfigError, match=f"{name}: a link to nowhere, which is no file; bring"):
        check_config_files(tmp_path, "m")
    path.unlink()
    path.mkdir()
    with pytest.raises(ConfigError, match=f"{name}: expected a file; move what is there"):
        check_config_files(tmp_path, "m")


def test_a_target_that_can_not_be_written_is_refused_before(linked, monkeypatch):
    models, real = linked
    monkeypatch.setattr(os, "access", lambda path, mode: path != real.parent)
    with pytest.raises(
        ConfigError, match=r"etc can't be written to; .*by hand: config \{"
    ) as error:
        check_config_files(models, "new")
    assert "\n" not in str(error.value)
    check_config_files(models, "old")  # nothing is to be written


def test_a_custom_config_is_refused_before_with_what_to_add(tmp_path):
    text = 'custom_model_config { type_url: "type.googleapis.com/x" }\n# mine\n'
    (tmp_path / "models.config").write_text(text)
    with pytest.raises(ConfigError, match="has no model_config_list to which 'm' can") as error:
        check_config_files(tmp_path, "m")
    assert f"by hand: {entry('m', '/models/m')};" in str(error.value)
    assert "\n" not in str(error.value)
    assert (tmp_path / "models.config").read_text() == text


def test_a_folder_of_models_that_is_a_file(tmp_path):
    (tmp_path / "models").write_text("")
    with pytest.raises(ConfigError, match="models: a file; expected a folder of served models"):
        check_config_files(tmp_path / "models", "m")


def test_line_ends_and_edited_bytes_stay(tmp_path):
    before = OPERATORS.replace("\n", "\r\n").encode()
    (tmp_path / "models.config").write_bytes(before)
    (tmp_path / "batching.config").write_bytes(b"# \xff\n")  # not even UTF-8
    write_config_files(tmp_path, "new", signatures(VARYING))
    after = (tmp_path / "models.config").read_bytes()
    assert after.startswith(before.removesuffix(b"}\r\n")) and after.endswith(b"}\r\n")
    assert after.count(b"\n") == after.count(b"\r\n")
    assert (tmp_path / "batching.config").read_bytes() == b"# \xff\n"


def test_a_file_of_ours_keeps_its_permissions_and_its_link(tmp_path):
    write_config_files(tmp_path, "m", signatures(FIXED))
    batching = tmp_path / "batching.config"
    batching.rename(tmp_path / "real")
    (tmp_path / "real").chmod(0o604)
    batching.symlink_to("real")
    write_config_files(tmp_path, "n", signatures(VARYING))
    assert batching.is_symlink() and read_batching(batching).pad_variable_length_inputs
    assert stat.S_IMODE((tmp_path / "real").stat().st_mode) == 0o604


def test_what_fails_leaves_no_new_file(tmp_path, monkeypatch):
    (tmp_path / "models.config").write_text(OPERATORS)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("kavc.export.config_files._take_over", full)
    with pytest.raises(OSError, match="No space left"):
        write_config_files(tmp_path, "new", signatures(VARYING))
    assert [path.name for path in tmp_path.iterdir()] == ["models.config"]
    assert (tmp_path / "models.config").read_text() == OPERATORS


def test_what_a_killed_writer_left_is_removed(tmp_path):
    (tmp_path / ".partial-0-models.config").write_text("model_conf")
    (tmp_path / ".partial-0-mine").write_text("another's")
    write_config_files(tmp_path, "m", signatures(VARYING))
    assert [path.name for path in tmp_path.glob(".*")] == [".partial-0-mine"]


def test_a_file_of_several_names_is_refused_before(linked):
    models, real = linked
    os.link(real, real.with_name("other.config"))
    with pytest.raises(ConfigError, match=r"has 2 names \(hard links\), .* add by hand: config"):
        check_config_files(models, "new")
    check_config_files(models, "old")  # nothing is to be written
