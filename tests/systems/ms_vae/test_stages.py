"""What the fits are shown: which segments, which pairs, and what a step does with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kavc.errors import ConfigError, DataError
from kavc.systems.ms_vae import recipe
from kavc.systems.ms_vae.config import MSVAEConfig
from kavc.systems.ms_vae.held import FIRST, LAST, USUAL, chance, constants
from kavc.systems.ms_vae.stages import CorrespondingStage, of_other_videos
from kavc.systems.ms_vae.system import MSVAESystem
from kavc.systems.ms_vae.videos import Segments, Videos

SMALL = {
    "audio_dim": 3, "visual_dim": 4, "latent_dim": 2, "visual_units": 4, "code_units": 4,
    "decoder_units": 4, "batch_size": 8, "epochs": 2, "kl_epochs": 1, "classes": 3,
    "embedding_units": 4, "embedding_dim": 2, "steps_per_execution": 1,
}  # fmt: skip


def videos_of(spans, segments=10):
    """Videos with an event from the first to before the second number of each pair."""
    rng = np.random.default_rng(0)
    at = np.arange(segments)
    event = np.stack([(at >= start) & (at < end) for start, end in spans])
    features = [rng.normal(size=(len(spans), segments, n)).astype("float32") for n in (3, 4)]
    return Videos(np.arange(len(spans)).astype("S"), *features, event, np.arange(len(spans)) % 3)


SPANS = [(0, 10), (2, 5), (7, 10), (0, 0), (4, 6)]


def test_segments_are_those_of_events_or_all():
    videos = videos_of(SPANS)
    events = Segments(videos, events_alone=True)
    assert events.video.tolist() == [0] * 10 + [1] * 3 + [2] * 3 + [4] * 2
    found = events.gather({"audio": np.array([10, 17])})["audio"]
    np.testing.assert_array_equal(found, [videos.audio[1, 2], videos.audio[4, 5]])
    every = Segments(videos, events_alone=False)
    assert len(every) == 50 and every.event.sum() == 18
    first, count = events.of_videos
    assert (first.tolist(), count.tolist()) == ([0, 10, 13, 16], [10, 3, 3, 2])


def test_no_segment_is_refused():
    with pytest.raises(DataError, match="no segment of the split has an event"):
        Segments(videos_of([(0, 0), (3, 3)]), events_alone=True)


def test_queries_are_events_that_are_a_part():
    videos = videos_of(SPANS)
    assert videos.queries.tolist() == [1, 2, 4]
    assert videos.start[videos.queries].tolist() == [2, 7, 4]
    with pytest.raises(DataError, match="none of its 2 videos has an event that isn't the whole"):
        videos_of([(0, 10), (0, 0)]).check_queries("test")


def test_constants_know_the_length_alone():
    train, test = videos_of([(1, 4), (1, 4), (6, 9), (0, 2)]), videos_of([(3, 6), (0, 4), (5, 7)])
    found = constants(train, test)
    assert found[FIRST].tolist() == [0, 0, 0]
    assert found[LAST].tolist() == [7, 6, 8]
    assert found[USUAL].tolist() == [1, 6, 0]  # of a length that never was, the last
    assert abs(chance(test) - (1 / 8 + 1 / 7 + 1 / 9) / 3) < 1e-12


def test_partners_are_of_other_videos_and_each_once():
    video = np.repeat([0, 1, 2, 3], [5, 2, 3, 4])
    for seed in range(50):
        others = of_other_videos(video, np.random.default_rng(seed))
        assert sorted(others) == list(range(14))
        assert (video[others] != video).all()


def test_a_video_of_most_segments_is_refused_before_the_fit(monkeypatch):
    config = MSVAEConfig(**SMALL, variant="l3")
    stage, network = recipe.stages(config)[0], recipe.build(config)
    monkeypatch.setattr(Videos, "of", classmethod(lambda cls, videos: videos))
    few = videos_of([(0, 10), (2, 4), (3, 5)])
    with pytest.raises(DataError, match="one video has 10 of the 14 segments"):
        stage.prepare(network, lambda: few, Path("x/train"))


def test_pairs_are_half_of_one_second_and_half_of_two_videos():
    stage = CorrespondingStage(MSVAEConfig(**SMALL, variant="l3"))
    segments = Segments(videos_of(SPANS * 3), events_alone=True)
    audio, visual, matches = stage.draw(segments, 0, 1)
    assert matches.sum() == len(segments) == len(matches) / 2
    np.testing.assert_array_equal(audio[matches == 1], visual[matches == 1])
    apart = segments.video[audio] != segments.video[visual]
    assert apart[matches == 0].all()
    again = stage.draw(segments, 0, 1)[0]
    np.testing.assert_array_equal(audio, again)
    assert not np.array_equal(audio, stage.draw(segments, 1, 1)[0])


def test_batches_of_videos_are_theirs_in_order():
    stage = recipe.stages(MSVAEConfig(**SMALL, batches="videos"))[0]
    segments = Segments(videos_of(SPANS), events_alone=True)
    batches = [inputs for (inputs,) in stage.dataset(segments, 0, 0)]
    assert [len(batch["audio"]) for batch in batches] == [10, 3, 3, 2]
    expected = segments.gather({"visual": np.arange(13, 16)})["visual"]
    np.testing.assert_array_equal(batches[2]["visual"], expected)


@pytest.mark.parametrize("variant", ["ms-vae", "ms-vae-without-w", "cm-vae"])
def test_the_divergence_weighs_less_after_some_epochs(variant, monkeypatch):
    config = MSVAEConfig(**SMALL, variant=variant)
    stage, network = recipe.stages(config)[0], recipe.build(config)
    monkeypatch.setattr(Videos, "of", classmethod(lambda cls, videos: videos))
    store = videos_of(SPANS)
    examples = stage.prepare(network, lambda: store, Path("x/train"))
    trainee = stage.trainee(network)
    trainee.compile(**stage.compile_arguments(), run_eagerly=True)
    assert float(trainee.kl_weight()) == np.float32(0.1)
    trainee.fit(stage.dataset(examples, 0, 0), epochs=1, shuffle=False, verbose=0)
    assert int(trainee.steps) == 3  # of 18 segments
    assert float(trainee.kl_weight()) == np.float32(0.01)


def test_each_baseline_has_a_preset_with_its_own_training():
    presets = MSVAEConfig.presets()
    rows = {row.label: row for row in MSVAESystem().rows(presets["paper"])}
    assert presets["avdln"] == presets["paper"].replace(**rows["AVDLN"].overrides)
    assert presets["avdln"].batch_size == 8 and presets["dcca"].optimizer == "rmsprop"


def test_without_w_latents_bear_no_loss():
    losses = {}
    for variant in ("ms-vae", "ms-vae-without-w"):
        config = MSVAEConfig(**SMALL, variant=variant)
        stage = recipe.stages(config)[0]
        losses[variant] = stage.trainee(recipe.build(config)).latent
    assert losses == {"ms-vae": "samples", "ms-vae-without-w": "none"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"variant": "avdnl"}, "must be one of"),
        ({"segments": 1}, "at least 2"),
    ],
)
def test_options_that_make_no_sense(options, said):
    with pytest.raises(ConfigError, match=said):
        MSVAEConfig(**options)


def test_standard_scaling_is_of_the_training_split(monkeypatch):
    config = MSVAEConfig(**SMALL, scaling="standard")
    stage, network = recipe.stages(config)[0], recipe.build(config)
    monkeypatch.setattr(Videos, "of", classmethod(lambda cls, videos: videos))
    videos = videos_of(SPANS)
    segments = stage.prepare(network, lambda: videos, Path("x/train"))
    stage.prepare(network, lambda: videos_of(SPANS[1:]), Path("x/validation"))
    seen = network.scale["visual"](videos.visual[videos.event]).numpy()
    np.testing.assert_allclose(seen.std(axis=0), 1, 1e-5)
    assert len(segments) == 18


def test_canonical_scaling_is_of_the_training_split(monkeypatch):
    config = MSVAEConfig(**SMALL, scaling="canonical", canonical_dim=3)
    stage, network = recipe.stages(config)[0], recipe.build(config)
    monkeypatch.setattr(Videos, "of", classmethod(lambda cls, videos: videos))
    videos = videos_of(SPANS)
    stage.prepare(network, lambda: videos, Path("x/train"))
    given = [network.scale[kind].directions.numpy() for kind in ("audio", "visual")]
    stage.prepare(network, lambda: videos_of(SPANS[1:]), Path("x/validation"))
    for kind, directions in zip(("audio", "visual"), given, strict=True):
        np.testing.assert_array_equal(network.scale[kind].directions.numpy(), directions)
        off = directions - np.eye(*directions.shape)
        assert np.abs(off).max() > 0.1  # no longer the first axes
