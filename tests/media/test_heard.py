"""What real files sound like: the published front end's patches, and real networks' answers."""

from __future__ import annotations

import ast
import csv
import json

import keras
import numpy as np
import pytest

from kavc.media.front_ends import VGGISH, YAMNET, LogMel
from kavc.media.networks import musicnn, yamnet
from kavc.media.sound import read_sound

# The resampler is another one: it differs where its transition band lies, above 7 kHz.
LOWER, MEAN = 60, 0.01
UPSAMPLED = {"nasa_13013.mp4": 45}  # of 8 kHz: above half of it there is what filters leave
WINDOW = 15_600  # samples, one after another, of the expected answers
SECONDS = 30
SOUNDS = (
    "librosa_198-209-0000.ogg",
    "librosa_456440__inspectorj__bird-whistling-robin-single-13.ogg",
    "librosa_Hungarian_Dance_number_5_-_Allegro_in_F_sharp_minor_string_orchestra.ogg",
    "librosa_Kevin_MacLeod_-_Vibe_Ace.ogg",
    "librosa_sorohanro_-_solo-trumpet-06.ogg",
    "mdn_flower.mp4",
    "mdn_friday.mp4",
    "mdnwa_concert-crowd.ogg",
    "mdnwa_drums.mp3",
    "mdnwa_leadguitar.mp3",
)


@pytest.fixture(scope="module")
def reference(shared):
    with np.load(shared / "data" / "clips" / "reference" / "logmel.npz") as arrays:
        return dict(arrays)


def numbers(x):
    return keras.ops.convert_to_numpy(x)


def test_the_published_patches_of_clips(shared, reference):
    clips = sorted({name.partition("/")[0] for name in reference})
    assert len(clips) > 10
    layer = LogMel(VGGISH)
    for clip in clips:
        sound = read_sound(shared / "data" / "clips" / clip, track="first")
        patches = numbers(layer(sound.samples[None]))[0]
        expected = reference[f"{clip}/first"]
        lower = UPSAMPLED.get(clip, LOWER)
        apart = np.abs(patches[: len(expected)] - expected)[:, :, :lower]
        assert apart.mean() < MEAN, clip
        assert len(patches) == len(reference[f"{clip}/mean"]), clip


@pytest.fixture(scope="module")
def coral(shared):
    return yamnet.load_coral(shared / "data" / "yamnet" / "yamnet_coral_int8.npz")


@pytest.fixture(scope="module")
def expected(shared):
    text = (shared / "data" / "yamnet" / "expected_top3.json").read_text(encoding="utf-8")
    return json.loads(text)


@pytest.fixture(scope="module")
def classes(shared):
    with open(shared / "data" / "yamnet" / "yamnet_class_map.csv", encoding="utf-8") as file:
        return [row["display_name"] for row in csv.DictReader(file)]


@pytest.mark.parametrize("name", SOUNDS)
def test_yamnet_hears_what_is_expected(shared, coral, expected, classes, name):
    if name not in expected:
        pytest.skip("no answer is published for it")
    samples = read_sound(shared / "data" / "sounds" / name, seconds=SECONDS).samples
    windows = samples[: len(samples) // WINDOW * WINDOW].reshape(-1, WINDOW)
    patches = numbers(LogMel(YAMNET)(windows))[:, 0]
    scores = numbers(coral({"patches": patches})["scores"]).mean(axis=0)
    for label, score in expected[name]:
        assert abs(scores[classes.index(label)] - score) < 0.06, label
    assert classes[scores.argmax()] in {label for label, _ in expected[name]}


def test_musicnn_tags_strings(shared):
    folder = shared / "data" / "musicnn"
    lines = (folder / "labels.txt").read_text(encoding="utf-8").splitlines()
    tags = ast.literal_eval(lines[0].partition("=")[2].strip())
    network = musicnn.load_npz(folder / "MTT_musicnn.npz")
    samples = read_sound(shared / "data" / "sounds" / SOUNDS[2], seconds=SECONDS).samples
    patches = numbers(musicnn.MusicMel()(samples[None]))[0]
    scores = numbers(network({"patches": patches})["scores"]).mean(axis=0)
    found = dict(zip(tags, scores, strict=True))
    for tag, score in {"classical": 0.74, "violin": 0.59, "strings": 0.53}.items():
        assert abs(found[tag] - score) < 0.02, tag
