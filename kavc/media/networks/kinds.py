"""The networks that may be trained end to end, by name: what each takes and gives.

It loads no Keras, so that a mistake in an option is told at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kavc.errors import ConfigError, unknown

PATCH = (96, 64)  # frames and bands of a log-mel patch
COLOURS = 3
IMAGES, STACKS, PATCHES = "images", "stacks", "patches"
MADE_BY = {IMAGES: "pixels", STACKS: "flow-fields", PATCHES: "log-mel"}  # extractors
WORDS = {
    IMAGES: "images (side, side, 3)",
    STACKS: "stacks of flow (side, side, 20)",
    PATCHES: "log-mel patches (96, 64)",
}


@dataclass(frozen=True)
class Kind:
    """What is known of a network.

    Args:
        takes: of `IMAGES`, `STACKS` and `PATCHES`.
        width: numbers that it gives; None where one may choose.
        least: pixels of a side.
    """

    takes: Sequence[str]
    width: int | None
    least: int = 32


KINDS = {
    "mobilenet-v2": Kind((IMAGES,), 1280),
    "resnet-50": Kind((IMAGES, STACKS), 2048),
    "tiny": Kind((IMAGES, STACKS, PATCHES), None, 16),
    "vggish": Kind((PATCHES,), 128),
}


def kind_of(name: str) -> Kind:
    """Returns what is known of a network.

    Raises:
        ConfigError: no such network; names the nearest one.

    Example:
        >>> kind_of("vggish")
        Kind(takes=('patches',), width=128, least=32)
    """
    if name not in KINDS:
        raise ConfigError(unknown("backbone", name, KINDS))
    return KINDS[name]


def width_of(name: str, dim: int) -> int:
    """Returns how many numbers a network gives: `dim` of tiny, else its own.

    >>> width_of("tiny", 32), width_of("vggish", 32)
    (32, 128)
    """
    return kind_of(name).width or dim


def taken_by(name: str, shape: Sequence[int]) -> str:
    """Returns what rows of a shape are to a network: of `IMAGES`, `STACKS` and `PATCHES`.

    Args:
        name: of the network.
        shape: of a row, as the extractors `pixels`, `flow-fields` and `log-mel` make it.

    Raises:
        ConfigError: no such network, or it takes no such rows.

    >>> taken_by("resnet-50", (224, 224, 20))
    'stacks'
    """
    kind, shape = kind_of(name), tuple(shape)
    found = None
    if shape == PATCH:
        found = PATCHES
    elif len(shape) == 3 and min(shape[:2]) >= kind.least:
        found = IMAGES if shape[2] == COLOURS else STACKS
    if found not in kind.takes or found is None:
        rows = " x ".join(map(str, shape))
        wanted = " or ".join(f"{WORDS[each]} of `{MADE_BY[each]}`" for each in kind.takes)
        least = "" if PATCHES in kind.takes and len(kind.takes) == 1 else (
            f", with sides of {kind.least} at least"
        )  # fmt: skip
        raise ConfigError(f"backbone {name} takes {wanted}{least}; not rows of {rows}")
    return found
