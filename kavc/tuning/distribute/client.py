"""A worker's calls to the chief: tried again while nobody answers, for a limited time."""

from __future__ import annotations

import json
import time
from typing import Any

import grpc

from kavc.errors import ConfigError, ServingError
from kavc.tuning.distribute.messages import ALIVE, SERVICE, SIZES, Refusal, dump

WAIT = 60.0
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 3.0  # seconds between two tries
DEADLINE = 900.0  # of an answer: others wait while a Gaussian process makes a proposal
FAREWELL = 2.0  # for an answer that makes no difference
OPTIONS = [
    *SIZES,
    *ALIVE,  # a slow chief is there; a machine that is gone is not
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2000),
]


class ChiefClient:
    """A connection to a chief.

    Args:
        address: "HOST:PORT" or "unix:PATH".
        wait: seconds for which nobody may be there, at first as later.
        deadline: seconds that an answer may take of a chief that is there.
    """

    def __init__(self, address: str, *, wait: float = WAIT, deadline: float = DEADLINE):
        self.address = address
        self.wait = wait
        self.deadline = deadline
        self._channel = grpc.insecure_channel(address, options=OPTIONS)

    def call(self, method: str, **fields: Any) -> dict[str, Any]:
        """Returns the chief's answer.

        Raises:
            ServingError: nobody answers, or the chief failed.
            ConfigError: the chief refuses this worker.
            Refusal: it does not know this worker, which has to join.
        """
        stub = self._channel.unary_unary(f"/{SERVICE}/{method}")
        until, pause = None, FIRST_PAUSE
        while True:
            try:
                return json.loads(stub(dump(fields), timeout=self.deadline))
            except grpc.RpcError as error:
                until = until or time.monotonic() + self.wait
                self._give_up(error, until)
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def hurry(self) -> None:
        """From now on, waits for nothing for long."""
        self.wait = self.deadline = FAREWELL

    def close(self) -> None:
        """Ends the connection."""
        self._channel.close()

    def _give_up(self, error: Any, until: float) -> None:
        """Raises what a failed call means, unless it may be tried again."""
        code, text = error.code().name, error.details() or ""
        if code == "NOT_FOUND":
            raise Refusal(text, code) from None
        if code == "FAILED_PRECONDITION":
            raise ConfigError(text) from None
        if code == "DEADLINE_EXCEEDED":
            text = f"the chief has not answered for {self.deadline:g} s"
        if code != "UNAVAILABLE":
            raise ServingError(f"{self.address}: {text}", code) from None
        if time.monotonic() >= until:
            raise ServingError(
                f"no chief answers at {self.address}, for {self.wait:g} s; start `kavc tune chief` "
                "there, or wait longer with --wait",
                code,
            ) from None
