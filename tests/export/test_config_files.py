"""Configs that lie ready beside the models; what an operator wrote in them stays."""

from __future__ import annotations

import threading

import pytest

from kavc.data.schema import Field
from kavc.errors import ConfigError
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


@pytest.mark.parametrize("text", ["", OPERATORS + "# the end }\n", "model_config_list {}"])
def test_layouts_that_can_not_be_kept(tmp_path, text):
    (tmp_path / "models.config").write_text(text)
    write_config_files(tmp_path, "new", signatures(VARYING))
    assert paths(tmp_path)["new"] == "/models/new"
    assert ("old" in paths(tmp_path)) == ("old" in text)


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
    check_config_files(tmp_path)
    (tmp_path / "models.config").write_text("models {}")
    with pytest.raises(ConfigError, match=r"models\.config: not a ModelServerConfig"):
        check_config_files(tmp_path)
