"""`kavc systems`: the list, and one system with its options."""

from __future__ import annotations

import json

import pytest

from kavc.systems.registry import get, names


def test_the_list_names_every_system(cli):
    found = json.loads(cli("systems", "--json").stdout)
    assert [each["name"] for each in found] == names()
    for each in found:
        assert each["presets"][0] == "paper"
        assert each["paper"] == get(each["name"]).paper.title
    assert all(name in cli("systems").stdout for name in names())


@pytest.mark.parametrize("name", names())
def test_options_can_be_set_to_what_they_are_said_to_take(cli, name):
    config = get(name).Config
    described = json.loads(cli("systems", name, "--json").stdout)
    assert list(described["presets"]) == list(config.PRESETS)
    assert described["paper"]["url"].startswith("https://")
    for option in described["options"]:
        default, ends = option["default"], (option["low"], option["high"])
        assert config.checked(option["name"], default) == default
        for value in [*option["choices"], *(end for end in ends if end is not None)]:
            assert config.checked(option["name"], str(value)) == value
        if option["optional"]:
            assert config.checked(option["name"], "none") is None


@pytest.mark.parametrize("name", names())
def test_the_table_has_every_option_and_preset(cli, name):
    printed = cli("systems", name).stdout
    described = json.loads(cli("systems", name, "--json").stdout)
    for each in [*(option["name"] for option in described["options"]), *described["presets"]]:
        assert each in printed


def test_an_unknown_system(refused):
    assert refused("systems", "ti-avx").startswith("unknown system 'ti-avx'; did you mean 'ti-avc'")
