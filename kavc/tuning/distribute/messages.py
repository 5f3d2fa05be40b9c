"""What chief and workers say to each other: JSON objects of limited size, over gRPC.

    describe  {}                                          the sweep, before a worker reads its data
    join      worker, session, identity, versions,        a worker says who it is, which trial it
              fingerprint, trial                          still trains
    propose   worker, session                             a trial, "idle" or "over"
    beat      worker, session, trial                      a sign of life; whether to go on
    end       worker, session, trial, ending              how a trial ended
    leave     worker, session, error                      the worker goes

A session is one process of a worker: one that is started again under its name has another.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from typing import Any

from kavc.errors import ConfigError, KavcError
from kavc.tuning.attempt import LONGEST_REASON
from kavc.tuning.trial import COMPLETED, FAILED

SERVICE = "kavc.tuning.Chief"
MAX_BYTES = 4 * 2**20
SIZES = [
    ("grpc.max_receive_message_length", MAX_BYTES),
    ("grpc.max_send_message_length", MAX_BYTES),
]
# Who is silent is asked, below Python, for a sign of life, and is gone if none comes.
ALIVE = [
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.max_pings_without_data", 0),  # as many as it takes
]
PINGS = [("grpc.http2.min_ping_interval_without_data_ms", 10_000)]  # else a server hangs up

TRIAL, IDLE, OVER = "trial", "idle", "over"  # answers to propose
ENDED, TIME_UP, BROKEN = "ended", "time is up", "failed"  # why a sweep is over
GRACE = 60.0  # seconds between a sweep's end and that of a process that hasn't noticed

ASKED: dict[str, dict[str, type | tuple[type, ...]]] = {
    "describe": {},
    "join": {
        "worker": str,
        "session": str,
        "identity": str,
        "versions": dict,
        "fingerprint": str,
        "trial": (str, type(None)),
    },
    "propose": {"worker": str, "session": str},
    "beat": {"worker": str, "session": str, "trial": (str, type(None))},
    "end": {"worker": str, "session": str, "trial": str, "ending": dict},
    "leave": {"worker": str, "session": str, "error": (str, type(None))},
}
ENDING: dict[str, type | tuple[type, ...]] = {
    "status": str,
    "score": (float, int, type(None)),
    "reason": (str, type(None)),
    "best_epoch": dict,
    "seconds": dict,
    "curve": dict,
}
ALONE = "tuner0"  # KerasTuner's name for the process of a sweep that is not shared
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")


class Refusal(KavcError):
    """A request that is not granted.

    Args:
        message: str, one line.
        code: str. Name of the gRPC status code.
    """

    def __init__(self, message: str, code: str):
        super().__init__(message)
        self.code = code


def dump(message: Mapping[str, Any]) -> bytes:
    """Returns a message's bytes."""
    return json.dumps(message, allow_nan=False).encode()


def parse(method: str, raw: bytes) -> dict[str, Any]:
    """Reads a request.

    Raises:
        Refusal: it is not what this method is asked.
    """
    try:
        request = json.loads(raw, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Refusal(f"{method}: not a message of kavc tune", "INVALID_ARGUMENT") from None
    check_fields(method, request, ASKED[method])
    if "worker" in request:
        try:
            check_name(request["worker"])
        except ConfigError as error:
            raise Refusal(str(error), "INVALID_ARGUMENT") from None
    return request


def check_fields(what: str, found: Any, expected: Mapping[str, Any]) -> None:
    """Raises `Refusal` unless an object has these fields, of these types."""
    fits = isinstance(found, dict) and set(found) == set(expected)
    if not fits or not all(isinstance(found[name], kind) for name, kind in expected.items()):
        raise Refusal(f"{what}: expected {', '.join(expected) or 'nothing'}", "INVALID_ARGUMENT")


def check_ending(ending: Any) -> dict[str, Any]:
    """Returns how a trial ended, fields of `Trial`, or raises `Refusal`."""
    check_fields("ending", ending, ENDING)
    score, reason = ending["score"], ending["reason"]
    completed = ending["status"] == COMPLETED and reason is None and score is not None
    failed = ending["status"] == FAILED and score is None and reason
    if not (failed or (completed and _is_number(score))):
        raise Refusal("ending: neither a score nor a reason", "INVALID_ARGUMENT")
    if reason and (len(reason) > LONGEST_REASON or not reason.isprintable()):
        raise Refusal("ending: the reason is not one short line", "INVALID_ARGUMENT")
    epochs = [logs for stage in ending["curve"].values() for logs in _as_list(stage)]
    if not all(map(_numbers, [ending["seconds"], ending["best_epoch"], *epochs])):
        raise Refusal("ending: numbers by name are expected", "INVALID_ARGUMENT")
    if set(ending["seconds"]) != {"fit", "whole"}:
        raise Refusal("ending: expected the seconds fit and whole", "INVALID_ARGUMENT")
    return ending


def check_name(worker: str) -> None:
    """Raises `ConfigError` if this can't be a worker's name."""
    if not NAME.fullmatch(worker):
        raise ConfigError(
            f"worker {worker[:50]!r}: a name has up to 40 letters, digits, - and _; as w1"
        )
    if worker == ALONE:
        raise ConfigError(f"worker {worker!r}: a sweep's only process is called so; as w1")


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [None]


def _numbers(found: Any) -> bool:
    return isinstance(found, dict) and all(map(_is_number, found.values()))


def _is_number(value: Any) -> bool:
    """Whether it is finite, and not too large for a float: 1e999 is read as infinity."""
    return isinstance(value, int | float) and abs(value) <= sys.float_info.max


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is no number")
