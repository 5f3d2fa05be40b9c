"""What to send a served model with a front end: it says so itself, and is not trusted in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kavc.errors import ConfigError, DataError, unknown
from kavc.inputs.json_files import parse_json
from kavc.inputs.records import mapping
from kavc.media.decoders import Decoders
from kavc.media.messages import from_json
from kavc.media.sound import read_sound
from kavc.media.windows import Heard, Seen, frames_of

if TYPE_CHECKING:
    from kavc.serving.client.blocking import Client

RECIPE = "front_end"
SECONDS = 600.0  # for the clip
LENGTH = "_length"


def served_request(
    client: Client, model: str, signature: str, clip: Path
) -> tuple[str, dict[str, np.ndarray]]:
    """Decodes a clip to what a served model wants of it.

    Args:
        client: of the server.
        model: its name there.
        signature: what would be called with features, or what is called with media.
        clip: the file.

    Returns:
        The signature to call, and its inputs but for those that are no media.

    Raises:
        ConfigError: the model has no front end, or none for this signature.
        DataError: the clip can't be read, or what the model says makes no sense.
    """
    offered = client.signatures(model)
    if RECIPE not in offered:
        raise ConfigError(
            f"{model}: takes features alone; export it with --front-end, or give --input"
        )
    answer = client.predict(model, {"request": np.zeros(1, np.int32)}, signature=RECIPE)
    said = mapping(parse_json(bytes(answer["recipe"][0]), model), model)
    calls, taken = (dict(mapping(said.get(key), model)) for key in ("signatures", "inputs"))
    called = calls.get(signature, signature)
    if called not in (*calls.values(),) or called not in offered:
        raise ConfigError(f"{model}: {unknown('signature with a front end', signature, calls)}")
    wanted = {name: kind for name, kind in taken.items() if name in offered[called].inputs}
    with Decoders(1, seconds=SECONDS) as decoders:
        return called, _inputs(decoders, clip, wanted, model)


def _inputs(
    decoders: Decoders, clip: Path, wanted: Mapping[str, Any], model: str
) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    for name, node in wanted.items():
        kind = from_json(node)
        if isinstance(kind, Heard):
            sound = decoders.run(read_sound, clip, rate=kind.rate, track=kind.track)
            if sound.cut:
                raise DataError(f"{clip}: its sound is too long to be sent; cut the clip")
            values = sound.samples
        elif isinstance(kind, Seen):
            values = decoders.run(frames_of, clip, kind)
        else:
            raise DataError(f"{model}: says nothing that is known of its input {name!r}")
        found[name] = values[None]
        found[f"{name}{LENGTH}"] = np.array([len(values)], np.int32)
    return found
