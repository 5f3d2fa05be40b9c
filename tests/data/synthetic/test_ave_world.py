"""Videos of the AVE-like world follow its model, its knobs and its seeds."""

from __future__ import annotations

import numpy as np
import pytest

from kavc.data.synthetic.ave_knobs import KNOB_SETS, knobs
from kavc.data.synthetic.ave_world import AUDIO, VISUAL, AveWorld

SMALL = {"audio_dim": 20, "visual_dim": 24, "classes": 5}
# Without noise, and with a blob that fills the map, the features give the latents away.
BARE = SMALL | {
    "audio_noise": 0.0, "visual_noise": 0.0, "visual_scale": 1.0, "blob_width": 1000.0,
}  # fmt: skip


def world(**changed) -> AveWorld:
    return AveWorld(knobs(**{**SMALL, **changed}), world_seed=3)


def latents(of: AveWorld, video) -> np.ndarray:
    """(2, 10, latent_dim) u, of a world without noise."""
    shown = np.log(np.expm1(video.maps.astype(float))) + 0.5
    np.testing.assert_allclose(shown, shown[:, :1, :1].repeat(7, 1).repeat(7, 2), atol=1e-3)
    return np.stack([video.audio @ of.audio_map, shown[:, 3, 3] @ of.visual_map])


@pytest.mark.parametrize("name", KNOB_SETS)
def test_every_named_set_makes_videos_of_the_published_shapes(name):
    video = AveWorld(knobs(name)).video(0, 0, 27, 2, 6)
    assert (video.audio.shape, video.maps.shape) == ((10, 128), (10, 7, 7, 512))
    for array in (video.audio, video.maps):
        assert array.dtype == np.float32 and np.isfinite(array).all()
    assert (video.maps > 0).all() and (video.audio < 0).any()


def test_videos_depend_on_seeds_index_and_event_alone():
    video = world().video(5, 7, 1, 2, 6)
    again = world().video(5, 7, 1, 2, 6)
    np.testing.assert_array_equal(again.audio, video.audio)
    np.testing.assert_array_equal(again.maps, video.maps)
    others = [world().video(*seeds, 1, 2, 6) for seeds in ((5, 8), (6, 7))]
    others.append(AveWorld(knobs(**SMALL), world_seed=4).video(5, 7, 1, 2, 6))
    for other in others:
        assert not np.array_equal(other.audio, video.audio)
        assert not np.array_equal(other.maps, video.maps)


def test_sound_and_picture_share_what_passes_from_second_to_second():
    made = world(**BARE)
    audio, visual = latents(made, made.video(0, 0, 2, 1, 9))[:, 1:9]
    heard, seen = (
        (rows - rows.mean(axis=0)) @ made.of_second[modality]
        for modality, rows in ((AUDIO, audio), (VISUAL, visual))
    )
    np.testing.assert_allclose(heard, seen, atol=1e-3)
    assert heard.std() > 0.2
    # And with nothing else: what is left of each second is the same in all.
    rest = audio - heard @ made.of_second[AUDIO].T
    np.testing.assert_allclose(rest, rest[:1].repeat(8, 0), atol=1e-3)


def test_classes_only_tells_no_seconds_apart():
    made = AveWorld(knobs("classes-only", **BARE), 3)
    for rows in latents(made, made.video(0, 0, 2, 1, 9))[:, 1:9]:
        np.testing.assert_allclose(rows, rows[:1].repeat(8, 0), atol=1e-3)


def test_the_event_is_category_video_and_private_part():
    made = world(**BARE, second_gain=0.0, private_gain=0.0)
    audio, visual = latents(made, made.video(0, 0, 2, 0, 10))[:, 0]
    heard, seen = (
        (rows - 1.5 * made.events[modality, 2]) @ made.of_video[modality] / 0.6
        for modality, rows in ((AUDIO, audio), (VISUAL, visual))
    )
    np.testing.assert_allclose(heard, seen, atol=1e-3)
    private = world(**BARE, second_gain=0.0, video_gain=0.0)
    parts = [
        latents(private, private.video(0, index, 2, 0, 10))[:, 0] - 1.5 * private.events[:, 2]
        for index in range(60)
    ]
    # 60 videos of 16 coordinates in each modality: four standard errors of 1,920 draws
    assert np.std(parts) == pytest.approx(0.4, abs=4 * 0.4 / np.sqrt(2 * 1920))
    heard, seen = np.swapaxes(parts, 0, 1)
    assert abs(np.corrcoef(heard.ravel(), seen.ravel())[0, 1]) < 4 / np.sqrt(960)


