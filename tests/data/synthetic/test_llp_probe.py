"""The linear probe finds what is linear in single segments, and says so in probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from kavc.data.synthetic.llp import LlpWorld, knobs
from kavc.data.synthetic.llp_probe import linear_probe

SMALL = {"audio_dim": 20, "visual_dim": 24, "visual_3d_dim": 18, "classes": 4}


def draw(videos: int, seed: int, **changed):
    """Features, pooled, and truth of videos of a world."""
    world = LlpWorld(knobs("clear", **{**SMALL, **changed}))
    drawn = [world.video(seed, index) for index in range(videos)]
    pooled = [video.visual.reshape(10, 8, -1).mean(axis=1) for video in drawn]
    features = {
        "audio": np.stack([video.audio for video in drawn]),
        "visual": np.stack(pooled),
        "visual_3d": np.stack([video.visual_3d for video in drawn]),
    }
    truth = np.stack([np.stack([v.audio_events, v.visual_events], axis=1) for v in drawn])
    return features, truth[..., :5]


@pytest.fixture(scope="module")
def quiet():
    """Training and test videos of which every segment can be told, and what is found."""
    parts = ("audio_noise", "visual_noise", "frame_noise", "visual_3d_noise")
    still = {**dict.fromkeys(parts, 0.1), "background": 0.0, "nuisance": 0.0, "echo": 0.0}
    (train, truth), (test, wanted) = draw(80, 0, **still), draw(40, 1, **still)
    return train, truth, test, wanted, linear_probe(train, truth, test)


def test_what_is_plain_is_found(quiet):
    _, _, _, wanted, found = quiet
    assert found.shape == wanted.shape and found.dtype == np.float32
    assert np.mean((found >= 0.5) == wanted) > 0.99
    assert not found[..., 4].any()  # the fifth class is nowhere


def test_a_class_that_is_everywhere(quiet):
    train, truth, test, _, found = quiet
    truth = truth.copy()
    truth[..., 1] = True
    other = linear_probe(train, truth, test)
    assert (other[..., 1] == 1).all()
    np.testing.assert_array_equal(other[..., 0], found[..., 0])


def test_each_modality_is_asked_for_itself(quiet):
    train, truth, test, _, found = quiet
    for array, changed in (("audio", 0), ("visual", 1), ("visual_3d", 1)):
        other = linear_probe(train, truth, {**test, array: test[array][::-1]})
        np.testing.assert_array_equal(other[:, :, 1 - changed], found[:, :, 1 - changed])
        assert not np.array_equal(other[:, :, changed], found[:, :, changed])


def test_clips_may_be_missing(quiet):
    train, truth, test, wanted, found = quiet
    bare = [{name: x for name, x in of.items() if name != "visual_3d"} for of in (train, test)]
    other = linear_probe(bare[0], truth, bare[1])
    np.testing.assert_array_equal(other[:, :, 0], found[:, :, 0])
    assert np.mean((other >= 0.5) == wanted) > 0.97


def test_probabilities_are_calibrated():
    noise = {"audio_noise": 0.6, "echo": 0.0, "classes": 4}
    (train, truth), (test, wanted) = draw(300, 0, **noise), draw(300, 1, **noise)
    found = linear_probe(train, truth, test)[:, :, 0, :4]
    wanted = wanted[:, :, 0, :4]
    for low in (0.1, 0.3, 0.5, 0.7):
        chosen = (found >= low) & (found < low + 0.2)
        # 60 videos or more speak for each bin, and their segments hang together
        assert wanted[chosen].mean() == pytest.approx(found[chosen].mean(), abs=0.12)


def test_with_all_components_it_is_logistic_regression_on_the_features():
    (train, truth), (test, _) = draw(60, 0), draw(20, 1)
    found = linear_probe(train, truth, test, penalty=1e-3)[:, :, 0, 0].ravel()
    rows, asked = (features["audio"].reshape(-1, 20) for features in (train, test))
    model = LogisticRegression(C=1e3, max_iter=1000).fit(rows, truth[:, :, 0, 0].ravel())
    # The penalty, which alone depends on the axes, is nearly nothing
    np.testing.assert_allclose(found, model.predict_proba(asked)[:, 1], atol=0.02)


def test_truth_of_other_videos(quiet):
    train, truth, test, _, _ = quiet
    for wrong in (truth[1:], truth[:, :, 0], truth[:, :, :1]):
        with pytest.raises(ValueError, match="truth has shape"):
            linear_probe(train, wrong, test)
