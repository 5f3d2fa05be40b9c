"""The one number that a report is judged by, and which way is better."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kavc.errors import DataError
from kavc.evaluation.plain import from_json_number, to_json_number

BETTER = {"max": "higher is better", "min": "lower is better"}


@dataclass(frozen=True)
class Headline:
    """The one number that a report is judged by.

    Args:
        name: what it is, such as "match AUC".
        value: NaN where it could not be computed.
        direction: "max" where higher is better, "min" where lower is.
        interval: its 95 % confidence interval `(low, high)`, or None. One that has NaN as an end
            is no interval and is kept as None.
        unit: such as "%".

    Raises:
        DataError: `direction` is neither, or a number is none.

    Example:
        >>> print(Headline("match AUC", 78.73, "max", (78.05, 79.41), "%"))
        match AUC 78.73 %, 95 % interval 78.05 to 79.41 % (higher is better)
        >>> Headline("match AUC", 78.73, "max", (78.05, float("nan"))).interval is None
        True
    """

    name: str
    value: float
    direction: str
    interval: tuple[float, float] | None = None
    unit: str = ""

    def __post_init__(self) -> None:
        if self.direction not in BETTER:
            raise DataError(
                f"headline {self.name!r} has direction {self.direction!r}, expected 'max' or 'min'"
            )
        try:
            value = float(self.value)
            interval = None if self.interval is None else tuple(map(float, self.interval))
        except (TypeError, ValueError) as error:
            raise DataError(f"headline {self.name!r} is no number: {error}") from None
        if interval is not None and len(interval) != 2:
            raise DataError(f"headline {self.name!r} has interval {interval}, expected (low, high)")
        if interval is not None and any(map(math.isnan, interval)):
            interval = None
        object.__setattr__(self, "value", value)
        object.__setattr__(self, "interval", interval)

    def __str__(self) -> str:
        """One line, such as "match AUC 0.7873, 95 % interval 0.7805 to 0.7941 (...)"."""
        unit = f" {self.unit}" if self.unit else ""
        interval = ""
        if self.interval:
            low, high = self.interval
            interval = f", 95 % interval {low:.4g} to {high:.4g}{unit}"
        return f"{self.name} {self.value:.4g}{unit}{interval} ({BETTER[self.direction]})"

    def __repr__(self) -> str:
        return f"Headline({str(self)!r})"

    def better_than(self, other: Headline) -> bool:
        """Whether this value is the better one; NaN is better than nothing and worse than all.

        >>> failed, found = Headline("loss", float("nan"), "min"), Headline("loss", 0.5, "min")
        >>> found.better_than(failed), failed.better_than(found)
        (True, False)
        """
        if self.value != self.value or other.value != other.value:
            return self.value == self.value
        return self.value > other.value if self.direction == "max" else self.value < other.value

    def to_json(self) -> dict[str, Any]:
        """Returns plain values, NaN as None."""
        interval = self.interval and [to_json_number(end) for end in self.interval]
        return {**vars(self), "value": to_json_number(self.value), "interval": interval}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Headline:
        """Returns the headline that `to_json` gave.

        Raises:
            DataError: `value` is no headline.

        Example:
            >>> headline = Headline("match AUC", float("nan"), "max")
            >>> headline.to_json()["value"] is None, Headline.from_json(headline.to_json()).value
            (True, nan)
        """
        try:
            interval = value["interval"]
            return cls(
                str(value["name"]),
                from_json_number(value["value"]),
                str(value["direction"]),
                interval and tuple(from_json_number(end) for end in interval),
                str(value["unit"]),
            )
        except (TypeError, KeyError) as error:
            raise DataError(f"not a headline: {error!r}; expected Headline.to_json's") from None
