"""Batches whose sounds and pictures are of two videos, and what they are taught."""

from __future__ import annotations

import numpy as np

from kavc.data.store import VideoStore
from kavc.systems.av_parsing.batches import SEGMENTS, batches, draw

VIDEOS, CLASSES = 40, 6


def small_store(segments=False):
    """Each video's features are its number, its labels and segments its own."""
    rng = np.random.default_rng(0)
    rows, every = np.repeat(np.arange(VIDEOS, dtype="float32"), 2)[:, None], np.full(VIDEOS, 2)
    sequences = dict.fromkeys(("audio", "visual", "visual_3d"), (rows, every))
    columns = {"labels": (rng.random((VIDEOS, CLASSES)) < 0.3).astype("float32")}
    if segments:
        columns[SEGMENTS] = rng.random((VIDEOS, 2, 2, CLASSES)).astype("float32")
    ids = np.array([b"%d" % at for at in range(VIDEOS)])
    return VideoStore(ids, sequences, columns)


def whole(store, **options):
    """One batch of all videos: rows of sounds and of pictures, and the targets."""
    ((inputs, targets),) = batches(store, 0, 7, batch_size=VIDEOS, **options).as_numpy_iterator()
    np.testing.assert_array_equal(inputs["visual"], inputs["visual_3d"])
    audio, visual = (inputs[name][:, 0, 0].astype(int) for name in ("audio", "visual"))
    return audio, visual, targets


def test_each_modality_keeps_its_own_videos_labels_and_the_whole_has_both():
    store = small_store()
    audio, visual, targets = whole(store, recombination=0.5)
    labels = store.columns["labels"]
    assert sorted(audio) == list(range(VIDEOS))
    assert 0.2 < np.mean(audio != visual) < 0.8
    np.testing.assert_array_equal(targets["audio"], labels[audio])
    np.testing.assert_array_equal(targets["visual"], labels[visual])
    np.testing.assert_array_equal(targets["video"], np.maximum(labels[audio], labels[visual]))


def test_labels_of_segments_go_with_their_modality():
    store = small_store(segments=True)
    audio, visual, targets = whole(store, recombination=1.0)
    heard, seen = store.columns[SEGMENTS][audio, :, 0], store.columns[SEGMENTS][visual, :, 1]
    np.testing.assert_array_equal(targets[SEGMENTS], np.stack([heard, seen], axis=2))
    np.testing.assert_array_equal(targets["audio"], heard.max(axis=1))
    np.testing.assert_array_equal(targets["visual"], seen.max(axis=1))


def test_without_it_sound_and_pictures_belong_together():
    audio, visual, _ = whole(small_store())
    np.testing.assert_array_equal(audio, visual)


def test_who_is_recombined_changes_neither_order_nor_shares():
    plain = draw(VIDEOS, 3, 7, recombination=0.0, mixup=0.5)
    other = draw(VIDEOS, 3, 7, recombination=0.5, mixup=0.5)
    for at in (0, 2, 3):
        np.testing.assert_array_equal(plain[at], other[at])
    assert (other[1] != plain[1]).any()
