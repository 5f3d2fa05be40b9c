"""Questions to a server that has a catalogue: which items fit this sound, or this picture?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kavc.errors import ConfigError
from kavc.retrieval.label_file import split

if TYPE_CHECKING:
    import numpy as np

    from kavc.serving.client.blocking import Client
    from kavc.serving.signature import SignatureInfo

RETRIEVES = "retrieve_"  # begins the name of a signature that searches


@dataclass(frozen=True)
class Retrieved:
    """What fits best, for each query.

    Args:
        ids: of the items, the best first.
        scores: of these; what they are, the model's index decides.
        labels: of these, the names of each one's; None where the index has none.
    """

    ids: list[list[str]]
    scores: list[list[float]]
    labels: list[list[tuple[str, ...]]] | None = None


def retrieve(
    client: Client,
    model: str,
    *,
    features: Mapping[str, Any] | None = None,
    clip: Path | None = None,
    top: int | None = None,
) -> Retrieved:
    """Asks a served catalogue, which finds as many as it was exported for.

    Args:
        client: of the server.
        model: its name there.
        features: the other modality's, (n, width); or
        clip: a file, which is decoded here; the model has a front end.
        top: so many at most.

    Raises:
        ConfigError: the model has no index, or no front end.
        DataError: the clip can't be read, or the features are not what the model takes.
        ServingError: no server answers, or it refused.

    Example:
        with Client("localhost:8500") as client:
            found = retrieve(client, "embedding", features={"visual": visual}, top=5)
    """
    signature = search_of(client.signatures(model))
    if signature is None:
        raise ConfigError(f"{model} at {client.address}: has no index; export it with --index")
    values = features or {}
    if clip is not None:
        from kavc.extraction.served import served_request

        signature, values = served_request(client, model, signature, clip)
    answers = client.predict(model, values, signature=signature)
    ids = _texts(answers["ids"][:, :top])
    labels = None
    if "labels" in answers:
        labels = [[split(text) for text in row] for row in _texts(answers["labels"][:, :top])]
    return Retrieved(ids, answers["scores"][:, :top].tolist(), labels)


def _texts(rows: np.ndarray) -> list[list[str]]:
    return [[text.decode(errors="backslashreplace") for text in row] for row in rows]


def search_of(offered: Mapping[str, SignatureInfo]) -> str | None:
    """Returns the name of the signature that searches by features; None if there isn't one."""
    searches = [
        name for name, info in offered.items()
        if name.startswith(RETRIEVES) and "ids" in info.outputs and "media" not in name
    ]  # fmt: skip
    return searches[0] if len(searches) == 1 else None
