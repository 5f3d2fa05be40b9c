"""What is trained for Table 1: its rows, and others beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kavc.systems.music_match.config import MusicMatchConfig
from kavc.systems.music_match.paper import I3D, TWO_STREAM

IMPROVED = "improved (ours)"
PRESETS = MusicMatchConfig.PRESETS
# Label to the options that differ from the preset `paper`.
PUBLISHED: Mapping[str, Mapping[str, Any]] = {TWO_STREAM: {}, I3D: PRESETS["i3d"]}
# What is trained beside the rows of Table 1: each leaves something out, or puts something in.
OURS: Mapping[str, Mapping[str, Any]] = {
    "Two-stream, symmetric": {"head": "symmetric"},
    "Two-stream, without flow": {"variant": "visual"},
    "Two-stream, linear": {"interaction": "linear"},
    "Sound alone": {"variant": "sound"},
    IMPROVED: PRESETS["improved"],
    f"{IMPROVED}, plain head": {**PRESETS["improved"], "head": "plain"},
    f"{IMPROVED}, without flow": {**PRESETS["improved"], "variant": "visual"},
    f"{IMPROVED}, sound alone": {**PRESETS["improved"], "variant": "sound"},
}
