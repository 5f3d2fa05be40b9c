"""Statistics of published kinds of features: what was stated of them, and what was measured.

A kind is told by bounds on the statistics of an array. How they were set:

- A mean or a standard deviation may be half to double of what is stated or measured: nearly all
  of these come from few clips, and other clips differ by a third.
- What arithmetic fixes is taken as it is: a ReLU is never negative, ReLU6 never above 6, a swish
  never below -0.2785, a mapped-back byte lies on one of 256 values.
- Shares of zeros are bounded so that kinds of the same width are apart, at about the middle
  between what was measured of each.

A kind of which nothing was measured here says so (`known` is False): then nothing more is claimed
than that it is not excluded.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

Bounds = Mapping[str, tuple[float, float]]

LOWEST, HIGHEST = 4 / 512 - 2, 4 / 512 + 2  # what bytes 0 and 255 of YouTube-8M stand for
SWISH = -0.2785  # the least value of x·sigmoid(x)
_STEP = 1e-3  # float32 and float16 round by less than this below 2
_ANY = math.inf

# === Bounds that several kinds share ===
_POSITIVE: Bounds = {"least": (0, _ANY)}
_MAPPED: Bounds = {"least": (LOWEST - _STEP, 2), "most": (-2, HIGHEST + _STEP)}
# Every value: the chance that a foreign one lies on the grid to 1e-3 of a step is 1 in 500.
_ON_GRID: Bounds = {**_MAPPED, "on_grid": (1, 1)}
_ON_PLAIN_GRID: Bounds = {
    "least": (-2 - _STEP, 2), "most": (-2, 2 + _STEP), "on_plain_grid": (1, 1)
}  # fmt: skip
_BYTES: Bounds = {"least": (0, 255), "most": (2, 255), "whole": (1, 1)}
_MEAN_BYTES: Bounds = {
    "least": (0, 255), "most": (2, 255), "mean": (100, 155), "whole": (0, 0.5)
}  # fmt: skip
# Whitening leaves columns whose means are near 0: nearly all variance is within columns. Of
# VGGish without ReLU 57 % is, by its PCA's parameters; of YouTube-8M's means 99.9 %.
_WHITENED: Bounds = {"mean": (-0.1, 0.1), "within": (0.9, 1), "negative": (0.4, 0.6)}


@dataclass(frozen=True)
class Kind:
    """A kind of features.

    Args:
        name: behind "looks like".
        family: the network's name, a key of `FAMILIES`.
        modality: "audio" or "visual".
        width: of a row.
        bounds: name of a statistic (see `kavc.data.statistics.ArrayStatistics`) to the least and
            the most that it may be.
        published: what is stated or was measured, with its source.
        known: whether anything was measured or stated beyond arithmetic.
    """

    name: str
    family: str
    modality: str
    width: int
    bounds: Bounds = field(repr=False)
    published: str = ""
    known: bool = True


# Letters and digits of what a network may be called in a corpus; the first that is found counts.
FAMILIES: Mapping[str, tuple[str, ...]] = {
    "VGGish": ("vggish",),
    "YAMNet": ("yamnet",),
    "musicnn": ("musicnn",),
    "MobileNetV2": ("mobilenetv2",),
    "EfficientNet-B0": ("efficientnetb0", "efficientnetv1b0"),
    "R(2+1)D": ("r2plus1d", "r21d"),
    "ResNet": ("resnet", "res152"),
    "I3D": ("i3d",),
    "Inception": ("inception",),
    "VGG": ("vgg16", "vgg19"),
}

_TOLD_VGGISH = (
    "mean 0.12 and 0.14, std 0.26 and 0.29, 65 % zeros: 1,780 rows of AVE's noisy videos, 18 of"
    " video_features; mean 0.131, std 0.238 of the tone in VGGish's smoke test of 2017"
)
_TOLD_BARE = (
    "mean -0.16, std 0.46 and 63 % negative by the means and the covariance in VGGish's published"
    " PCA; mean -0.03 and 0.00, std 0.38 and 0.34 of the tones in its smoke tests since 2020"
)
_TOLD_MEANS = (
    "mean 0.00, std {std}, 50 % negative, within -1.9922 and 2.0078: YouTube-8M 2018, 28,792 videos"
)
_FORMULA = "u*4/255 + 4/512 - 2"

KINDS = (
    # === Audio, 128 ===
    Kind(
        "VGGish with the ReLU of 2017 to 2020, before PCA", "VGGish", "audio", 128,
        # 0.375: means over 10 s have fewer zeros than this, rows of 0.96 s 65 %.
        {**_POSITIVE, "zeros": (0.45, 0.9), "mean": (0.06, 0.28), "std": (0.12, 0.6)},
        _TOLD_VGGISH,
    ),
    Kind(
        "means over time of VGGish with its ReLU, before PCA", "VGGish", "audio", 128,
        {**_POSITIVE, "zeros": (0.01, 0.45), "mean": (0.06, 0.28), "std": (0.1, 0.5)},
        "mean 0.12, std 0.22, 37 % zeros: AVE's noisy videos, means of 10 s",
    ),
    Kind(
        "VGGish without ReLU (TensorFlow Hub, its code since 2020), before PCA", "VGGish", "audio",
        128,
        {
            "negative": (0.4, 0.85), "mean": (-0.32, 0.1), "std": (0.17, 0.92), "within": (0, 0.9),
            "on_grid": (0, 0.5),
        },
        _TOLD_BARE,
    ),
    Kind(
        "VGGish after PCA, quantised and mapped back, as YouTube-8M's", "VGGish", "audio", 128,
        _ON_GRID, f"bytes mapped back by {_FORMULA}, within -1.9922 and 2.0078",
    ),
    Kind(
        f"VGGish after PCA, quantised, mapped back without the half step: {_FORMULA} has it",
        "VGGish", "audio", 128, _ON_PLAIN_GRID,
    ),
    Kind(
        f"VGGish after PCA, bytes that were not mapped back: {_FORMULA}", "VGGish", "audio", 128,
        _BYTES, "mean 123 to 131, std 75 to 89: VGGish's smoke tests, golden arrays",
    ),
    Kind(
        f"means over time of VGGish's bytes that were not mapped back: {_FORMULA}", "VGGish",
        "audio", 128, _MEAN_BYTES,
    ),
    Kind(
        "VGGish after PCA, clipped to -2 and 2 but not quantised", "VGGish", "audio", 128,
        # 1 %: whitened values beyond 2, if they are normal, are 5 %.
        {
            "least": (-2 - _STEP, -2 + _STEP), "most": (2 - _STEP, 2 + _STEP), "ends": (0.01, 0.5),
            "on_plain_grid": (0, 0.9), "mean": (-0.3, 0.3),
        },
        "std 1.24, 19 % of values at the ends: PCA of AVE's noisy videos, which have the ReLU",
    ),
    Kind(
        "VGGish after PCA, neither clipped nor quantised", "VGGish", "audio", 128,
        # From 1.2: around 1 lies whatever was standardised, of which nothing can be told.
        {"most": (3, _ANY), "mean": (-0.3, 0.3), "negative": (0.4, 0.6), "std": (1.2, 3.4)},
        "std 1.69 and 1.81: PCA of AVE's noisy videos and of video_features' 18 rows",
    ),
    Kind(
        "means over time of VGGish after PCA, as YouTube-8M's video level", "VGGish", "audio", 128,
        {**_MAPPED, **_WHITENED, "std": (0.34, 1.1), "on_grid": (0, 0.5), "ends": (0, 0.05)},
        _TOLD_MEANS.format(std="0.69"),
    ),
    # === Audio, other widths ===
    Kind(
        "YAMNet's embedding", "YAMNet", "audio", 1024,
        {**_POSITIVE, "zeros": (0.6, 0.97), "mean": (0.013, 0.06), "std": (0.07, 0.3)},
        "mean 0.027, std 0.143, 88 % zeros: its int8 weights, 401 windows of clips",
    ),
    Kind(
        "musicnn's 200 before its tags", "musicnn", "audio", 200,
        {"negative": (0.3, 0.8), "mean": (0.07, 0.31), "std": (0.25, 1.0), "least": (-2, 0)},
        "mean 0.152, std 0.500, 57 % negative: MagnaTagATune's weights, 125 windows of clips",
    ),
    # === Visual, 1024 ===
    Kind(
        "YouTube-8M's rgb: Inception after PCA, quantised and mapped back", "Inception", "visual",
        1024, _ON_GRID, f"bytes mapped back by {_FORMULA}, within -1.9922 and 2.0078",
    ),
    Kind(
        f"YouTube-8M's rgb, quantised, mapped back without the half step: {_FORMULA} has it",
        "Inception", "visual", 1024, _ON_PLAIN_GRID,
    ),
    Kind(
        f"YouTube-8M's rgb as bytes that were not mapped back: {_FORMULA}", "Inception", "visual",
        1024, _BYTES,
    ),
    Kind(
        f"means over time of YouTube-8M's rgb as bytes that were not mapped back: {_FORMULA}",
        "Inception", "visual", 1024, _MEAN_BYTES,
    ),
    Kind(
        "means over time of Inception after PCA, as YouTube-8M's video level", "Inception",
        "visual", 1024,
        {**_MAPPED, **_WHITENED, "std": (0.23, 0.92), "on_grid": (0, 0.5), "ends": (0, 0.05)},
        _TOLD_MEANS.format(std="0.46"),
    ),
    Kind(
        "Inception after YouTube-8M's PCA, neither clipped nor quantised", "Inception", "visual",
        1024,
        {"most": (HIGHEST + _STEP, _ANY), "mean": (-0.1, 0.1), "negative": (0.4, 0.6),
         "std": (0.23, 0.94)},
        "mean -0.024, std 0.469, from -4.9 to 2.5: the one vector in YouTube-8M's tests",
    ),
    Kind(
        "I3D, pooled", "I3D", "visual", 1024,
        {**_POSITIVE, "zeros": (0, 0.1), "mean": (0.07, 0.4), "std": (0.1, 0.46)},
        "mean 0.19 and 0.14, std 0.23 and 0.19, 1 and 2 % zeros: rgb and flow of video_features",
    ),
    # === Visual, other widths ===
    Kind(
        "MobileNetV2, pooled", "MobileNetV2", "visual", 1280,
        {"least": (0, 6), "most": (0, 6 + _STEP), "zeros": (0.13, 0.56), "mean": (0.17, 0.82),
         "std": (0.27, 1.26)},
        "mean 0.35 and 0.41, std 0.56 and 0.63, 30 and 28 % zeros: 13 pictures and 59 frames",
    ),
    Kind(
        "EfficientNet-B0, pooled", "EfficientNet-B0", "visual", 1280,
        {"least": (SWISH - _STEP, -_STEP), "negative": (0.01, 1)},
        known=False,
    ),
    Kind(
        "a ResNet, pooled", "ResNet", "visual", 2048,
        # 0.05: one vector of Inception has 26 %, rows of ResNets 0.2 to 0.3 %.
        {**_POSITIVE, "zeros": (0, 0.05), "mean": (0.19, 1.12), "std": (0.2, 1.08)},
        "mean 0.42 and 0.56, std 0.42 and 0.54, 0.2 % zeros: ResNet-50 of SpecVQGAN, ResNet-101 of"
        " video_features",
    ),
    Kind(
        "Inception's pool_3, before YouTube-8M's PCA", "Inception", "visual", 2048,
        {**_POSITIVE, "zeros": (0.05, 0.6), "mean": (0.06, 0.27), "std": (0.2, 0.84)},
        "mean 0.13, std 0.41, 26 % zeros: the one vector in YouTube-8M's tests",
    ),
    Kind(
        "R(2+1)D-18, pooled", "R(2+1)D", "visual", 512,
        {**_POSITIVE, "zeros": (0, 0.01), "mean": (0.36, 1.5), "std": (0.31, 1.25)},
        "mean 0.73, std 0.62, no zeros: 22 rows of video_features",
    ),
    Kind("VGG-16's or VGG-19's pool5", "VGG", "visual", 512, _POSITIVE, known=False),
    Kind("ResNet-18 or ResNet-34, pooled", "ResNet", "visual", 512, _POSITIVE, known=False),
)  # fmt: skip
