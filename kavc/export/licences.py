"""Under which licence things are, as far as that is known: code, data sets, extractors' weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

CODE = "Code: kavc, Apache-2.0."
SHIPPED = "Weights: they come with kavc, under its licence; the terms of the data apply, too."
OWN = "Weights: whoever trained them says; the terms of data and extractors apply, too."

# Layout to what its publishers say. Looked up where they publish it; empty where they say nothing.
OF_DATA: Mapping[str, str] = {
    "youtube8m": "YouTube-8M is published under Creative Commons Attribution 4.0 (CC BY 4.0)",
    "llp": "the repository that has LLP's tables names GNU GPL 3.0, and no licence of the videos",
    "ave": "the repository that has AVE's annotations names no licence",
    "synthetic": "synthetic, made by kavc",
}
UNKNOWN = "not known here; ask whoever made them"


def licences(
    layout: str, extractors: Mapping[str, Mapping[str, Any]], *, ships: bool
) -> Iterable[str]:
    """Yields a sentence for each thing that a trained network depends on.

    Args:
        layout: of the data, as `kavc.data.layouts.names` has it.
        extractors: array to what made it of media files; empty where that isn't known.
        ships: whether the weights come with this package.

    Example:
        >>> list(licences("youtube8m", {}, ships=True))[2]
        'Data: YouTube-8M is published under Creative Commons Attribution 4.0 (CC BY 4.0).'
        >>> list(licences("features", {"audio": {"weights": {"vggish": {}}}}, ships=False))[3]
        'Weights of the extractor of `audio`, vggish: not known here; ask whoever made them.'
    """
    yield CODE
    yield SHIPPED if ships else OWN
    yield f"Data: {OF_DATA.get(layout, UNKNOWN)}."
    for array, made in extractors.items():
        weights = made.get("weights")
        for name, about in (weights if isinstance(weights, dict) else {}).items():
            licence = about.get("licence") if isinstance(about, dict) else None
            yield f"Weights of the extractor of `{array}`, {name}: {licence or UNKNOWN}."
