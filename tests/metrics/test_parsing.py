"""Against the definition, read out in plain loops, on drawn masks; and closed forms."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kavc.errors import DataError
from kavc.evaluation.mean_intervals import mean_bootstrap
from kavc.metrics.parsing import (
    class_counts,
    class_scores,
    event_scores,
    parsing_metrics,
    segment_scores,
)
from kavc.metrics.parsing_events import by_runs, by_table

RANDOM = np.random.default_rng(0)
IOUS = (0.1, 0.3, 0.5, 0.7, 1.0)
FEW = settings(max_examples=100, deadline=None)


def events(mask):
    """Longest runs of ones, each as its set of segments."""
    at = itertools.groupby(range(len(mask)), key=lambda i: bool(mask[i]))
    return [set(run) for one, run in at if one]


def plain_events(predicted, truth, iou):
    """TP, FP and FN of two masks of one class."""
    found, true = events(predicted), events(truth)
    alike = [[len(p & t) / len(p | t) >= iou for t in true] for p in found]
    hits = sum(any(row) for row in alike)
    missed = sum(not any(row[i] for row in alike) for i in range(len(true)))
    return hits, len(found) - hits, missed


def plain_segments(predicted, truth, _):
    pairs = list(zip(predicted, truth, strict=True))
    return tuple(pairs.count(each) for each in ((True, True), (True, False), (False, True)))


def plain_scores(predicted, truth, count, iou=0.5):
    """The published evaluation of one video, `(segments, 3, classes)` bool."""
    classes = range(predicted.shape[-1])
    counts = np.array(
        [[count(predicted[:, s, c], truth[:, s, c], iou) for c in classes] for s in range(3)]
    ).reshape(3, len(classes), 3)
    counts = np.concatenate([counts, counts[:1] + counts[1:2]])
    scores = []
    for stream in counts:
        each = [2 * tp / (2 * tp + fp + fn) for tp, fp, fn in stream if tp + fp or tp + fn]
        scores.append(np.mean(each) if each else 1.0)
    return scores


def masks(shape):
    """Predicted and true masks: sparse, dense, or fair draws."""
    share = st.sampled_from([0.1, 0.5, 0.9])
    return st.tuples(share, st.integers(0, 2**32 - 1)).map(
        lambda x: np.random.default_rng(x[1]).random((2, *shape)) < x[0]
    )


SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 24), st.just(3), st.integers(1, 4))


@FEW
@given(SHAPES.flatmap(masks), st.sampled_from(IOUS))
def test_scores_are_those_of_the_definition(pair, iou):
    predicted, truth = pair
    expected = [plain_scores(*video, plain_segments) for video in zip(*pair, strict=True)]
    np.testing.assert_allclose(segment_scores(predicted, truth), expected, atol=1e-12)
    expected = [plain_scores(*video, plain_events, iou) for video in zip(*pair, strict=True)]
    np.testing.assert_allclose(event_scores(predicted, truth, iou), expected, atol=1e-12)


@FEW
@given(arrays(bool, (2, 6, 12)), st.sampled_from(IOUS))
def test_runs_are_matched_as_the_definition_says(pair, iou):
    """A mask a video, that Hypothesis makes as short of ones as it can."""
    found = by_runs(*pair[..., None, None], iou)
    expected = [plain_events(*masks, iou) for masks in zip(*pair, strict=True)]
    assert found.hits.ravel().tolist() == [tp for tp, _, _ in expected]
    assert found.errors.ravel().tolist() == [fp + fn for _, fp, fn in expected]


@pytest.mark.parametrize("segments", [1, 5, 10])
@pytest.mark.parametrize("iou", IOUS)
def test_table_and_runs_agree(segments, iou):
    predicted, truth = RANDOM.random((2, 400, segments, 3, 25)) < 0.5
    table, runs = by_table(predicted, truth, iou), by_runs(predicted, truth, iou)
    np.testing.assert_array_equal(table.hits, runs.hits)
    np.testing.assert_array_equal(table.errors, runs.errors)


def test_no_event_matches_twice_from_one_half_on():
    """Over every pair of masks of 10 segments: FP = P - TP and FN = G - TP."""
    codes = np.arange(1024)
    every = (codes[:, None] >> np.arange(10) & 1).astype(bool)
    numbers = np.array([len(events(mask)) for mask in every])
    predicted = np.broadcast_to(every[:, :, None, None], (1024, 10, 1, 1024))
    truth = np.broadcast_to(every.T[None, :, None], (1024, 10, 1, 1024))
    counts = by_table(predicted, truth, 0.5)
    total = np.add.outer(numbers, numbers)[:, None]
    np.testing.assert_array_equal(2 * counts.hits + counts.errors, total)
    assert counts.hits[:, 0].diagonal().tolist() == numbers.tolist()


def spans(*each, segments=10):
    mask = np.zeros((1, segments, 2, 1), bool)
    for first, end in each:
        mask[:, first:end] = True
    return mask


@pytest.mark.parametrize("segments", [10, 30])
@pytest.mark.parametrize(
    "predicted, iou, score",
    [
        ([(0, 3)], 0.5, 1),  # 3 of 6: exactly one half counts
        ([(0, 2)], 0.5, 0),
        ([(0, 2)], 1 / 3, 1),
        ([(0, 3)], 0.51, 0),
        ([(0, 3), (4, 5)], 0.5, 2 / 3),  # a fragment more
        ([(0, 3), (4, 6)], 0.3, 1),  # both are like the one true event
        ([(0, 6)], 1, 1),
        ([(0, 5)], 1, 0),
    ],
)
def test_intersection_over_union(predicted, iou, score, segments):
    truth = spans((0, 6), segments=segments)
    found = event_scores(spans(*predicted, segments=segments), truth, iou)
    np.testing.assert_allclose(found, [[score] * 4])


def test_ends_of_videos_and_of_masks_do_not_touch():
    """The last segment of one mask and the first of the next are no one event."""
    mask = np.zeros((2, 12, 2, 2), bool)
    mask[:, 0], mask[:, -1] = True, True
    assert class_counts(mask).tolist() == [[4, 4]] * 3
    assert by_runs(mask, mask, 0.5).hits.tolist() == [[[2, 2]] * 2] * 2


def test_empty_masks_in_closed_form():
    nothing, something = np.zeros((1, 10, 2, 3)), np.zeros((1, 10, 2, 3))
    something[0, 2:5, 0, 1] = 1  # audible alone
    for scores in (segment_scores, event_scores):
        assert scores(nothing, nothing).tolist() == [[1, 1, 1, 1]]
        assert scores(something, nothing).tolist() == [[0, 1, 1, 0]]
        assert scores(nothing, something).tolist() == [[0, 1, 1, 0]]
    assert np.isnan(class_scores(nothing, nothing)).all()


@FEW
@given(SHAPES.flatmap(masks), st.randoms(use_true_random=False))
def test_orders_of_videos_and_classes_change_nothing(pair, random):
    videos, classes = ([*range(pair.shape[axis])] for axis in (1, 4))
    random.shuffle(videos), random.shuffle(classes)
    moved = pair[:, videos][..., classes]
    before, after = parsing_metrics(*pair), parsing_metrics(*moved)
    np.testing.assert_allclose(after.per_video, before.per_video[videos], atol=1e-10)
    assert after.as_dict() == pytest.approx(before.as_dict())
    for level in ("segment", "event"):
        found = class_scores(*moved, level)
        np.testing.assert_allclose(found, class_scores(*pair, level)[:, classes])


@FEW
@given(SHAPES.flatmap(masks))
def test_truth_against_itself_is_100(pair):
    found = parsing_metrics(pair[1], pair[1])
    assert found.as_dict() == pytest.approx(dict.fromkeys(found.as_dict(), 100))
    assert not np.any(class_scores(pair[1], pair[1], "event") < 1)


def test_three_streams_are_two_and_their_product():
    predicted, truth = RANDOM.random((2, 20, 10, 2, 5)) < 0.4
    given = [np.concatenate([x, x.prod(axis=2, keepdims=True)], 2) for x in (predicted, truth)]
    found, expected = parsing_metrics(*given), parsing_metrics(predicted, truth)
    assert found.as_dict() == expected.as_dict()


def test_what_is_not_exactly_one_is_no_event():
    truth = np.ones((1, 10, 2, 2))
    truth[..., 1] = [0.999, np.nan]
    assert class_counts(truth).tolist() == [[1, 0]] * 3
    np.testing.assert_array_equal(segment_scores(truth, truth == 1), [[1] * 4])


def test_the_ten_numbers_are_means_of_what_videos_contribute():
    predicted, truth = RANDOM.random((2, 30, 10, 2, 5)) < 0.3
    found = parsing_metrics(predicted, truth)
    numbers = found.as_dict()
    assert list(numbers.values()) == pytest.approx(found.per_video.mean(axis=0))
    for level, scores in (("segment", segment_scores), ("event", event_scores)):
        audio, visual, both, added = 100 * scores(predicted, truth).mean(axis=0)
        assert numbers[f"{level}_type_at_av"] == pytest.approx((audio + visual + both) / 3)
        assert numbers[f"{level}_event_at_av"] == pytest.approx(added)
    estimates = [each.estimate() for each in mean_bootstrap(found.per_video, draws=50)]
    assert [each.value for each in estimates] == pytest.approx(list(numbers.values()))


def test_scores_of_a_class_add_its_counts_over_videos():
    predicted, truth = RANDOM.random((2, 6, 10, 3, 2)) < 0.4
    predicted[..., 1], truth[..., 1] = False, False
    for level, plain in (("segment", plain_segments), ("event", plain_events)):
        found = class_scores(predicted, truth, level)
        for stream in range(3):
            tp, fp, fn = np.sum(
                [plain(predicted[v, :, stream, 0], truth[v, :, stream, 0], 0.5) for v in range(6)],
                axis=0,
            )
            assert found[stream, 0] == pytest.approx(2 * tp / (2 * tp + fp + fn))
        assert np.isnan(found[:, 1]).all()


MASKS = np.zeros((2, 3, 2, 4))


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: segment_scores(MASKS, MASKS[:1]), r"predicted \(2, 3, 2, 4\) and truth \(1,"),
        (lambda: event_scores(MASKS[..., 0], MASKS), r"predicted: .*, got float64 \(2, 3, 2\)"),
        (lambda: class_counts(MASKS.astype(str)), "truth: expected numbers"),
        (lambda: event_scores(MASKS, MASKS, 0), "iou is 0, expected above 0 and at most 1"),
        (lambda: event_scores(MASKS, MASKS, 1.1), "iou is 1.1"),
        (lambda: parsing_metrics(MASKS[:0], MASKS[:0]), "no video; expected 1 or more"),
        (lambda: class_scores(MASKS, MASKS, "segments"), "did you mean 'segment'"),
    ],
)
def test_refused(call, message):
    with pytest.raises(DataError, match=message):
        call()
