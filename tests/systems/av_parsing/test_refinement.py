"""Whose labels they are: the rule against a loop over videos and classes, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from kavc.errors import ConfigError, DataError
from kavc.systems.av_parsing.refinement import partners, refine_labels, relative_errors

VIDEOS, CLASSES = 40, 5
AUDIO, VISUAL = 0, 1


@pytest.fixture(scope="module")
def arrays():
    rng = np.random.default_rng(0)
    labels = (rng.random((VIDEOS, CLASSES)) < 0.4).astype(float)
    return labels, *rng.random((3, VIDEOS, 2, CLASSES))


def by_hand(labels, own, other_visual, other_audio, threshold):
    """As published: probabilities are divided by relative errors, with NumPy's infinities."""
    kept = np.repeat(labels[:, None] > 0, 2, axis=1)
    with np.errstate(all="ignore"):
        errors = 1 - ((own > 0.5) == labels[:, None]).mean(axis=0)
        relative = errors / errors.max(axis=1, keepdims=True)
        for video in range(len(labels)):
            for c in np.flatnonzero(labels[video]):
                for modality, passed in ((VISUAL, other_audio), (AUDIO, other_visual)):
                    said = passed[video, :, c] / relative[modality, c]
                    if said[0] < threshold and said[1] < threshold:
                        kept[video, modality, c] = False
    return kept


@pytest.mark.parametrize("threshold", [0.5, 0.2, 0.9])
def test_it_is_the_published_rule(arrays, threshold):
    found = refine_labels(*arrays, threshold=threshold)
    wanted = by_hand(*arrays, threshold)
    assert (arrays[0][:, None] - wanted).sum() > 0
    np.testing.assert_array_equal(found, wanted)


def test_a_class_without_errors_keeps_its_labels(arrays):
    labels, own, *others = arrays
    own = own.copy()
    own[:, VISUAL, 0] = labels[:, 0]
    found = refine_labels(labels, own, *(0 * other for other in others))
    np.testing.assert_array_equal(found[:, VISUAL, 0], labels[:, 0])
    assert not found[:, AUDIO, 0].any()
    np.testing.assert_array_equal(found, by_hand(labels, own, 0 * own, 0 * own, 0.5))


def test_without_any_error_all_are_kept(arrays):
    labels = arrays[0]
    perfect = np.repeat(labels[:, None], 2, axis=1)
    assert not relative_errors(labels > 0, perfect).any()
    found = refine_labels(labels, perfect, 0 * perfect, 0 * perfect)
    np.testing.assert_array_equal(found, perfect)


def test_what_does_not_fit(arrays):
    labels, own, *others = arrays
    with pytest.raises(ConfigError, match=r"must lie in 0 to 1; not 1\.5"):
        refine_labels(labels, own, *others, threshold=1.5)
    with pytest.raises(DataError, match=r"'with_other_audio' must be \(40, 2, 5\)"):
        refine_labels(labels, own, others[0], others[1][:3])


def test_partners_have_no_label_in_common(arrays):
    labels = arrays[0][arrays[0].any(axis=1)]
    ids = [f"{at}".encode() for at in range(len(labels))]
    found = partners(labels, ids, seed=1)
    assert not (labels * labels[found]).any()
    np.testing.assert_array_equal(found, partners(labels, ids, seed=1))
    assert (found != partners(labels, ids, seed=2)).any()


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ([[1, 0], [1, 1], [1, 0]], "video 'a' has a label in common with every other"),
        ([[1, 0], [0, 0], [0, 1]], "video 'b' has no label"),
    ],
)
def test_who_has_no_partner(labels, said):
    with pytest.raises(DataError, match=said):
        partners(np.array(labels), [b"a", b"b", b"c"], 0)
