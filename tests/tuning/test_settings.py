"""Sweep files: what is read, what overrides it, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from kavc.errors import ConfigError, DataError
from kavc.systems.registry import get
from kavc.tuning.settings import SweepSettings, read_settings
from kavc.tuning.space import space_of

SHIPPED = sorted(Path(__file__).parents[2].glob("tuning/*.yaml"))


@pytest.fixture
def sweep_file(tmp_path, system):
    def write(text):
        path = tmp_path / "sweep.yaml"
        path.write_text("system: small\ndata: synthetic:x\n" + text)
        return path

    return write


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_sweep_files_that_ship_fit_their_systems(path):
    settings = read_settings(path, data="synthetic:corpus")
    system = get(settings.system)
    config = system.Config.preset(settings.preset).replace(**settings.set)
    assert space_of(system, config, settings.space)
    assert path.stem == settings.system


def test_there_is_a_file_for_each_system():
    from kavc.systems.registry import names

    assert [path.stem for path in SHIPPED] == names()


def test_changes_override_the_file(sweep_file):
    path = sweep_file("trials: 3\nset: {epochs: 2, units: 8}\nspace:\n  deep: [0, 1]\n")
    found = read_settings(path, trials=5, set={"epochs": 1}, space=None, seed=None)
    assert found == SweepSettings(
        "small", "synthetic:x", trials=5, set={"epochs": 1, "units": 8}, space={"deep": [0, 1]}
    )


def test_tuples_are_the_lists_that_come_back_from_a_file():
    assert SweepSettings("s", "d:x", space={"units": (2, 4)}).space == {"units": [2, 4]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("trails: 3", "unknown key 'trails'; did you mean 'trials'"),
        ("3: 4", "unknown key '3'"),
        ("tuner: genetic", "unknown tuner 'genetic'"),
        ("trials: 0", "trials must be a whole number from 1; got 0"),
        ("trials: many", "trials must be a whole number from 1; got 'many'"),
        ("patience: true", "patience must be a whole number from 1; got True"),
        ("seed: -1", "seed must be a whole number from 0 to 2147483647; got -1"),
        ("preset: 3", "preset must be text; got 3"),
        ("space: [units]", "space must be names with values"),
        ("space: {3: 4}", "space: names must be text"),
        ("set: {epochs: 2020-01-01}", "set: .*date is not JSON serializable"),
        ("set: {epochs: .nan}", "set: .*give numbers, text"),
    ],
)
def test_settings_that_do_not_fit(sweep_file, text, message):
    with pytest.raises(ConfigError, match=message):
        read_settings(sweep_file(text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "not readable as YAML"),
        ("a: !!python/object/apply:os.system [ls]", "not readable as YAML"),
        ("a: [\n  1, 2\nb: 3", "not readable as YAML .line 5, column 2: expected"),
        ("trials: 3\ntuner: grid\ntrials: 300", "line 5: 'trials' stands twice"),
        ("set:\n  units: 3\n  units: 4", "line 5: 'units' stands twice"),
        ("a: &x 1\nb: *x", "an alias"),
        ("a: " + "[" * 5000, "nested too deeply"),
        ("a: [2020-13-45]", "not readable as YAML"),
        ("a: " + "x" * 2**20, "larger than 16 KiB"),
    ],
)
def test_files_that_are_no_plain_yaml(sweep_file, text, message):
    with pytest.raises(DataError, match=message):
        read_settings(sweep_file(text))


def test_a_file_without_keys_or_without_a_system(tmp_path):
    path = tmp_path / "sweep.yaml"
    with pytest.raises(DataError, match="no such file"):
        read_settings(path)
    path.write_text("just text")
    with pytest.raises(ConfigError, match="no sweep file; expected keys"):
        read_settings(path)
    path.write_text("system: ti-avk")
    with pytest.raises(ConfigError, match="unknown system 'ti-avk'; did you mean 'ti-avc'"):
        read_settings(path)
    path.write_text("data: synthetic:x")
    with pytest.raises(ConfigError, match="a sweep needs its system"):
        read_settings(path)
