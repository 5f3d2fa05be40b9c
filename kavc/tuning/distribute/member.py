"""What the chief of a shared sweep knows of a worker."""

from __future__ import annotations

import dataclasses

from kavc.tuning.trial import Trial


@dataclasses.dataclass
class Member:
    """A worker.

    Args:
        session: which process of it; None if an earlier chief knew it.
        seen: when it last gave a sign of life.
        begun: record of the trial that it trains.
        since: when it was given that trial.
        ended: id of the trial that it ended last.
        failures: trials that it failed in a row and nobody else had tried, as they were begun.
        doubted: id of the one of these that another worker is to try, before this one goes on.
    """

    session: str | None
    seen: float
    begun: Trial | None = None
    since: float = 0.0
    ended: str | None = None
    failures: list[Trial] = dataclasses.field(default_factory=list)
    doubted: str | None = None

    @property
    def trial(self) -> str | None:
        return None if self.begun is None else self.begun.id
