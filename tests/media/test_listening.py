"""Events of sounds: seconds, thresholds, runs and classes."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from kavc.errors import ConfigError, DataError
from kavc.media.listening import AT_ONCE, Listener, _seconds, read_classes
from kavc.media.sound import RATE
from kavc.media.weight_folders import YAMNET, YAMNET_CLASSES, yamnet_weights

from .conftest import tone


def loud_or_not(inputs, training=False):
    """A network of two classes: whether anything is heard, and whether nothing is."""
    level = tf.reduce_mean(inputs["patches"], axis=[1, 2])
    loud = tf.sigmoid(level + 6)  # silence is log 0.001
    return {"scores": tf.stack([loud, 1 - loud], axis=1)}


@pytest.fixture
def listener():
    return Listener(loud_or_not, ["Sound", "Silence"])


def seconds_of(*levels):
    """A second of noise at each level."""
    noise = np.random.default_rng(0).normal(size=(len(levels), RATE))
    return (np.array(levels)[:, None] * noise).reshape(1, -1)


def wav(film, samples, name="a.wav", **options):
    clipped = np.clip(samples * 3000, -32768, 32767).astype(np.int16)
    return film(name).sound(clipped, **options).write()


def test_events_join_seconds(film, listener):
    found = listener.events(wav(film, seconds_of(1, 1, 0, 1)), threshold=0.5)
    assert [(each.start, each.end, each.label) for each in found] == [
        (0.0, 2.0, "Sound"),
        (2.0, 3.0, "Silence"),
        (3.0, 4.0, "Sound"),
    ]
    assert all(0.5 < each.score <= 1 for each in found)


def test_an_event_begins_where_its_sound_does(film, listener):
    images = np.zeros((40, 32, 48, 3), np.uint8)
    samples = (seconds_of(1, 1) * 3000).astype(np.int16)
    path = film("late.mkv").picture(images).sound(samples, at=RATE).write()
    (event,) = listener.events(path, threshold=0.5)
    assert (event.start, event.end) == pytest.approx((1.0, 3.0), abs=0.1)


@pytest.mark.parametrize(
    ("samples", "seconds"),
    [(1, 1), (RATE // 4, 1), (RATE, 1), (RATE + RATE // 4, 1), (RATE + RATE // 2, 2),
     (AT_ONCE * RATE, AT_ONCE), (AT_ONCE * RATE + 5, AT_ONCE),
     (AT_ONCE * RATE + RATE // 2, AT_ONCE + 1)],
)  # fmt: skip
def test_how_many_seconds(samples, seconds):
    whole = np.arange(samples, dtype="float32")
    found = np.concatenate([*_seconds(np.array_split(whole, max(1, samples // 7919)))])
    assert found.shape == (seconds, RATE)
    kept = min(samples, seconds * RATE)
    np.testing.assert_array_equal(found.ravel()[:kept], whole[:kept])


def test_a_second_is_scored_alone(film, listener):
    levels = (1, 0.2, 0, 0.7)
    _, together = listener.scores(wav(film, seconds_of(*levels)))
    noise = seconds_of(*levels).reshape(len(levels), RATE)
    for number, alone in enumerate(noise):
        _, scores = listener.scores(wav(film, alone[None], f"{number}.wav"))
        np.testing.assert_allclose(scores[0], together[number], 0, 1e-4)


def test_thresholds_and_files_that_are_none(film, listener, tmp_path):
    for threshold in (0, 1.5, float("nan")):
        with pytest.raises(ConfigError, match="a threshold lies above 0"):
            listener.events(wav(film, seconds_of(1)), threshold)
    with pytest.raises(DataError, match="no audio track"):
        listener.events(film("mute.mkv").picture(np.zeros((5, 32, 48, 3), np.uint8)).write())
    (tmp_path / "text.mp4").write_text("hello")
    with pytest.raises(DataError, match=r"text\.mp4"):
        listener.events(tmp_path / "text.mp4")


def test_the_table_of_classes(tmp_path):
    lines = ["index,mid,display_name", *(f'{i},/m/{i},"Sound, {i}"' for i in range(521))]
    (tmp_path / "c.csv").write_text("\n".join(lines))
    assert read_classes(tmp_path / "c.csv")[520] == "Sound, 520"
    for wrong in (lines[:-1], lines[:3] + lines[4:], [*lines, "521,/m/x,More"]):
        (tmp_path / "c.csv").write_text("\n".join(wrong))
        with pytest.raises(DataError, match="expected classes 0 to 520"):
            read_classes(tmp_path / "c.csv")


def test_what_a_folder_must_hold(tmp_path):
    with pytest.raises(ConfigError, match=r"no weights of YAMNet; put yamnet\.h5 or yamnet_coral"):
        yamnet_weights(tmp_path)
    (tmp_path / YAMNET[1]).touch()
    with pytest.raises(ConfigError, match=r"no yamnet_class_map\.csv"):
        yamnet_weights(tmp_path)
    (tmp_path / YAMNET_CLASSES).touch()
    assert yamnet_weights(tmp_path).name == YAMNET[1]
    (tmp_path / YAMNET[0]).touch()
    assert yamnet_weights(tmp_path).name == YAMNET[0]


def test_a_dog_is_heard(shared):
    listener = Listener.load(shared / "data" / "yamnet")
    events = listener.events(shared / "data" / "clips" / "dog_02677.mp4")
    assert "Dog" in {event.label for event in events}
    assert max(event.end for event in events) <= 6.5  # s, that the clip has


def test_a_tone_of_the_films_is_heard(film, listener):
    """As the codec gives it back."""
    path = wav(film, tone(440, 2)[None], "tone.flac", codec="flac")
    (event,) = listener.events(path, threshold=0.5)
    assert (event.start, event.end, event.label) == (0.0, 2.0, "Sound")
