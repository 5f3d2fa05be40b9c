"""Key frames: a few sharp frames that differ, as a film's contact sheet.

Shots are told apart by their colours, and each gives its sharpest frame. Of too many, k-means picks
some that differ; to too few, those are added that are farthest from what is there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kavc.errors import ConfigError
from kavc.inputs.opening import Path
from kavc.media.choice import Choice
from kavc.media.frames import Frames, FrameStream, read_frames
from kavc.media.moments import MOST as LONGEST
from kavc.media.moments import At, Moments, Rate
from kavc.media.sizes import Exactly, Size

COUNT = 8  # as of Ti-AVC
RATE = 4.0  # frames a second that are looked at
MOST = 2**14  # of them: of longer videos, as many in equal steps
LOOK = Exactly(64, 64)
BINS = (8, 4, 4)  # of hue, saturation and value
LEAST_CUT = 0.35  # of the distance between histograms, which is 0 to 2
DEVIATIONS = 5.0  # median absolute deviations above the median that make a cut
DARK = 16.0  # mean of a frame that is as good as black, 0 to 255
SAME = 1e-3  # distance of frames that differ in nothing but noise
ROUNDS = 50  # of k-means at most
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class KeyFrames:
    """Key frames, by their times.

    Attributes:
        frames: as many as were asked for; the last is repeated where fewer differ.
        mask: (frames,) bool. False for a repetition.
    """

    frames: Frames
    mask: np.ndarray


def read_key_frames(
    path: Path,
    count: int = COUNT,
    *,
    size: Size | None = None,
    track: Choice = "best",
    seed: int = 0,
) -> KeyFrames:
    """Picks key frames of a file; the same again for the same seed.

    Args:
        path: of the file.
        count: how many, 8 by default.
        size, track: as of `kavc.media.FrameStream`.
        seed: of k-means.

    Raises:
        DataError, ConfigError: as `kavc.media.FrameStream`.

    Reference:
        Su et al., 2020, section 4.1, has 8 key frames of an extractor that was not published; how
        they are picked here is ours.

    Example:
        read_key_frames("clip.mp4", size=Crop(224)).frames.images
    """
    if count < 1:
        raise ConfigError(f"at least one key frame is needed; got {count}")
    times, looks = _looks(path, track)
    picked = times[pick(looks, count, np.random.default_rng(seed))]
    mask = np.arange(count) < len(picked)
    wanted = np.pad(picked, (0, count - len(picked)), "edge")
    return KeyFrames(read_frames(path, At(wanted.tolist()), size=size, track=track), mask)


def pick(looks: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Picks frames that differ.

    Args:
        looks: (frames, height, width, 3) uint8, RGB, in the order of their times.
        count: how many, at most.
        rng: for k-means.

    Returns:
        (picked,) int64, ascending; at least one, and fewer than `count` where no more differ.

    Reference:
        Arthur and Vassilvitskii, 2007, of how k-means begins.

    Example:
        >>> looks = np.repeat(np.array([50, 200], np.uint8), 4)[:, None, None, None]
        >>> looks = np.broadcast_to(looks, (8, 64, 64, 3))  # two shots of four frames
        >>> pick(looks, 8, np.random.default_rng(0)).tolist()
        [0, 4]
    """
    histograms = np.stack([_histogram(look) for look in looks])
    thumbnails = looks[:, 4::8, 4::8].reshape(len(looks), -1) / np.float32(255)
    points = np.concatenate([histograms, thumbnails / thumbnails.shape[1]], axis=1)
    best = _sharpest(looks, _shots(histograms))
    if len(best) > count:
        return np.sort(best[_clusters(histograms[best], count, rng)])
    return np.sort(_farthest(points, best, count))


