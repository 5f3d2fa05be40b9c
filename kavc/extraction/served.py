"""What to send a served model with a front end: it says so itself, and is not trusted in it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kavc.errors import ConfigError, DataError, unknown
from kavc.extraction.engines import as_asked
from kavc.extraction.sendable import MOST_BYTES, bytes_of_window, kind_of, most_frames
from kavc.inputs.json_files import parse_json
from kavc.inputs.records import mapping
from kavc.media.decoders import Decoders, Failed, Part
from kavc.media.flow import check_method
from kavc.media.moments import Rate
from kavc.media.sound import read_sound
from kavc.media.windows import Heard, Seen, Windows, frames_of, windows
from kavc.serving.lengths import LENGTH

if TYPE_CHECKING:
    from kavc.serving.client.blocking import Client
    from kavc.serving.signature import SignatureInfo

RECIPE = "front_end"  # the signature that says what to send
SECONDS = 600.0  # for the clip
MOST_SAID = 2**20  # bytes of what a server says of its inputs


@dataclass(frozen=True)
class Asked:
    """What is called, and what of a clip is sent.

    Args:
        signature: to call.
        kinds: input to what it takes of a file.
        info: of the signature.
    """

    signature: str
    kinds: Mapping[str, Heard | Seen]
    info: SignatureInfo

    def a_second(self) -> dict[str, float]:
        """Returns how many samples or frames of each input a second has.

        Raises:
            ConfigError: one has frames at other times, so that no seconds can be cut.

        Example:
            asked = what_to_send(client, "model", "embed")
            asked.a_second()  # {"audio": 16000, "visual": 1.0}
        """
        found: dict[str, float] = {}
        for name, kind in self.kinds.items():
            if isinstance(kind, Heard):
                found[name] = kind.rate
            elif kind.flow is not None:
                raise ConfigError(f"{name}: the model takes motion of a whole clip, not by seconds")
            elif isinstance(kind.moments, Rate) and kind.moments.count is None:
                found[name] = kind.moments.rate
            else:
                raise ConfigError(f"{name}: the model takes frames of a whole clip, not by seconds")
        return found


def served_request(
    client: Client, model: str, signature: str, clip: Path, version: int | None = None
) -> tuple[str, dict[str, np.ndarray]]:
    """Decodes a clip to what a served model wants of it.

    Args:
        client: of the server.
        model: its name there.
        signature: what would be called with features, or what is called with media.
        clip: the file.
        version: of the model; the latest by default.

    Returns:
        The signature to call, and its inputs but for those that are no media.

    Raises:
        ConfigError: the model has no front end, or none for this signature.
        DataError: the clip can't be read, or what the model says makes no sense.
    """
    asked = what_to_send(client, model, signature, version)
    return asked.signature, inputs_of(decoded(asked, clip))


def what_to_send(client: Client, model: str, signature: str, version: int | None = None) -> Asked:
    """Returns what a served model says that it takes, once it was checked.

    Args, raises: as of `served_request`.
    """
    offered = client.signatures(model, version)
    if RECIPE not in offered:
        raise ConfigError(
            f"{model}: takes features alone; export it with --front-end, or give --input"
        )
    request = {"request": np.zeros(1, np.int32)}
    answer = client.predict(model, request, signature=RECIPE, version=version)
    said = _said(answer, model)
    calls, taken = (dict(mapping(said.get(key), model)) for key in ("signatures", "inputs"))
    if not all(isinstance(each, str) for each in calls.values()):
        raise DataError(f"{model}: says nothing that is known of its signatures")
    called = calls.get(signature, signature)
    if called not in calls.values() or called not in offered or called not in taken:
        known = [name for name in calls if name.isidentifier()]
        raise ConfigError(f"{model}: {unknown('signature with a front end', signature, known)}")
    info = offered[called]
    kinds = {
        name: kind_of(node, f"{model}, input {name!a}")
        for name, node in mapping(taken[called], model).items()
    }
    for name in kinds:
        if name not in info.inputs or f"{name}{LENGTH}" not in info.inputs:
            raise DataError(f"{model}: has no input {name!a}, of which it says what to send")
    return Asked(called, kinds, info)


def decoded(
    asked: Asked, clip: Path, names: Collection[str] | None = None
) -> dict[str, np.ndarray]:
    """Returns what is sent of a clip, by input.

    That is (samples,) float32; frames, uint8; or windows of motion, float32.

    Args:
        asked: what a server says that it takes.
        clip: the file.
        names: of the inputs that are of this file; all by default.

    Raises:
        DataError: it can't be read, or is too long.
        ConfigError: flow can't be found here by the method that the server says.
    """
    kinds = {n: each for n, each in asked.kinds.items() if names is None or n in names}
    for kind in kinds.values():
        if isinstance(kind, Seen) and kind.flow is not None:
            check_method(kind.flow)
    found: dict[str, np.ndarray] = {}
    with Decoders(1, seconds=SECONDS) as decoders:
        for name, kind in kinds.items():
            if isinstance(kind, Heard):
                sound = decoders.run(read_sound, clip, rate=kind.rate, track=kind.track)
                if sound.cut:
                    raise DataError(f"{clip}: its sound is too long to be sent; cut the clip")
                found[name] = sound.samples
            elif kind.flow is not None:
                found[name] = _motion(decoders, clip, kind)
            else:
                found[name] = decoders.run(frames_of, clip, kind, most_frames(kind))
    return found


def _motion(decoders: Decoders, clip: Path, kind: Seen) -> np.ndarray:
    """Returns windows of motion of a clip, as they come from the process that decodes it."""
    found: list[np.ndarray] = []
    most = MOST_BYTES // bytes_of_window(kind)
    for event in decoders.stream(windows, [(clip, clip, ((kind,),))]):
        if isinstance(event, Failed):
            raise event.error
        came = as_asked(event.item, (kind,), clip)[1] if isinstance(event, Part) else None
        if isinstance(came, Windows):
            found.append(came.values)
        if sum(map(len, found)) > most:
            raise DataError(f"{clip}: more than {most:,} windows of motion would be sent; cut it")
    if not found:
        raise DataError(f"{clip}: no motion came of it")
    return np.concatenate(found)


def inputs_of(values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns a request, a batch of one, of what `decoded` returned.

    >>> inputs = inputs_of({"audio": np.zeros(16_000, np.float32)})
    >>> inputs["audio"].shape, inputs["audio_length"].tolist()
    ((1, 16000), [16000])
    """
    found: dict[str, np.ndarray] = {}
    for name, value in values.items():
        found[name] = value[None]
        found[f"{name}{LENGTH}"] = np.array([len(value)], np.int32)
    return found


def _said(answer: Mapping[str, np.ndarray], model: str) -> Mapping[str, Any]:
    text = np.asarray(answer.get("recipe"))
    if text.dtype != object or text.shape != (1,) or not isinstance(text[0], bytes):
        raise DataError(f"{model}: its front end doesn't say what to send")
    if len(text[0]) > MOST_SAID:
        raise DataError(f"{model}: what it says of its inputs has more than {MOST_SAID:,} bytes")
    return mapping(parse_json(text[0], model, most=MOST_SAID), model)
