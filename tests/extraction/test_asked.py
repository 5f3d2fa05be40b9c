"""What a user asks for, and where weights are looked for."""

from __future__ import annotations

import pytest

from kavc.errors import ConfigError
from kavc.extraction.asked import check_arrays, recipe_again, recipes
from kavc.extraction.weights import VARIABLE, WeightFiles
from kavc.media.published import PUBLISHED


@pytest.mark.parametrize("system", PUBLISHED)
def test_what_each_system_was_published_with(system):
    found = recipes(system)
    assert list(found) == list(PUBLISHED[system])
    for recipe in found.values():
        assert recipe_again(recipe.described()) == recipe


def test_arrays_in_place_of_a_systems_and_beside_them():
    found = recipes("ti-avc", ["audio=yamnet", "music=musicnn"], ["audio.hop=0.48"])
    assert {array: recipe.NAME for array, recipe in found.items()} == {
        "audio": "yamnet", "visual": "mobilenet-v2", "music": "musicnn",
    }  # fmt: skip
    assert found["audio"].hop == 0.48


def test_some_of_a_systems_arrays():
    assert list(recipes("music-match", only="audio")) == ["audio"]
    found = recipes("music-match", ["visual=pixels"], ["visual.side=64"], only="flow, visual")
    assert list(found) == ["visual", "flow"] and found["visual"].side == 64
    assert list(recipes(None, ["audio=log-mel", "visual=pixels"], only="visual")) == ["visual"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ("music-match", (), (), "visul"),
            "--only visul: unknown array 'visul'; did you mean 'vis",
        ),
        (("music-match", (), (), "audio,"), "--only audio,: unknown array ''"),
        (("music-match", (), (), ""), "--only : unknown array ''"),
        (("music-match", (), ["audio.hop=1"], "flow"), "unknown array 'audio'"),
        ((), "expected what to extract: --for SYSTEM"),
        (("ti-avg",), "ti-avc"),
        ((None, ["audio=yamnett"]), "yamnet"),
        ((None, ["yamnet"]), "name=value"),
        ((None, ["audio=yamnet", "audio=vggish"]), "given twice"),
        ((None, ["audio=yamnet"], ["hop=1"]), r"expected ARRAY\.OPTION=VALUE, as audio\.hop=1"),
        ((None, ["audio=yamnet"], ["audoi.hop=1"]), "audio"),
        ((None, ["audio=yamnet"], ["audio.hp=1"]), "hop"),
        ((None, ["audio=yamnet"], ["audio.hop=0"]), "hop"),
        ((None, ["labels=yamnet"]), "an array can't be called 'labels', which has another meaning"),
        ((None, ["../x=yamnet"]), r"an array can't be called '\.\./x'"),
        ((None, ["a=yamnet", "a_times=yamnet"]), "can't be called 'a_times'"),
    ],
)
def test_what_can_not_be(arguments, words):
    with pytest.raises(ConfigError, match=words):
        recipes(*arguments)


def test_columns_that_can_not_be_kept():
    check_arrays(["audio"], ["title", "year"])
    for name in ("audio", "audio_times", "silent", "a b"):
        with pytest.raises(ConfigError, match="--keep"):
            check_arrays(["audio"], [name])


def test_a_recipe_of_another_release():
    with pytest.raises(ConfigError, match="extractor"):
        recipe_again({"extractor": "yamnet-9", "options": {}, "weights": None})
    with pytest.raises(ConfigError, match="option"):
        recipe_again({"extractor": "yamnet", "options": {"warp": 9}, "weights": None})


def test_where_weights_are_found(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv(VARIABLE, raising=False)
    (recipe,) = recipes(None, ["audio=yamnet"]).values()
    with pytest.raises(ConfigError, match=r"yamnet: no weights 'yamnet'; give --weights yamnet=PA"):
        WeightFiles.parse().of(recipe)
    for number, folder in enumerate(("keras/models", "variable", "given")):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "yamnet.h5").touch()
        if number == 1:
            monkeypatch.setenv(VARIABLE, f"{tmp_path / 'nowhere'}:{tmp_path / folder}")
        given = [str(tmp_path / folder)] if number == 2 else []
        assert WeightFiles.parse(given).of(recipe)["yamnet"] == tmp_path / folder / "yamnet.h5"
    named = WeightFiles.parse([f"yamnet={tmp_path / 'gone.h5'}"])
    with pytest.raises(ConfigError, match=r"gone\.h5: no such file"):
        named.of(recipe)
    with pytest.raises(ConfigError, match="expected NAME=PATH, or a folder"):
        WeightFiles.parse([str(tmp_path / "nowhere")])
    with pytest.raises(ConfigError, match="--weights a is given twice"):
        WeightFiles.parse(["a=1", "a=2"])
    with pytest.raises(ConfigError, match="yamnet"):
        WeightFiles.parse(["yamnte=1"]).check_names([recipe])
