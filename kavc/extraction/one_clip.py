"""The features of one clip, as a trained network's were made, and a request of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kavc.errors import ConfigError, DataError
from kavc.extraction.asked import recipe_again
from kavc.extraction.clips import Clip
from kavc.extraction.weights import WeightFiles
from kavc.inputs.opening import check_file
from kavc.media.extractors.base import Extractor
from kavc.serving.lengths import LENGTH
from kavc.serving.signature import SignatureInfo

SECONDS = 600.0  # for what comes at once of the file


@dataclass(frozen=True)
class Features:
    """The features of a clip.

    Args:
        arrays: name to (rows, ...) float32.
        times: name to (rows,) float32, seconds at which the rows begin.
    """

    arrays: Mapping[str, np.ndarray]
    times: Mapping[str, np.ndarray]


def extractors_as(
    made_by: Mapping[str, Mapping[str, Any]],
    weights: WeightFiles,
    arrays: Collection[str] | None = None,
) -> dict[str, Extractor]:
    """Returns the extractors that made some arrays, with the same weights.

    Args:
        made_by: array to what a corpus or a run keeps of its extractor.
        weights: where the weights are.
        arrays: those that are wanted; a clip without sound has no others. None for all.

    Raises:
        ConfigError: weights are missing, or are others.
    """
    recipes = {name: recipe_again(by) for name, by in made_by.items()}
    weights.check_names(recipes.values())
    recipes = {name: each for name, each in recipes.items() if arrays is None or name in arrays}
    files = {name: weights.of(recipe) for name, recipe in recipes.items()}
    extractors = {name: recipe.load(files[name]) for name, recipe in recipes.items()}
    for name in recipes:
        for key, digest in extractors[name].weights.items():
            before = (made_by[name].get("weights") or {}).get(key, {}).get("sha256")
            if before is not None and digest != before:
                raise ConfigError(
                    f"{files[name][key]}: its SHA-256 is {digest}, and {before} that of the weights"
                    f" which made the array {name!r}; give those: --weights {key}=PATH"
                )
    return extractors


def features_of(
    path: Path, extractors: Mapping[str, Extractor], *, seconds: float = SECONDS
) -> Features:
    """Returns the features of a clip, decoded in a process of its own.

    Args:
        path: of the clip.
        extractors: by the name of the array.
        seconds: within which the file must give what comes next.

    Raises:
        DataError: it gives none; says why.

    Example:
        features_of(Path("clip.mp4"), extractors_as(run.data["extractors"], weights)).arrays
    """
    from kavc.extraction.engines import Unmade, here

    check_file(path)
    (made,) = here([Clip(path.stem, path)], extractors, workers=1, seconds=seconds)
    if isinstance(made, Unmade):
        raise DataError(f"{path}: {made.reason}")
    arrays = {name: made.arrays[name] for name in extractors}
    return Features(arrays, {name: made.arrays[f"{name}_times"] for name in extractors})


def request(features: Mapping[str, np.ndarray], info: SignatureInfo) -> dict[str, np.ndarray]:
    """Returns what a signature takes of the features of a clip, a batch of one.

    A sequence goes with its length; what is one vector is the mean over time. What the features
    don't have, as a theme, is left out.

    Args:
        features: array to (rows, ...) float32.
        info: of the signature.

    Example:
        features = features_of(Path("clip.mp4"), extractors)
        inputs = request(features.arrays, client.signatures("model")["embed"])
        client.predict("model", inputs, signature="embed")
    """
    found: dict[str, np.ndarray] = {}
    for name, tensor in info.inputs.items():
        if name.endswith(LENGTH) and name.removesuffix(LENGTH) in features:
            rows = len(features[name.removesuffix(LENGTH)])
            found[name] = np.array([rows], np.int32)
        elif name in features:
            rows_of = features[name]
            is_mean = tensor.shape is not None and len(tensor.shape) == rows_of.ndim
            mean = rows_of.mean(axis=0, dtype=np.float64).astype(np.float32) if is_mean else rows_of
            found[name] = mean[None]
    return found


def by_second(features: Features, per_second: Mapping[str, int]) -> dict[str, np.ndarray]:
    """Returns features with so many rows a second, of the seconds that all arrays have.

    Args:
        features: of a clip.
        per_second: array to rows a second: of 1, each second has the row that begins nearest to it.

    Returns:
        Array to (seconds × rows a second, ...) float32.

    Example:
        >>> twice = Features({"audio": np.arange(4.0)[:, None]}, {"audio": np.arange(4) / 2})
        >>> by_second(twice, {"audio": 1})["audio"].ravel().tolist()
        [0.0, 2.0]
    """
    seconds = min(_seconds(features.times[name], rate) for name, rate in per_second.items())
    found = {}
    for name, rate in per_second.items():
        wanted = np.arange(seconds * rate) / rate
        times = features.times[name] - features.times[name][0]
        found[name] = features.arrays[name][np.abs(times[None] - wanted[:, None]).argmin(axis=1)]
    return found


def _seconds(times: np.ndarray, rate: int) -> int:
    step = float(np.median(np.diff(times))) if len(times) > 1 else 1 / rate
    return max(1, round(float(times[-1] - times[0]) + step))
