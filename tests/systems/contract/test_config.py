"""What a system says of itself, before anything is trained: options, paper, data, search space."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from pathlib import Path

import keras_tuner
import numpy as np
import pytest
from contract import systems
from contract.systems import MADE_UP, NAMES, Small, bases

from kavc.data.source import Source
from kavc.errors import ConfigError, DataError, KavcError
from kavc.systems import registry
from kavc.systems.base import NEEDED
from kavc.training.fit import train
from kavc.tuning.space import describe, space_of

ROOT = Path(__file__).parents[3]


def test_a_system_without_its_small_file_fails_and_is_told_so(monkeypatch, tmp_path):
    monkeypatch.setattr(systems, "FOLDER", tmp_path)
    said = f"the system 'made-up' has no part in the contract: expected {tmp_path}/made_up/small.py"
    with pytest.raises(pytest.fail.Exception, match=re.escape(said)):
        Small.of("made-up", tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_a_system_is_called_as_in_the_registry_and_knows_its_own_words(name):
    system = registry.get(name)
    assert system.name == name and system.summary
    assert set(system.data_options) <= set(system.Config().to_dict())
    assert set(system.modalities) <= set(system.examples(system.Config()))
    assert set(system.evaluated_on) <= set(NEEDED)


# === Options and paper ===


def test_the_papers_preset_comes_first_and_differs_in_nothing(small):
    Config = small.system.Config
    name, config = next(iter(Config.presets().items()))
    assert (name, config) == ("paper", Config())


def test_options_say_what_they_mean_and_come_back_from_json(small):
    Config = small.system.Config
    assert all(field.metadata["meaning"] for field in dataclasses.fields(Config))
    for config in Config.presets().values():
        assert Config(**json.loads(json.dumps(config.to_dict()))) == config


@pytest.mark.parametrize("name", NAMES)
def test_every_preset_and_row_builds_at_its_full_size(name):
    system = registry.get(name)
    for label, config in bases(name).items():
        assert system.build(config).count_params() > 0, label
        names = [stage.name for stage in system.stages(config)]
        assert names and len(set(names)) == len(names), label


def test_published_numbers_are_numbers(small):
    paper = small.system.paper
    assert paper.title and paper.authors and paper.corpus and paper.url.startswith("https://")
    values = [value for table in paper.tables.values() for value in table.values()]
    published = [row.published for row in small.system.rows(small.system.Config())]
    assert values and published
    assert all(math.isfinite(value) for value in values + published if value is not None)


def test_the_readme_and_a_page_tell_of_each_system():
    readme = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    for name in set(NAMES) - set(MADE_UP):
        paper = registry.get(name).paper
        (row,) = [line for line in readme if line.startswith(f"| [`{name}`]")]
        assert paper.url in row
        page = (ROOT / "docs" / "systems" / f"{name}.md").read_text(encoding="utf-8")
        assert paper.title in page and paper.url in page


# === Data ===


def test_examples_are_what_they_are_said_to_be(small):
    system, config = small.system, small.config
    examples = system.read(small.source, "test", config)
    for name, field in system.examples(config).items():
        found = examples.element_spec[name]
        assert (found.dtype.name, tuple(found.shape)) == (field.dtype, field.shape), name
    assert sum(1 for _ in examples) == small.info.counts["test"] > 0


def in_splits(small, folder, **sizes):
    """The corpus in splits of so many examples each, by their ids."""
    ids = small.info.rosters["train"].ids
    first = np.cumsum([0, *sizes.values()])
    splits = {
        split: {"ids": [id.decode() for id in ids[at : at + size]]}
        for (split, size), at in zip(sizes.items(), first, strict=False)
    }
    file = folder / "splits.json"
    file.write_text(json.dumps(splits))
    return Source.parse(str(small.source), file)


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ({"train": 8, "validation": 8}, "no split 'test'"),
        ({"train": 8, "test": 8}, "no split 'validation'"),
        ({"train": 1, "validation": 8, "test": 8}, "split 'train': 1 "),
        ({"train": 8, "validation": 1, "test": 8}, "split 'validation': 1 "),
        ({"train": 8, "validation": 8, "test": 1}, "split 'test': 1 "),
    ],
    ids=str,
)
def test_data_that_do_not_do_are_refused_before_anything_is_written(small, tmp_path, sizes, said):
    source = in_splits(small, tmp_path, **sizes)
    assert said in one_line(DataError, small, tmp_path / "run", source)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"preset": "papre"}, "unknown preset 'papre'; did you mean 'paper'"),
        ({"overrides": {"epoch": 1}}, "unknown option 'epoch'; did you mean 'epochs'"),
        ({"overrides": {"epochs": 0}}, "option 'epochs' must be at least 1; not 0"),
        ({"overrides": {"epochs": "many"}}, "option 'epochs' must be of type int, not 'many'"),
    ],
)
def test_settings_that_do_not_fit_are_refused(small, tmp_path, changes, said):
    assert said in one_line(ConfigError, small, tmp_path / "run", small.source, **changes)
    assert not (tmp_path / "run").exists()


def one_line(kind, small, out, source, **changes):
    """What a training says that is refused."""
    arguments = {"preset": small.preset, "overrides": small.overrides} | changes
    with pytest.raises(kind) as error:
        train(small.system, source, out, **arguments)
    assert isinstance(error.value, KavcError)
    assert "\n" not in str(error.value)
    return str(error.value)


# === Search space ===


def chosen(system, config, **values):
    """The config of a point that differs from the default in these parameters."""
    hp = space_of(system, config)
    hp.values = {entry.name: entry.default for entry in hp.space} | values
    return system.search_space(hp, config)


@pytest.mark.parametrize("name", NAMES)
def test_the_default_point_of_the_space_is_the_config(name):
    system = registry.get(name)
    for config in bases(name).values():
        assert system.search_space(keras_tuner.HyperParameters(), config) == config
        for parameter in describe(space_of(system, config)):
            assert parameter["default"] == getattr(config, parameter["name"])


def ends(parameter):
    """The first and the last value of a parameter, but for the default."""
    values = parameter.get("values") or (parameter["low"], parameter["high"])
    return {values[0], values[-1]} - {parameter["default"]}


def test_every_end_of_the_space_gets_into_the_config_and_builds(small):
    """One parameter at a time: all at their largest may fill the memory."""
    system = small.system
    for preset in system.Config.presets().values():
        config = small.made_small(preset)
        for parameter in describe(space_of(system, config)):
            for value in ends(parameter) if not parameter["when"] else ():
                point = chosen(system, config, **{parameter["name"]: value})
                assert getattr(point, parameter["name"]) == value
                assert system.build(point).count_params() > 0
                assert all(stage.epochs > 0 for stage in system.stages(point))


def test_random_points_of_the_space_are_configs(small):
    system, config = small.system, small.config
    hp = space_of(system, config)
    points = {config}
    for seed in range(20):
        for entry in hp.space:
            hp.values[entry.name] = entry.random_sample(seed)
        points.add(system.search_space(hp, config))  # checks every option's range
    assert len(points) > 1
