"""Options of music for video that depend on each other, and what the system says of data."""

from __future__ import annotations

import pytest

from kavc.errors import ConfigError, DataError
from kavc.systems.base import SourceInfo
from kavc.systems.music_match.config import MusicMatchConfig
from kavc.systems.music_match.system import MusicMatchSystem


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"visual_row": "64x64x3"}, "visual: rows of 64x64x3 are no features; name a network for "
         "them: visual_backbone=tiny|mobilenet-v2|resnet-50"),
        ({"flow_row": "2 048"}, "option 'flow_row' must be a shape, as 2048 or 64x64x3"),
        ({"audio_row": "0"}, "option 'audio_row' must be a shape"),
        ({"audio_row": "64x96", "audio_backbone": "vggish"}, "backbone vggish takes log-mel"),
    ],
)  # fmt: skip
def test_rows_and_backbones_must_fit(options, said):
    with pytest.raises(ConfigError, match=said.replace("|", r"\|")):
        MusicMatchConfig(**options)


def test_a_variant_reads_its_own_streams():
    system = MusicMatchSystem()
    for variant, streams in {
        "two-stream": {"visual", "flow"}, "i3d": {"flow"}, "visual": {"visual"}, "sound": set(),
    }.items():  # fmt: skip
        config = MusicMatchConfig(variant=variant)
        view = system.view(config)
        assert set(view.arrays) == set(config.streams) == streams
        assert dict(view.tracks) == {"audio": "audio"}
        network = system.build(config)
        assert {
            name for name in network.input if "audio" not in name and "_" not in name
        } == streams


def test_the_shapes_of_the_data_get_into_the_config():
    shapes = {"visual": (32, 32, 3), "flow": (32, 32, 20), "audio": (96, 64)}
    info = SourceInfo({}, {}, ("a", "b"), "0", shapes=shapes)
    tiny = MusicMatchConfig(visual_backbone="tiny", flow_backbone="tiny", audio_backbone="tiny")
    found = MusicMatchSystem().adapt(tiny, info)
    assert [found.row(name) for name in shapes] == list(shapes.values())
    with pytest.raises(ConfigError, match="are no features; name a network"):
        MusicMatchSystem().adapt(MusicMatchConfig(), info)


def test_data_without_features_say_how_they_are_made():
    notes = ["2 songs", "no features: make it: kavc extract CLIPS", "no features: kavc extract X"]
    info = SourceInfo({"train": 9}, {}, ("a", "b"), "0", notes=notes)
    said = "^no features: make it: kavc extract CLIPS; no features: kavc extract X$"
    with pytest.raises(DataError, match=said):
        MusicMatchSystem().adapt(MusicMatchConfig(), info)


def test_features_are_not_given_to_a_backbone():
    shapes = {"visual": (2048,), "flow": (2048,), "audio": (128,)}
    info = SourceInfo({}, {}, ("a", "b"), "0", shapes=shapes)
    with pytest.raises(ConfigError, match="visual: rows of 2048 numbers are features, which no"):
        MusicMatchSystem().adapt(MusicMatchConfig(visual_backbone="tiny"), info)


def test_what_can_be_reached_at_best_is_told_with_a_corpus(tmp_path):
    said = MusicMatchSystem().synthesise(
        tmp_path / "c", videos=60, seed=0, world_seed=0, knobs="small"
    )
    (line,) = said
    assert line.startswith("Bayes accuracy, of test: ") and "no video" in line
