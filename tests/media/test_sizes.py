"""The sizes of images: what is kept of a scaled one."""

from __future__ import annotations

import numpy as np
import pytest

from kavc.errors import ConfigError
from kavc.media.sizes import Exactly


def test_the_centre_of_an_exact_size():
    size = Exactly(128, 171, size=112)
    assert size.shape == (112, 112) and size.scaled(720, 1280, 1.0) == (128, 171)
    rows, columns = np.mgrid[:128, :171]
    kept = size.cropped(np.stack([rows, columns, rows], -1))
    assert kept.shape == (112, 112, 3)
    # As torchvision has it: of 59 pixels too many, 30 go on the left.
    assert tuple(kept[0, 0, :2]) == (8, 30)
    assert Exactly(4, 6).cropped(kept) is kept


def test_a_centre_that_is_too_large():
    with pytest.raises(ConfigError, match="a crop of 130 is larger than an image of 128x171"):
        Exactly(128, 171, size=130)
