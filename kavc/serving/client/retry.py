"""When a call is tried again, and until when it may be."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass

from kavc.errors import ConfigError, ServingError

LONGEST = 2**31 - 1  # seconds of a deadline: gRPC takes those beyond some 9 * 10**9 for passed
SPREAD = 0.2  # of a wait, to either side, so that many clients do not come back at once


@dataclass(frozen=True)
class Retry:
    """How often a call is tried when the server is gone, and how long the client rests between.

    That is UNAVAILABLE, and CANCELLED from a server that goes down with calls it has not begun.

    Other refusals are never tried again: they would be given again. A prediction changes nothing
    on the server, so one that was worked on before the connection broke may be asked for twice.

    Args:
        attempts: calls in all; 1 for no retry.
        wait: seconds before the second attempt; doubled before each further one, each ±20 %.
        longest: seconds that no wait exceeds (but for its spread).

    Raises:
        ConfigError: a value is out of range.

    Example:
        >>> Retry(attempts=0)
        Traceback (most recent call last):
            ...
        kavc.errors.ConfigError: retries: attempts is 0; expected at least 1
    """

    attempts: int = 4
    wait: float = 0.1
    longest: float = 2.0

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ConfigError(f"retries: attempts is {self.attempts}; expected at least 1")
        for name in ("wait", "longest"):
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise ConfigError(f"retries: {name} is {value}; expected seconds, at least 0")

    def waits(self) -> Iterator[float]:
        """Yields the seconds before each attempt but the first.

        >>> len(list(Retry(attempts=4).waits()))
        3
        >>> list(Retry(attempts=1).waits())
        []
        """
        wait = self.wait
        for _ in range(self.attempts - 1):
            yield min(wait, self.longest) * random.uniform(1 - SPREAD, 1 + SPREAD)
            wait = min(2 * wait, self.longest)


RETRY = Retry()


class Deadline:
    """The end of a call, for all of its attempts and parts.

    Args:
        address: of the server, for the message.
        seconds: from now.

    Raises:
        ConfigError: `seconds` is not a positive number, or gRPC would take it for none at all.

    Example:
        >>> deadline = Deadline("gpu-7:8500", 3600)
        >>> deadline.allows(1), deadline.allows(7200)
        (True, False)
        >>> str(deadline.passed())
        'gpu-7:8500 did not answer within 3600 s'
    """

    def __init__(self, address: str, seconds: float):
        if not 0 < seconds <= LONGEST:
            raise ConfigError(
                f"timeout is {seconds}; expected a positive number of seconds, up to {LONGEST}"
            )
        self.address = address
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def allows(self, wait: float) -> bool:
        """Returns whether anything is left after `wait` seconds."""
        return time.monotonic() + wait < self._end

    def left(self) -> float:
        """Returns the seconds that are left.

        Raises:
            ServingError: none are.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise self.passed()
        return left

    def passed(self) -> ServingError:
        """Returns what is said when it has passed."""
        line = f"{self.address} did not answer within {self.seconds:g} s"
        return ServingError(line, "DEADLINE_EXCEEDED")
