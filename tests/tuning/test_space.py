"""What a sweep varies, and what it leaves of a system's space."""

from __future__ import annotations

import math

import keras_tuner
import pytest

from kavc.errors import ConfigError
from kavc.systems.choices import Choices
from kavc.tuning.space import Narrowed, count, describe, parse_limits, space_of


def of(system, **space):
    return space_of(system, system.Config(), space)


def named(hp):
    return {entry["name"]: entry for entry in describe(hp)}


def test_a_parameter_says_when_it_counts(system):
    assert named(of(system))["dropout"]["when"] == [{"name": "deep", "values": [1]}]


def test_narrowing_goes_into_the_space(system):
    found = named(
        of(system, units=[2, "8"], groups=1, learning_rate={"low": 1e-3, "high": "1e-2",
                                                            "sampling": "log"})
    )  # fmt: skip
    assert found["units"] == {"name": "units", "kind": "choice", "values": [2, 8], "default": 2,
                              "when": []}  # fmt: skip
    assert (found["groups"]["kind"], found["groups"]["values"]) == ("fixed", [1])
    assert (found["learning_rate"]["low"], found["learning_rate"]["high"]) == (1e-3, 1e-2)


def test_what_counts_only_sometimes_follows_a_narrowed_parent(system):
    assert named(of(system, deep=[0, 2, 3]))["dropout"]["when"][0]["values"] == [2, 3]
    assert "dropout" not in named(of(system, deep=0))


def test_the_config_is_what_was_chosen_within_the_limits(system):
    space = {"units": [16, 32], "deep": 2, "dropout": {"low": 0.5, "high": 0.6}}
    config = system.Config()
    hp = space_of(system, config, space)
    found = system.search_space(Narrowed(hp, parse_limits(config, space)), config)
    assert (found.units, found.deep, found.dropout) == (16, 2, 0.5)
    hp.values["units"] = 32
    assert system.search_space(Narrowed(hp, parse_limits(config, space)), config).units == 32


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"unit": 4}, "unknown parameter 'unit'; did you mean 'units'"),
        ({"epochs": [1, 2]}, "unknown parameter 'epochs'.*; fix it by --set"),
        ({"units": [4, 128]}, "'units' must be at most 64; not 128"),
        ({"units": {"low": 1, "high": 65}}, "'units' must be at most 64; not 65"),
        ({"units": "many"}, "'units' must be of type int, not 'many'"),
        ({"units": []}, "space of 'units'"),
        ({"units": [None]}, "'units' must be of type int"),
        ({"patience": [None]}, "unknown parameter 'patience'.*; fix it by --set"),
        ({"units": {"low": 1}}, "a range needs low and high"),
        ({"units": {"low": 1, "hihg": 2}}, "unknown key 'hihg'; did you mean 'high'"),
        ({"units": {"low": 8, "high": 2}}, "low 8 and high 2; low must be less"),
        ({"units": {"low": 2, "high": 8, "step": 0}}, "step 0; expected a number above 0"),
        ({"units": {"low": 2, "high": 8, "step": "x"}}, "step 'x'; expected a number"),
        ({"units": {"low": 2, "high": 8, "step": float("inf")}}, "step inf; expected a number"),
        ({"units": {"low": 2, "high": 8, "sampling": "lin"}}, "unknown sampling 'lin'"),
        ({"dropout": {"low": 0, "high": 0.5, "sampling": "log"}}, "above 0 where sampling is not"),
        ({"normalized": {"low": 0, "high": 1}}, "a range is for numbers"),
        ({"deep": {"low": 0, "high": 3}}, "'deep' decides what else varies: give a list"),
        (
            {"learning_rate": 0.01, "units": 4, "groups": 1, "normalized": True, "scale": 1,
             "deep": 0},
            "empty space",
        ),
    ],
)  # fmt: skip
def test_limits_that_do_not_fit(system, space, message):
    with pytest.raises(ConfigError, match=message):
        of(system, **space)


def test_choices_may_stand_in_one_another(system):
    hp = keras_tuner.HyperParameters()
    ask = Choices(hp, system.Config(deep=1))
    ask.one_of("deep", 0, 1)
    ask.one_of("groups", 1)
    with ask.where("deep", lambda deep: deep > 5):
        with ask.where("groups", lambda groups: groups > 0):
            ask.one_of("units", 2, 4)
        ask.one_of("dropout", 0.1, 0.2)
    ask.one_of("normalized")
    assert [entry.name for entry in hp.space] == ["deep", "groups", "normalized"]
    with pytest.raises(ConfigError, match="'dropout' decides what else varies: ask for it first"):
        ask.where("dropout", bool).__enter__()


def test_none_is_no_choice(system):
    with pytest.raises(ConfigError, match=r"space of 'patience': \[None\]; give a value"):
        parse_limits(system.Config(), {"patience": [None]})


def test_a_name_that_another_choice_rules_out_is_no_mistake(system):
    """As `kavc tune space` lists it, for whoever copies the whole list into a sweep file."""
    names = [each["name"] for each in describe(of(system, deep=0, dropout=0.2))]
    assert "dropout" not in names


def test_what_is_set_holds_in_all_trials_unless_the_space_names_it(system):
    config = system.Config(units=8, scale=0.5)
    hp = space_of(system, config, {"units": [4, 8]}, fixed=("units", "scale", "epochs"))
    found = {each["name"]: each.get("values") for each in describe(hp)}
    assert found["scale"] == [0.5]
    assert found["units"] == [4, 8]
    assert len(found["groups"]) == 2


@pytest.mark.parametrize(
    ("grid", "expected"), [(False, math.inf), (True, 11 * 3 * (1 + 2) * 2 * 4)]
)
def test_configurations_are_counted_by_condition(grid, expected):
    hp = keras_tuner.HyperParameters()
    hp.Float("rate", 1e-3, 1e-1, default=0.05)
    hp.Choice("units", [1, 2, 3])
    hp.Choice("deep", [0, 1])
    with hp.conditional_scope("deep", [1]):
        hp.Choice("dropout", [0.1, 0.2])
    hp.Boolean("normalized")
    hp.Int("width", 2, 8, step=2)
    assert count(hp, grid=grid) == expected
