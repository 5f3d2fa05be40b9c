"""The knobs of the AVE-like corpus, and the named sets of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kavc.data.ave.classes import CLASSES
from kavc.data.synthetic.asked import named_knobs
from kavc.errors import ConfigError

SHARES = {"full_share", "persistence", "distractor"}
LARGEST_COUNT, LARGEST_SCALE = 100_000, 1000.0
RANGES: Mapping[str, tuple[float, float]] = {  # of what is neither a share, a count nor a scale
    "classes": (1, len(CLASSES)),
    "blob_width": (0.01, LARGEST_SCALE),
}


@dataclass(frozen=True)
class AveKnobs:
    """What the world is like. Scales are relative to each other; prototypes have length 1.

    Args:
        classes: how many of AVE's 28 categories occur: the first ones.
        full_share: share of all videos whose event fills them; the others last 2 to 9 seconds. Test
            videos are never full, as published, so that the other splits have some more of these.
        event_gain: α, strength of the category's prototype during an event.
        video_gain: β, strength of what sound and picture of one event share all along.
        second_gain: η, strength of what they share second by second. At 0 nothing but the category
            and the bounds of an event tell where in a video one of its parts belongs.
        private_gain: γ, what a video has for itself in each modality.
        persistence: correlation of what is shared from one second to the next.
        backgrounds: number of background prototypes in each modality.
        background_gain: their strength. Defaults to that of an event, so that loudness tells
            nothing.
        distractor: share of the videos in which the background of one modality holds another
            category, heard and not seen or the reverse.
        audio_noise: σ of each audio feature of each second.
        visual_noise: σ of each feature of each cell of each second, before `visual_scale`.
        visual_scale: s, what these are multiplied by before softplus: the larger, the more of them
            are near 0, as what a network has rectified is.
        blob_width: standard deviation of the blob in which the event is seen, in cells of 7 x 7.
        jitter: standard deviation of its step from one second to the next, in cells.
        latent_dim: width of the latents of both modalities.
        video_dim, second_dim: width of what is shared all along, and second by second.
        audio_dim, visual_dim: width of the features.
        maps: whether the maps of 7 x 7 vectors are written, 1 MB a video, beside their means.

    Raises:
        ConfigError: a knob is out of its range.

    Reference:
        Zhu et al., 2021, section 3.1, of what it imitates.
    """

    classes: int = len(CLASSES)
    full_share: float = 0.66
    event_gain: float = 1.5
    video_gain: float = 0.6
    second_gain: float = 0.6
    private_gain: float = 0.4
    persistence: float = 0.5
    backgrounds: int = 6
    background_gain: float = 1.5
    distractor: float = 0.2
    audio_noise: float = 0.2
    visual_noise: float = 0.3
    visual_scale: float = 10.0
    blob_width: float = 1.2
    jitter: float = 0.3
    latent_dim: int = 16
    video_dim: int = 4
    second_dim: int = 4
    audio_dim: int = 128
    visual_dim: int = 512
    maps: bool = False

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            _check(field, getattr(self, field.name))
        for small, large in (
            ("video_dim", "latent_dim"),
            ("second_dim", "latent_dim"),
            ("latent_dim", "audio_dim"),
            ("latent_dim", "visual_dim"),
        ):
            if getattr(self, small) > getattr(self, large):
                raise ConfigError(
                    f"knob {small} ({getattr(self, small)}) must not be above {large}"
                    f" ({getattr(self, large)})"
                )


def _check(field: dataclasses.Field, value: Any) -> None:
    if field.type == "bool":
        if value not in (False, True):  # to which 0 and 1, of a command line, are equal
            raise ConfigError(f"knob {field.name} must be 1 for yes or 0 for no; got {value!r}")
        return
    whole = field.type == "int"
    usual: tuple[float, float] = (1, LARGEST_COUNT) if whole else (0, LARGEST_SCALE)
    low, high = (0, 1) if field.name in SHARES else RANGES.get(field.name, usual)
    kinds = (int,) if whole else (int, float)
    if not isinstance(value, kinds) or isinstance(value, bool) or not low <= value <= high:
        kind = "a whole number" if whole else "a number"
        raise ConfigError(f"knob {field.name} must be {kind} from {low} to {high}; got {value!r}")


# As first described ("literal"), a linear analysis of 400 videos finds a quarter of the queries,
# which is chance: there is nothing to learn. "default" has a quarter of the noise and pictures that
# vary as much as they are large; there that analysis finds some 70 %.
# In "classes-only" sound and picture have nothing in common from second to second: parts of one
# event can't be told apart, but for the category, what the video shares, and where it begins.
KNOB_SETS: Mapping[str, Mapping[str, Any]] = {
    "default": {},
    "literal": {"audio_noise": 0.8, "visual_noise": 1.0, "visual_scale": 1.0},
    "classes-only": {"second_gain": 0.0},
}


def knobs(name: str = "default", **overrides: Any) -> AveKnobs:
    """Returns a named set of knobs, with some of them changed.

    Args:
        name: a key of `KNOB_SETS`.
        **overrides: fields of `AveKnobs`.

    Raises:
        ConfigError: no such set or knob, or a value out of range.

    Example:
        >>> knobs("classes-only", classes=5).second_gain
        0.0
    """
    return named_knobs(AveKnobs, KNOB_SETS, name, overrides)