def backgrounds(made: AveWorld, index: int, label: int = 2):
    """Which prototype lies in each second beside an event at 4 and 5; -1 for none, by modality."""
    found = latents(made, made.video(0, index, label, 4, 6))
    away = np.linalg.norm(found[:, :, None] - 1.5 * made.backgrounds[:, None], axis=-1)
    return np.where(away.min(axis=2) < 0.01, away.argmin(axis=2), -1), found


def test_background_is_one_prototype_a_run_and_modality():
    made = world(**BARE, private_gain=0.0, distractor=0.0)
    runs = []
    for index in range(40):
        which, _ = backgrounds(made, index)
        assert (which[:, :4] == which[:, :1]).all() and (which[:, 6:] == which[:, 6:7]).all()
        assert (which[:, [0, 9]] >= 0).all() and (which[:, 4:6] == -1).all()
        runs.append(which[:, [0, 9]].ravel())
    runs = np.array(runs)  # heard before, heard after, seen before, seen after
    assert set(runs.ravel()) == set(range(6))
    for one in range(4):
        for other in range(one):  # a sixth by chance: 40 videos, four standard errors
            assert abs((runs[:, one] == runs[:, other]).mean() - 1 / 6) < 4 * np.sqrt(0.14 / 40)


def test_a_distractor_is_another_category_in_one_modality():
    made = world(**BARE, private_gain=0.0, distractor=1.0)
    modalities, categories = [], []
    for index in range(40):
        which, found = backgrounds(made, index)
        assert sorted((which[:, 0] >= 0).tolist()) == [False, True]
        modality = int(which[0, 0] >= 0)
        extra = found[modality, 0] - 1.5 * made.backgrounds[modality]
        away = np.linalg.norm(extra[:, None] - 1.5 * made.events[modality], axis=-1)
        assert away.min() < 0.01
        modalities.append(modality)
        categories.append(int(away.min(axis=0).argmin()))
    assert set(modalities) == {AUDIO, VISUAL} and set(categories) == {0, 1, 3, 4}
    alone = world(**{**BARE, "classes": 1}, private_gain=0.0, distractor=1.0)
    assert (backgrounds(alone, 0, label=0)[0][:, [0, 9]] >= 0).all()  # there is no other


def test_videos_without_an_event_are_background():
    made = world(**BARE, private_gain=0.0, distractor=0.0)
    found = latents(made, made.video(0, 0, 2, 0, 0))
    np.testing.assert_allclose(found, found[:, :1].repeat(10, 1), atol=1e-3)


def test_what_is_shared_changes_slowly():
    still = world(**BARE, persistence=1.0)
    for rows in latents(still, still.video(0, 0, 2, 0, 10)):
        np.testing.assert_allclose(rows, rows[:1].repeat(10, 0), atol=1e-3)
    made = world()
    slow = np.array([made._slow(np.random.default_rng(seed)) for seed in range(400)])
    pairs = np.corrcoef(slow[:, :-1].ravel(), slow[:, 1:].ravel())[0, 1]
    assert pairs == pytest.approx(0.5, abs=0.04)  # 14,400 pairs: four standard errors
    np.testing.assert_allclose(slow.std(axis=(0, 2)), 1, atol=4 / np.sqrt(2 * 1600))


def test_the_event_is_seen_in_a_blob_that_moves():
    made = world()
    blobs = np.array([made._blob(np.random.default_rng(seed)) for seed in range(200)])
    assert blobs.shape == (200, 10, 7, 7)
    assert blobs.min() > 0 and blobs.max((2, 3)).min() > 0.77  # a cell's middle is near
    peaks = blobs[:, 0].reshape(200, -1).argmax(axis=1)
    assert np.unique(peaks).size > 40  # anywhere
    still = world(jitter=0.0)._blob(np.random.default_rng(0))
    np.testing.assert_array_equal(still, still[:1].repeat(10, 0))
    assert not np.array_equal(blobs[0, 0], blobs[0, 9])
    assert 0.08 < blobs.mean() < 0.2  # of the map: the event is diluted in its mean


def test_maps_hold_the_event_in_the_blob_and_the_scene_around():
    made = world(**{**BARE, "blob_width": 1.2}, jitter=0.0)
    maps = made.video(0, 3, 2, 0, 10).maps
    shown = np.log(np.expm1(maps.astype(float))) + 0.5
    cells = shown.reshape(10, 49, -1)
    change = np.abs(cells - cells.mean(axis=0)).mean(axis=(0, 2)).reshape(7, 7)
    down, across = np.unravel_index(change.argmax(), (7, 7))
    far = np.add.outer(abs(np.arange(7) - down), abs(np.arange(7) - across)) >= 6
    assert change.max() > 10 * change[far].max()
