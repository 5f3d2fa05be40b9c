"""What the chief of a shared sweep knows of this process, a worker."""

from __future__ import annotations

import secrets
from typing import Any

from kavc.errors import ServingError
from kavc.tuning.distribute.client import ChiefClient
from kavc.tuning.distribute.identity import packages
from kavc.tuning.distribute.messages import Refusal
from kavc.tuning.hypermodel import SystemHyperModel


class Membership:
    """What the chief knows of this process, which signs on again where it has forgotten.

    Args:
        client: the connection.
        worker: its name.
        identity: of the sweep.
        hypermodel: what it trains.
    """

    def __init__(
        self, client: ChiefClient, worker: str, identity: str, hypermodel: SystemHyperModel
    ):
        self.client = client
        self.name = worker
        self.identity = identity
        self.fingerprint = hypermodel.examples.info(hypermodel.base).fingerprint
        self.session = secrets.token_hex(8)
        self.trial: str | None = None

    def join(self) -> None:
        """Signs on, with the trial that is being trained."""
        self.client.call(
            "join",
            worker=self.name,
            session=self.session,
            identity=self.identity,
            versions=packages(),
            fingerprint=self.fingerprint,
            trial=self.trial,
        )

    def ask(self, method: str, **fields: Any) -> dict[str, Any]:
        """Returns the chief's answer; errors as of `ChiefClient.call`, but it joins by itself."""
        for _ in range(2):
            try:
                return self.client.call(method, worker=self.name, session=self.session, **fields)
            except Refusal:
                self.join()
        raise ServingError(f"{self.client.address}: the chief forgets {self.name} at once")
