"""A model is added to any layout of a `models.config`, and no character of it is lost."""

from __future__ import annotations

import pytest

from kavc.errors import ConfigError
from kavc.export.config_entry import entry, with_model
from kavc.serving.configs import add_model, parse_models

A = 'config { name: "a" base_path: "/a" }'
B = 'config { name: "b" base_path: "/b" }'
TEXTS = {
    "nothing": "",
    "comments alone": "# ours",
    "an empty list": "model_config_list {}",
    "no end of line": f"model_config_list {{\n  {A}\n}}",
    "one line": f"model_config_list {{ {A} }}\n",
    "no spaces": 'model_config_list{config{name:"a"base_path:"/a"}}',
    "colons": f"model_config_list: {{\n  {A.replace('config', 'config:')}\n}}\n",
    "angles": "model_config_list: <\n  config <name: 'a', base_path: '/a'>\n>\n",
    "a list of entries": 'model_config_list { config: [{name: "a" base_path: "/a"}] }\n',
    "separators": f"model_config_list {{ {A}; {B}, }};\n",
    "tabs": f"\tmodel_config_list {{\n\t\t{A}\n\t}}\n",
    "line ends of Windows": f"# ours\r\nmodel_config_list {{\r\n  {A}\r\n}}\r\n# end",
    "comments everywhere": (
        f"# {{\nmodel_config_list # <\n: # [\n{{ # }} model_config_list\n{A} # }}\n# }}\n"
        "} # }\n# }"
    ),
    "comments behind the last entry": f"model_config_list {{\n  {A}\n  # old: {{}}\n}}\n# bye }}\n",
    "brackets in strings": (
        "model_config_list { config { name: 'a}\\'#' base_path: \"/{\\\"#>\" } # '\n}\n"
    ),
    "umlauts": "# für später: {\nmodel_config_list {\n}\n",
    "an entry of many parts": (
        "model_config_list {\n config {\n name: 'a' base_path: '/a'\n"
        " model_version_policy { specific { versions: 3 } }\n"
        " version_labels { key: 'stable' value: 3 }\n }}\n"
    ),
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_one_entry_more_and_all_else_stays(text):
    wanted = parse_models(text)
    assert add_model(wanted, "new", "/models/new")
    added = with_model(text, "new", "/models/new")
    assert parse_models(added) == wanted
    cuts = range(len(text) + 1)  # it was put in at one place
    assert any(added.startswith(text[:at]) and added.endswith(text[at:]) for at in cuts)
    assert added.count("\r\n") in (0, added.count("\n"))
    assert with_model(added, "new", "/elsewhere") == added


def test_the_entry_stands_as_the_others_do():
    before = '  model_config_list {\n    config {\n      name: "a" base_path: "/a"\n    }\n  }\n'
    added = with_model(before, "b", "/b")
    assert [line for line in added.splitlines() if "config {" in line] == ["    config {"] * 2


@pytest.mark.parametrize(
    "text",
    [
        'custom_model_config { type_url: "x" value: "model_config_list {}" }',
        "custom_model_config {} # model_config_list {}",
        "custom_model_config { [type.googleapis.com/tensorflow.serving.ModelServerConfig] {} }",
    ],
)
def test_a_custom_config_has_no_list(text):
    assert with_model(text, "new", "/models/new") is None


def test_no_config():
    with pytest.raises(ConfigError, match="not a ModelServerConfig"):
        with_model("models {}", "new", "/models/new")


def test_the_entry_in_one_line():
    line = entry("m", "/models/m")
    assert line == 'config { name: "m" base_path: "/models/m" model_platform: "tensorflow" }'
