"""What to send a served model with a front end: it says so itself, and is not trusted in it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kavc.errors import ConfigError, DataError, unknown
from kavc.inputs.json_files import parse_json
from kavc.inputs.records import entries, mapping
from kavc.media.choice import CHOICES
from kavc.media.decoders import Decoders
from kavc.media.moments import Bursts, Key, Rate, Uniform
from kavc.media.sizes import Crop, Exactly
from kavc.media.sound import read_sound
from kavc.media.windows import Heard, Seen, frames_of

if TYPE_CHECKING:
    from kavc.serving.client.blocking import Client
    from kavc.serving.signature import SignatureInfo

RECIPE = "front_end"
SECONDS = 600.0  # for the clip
LENGTH = "_length"
MOST_SAID = 2**20  # bytes of what a server says of its inputs
RATES = (1000, 192_000)  # samples a second
MOST_FRAMES = 4096  # of a clip
MOST_SIDE = 4096  # pixels to which a side is scaled
MOST_BYTES = 2**30  # of the frames of a clip
MOST_RATE = 1000  # frames a second
MOMENTS: Mapping[type, Mapping[str, Any]] = {
    Uniform: {"count": int},
    Rate: {"rate": float, "count": int | None, "seconds": float | None},
    Bursts: {"count": int, "frames": int, "rate": float},
    Key: {"count": int},
}
SIZES: Mapping[type, Mapping[str, Any]] = {
    Crop: {"shorter": int, "size": int | None},
    Exactly: {"height": int, "width": int, "size": int | None},
}
KINDS: Mapping[type, Mapping[str, Any]] = {
    Heard: {"rate": int, "window": int, "hop": int, "track": int | str},
    Seen: {"moments": dict, "size": dict, "track": int | str},
}


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
        """
        found: dict[str, float] = {}
        for name, kind in self.kinds.items():
            if isinstance(kind, Heard):
                found[name] = kind.rate
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
        name: _kind(node, f"{model}, input {name!a}")
        for name, node in mapping(taken[called], model).items()
    }
    for name in kinds:
        if name not in info.inputs or f"{name}{LENGTH}" not in info.inputs:
            raise DataError(f"{model}: has no input {name!a}, of which it says what to send")
    return Asked(called, kinds, info)


def decoded(asked: Asked, clip: Path) -> dict[str, np.ndarray]:
    """Returns what is sent of a clip, by input: (samples,) float32, or frames, uint8.

    Raises:
        DataError: it can't be read, or is too long.
    """
    found: dict[str, np.ndarray] = {}
    with Decoders(1, seconds=SECONDS) as decoders:
        for name, kind in asked.kinds.items():
            if isinstance(kind, Heard):
                sound = decoders.run(read_sound, clip, rate=kind.rate, track=kind.track)
                if sound.cut:
                    raise DataError(f"{clip}: its sound is too long to be sent; cut the clip")
                found[name] = sound.samples
            else:
                found[name] = decoders.run(frames_of, clip, kind, _most(kind))
    return found


def inputs_of(values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns a request, a batch of one, of what `decoded` returned."""
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


def _kind(node: object, where: str) -> Heard | Seen:
    """Returns what an input takes of a file, if it is what a front end may want of it."""
    try:
        kind, found = _entries(node, KINDS, where)
        if found["track"] not in CHOICES and not isinstance(found["track"], int):
            raise ConfigError("no such track")
        if kind is Heard:
            heard = Heard(**found)
            if RATES[0] <= heard.rate <= RATES[1]:
                return heard
        else:
            of_moments, fields_of_moments = _entries(found["moments"], MOMENTS, where)
            of_size, fields_of_size = _entries(found["size"], SIZES, where)
            moments, size = of_moments(**fields_of_moments), of_size(**fields_of_size)
            seen = Seen(moments, size, track=found["track"])
            if max(size.scaled(1, 1, 1.0)) <= MOST_SIDE and _count(moments) <= _most(seen):
                return seen
    except (ConfigError, DataError):
        pass
    raise DataError(f"{where}: the server asks for what can't be sent; is it of another release?")


def _entries(
    node: object, kinds: Mapping[type, Mapping[str, Any]], where: str
) -> tuple[Any, dict[str, Any]]:
    """Returns a class and its fields, of their types; nothing is made of them yet.

    Raises:
        DataError: it is none of the kinds, as `kavc.media.messages.to_json` has them.
    """
    there = mapping(node, where)
    for kind, wanted in kinds.items():
        name = f"{kind.__module__}:{kind.__qualname__}"
        if list(there) == [name]:
            return kind, entries(there[name], wanted, where)
    raise DataError(f"{where}: nothing that is known")


def _count(moments: Any) -> int:
    """Returns how many frames are wanted at least."""
    if isinstance(moments, Rate) and moments.rate > MOST_RATE:
        raise ConfigError("too many frames a second")
    several = 1 if moments.count is None else moments.count, getattr(moments, "frames", 1)
    if min(several) < 1:
        raise ConfigError("no frames")
    return math.prod(several)


def _most(kind: Seen) -> int:
    """Returns how many frames a clip may have."""
    height, width = kind.size.shape
    return min(MOST_FRAMES, MOST_BYTES // (3 * height * width))
