"""Optical flow: a picture that moves is found to move."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from kavc.errors import ConfigError
from kavc.media import flow
from kavc.media.flow import METHODS, check_method, flow_of


@pytest.fixture(scope="module")
def picture():
    noise = np.random.default_rng(0).normal(size=(180, 220))
    smooth = gaussian_filter(noise, 3)
    return (128 + 40 * smooth / smooth.std()).clip(0, 255).astype(np.uint8)


def moved(picture, right, down):
    """The picture in a frame of 120 x 160; its content went to the right and down."""
    view = picture[30 - down : 150 - down, 30 - right : 190 - right]
    return np.repeat(view[:, :, None], 3, 2)


def has_tvl1():
    cv2 = pytest.importorskip("cv2")
    return hasattr(cv2, "optflow")


@pytest.mark.parametrize("method", METHODS)
def test_a_picture_that_moves(picture, method):
    if method == "tvl1" and not has_tvl1():
        pytest.skip("OpenCV without its contributed modules")
    pytest.importorskip("cv2")
    frames = np.stack([moved(picture, 3 * step, -2 * step) for step in range(3)])
    found = flow_of(frames, method)
    assert found.shape == (2, 120, 160, 2) and found.dtype == np.float32
    np.testing.assert_allclose(np.median(found, (1, 2)), [[3, -2], [3, -2]], 0, 0.3)
    still = flow_of(frames[[0, 0]], method)
    np.testing.assert_allclose(np.median(still), 0, 0, 1e-3)


def test_tvl1_without_the_contributed_modules(monkeypatch):
    monkeypatch.setattr(flow, "_library", object)
    with pytest.raises(ConfigError, match="opencv-contrib-python-headless in place of"):
        check_method("tvl1")
    check_method("farneback")


def test_a_method_that_is_none():
    with pytest.raises(ConfigError, match="did you mean 'farneback'"):
        check_method("farnebak")


def test_without_opencv(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cv2", None)
    with pytest.raises(ConfigError, match=r"not installed .*pip install 'kavc\[media\]'"):
        flow_of(np.zeros((2, 8, 8, 3), np.uint8))
