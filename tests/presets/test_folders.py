"""Trained networks that ship: each can be opened, and names that are none."""

from __future__ import annotations

import pytest

import kavc
from kavc import presets
from kavc.errors import ConfigError
from kavc.evaluation.headline import Headline

MEGABYTE = 1e6


@pytest.mark.parametrize("name", presets.names())
def test_what_ships_can_be_opened(name):
    preset = kavc.from_preset(name)
    assert preset.network.count_params() > 0
    assert preset.model_card.startswith(f"# {name}, version")
    for section in ("## Limits", "## Size", "## Provenance", "## Licence", "```python"):
        assert f"\n{section}\n" in preset.model_card
    assert isinstance(preset.report.headline, Headline)
    assert dict(preset.report.made.lines())["Command"].startswith("kavc train ")
    size = sum(file.stat().st_size for file in presets.folder(name).rglob("*") if file.is_file())
    assert size < 10 * MEGABYTE


@pytest.mark.parametrize("name", presets.names())
def test_what_ships_asks_for_data(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="a preset brings no data; name yours, --data"):
        _ = kavc.from_preset(name).source


@pytest.mark.parametrize("name", ["ti-avc/no-such", "../presets", "", "/etc", "ti-avc/../ti-avc"])
def test_a_name_that_is_none(name):
    with pytest.raises(ConfigError, match=r"unknown trained preset .* Known: "):
        kavc.from_preset(name)


def test_names_follow_from_folders(tmp_path, monkeypatch):
    monkeypatch.setattr("kavc.presets.folders.ROOT", tmp_path)
    for name in ("b/two", "a/one", "a/unfinished"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("b/two", "a/one"):
        (tmp_path / name / "config.json").touch()
    assert presets.names() == ["a/one", "b/two"]
    assert presets.folder("a/one") == tmp_path / "a/one"
    with pytest.raises(ConfigError, match=r"'a/on'; did you mean 'a/one'\? Known: a/one, b/two"):
        presets.folder("a/on")
