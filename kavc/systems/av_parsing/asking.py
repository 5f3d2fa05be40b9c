"""Questions to a server that has a parser: what is heard and seen in a video, and when?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kavc.errors import ConfigError
from kavc.serving.signature import SignatureInfo
from kavc.systems.av_parsing import events

if TYPE_CHECKING:
    from kavc.serving.client.blocking import Client

SYSTEM = "av-parsing"
SIGNATURE = "parse"
PROBABILITY, DECIDED, NAMES = "segment_probability", "events", "class_names"


def parse_features(client: Client, model: str, features: Mapping[str, Any]) -> list[events.Event]:
    """Parses a video by its features.

    Args:
        client: of the server.
        model: its name there.
        features: arrays of one video, see `kavc.systems.av_parsing.events.windows`.

    Raises:
        ConfigError: the model is no parser.
        DataError: the features are not what it takes.
        ServingError: no server answers, or it refused.

    Example:
        features = {"audio": vggish, "visual": resnet, "visual_3d": r2plus1d}
        with Client("localhost:8500") as client:
            for event in parse_features(client, "parser", features):
                print(event.start, event.end, event.modality, event.label)
    """
    offered = client.signatures(model).get(SIGNATURE, SignatureInfo({}, {}))
    seconds = window_seconds(offered, f"{model} at {client.address}")
    shapes: dict[str, Any] = {name: tensor.shape for name, tensor in offered.inputs.items()}
    widths = {name: shape[-1] for name, shape in shapes.items()}
    windows = events.windows(features, widths, seconds)
    answers = client.predict(model, windows.inputs, signature=SIGNATURE)
    return _events(windows, answers)


def parse_clip(client: Client, model: str, clip: Path) -> list[events.Event]:
    """Parses a clip with a model that has a front end.

    Args:
        client, model: as of `parse_features`.
        clip: the file, which is decoded here, and sent window by window.

    Raises:
        ConfigError: the model is no parser, or has no front end.
        DataError: the clip can't be read, or is too short.
        ServingError: no server answers, or it refused.

    Example:
        with Client("localhost:8500") as client:
            found = parse_clip(client, "parser", Path("clip.mp4"))
    """
    from kavc.extraction.served import decoded, inputs_of, what_to_send

    asked = what_to_send(client, model, SIGNATURE)
    segments = window_seconds(asked.info, f"{model} at {client.address}")
    a_second, values = asked.a_second(), decoded(asked, clip)
    # A track may end a little before the film does.
    seconds = min(int(len(each) / a_second[name] + 0.05) for name, each in values.items())
    windows = events.Windows({}, events.starts(seconds, segments, str(clip)), seconds)
    answers = []
    for start in windows.starts:
        within = {
            name: values[name][round(start * rate) : round((start + segments) * rate)]
            for name, rate in a_second.items()
        }
        answers.append(client.predict(model, inputs_of(within), signature=asked.signature))
    together = {
        name: np.concatenate([each[name] for each in answers])
        for name in (PROBABILITY, DECIDED, NAMES)
    }
    return _events(windows, together)


def window_seconds(info: SignatureInfo, where: str) -> int:
    """Returns the seconds of a window of a served parser.

    Raises:
        ConfigError: it is none.

    Example:
        >>> window_seconds(SignatureInfo({}, {}), "music at localhost:8500")
        Traceback (most recent call last):
            ...
        kavc.errors.ConfigError: music at localhost:8500: has no signature 'parse' as ...
    """
    outputs = info.outputs
    shape = outputs[PROBABILITY].shape if PROBABILITY in outputs else None
    if NAMES not in outputs or shape is None or len(shape) != 4 or not shape[1]:
        raise ConfigError(f"{where}: has no signature 'parse' as {SYSTEM} has it; name its model")
    return shape[1]


def _events(windows: events.Windows, answers: Mapping[str, np.ndarray]) -> list[events.Event]:
    probability, decided = (windows.join(answers[name]) for name in (PROBABILITY, DECIDED))
    names = [name.decode(errors="backslashreplace") for name in answers[NAMES][0]]
    return events.events(probability, decided == 1, names)
