"""Real files of all kinds: what is read of them is what is known of them, or one clear line."""

import functools
import json

import numpy as np
import pytest

from kavc.errors import DataError
from kavc.media import Crop, Rate, Uniform, probe, read_frames, read_sound

UNREADABLE = {"truncated_no_index.mp4", "ax_sample_malformed_free_box.mp4"}
DAMAGED = {"truncated_index_first.mp4", "decord_corrupted.mp4"}
TURNED = {  # width and height once upright, degrees clockwise, mirrored before
    "decord_video_90.mov": (320, 568, 90, False),
    "decord_video_180.mov": (568, 320, 180, False),
    "decord_video_0.mov": (568, 320, 0, False),
    "ax_sample_rotate_and_reflect.mp4": (720, 1080, 270, True),
    "ax_sample_portrait.mp4": (720, 1080, 0, False),
}
GARBAGE = "ax_100kB-garbage-prefix.mp3"  # PyAV alone reads none of it


@functools.cache
def folder_of(shared, name):
    folder = shared / "data" / name
    if not folder.is_dir():
        pytest.skip(f"no ../shared/data/{name}")
    known = json.loads((folder / {"clips": "clips.json"}.get(name, "media.json")).read_text())
    return [(folder / file.rpartition("/")[2], facts) for file, facts in known.items()]


def test_clips(shared):
    """What is known of them is of their first tracks."""
    for path, facts in folder_of(shared, "clips"):
        if path.name in UNREADABLE:
            with pytest.raises(DataError, match="it was not written whole"):
                probe(path)
            continue
        media = probe(path, video="first", audio="first")
        assert media.duration == pytest.approx(facts["container_duration_s"], abs=1e-3), path
        assert (media.video is not None) == ("video" in facts["streams"]), path
        assert (media.audio is not None) == ("audio" in facts["streams"]), path
        if media.video:
            check_video(path, media.video, facts["video"])
        if media.audio:
            check_audio(path, media.audio, facts["audio"])


def check_video(path, video, facts):
    assert [video.width, video.height] == facts["size"], path
    frames = read_frames(path, Rate(1), size=Crop(32), track="first")
    assert video.start == pytest.approx(facts["first_time"], abs=1e-3), path
    assert frames.times[-1] <= facts["last_time"] + 1e-3, path
    assert bool(frames.truncated) == (path.name in DAMAGED), path
    if not frames.truncated:
        step = facts["step_min_max_s"][1] / 2
        assert np.abs(frames.times - frames.wanted).max() <= max(step, 0.5) + 1e-3, path


def check_audio(path, audio, facts):
    assert (audio.rate, audio.channels) == (facts["rate"], facts["channels"]), path
    sound = read_sound(path, rate=None, track="first")
    assert len(sound.samples) == facts["decoded_samples"], path
    assert sound.start == pytest.approx(facts["first_time"], abs=1e-3), path
    assert bool(sound.truncated) == (path.name in DAMAGED), path
    assert np.abs(sound.samples).max() <= facts["peak"] + 1e-3, path  # that is of all channels


@pytest.mark.parametrize("name", ["containers", "sounds"])
def test_odd_containers_and_sounds(shared, name):
    for path, facts in folder_of(shared, name):
        if path.name in UNREADABLE:
            with pytest.raises(DataError, match="no video or sound that can be read"):
                probe(path)
            continue
        media = probe(path)
        covers = sum(each.reason.startswith("an attached picture") for each in media.others)
        assert (media.video is not None) == (facts["frames"] > covers), path
        assert (media.audio is not None) == bool(facts["samples"] or path.name == GARBAGE), path
        if media.video:
            frames = read_frames(path, Uniform(3), size=Crop(16))
            assert frames.images.shape == (3, 16, 16, 3), path
            assert (np.diff(frames.times) >= 0).all(), path
            assert bool(frames.truncated) == (path.name in DAMAGED), path
        if media.audio:
            sound = read_sound(path, rate=None)
            assert not sound.truncated and np.isfinite(sound.samples).all(), path
            if path.name != GARBAGE:
                assert len(sound.samples) == facts["samples"], path


def test_turned_files(shared):
    for path, _ in folder_of(shared, "containers"):
        if path.name in TURNED:
            video = probe(path).video
            found = video.width, video.height, video.rotation, video.mirrored
            assert found == TURNED[path.name], path
            assert read_frames(path, Uniform(1)).images.shape[1:3] == (found[1], found[0]), path


def test_best_and_first_tracks(shared):
    path = shared / "data" / "clips" / "nasa_13013.mp4"
    if not path.exists():
        pytest.skip("no ../shared/data/clips")
    best, first = probe(path), probe(path, video="first", audio="first")
    assert (best.video.index, best.audio.index) == (3, 4)
    assert (first.video.index, first.audio.index) == (0, 1)
    assert [each.kind for each in best.others] == ["video", "audio", "subtitle", "subtitle"]
    assert read_sound(path, track="first", rate=None).rate == 8000
