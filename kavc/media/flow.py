"""Optical flow: how far each pixel moves from a frame to the next one.

By OpenCV. TV-L1, with which the published flow networks were trained, is only in its contributed
modules (`opencv-contrib-python-headless`), and far slower; a network that was trained on one kind
of flow does worse on another.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from kavc.errors import ConfigError, unknown

# Scale, levels, window, rounds, pixels of a polynomial and their width, flags: the usual ones.
FARNEBACK = (0.5, 3, 15, 3, 5, 1.2, 0)
METHODS = ("farneback", "dis", "dis-fast", "tvl1")


def check_method(method: str) -> None:
    """Raises unless flow can be found by a method here.

    Raises:
        ConfigError: no such method, or OpenCV lacks it or isn't installed.

    Example:
        >>> check_method("farneback")
        >>> check_method("farnebeck")
        Traceback (most recent call last):
            ...
        kavc.errors.ConfigError: unknown method of flow 'farnebeck'; did you mean 'farneback'?...
    """
    if method not in METHODS:
        raise ConfigError(unknown("method of flow", method, METHODS))
    if method == "tvl1" and not hasattr(_library(), "optflow"):
        raise ConfigError(
            "flow by tvl1 needs OpenCV's contributed modules: opencv-contrib-python-headless in"
            " place of opencv-python-headless; or take farneback or dis"
        )


def flow_of(images: np.ndarray, method: str = "farneback") -> np.ndarray:
    """Returns the motion from each frame to the next.

    Args:
        images: (frames, height, width, 3) uint8, RGB.
        method: "farneback", with OpenCV's usual settings; "dis" (medium) or "dis-fast"; "tvl1".

    Returns:
        (frames - 1, height, width, 2) float32: pixels to the right, and down.

    Raises:
        ConfigError: as `check_method`.

    Reference:
        Farnebäck, 2003; DIS, Kroeger et al., 2016; TV-L1, Zach et al., 2007.

    Example:
        flow_of(read_frames("clip.mp4", Bursts(1, 11, 25)).images).shape
    """
    check_method(method)
    cv2 = _library()
    cv2.setNumThreads(1)  # processes share the work
    greys = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in images]
    between = _between(cv2, method)
    return np.stack([between(a, b) for a, b in itertools.pairwise(greys)])


def _between(cv2: Any, method: str) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    if method == "farneback":
        return lambda a, b: cv2.calcOpticalFlowFarneback(a, b, None, *FARNEBACK)
    if method == "tvl1":
        engine = cv2.optflow.DualTVL1OpticalFlow_create()
    else:
        fast = method == "dis-fast"
        engine = cv2.DISOpticalFlow_create(
            cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST if fast else cv2.DISOPTICAL_FLOW_PRESET_MEDIUM
        )
    return lambda a, b: engine.calc(a, b, None)


def _library() -> Any:
    try:
        import cv2
    except ImportError as error:
        raise ConfigError(
            f"optical flow needs a package that is not installed ({error}); pip install"
            " 'kavc[media]'"
        ) from None
    return cv2
