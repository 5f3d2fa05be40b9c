"""Whether what figures tell by colour can be told by those who see fewer colours, and in grey."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from kavc.evaluation.style import DARK, DASHES, GREY, LIGHT, MARKERS, PALETTE, TICK, literal

# Machado, Oliveira & Fernandes, 2009, of linear RGB, at full severity.
SEEN_AS = {
    "all colours": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
         [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
         [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
         [0.004733, 0.691367, 0.303900]]
    ),
}  # fmt: skip
TO_XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
)  # of linear sRGB, D65
TOLD_APART = 15.0  # in Lab; 2.3 are just seen side by side, but marks stand apart


def linear(colour) -> np.ndarray:
    """sRGB without its gamma."""
    rgb = np.array(to_rgb(colour))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of linear RGB."""
    x, y, z = np.cbrt(np.clip(TO_XYZ @ rgb / TO_XYZ.sum(axis=1), 0.0089, None))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def luminance(colour) -> float:
    """As contrast on the web takes it."""
    return float(TO_XYZ[1] @ linear(colour))


@pytest.mark.parametrize("sight", SEEN_AS)
def test_any_two_colours_are_told_apart(sight):
    seen = {
        colour: lab(np.clip(SEEN_AS[sight] @ linear(colour), 0, 1)) for colour in (*PALETTE, GREY)
    }
    apart = {
        (one, other): np.linalg.norm(seen[one] - seen[other])
        for one, other in itertools.combinations(seen, 2)
    }
    assert min(apart.values()) > TOLD_APART, min(apart, key=apart.get)


def test_in_grey_marks_and_dashes_tell_what_colours_did():
    assert len(set(MARKERS)) == len(set(DASHES)) == len(PALETTE)


@pytest.mark.parametrize(("colour", "contrast"), [*((each, 2.0) for each in PALETTE), (DARK, 7),
                                                  (GREY, 4.5), (LIGHT, 1.5)])  # fmt: skip
def test_every_colour_stands_out_from_white(colour, contrast):
    """Texts (`DARK`, `GREY`) by more than marks and lines; pale bars end in a dark dot."""
    assert 1.05 / (luminance(colour) + 0.05) > contrast


def test_dollars_are_no_mathematics():
    assert literal("$5 of $x$") == r"\$5 of \$x\$" and TICK >= 8