def _looks(path: Path, track: Choice) -> tuple[np.ndarray, np.ndarray]:
    """Returns the times, (frames,), and small images of the frames that are looked at."""
    # Whatever the file claims, it is looked at: if it claims too much, once more without that.
    moments: Moments = Rate(RATE, seconds=LONGEST / RATE)
    for _ in range(2):
        with FrameStream(path, moments, size=LOOK, track=track) as stream:
            step = -(-len(stream.wanted) // MOST)
            stream.wanted = stream.wanted[::step]
            found = dict(stream)
        if step == 1 or not stream.past:
            break
        moments = At(stream.there.tolist())
    return np.array(list(found)), np.stack(list(found.values()))


def _histogram(look: np.ndarray) -> np.ndarray:
    """Returns how often each colour occurs in an image: (bins,) float32, of sum 1."""
    hsv = _hsv(look.reshape(-1, 3).astype(np.float32) / 255)
    bins = np.minimum((hsv * BINS).astype(np.int64), np.array(BINS) - 1)
    counts = np.bincount(np.ravel_multi_index(tuple(bins.T), BINS), minlength=np.prod(BINS))
    return (counts / len(bins)).astype(np.float32)


def _hsv(rgb: np.ndarray) -> np.ndarray:
    """Returns hue, saturation and value of colours: (pixels, 3) each, 0 to 1."""
    value, least = rgb.max(axis=1), rgb.min(axis=1)
    spread = value - least
    red, green, blue = rgb.T
    divisor = np.where(spread > 0, spread, 1)
    hue = np.select(
        [spread == 0, value == red, value == green],
        [0 * value, (green - blue) / divisor % 6, (blue - red) / divisor + 2],
        (red - green) / divisor + 4,
    )
    return np.stack([hue / 6, spread / np.where(value > 0, value, 1), value], axis=1)


def _shots(histograms: np.ndarray) -> list[np.ndarray]:
    """Returns the frames of each shot: a cut is where colours change far more than elsewhere."""
    steps = np.abs(np.diff(histograms, axis=0)).sum(axis=1)
    if not len(steps):
        return [np.arange(len(histograms))]
    middle = np.median(steps)
    usual = middle + DEVIATIONS * np.median(np.abs(steps - middle))
    cuts = np.flatnonzero(steps > max(usual, LEAST_CUT)) + 1
    return np.split(np.arange(len(histograms)), cuts)


def _sharpest(looks: np.ndarray, shots: list[np.ndarray]) -> np.ndarray:
    """Returns the sharpest frame of each shot that isn't dark; of all, if all shots are."""
    grey = looks.astype(np.float32) @ LUMA
    sharpness = np.array([_laplacian(image).var() for image in grey])
    light = grey.mean(axis=(1, 2)) >= DARK
    lit = [shot[light[shot]] for shot in shots if light[shot].any()] or shots
    return np.array([shot[np.argmax(sharpness[shot])] for shot in lit])


def _laplacian(grey: np.ndarray) -> np.ndarray:
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return around - 4 * grey[1:-1, 1:-1]


def _clusters(points: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Returns the points nearest to the centres of k-means, begun as k-means++ does."""
    centres = points[_spread(points, count, rng)]
    for _ in range(ROUNDS):
        nearest = _squares(points, centres).argmin(axis=1)
        moved = np.stack(
            [
                points[nearest == each].mean(axis=0) if (nearest == each).any() else centre
                for each, centre in enumerate(centres)
            ]
        )
        if np.array_equal(moved, centres):
            break
        centres = moved
    return np.unique(_squares(points, centres).argmin(axis=0))


def _spread(points: np.ndarray, count: int, rng: np.random.Generator) -> list[int]:
    """Draws points, each the likelier the farther it is from those that were drawn."""
    drawn = [int(rng.integers(len(points)))]
    for _ in range(count - 1):
        squares = _squares(points, points[drawn]).min(axis=1).astype(np.float64)
        if not squares.sum():
            break
        drawn.append(int(rng.choice(len(points), p=squares / squares.sum())))
    return drawn


def _squares(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Returns squared distances, (points, centres)."""
    return ((points[:, None] - centres[None]) ** 2).sum(axis=2)


def _farthest(points: np.ndarray, best: np.ndarray, count: int) -> np.ndarray:
    """Adds the points farthest from the chosen ones, the earlier of two, until they are enough."""
    chosen = best.tolist()
    distances = np.full(len(points), np.inf)
    for index in chosen:
        distances = np.minimum(distances, np.abs(points - points[index]).sum(axis=1))
    while len(chosen) < count and distances.max() > SAME:
        chosen.append(int(distances.argmax()))
        distances = np.minimum(distances, np.abs(points - points[chosen[-1]]).sum(axis=1))
    return np.array(chosen)
