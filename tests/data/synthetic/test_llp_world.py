"""Videos of the LLP-like world follow its model, its knobs and its seeds."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

from kavc.data.synthetic.llp_knobs import KNOB_SETS, knobs
from kavc.data.synthetic.llp_world import LlpWorld

SMALL = {"audio_dim": 20, "visual_dim": 24, "visual_3d_dim": 18}
SILENT = {"audio_noise": 0.0, "visual_noise": 0.0, "frame_noise": 0.0, "visual_3d_noise": 0.0}
BARE = SILENT | {"background": 0.0, "nuisance": 0.0, "echo": 0.0, "gain_spread": 0.0}
ARRAYS = ("audio", "visual", "visual_3d")
MASKS = ("audio_events", "visual_events")


def draw(videos: int = 400, *, world_seed: int = 3, **changed):
    world = LlpWorld(knobs("clear", **{**SMALL, **changed}), world_seed)
    return world, [world.video(5, index) for index in range(videos)]


def masks(videos) -> np.ndarray:
    """(videos, 2, segments, classes)."""
    return np.array([[video.audio_events, video.visual_events] for video in videos])


def runs(mask: np.ndarray) -> int:
    """Events of one class: longest runs of ones."""
    return np.count_nonzero(np.diff(mask.astype(int), prepend=0) == 1)


@pytest.fixture(scope="module")
def drawn():
    return draw()


@pytest.mark.parametrize("name", KNOB_SETS)
def test_every_named_set_makes_videos_of_the_published_shapes(name):
    video = LlpWorld(knobs(name)).video(0, 0)
    assert [getattr(video, array).shape for array in ARRAYS] == [(10, 128), (80, 2048), (10, 512)]
    assert all(getattr(video, array).dtype == np.float32 for array in ARRAYS)
    assert all(np.isfinite(getattr(video, array)).all() for array in ARRAYS)
    for mask in MASKS:
        assert getattr(video, mask).shape == (10, 25) and getattr(video, mask).dtype == bool


def test_videos_depend_on_world_seed_and_index_alone(drawn):
    world, videos = drawn
    again = LlpWorld(knobs("clear", **SMALL), world_seed=3).video(5, 7)
    for field in dataclasses.fields(again):
        np.testing.assert_array_equal(getattr(again, field.name), getattr(videos[7], field.name))
    others = [world.video(5, 8), world.video(6, 7), LlpWorld(world.knobs, 4).video(5, 7)]
    for other in others:
        assert other.id != again.id
        assert not np.array_equal(other.audio, again.audio)


def test_names_are_those_of_youtube_clips(drawn):
    names = [video.name for video in drawn[1]]
    assert len({name[:11] for name in names}) == len(names)
    for name in names:
        start, end = re.fullmatch(r"[A-Za-z0-9_-]{11}_(\d+)_(\d+)", name).groups()
        assert int(end) - int(start) == 10
    assert any("_" in name[:11] for name in names)
    assert any(name.startswith("-") for name in names)


def test_weak_labels_are_the_union(drawn):
    for video in drawn[1]:
        active = (video.audio_events | video.visual_events).any(axis=0)
        np.testing.assert_array_equal(video.labels, np.flatnonzero(active))
        assert 1 <= len(video.labels) <= 4


def test_numbers_of_events_and_their_classes():
    world, videos = draw(1000, events=0.5, max_events=3)
    counts = np.bincount([len(video.labels) for video in videos], minlength=5) / 1000
    expected = np.array([0, np.exp(-0.5), 0.5 * np.exp(-0.5), 1 - 1.5 * np.exp(-0.5), 0])
    np.testing.assert_allclose(counts, expected, atol=4 * np.sqrt(0.25 / 1000))
    single = [video.labels[0] for video in videos if len(video.labels) == 1]
    found = np.bincount(single, minlength=25) / len(single)
    np.testing.assert_allclose(found, world.class_probability, atol=4 * np.sqrt(0.14 / 600))
    np.testing.assert_allclose(world.class_probability[9], world.class_probability[0] / 10**0.8)


def test_kinds_follow_the_habits_of_the_classes():
    world, videos = draw(1500, classes=3, max_events=3, class_skew=0.0)
    there = masks(videos).any(axis=2)
    heard, seen = there[:, 0, :3], there[:, 1, :3]
    kinds = np.stack([heard & ~seen, seen & ~heard, heard & seen], axis=-1).sum(axis=0)
    shares = kinds / kinds.sum(axis=1, keepdims=True)
    # Four standard errors of a share of some 900 events
    np.testing.assert_allclose(shares, world.habits, atol=4 * np.sqrt(0.25 / 900))
    assert not masks(videos)[..., 3:].any()


def test_habits_are_drawn_about_the_mean_shares():
    habits = np.concatenate([LlpWorld(knobs("clear", **SMALL), seed).habits for seed in range(40)])
    mean = np.array([0.45, 0.25, 0.3])
    np.testing.assert_allclose(habits.mean(axis=0), mean, atol=0.03)  # five standard errors
    np.testing.assert_allclose(habits.var(axis=0), mean * (1 - mean) / 7, rtol=0.25)


def test_lengths_and_onsets():
    _, videos = draw(1000, split=0.0, audible=1.0, visible=0.0)
    heard = masks(videos)[:, 0].swapaxes(1, 2)
    heard = heard[heard.any(axis=-1)]
    lengths = heard.sum(axis=1)
    assert {runs(mask) for mask in heard} == {1}
    assert lengths.mean() == pytest.approx(1 + 9 * 0.45, abs=0.15)  # four standard errors
    onsets = heard.argmax(axis=1)[lengths == 5]
    np.testing.assert_allclose(np.bincount(onsets, minlength=6) / len(onsets), 1 / 6, atol=0.08)


def test_split_events_pause_for_a_segment():
    _, videos = draw(300, split=1.0)
    events = masks(videos).swapaxes(2, 3)
    for mask in events[events.any(axis=-1)]:
        extent = np.flatnonzero(mask)
        gap = extent[-1] - extent[0] + 1 - len(extent)
        assert (runs(mask), gap) == ((2, 1) if extent[-1] - extent[0] >= 2 else (1, 0))


def test_audio_visual_events_are_the_overlap():
    _, videos = draw(600, split=0.0, audible=0.0, visible=0.0, synchrony=1.0)
    heard, seen = masks(videos).swapaxes(0, 1)
    np.testing.assert_array_equal(heard, seen)
    _, videos = draw(600, split=0.0, audible=0.0, visible=0.0, synchrony=0.0)
    heard, seen = masks(videos).swapaxes(0, 1)
    np.testing.assert_array_equal(heard.sum(axis=1), seen.sum(axis=1))  # as long
    onsets = [mask.argmax(axis=1)[mask.any(axis=1)].astype(int) for mask in (heard, seen)]
    shifts = onsets[1] - onsets[0]
    assert set(np.abs(shifts)) == {0, 1, 2, 3}  # 0 where a long event has no room to move
    assert (shifts < 0).any() and (shifts > 0).any()
    assert 0 < np.count_nonzero(heard & seen) < np.count_nonzero(heard)


def test_share_of_synchronous_events():
    _, videos = draw(800, audible=0.0, visible=0.0, mean_length=0.0, split=0.0, synchrony=0.4)
    heard, seen = masks(videos).swapaxes(0, 1)
    both = heard.any(axis=1)
    same = (heard & seen).any(axis=1)[both].mean()
    # A shifted event of one segment stays where clipping takes it back: at the ends, moved outwards
    assert same == pytest.approx(0.4 + 0.6 * 0.1, abs=4 * np.sqrt(0.25 / both.sum()))


def test_label_noise_exchanges_labels_and_nothing_else(drawn):
    _, videos = draw(label_noise=0.3)
    wrong, labels = 0, 0
    for video, clean in zip(videos, drawn[1], strict=True):
        np.testing.assert_array_equal(video.audio, clean.audio)
        np.testing.assert_array_equal(video.visual_events, clean.visual_events)
        assert len(video.labels) == len(clean.labels) == len(set(video.labels))
        wrong += len(set(video.labels) - set(clean.labels))
        labels += len(clean.labels)
    assert wrong / labels == pytest.approx(0.3, abs=4 * np.sqrt(0.21 / labels))


def test_label_noise_has_only_classes_that_are_not_there():
    _, videos = draw(50, classes=3, max_events=3, events=5.0, label_noise=1.0)
    for video in videos:
        assert set(video.labels) <= {0, 1, 2} and len(set(video.labels)) == len(video.labels)


def test_echo_is_a_one_sided_event_in_the_other_modality():
    world, plain = draw(300, echo=0.0, **SILENT)
    _, echoing = draw(300, echo=1.0, **SILENT)
    echoed = {0: 0, 1: 0}
    for before, after in zip(plain, echoing, strict=True):
        events = masks([after])[0]
        np.testing.assert_array_equal(events, masks([before])[0])  # labels deny it
        added = [  # in latent coordinates, by modality
            (after.audio - before.audio) @ world.audio_map,
            (after.visual_3d - before.visual_3d) @ world.visual_3d_map,
        ]
        there = events.any(axis=1)
        one_sided = np.flatnonzero(there[0] != there[1])
        fits = []
        for c in one_sided:
            m = int(there[0, c])  # an event that is heard echoes in the pictures
            echo = 0.5 * events[1 - m, :, c, None] * world.prototypes[m, c]
            silence = np.zeros_like(echo)
            wanted = [echo, silence] if m == 0 else [silence, echo]
            if np.allclose(added, wanted, atol=1e-5):  # float32 features
                fits.append(m)
        assert len(fits) == (len(one_sided) > 0)
        for m in fits:
            echoed[m] += 1
    assert min(echoed.values()) > 20


def test_share_of_echoes(drawn):
    world, videos = drawn
    without = LlpWorld(dataclasses.replace(world.knobs, echo=0.0), 3)
    one_sided, echoed = 0, 0
    for index, video in enumerate(videos):
        there = masks([video])[0].any(axis=1)
        other = without.video(5, index)
        one_sided += (there[0] != there[1]).any()
        echoed += not (
            np.array_equal(other.audio, video.audio) and np.array_equal(other.visual, video.visual)
        )
    assert echoed / one_sided == pytest.approx(0.3, abs=4 * np.sqrt(0.21 / one_sided))


def test_without_noise_features_are_sums_of_prototypes():
    world, videos = draw(50, **BARE)
    for video in videos:
        heard = video.audio_events @ world.prototypes[0]
        seen = video.visual_events @ world.prototypes[1]
        np.testing.assert_allclose(video.audio, heard @ world.audio_map.T, atol=1e-6)
        np.testing.assert_allclose(video.visual_3d, seen @ world.visual_3d_map.T, atol=1e-6)
        frames = np.log(np.expm1(video.visual.astype(float))).reshape(10, 8, -1)
        expected = np.repeat((seen @ world.visual_map.T)[:, None], 8, axis=1)
        np.testing.assert_allclose(frames, expected, atol=1e-5)  # float32 features


def test_gain_is_one_of_an_event_in_both_modalities():
    bare = {**BARE, "gain_spread": 0.5, "audible": 0.0, "visible": 0.0, "events": 0.0}
    world, videos = draw(300, **bare)
    logs = []
    for video in videos:
        c = video.labels[0]
        heard = (video.audio @ world.audio_map @ world.prototypes[0, c]).max()
        seen = (video.visual_3d @ world.visual_3d_map @ world.prototypes[1, c]).max()
        assert heard == pytest.approx(seen, rel=1e-5)
        logs.append(np.log(heard))
    assert np.std(logs) == pytest.approx(0.5, rel=0.2)  # five standard errors
    assert np.mean(logs) == pytest.approx(0, abs=0.12)


@pytest.mark.parametrize("part", ["background", "nuisance"])
def test_what_changes_slowly_or_never(part):
    world, videos = draw(300, **{**BARE, part: 2.0, "persistence": 0.8})
    drift = []
    for video in videos:
        seen = video.visual_events @ world.prototypes[1]
        drift.append(video.visual_3d @ world.visual_3d_map - seen)
    drift = np.array(drift)
    assert drift.var() == pytest.approx(4.0, rel=0.1)
    correlation = (drift[:, 1:] * drift[:, :-1]).mean() / drift.var()
    assert correlation == pytest.approx(1.0 if part == "background" else 0.8, abs=0.03)


def test_noise_of_segments_is_shared_and_that_of_frames_is_not():
    bare = {**BARE, "visual_noise": 1.4, "frame_noise": 0.5, "audio_noise": 0.7}
    world, videos = draw(100, **bare, visual_3d_dim=40)
    audio, seconds, frames, clips = [], [], [], []
    for video in videos:
        heard = video.audio_events @ world.prototypes[0] @ world.audio_map.T
        audio.append(video.audio - heard)
        seen = video.visual_events @ world.prototypes[1]
        linear = np.log(np.expm1(video.visual.astype(float))).reshape(10, 8, -1)
        frames.append(linear - linear.mean(axis=1, keepdims=True))
        seconds.append(linear.mean(axis=1) @ world.visual_map - seen)
        clips.append(video.visual_3d @ world.visual_3d_map - seen)
    assert np.std(audio) == pytest.approx(0.7, rel=0.05)
    assert np.std(frames) == pytest.approx(0.5 * np.sqrt(7 / 8), rel=0.05)
    assert np.std(clips) == pytest.approx(1.4, rel=0.05)
    assert np.std(np.subtract(seconds, clips)) == pytest.approx(0.5 / np.sqrt(8), rel=0.05)
