"""Against the published evaluation, on made-up videos and on the real annotations."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from kavc.metrics.parsing import (
    METRICS,
    class_counts,
    event_scores,
    parsing_metrics,
    predictions,
    segment_scores,
)
from kavc.metrics.parsing_events import by_runs, by_table

EXACT = 1e-9  # orders of summation differ by 1e-13 at most
THRESHOLDS = (0.25, 0.5, 0.75)
SPLITS = ("test", "val")


@pytest.fixture(scope="module")
def golden(shared):
    with np.load(shared / "golden" / "avvp_eval_synthetic.npz", allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def masks(*streams):
    """Masks of the published code, (videos, classes, segments) a stream, in our order of axes."""
    return np.stack(streams, axis=1).transpose(0, 3, 1, 2)


def masks_of_rows(rows, names, classes):
    """Dense truth of one modality, (videos, segments, classes): half-open slices, set to 1."""
    found = np.zeros((len(names), 10, len(classes)), np.uint8)
    videos, columns = ({x: i for i, x in enumerate(each)} for each in (names, classes))
    for name, onset, offset, label in rows:
        if name in videos:
            found[videos[name], onset:offset, columns[label]] = 1
    return found


def per_video(predicted, truth):
    return np.concatenate(
        [segment_scores(predicted, truth), event_scores(predicted, truth)], axis=1
    )


def totals(predicted, truth):
    return list(parsing_metrics(predicted, truth).as_dict().values())


def gate_of(golden, name):
    return {
        "video": golden["video_prob"],
        "modality": np.stack([golden["audio_prob"], golden["visual_prob"]], axis=1),
        "none": None,
    }[name]


@pytest.mark.parametrize("gate", ["video", "modality", "none"])
@pytest.mark.parametrize("at", range(3))
def test_scores_of_made_up_videos(golden, gate, at):
    truth = masks(golden["truth_audio"], golden["truth_visual"])
    probability, threshold = golden["frame_prob"], golden["thresholds"][at]
    predicted = predictions(probability, gate_of(golden, gate), threshold)
    found = per_video(predicted, truth)
    np.testing.assert_allclose(found, golden[f"per_video_{gate}"][at], rtol=0, atol=EXACT)
    found = totals(predicted, truth)
    np.testing.assert_allclose(found, golden[f"total_{gate}"][at], rtol=0, atol=EXACT)


def test_predictions_are_the_published_ones(golden):
    found = predictions(golden["frame_prob"], golden["video_prob"])
    expected = masks(golden["pred_audio"], golden["pred_visual"])
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("modality", ["audio", "visual"])
def test_truth_of_annotation_rows(golden, modality):
    """That the tests' own reader of rows is right, which reads the real ones below."""
    columns = [golden[f"ann_{modality}_{x}"] for x in ("name", "onset", "offset", "label")]
    rows = zip(*(column.tolist() for column in columns), strict=True)
    found = masks_of_rows(rows, golden["names"].tolist(), golden["categories"].tolist())
    np.testing.assert_array_equal(found.transpose(0, 2, 1), golden[f"truth_{modality}"])


def test_given_audio_visual_masks(golden):
    predicted, truth = (golden[f"direct_{x}"].transpose(0, 3, 1, 2) for x in ("pred", "truth"))
    expected = golden["direct_segment"], golden["direct_event"]
    for scores, column in zip((segment_scores, event_scores), expected, strict=True):
        found = scores(predicted, truth)
        np.testing.assert_allclose(found, column, rtol=0, atol=EXACT)
        assert (scores(predicted[:, :, :2], truth[:, :, :2])[:, 2] != column[:, 2]).any()


@pytest.mark.parametrize("count", [by_table, by_runs])
def test_both_ways_of_matching(golden, count):
    predicted, truth = (
        golden[f"direct_{x}"].transpose(0, 3, 1, 2).astype(bool) for x in ("pred", "truth")
    )
    found = count(predicted, truth, 0.5).per_video()
    np.testing.assert_allclose(found, golden["direct_event"], rtol=0, atol=EXACT)


class Real:
    """Annotations of a real split, and predictions made of them as the golden file tells."""

    def __init__(self, folder, split, classes):
        weak, *dense = (
            pd.read_csv(folder / f"AVVP_{name}.csv", sep="\t")
            for name in (f"{split}_pd", "eval_audio", "eval_visual")
        )
        names = weak["filename"].tolist()
        heard, seen = (
            masks_of_rows(rows.itertuples(index=False), names, classes) for rows in dense
        )
        self.truth = np.stack([heard, seen], axis=2)
        self.labels = np.array(
            [[c in labels.split(",") for c in classes] for labels in weak["event_labels"]], float
        )
        draw = np.random.RandomState(1011)
        shift, whole = draw.random_sample(self.truth.shape), draw.random_sample(self.labels.shape)
        self.segment = coarse(0.25 + 0.4 * self.truth + 0.7 * (shift - 0.5))
        self.video = coarse(0.3 + 0.4 * self.labels + 0.6 * (whole - 0.5))


def coarse(values):
    return (np.round(np.clip(values, 0, 1) * 64) / 64).astype(np.float32)


@pytest.fixture(scope="module", params=SPLITS)
def split(request):
    return request.param


@pytest.fixture(scope="module")
def real(shared, golden, split):
    return Real(shared / "data" / "llp", split, golden["categories"].tolist())


def test_recipe_of_the_real_split(golden, split, real):
    sums = [float(x.sum(dtype=np.float64)) for x in (real.segment, real.video)]
    sums += [real.truth.sum(), real.labels.sum()]
    np.testing.assert_allclose(sums, golden[f"real_{split}_crc"], rtol=1e-12)


@pytest.mark.parametrize("at", range(3))
def test_totals_of_the_real_split(golden, split, real, at):
    predicted = predictions(real.segment, real.video, THRESHOLDS[at])
    expected = golden[f"real_{split}_total"][at]
    np.testing.assert_allclose(totals(predicted, real.truth), expected, rtol=0, atol=EXACT)


def test_each_video_of_the_real_split(golden, split, real):
    found = per_video(predictions(real.segment, real.video), real.truth)
    np.testing.assert_allclose(found, golden[f"real_{split}_per_video"], rtol=0, atol=EXACT)


def test_reference_lines(golden, split, real):
    """Nothing, the true labels of each video everywhere, Speech everywhere, and the truth."""
    nothing = np.zeros_like(real.truth)
    lines = {
        "empty": nothing,
        "weak": nothing + real.labels[:, None, None],
        "speech": nothing + np.eye(25)[0],
        "truth": real.truth,
    }
    for name, predicted in lines.items():
        found, expected = totals(predicted, real.truth), golden[f"real_{split}_{name}"]
        np.testing.assert_allclose(found, expected, rtol=0, atol=EXACT, err_msg=name)
    assert totals(real.truth, real.truth) == pytest.approx([100] * 10)


def test_numbers_of_real_events(split, real):
    expected = {"test": [2638, 1625, 1617], "val": [1440, 856, 872]}
    assert class_counts(real.truth).sum(axis=1).tolist() == expected[split]


def test_order_of_the_ten_numbers():
    levels = ("audio", "visual", "audio_visual", "type_at_av", "event_at_av")
    assert tuple(f"{level}_{x}" for level in ("segment", "event") for x in levels) == METRICS
