"""Questions to a network or to a server that has it: where is this, and what goes with it?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kavc.errors import ConfigError, DataError
from kavc.serving.arrays import feature_rows
from kavc.serving.lengths import LENGTH

if TYPE_CHECKING:
    from kavc.systems.ms_vae.config import MSVAEConfig

MODALITIES = ("audio", "visual")
CALLED = {"audio": "sound", "visual": "pictures"}
Ask = Callable[[str, Mapping[str, np.ndarray]], Mapping[str, np.ndarray]]  # signature, inputs


@dataclass(frozen=True)
class Found:
    """Where a query was found.

    Args:
        query: "audio" or "visual": which modality asked.
        start, end: seconds in the other one; `end` is where it is over.
        costs: (windows,) float32, the distance at each place.
    """

    query: str
    start: int
    end: int
    costs: np.ndarray


@dataclass(frozen=True)
class Generated:
    """What one modality generates.

    Args:
        given: "audio" or "visual".
        pair: "audio" and "visual", (seconds, width) float32.
        errors: modality to the mean squared error against what was given of it, where as many
            seconds of it were.
    """

    given: str
    pair: Mapping[str, np.ndarray]
    errors: Mapping[str, float]


def localize(
    ask: Ask, features: Mapping[str, Any], widths: Mapping[str, int], query: str | None = None
) -> Found:
    """Finds sound in pictures, or pictures in sound.

    Args:
        ask: of a signature's name and inputs.
        features: "audio" and "visual" of one video, (seconds, width), a row a second; one of them
            is the query, a part of the video.
        widths: name to width of what the network takes.
        query: which of them asks; the shorter one, if None, and of equal ones sound.

    Raises:
        DataError: an array does not fit, or the query is longer than what it is looked for in.

    Reference:
        Zhu et al., 2021, section 3.2.

    Example:
        >>> def ask(signature, inputs):
        ...     return {"start": np.array([3]), "windows": np.array([7]), "costs": np.ones((1, 10))}
        >>> sound, pictures = np.zeros((4, 128), np.float32), np.zeros((10, 512), np.float32)
        >>> widths = {"audio": 128, "visual": 512}
        >>> found = localize(ask, {"audio": sound, "visual": pictures}, widths)
        >>> found.query, found.start, found.end  # sound is the shorter one: it asks
        ('audio', 3, 7)
    """
    rows = {kind: feature_rows(features, kind, widths) for kind in MODALITIES}
    lengths = {kind: len(x) for kind, x in rows.items()}
    query = query or min(MODALITIES, key=lambda kind: lengths[kind])
    other = _other(query)
    if not 0 < lengths[query] <= lengths[other]:
        raise DataError(
            f"the query, {query!r}, has {lengths[query]} rows and {other!r} {lengths[other]}: a "
            "query has at least one, and no more than what it is looked for in"
        )
    inputs: dict[str, np.ndarray] = {kind: x[None] for kind, x in rows.items()}
    inputs |= {f"{kind}{LENGTH}": np.array([n], np.int32) for kind, n in lengths.items()}
    answers = ask("localize", inputs)
    start, windows = int(answers["start"][0]), int(answers["windows"][0])
    return Found(query, start, start + lengths[query], np.asarray(answers["costs"][0])[:windows])


def generate(
    ask: Ask, features: Mapping[str, Any], widths: Mapping[str, int], given: str | None = None
) -> Generated:
    """Generates the pair of both modalities from one.

    Args:
        ask, widths: as of `localize`.
        features: "audio" or "visual", (seconds, width); both of the same seconds, to compare with.
        given: which of them generates; the only one, if None.

    Raises:
        ConfigError: both are there, and it isn't said which one generates.
        DataError: an array does not fit.

    Reference:
        Zhu et al., 2021, section 2.1.

    Example:
        >>> def ask(signature, inputs):
        ...     return {"audio": inputs["audio"], "visual": np.zeros((4, 512), np.float32)}
        >>> widths = {"audio": 128, "visual": 512}
        >>> found = generate(ask, {"audio": np.ones((4, 128), np.float32)}, widths)
        >>> found.pair["visual"].shape, found.errors
        ((4, 512), {'audio': 0.0})
    """
    there = [kind for kind in MODALITIES if kind in features]
    if given is None and len(there) > 1:
        raise ConfigError("both modalities are there; say which one generates, --from audio")
    given = given or (there[0] if there else "audio")
    rows = feature_rows(features, given, widths)
    pair = {kind: np.asarray(x) for kind, x in ask(f"generate_from_{given}", {given: rows}).items()}
    errors = {}
    for kind in there:
        true = feature_rows(features, kind, widths)
        if len(true) == len(rows):  # else they are of other seconds
            errors[kind] = float(np.square(pair[kind] - true).mean(dtype=np.float64))
    return Generated(given, pair, errors)


def widths_of(config: MSVAEConfig) -> dict[str, int]:
    """Returns the width of each modality of a config's network.

    Example:
        >>> from kavc.systems.ms_vae.config import MSVAEConfig
        >>> widths_of(MSVAEConfig())
        {'audio': 128, 'visual': 512}
    """
    return {"audio": config.audio_dim, "visual": config.visual_dim}


def _other(kind: str) -> str:
    return MODALITIES[1 - MODALITIES.index(kind)]
