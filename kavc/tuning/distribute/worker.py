"""A worker of a shared sweep: asks the chief for trials and trains them. It keeps no files."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import keras_tuner

from kavc.errors import ConfigError, KavcError, ServingError
from kavc.tuning.attempt import Limits, Listener, SweepError, TrialRunner
from kavc.tuning.distribute.client import WAIT, ChiefClient
from kavc.tuning.distribute.identity import packages
from kavc.tuning.distribute.messages import (
    BROKEN,
    ENDING,
    GRACE,
    IDLE,
    OVER,
    Refusal,
    check_name,
)
from kavc.tuning.hypermodel import SystemHyperModel
from kavc.tuning.run import make_hypermodel
from kavc.tuning.settings import SweepSettings
from kavc.tuning.trial import Trial

BEAT = 2.0  # seconds between two signs of life
PAUSE = 1.0  # seconds before asking again when there is nothing to do for now


class Withdrawn(BaseException):
    """The running trial is no longer this worker's. No `Exception`: it has not failed."""


def work(
    address: str,
    worker: str,
    *,
    data: str | None = None,
    splits: str | None = None,
    wait: float = WAIT,
    report: Callable[[str], None] = lambda line: None,
) -> str:
    """Trains trials of a sweep until it is over.

    What interrupts a trial (the sweep is over, the chief is gone) does so after the epoch, or ends
    the process 60 s later.

    Args:
        address: of the chief, "HOST:PORT" or "unix:PATH".
        worker: its name, which no other one has.
        data: where the sweep's data are on this machine, as "youtube8m:PATH"; as on the chief's,
            if None.
        splits: splits file on this machine.
        wait: seconds for which no chief may answer, at the beginning or later.
        report: told, a line each, of trials.

    Returns:
        Why the sweep is over: "ended" or "time is up".

    Raises:
        ServingError: no chief answers, or the sweep failed.
        ConfigError, DataError: the chief refuses this worker; or a trial shows that none can
            succeed, which ends the sweep.
    """
    check_name(worker)
    client = ChiefClient(address, wait=wait)
    try:
        described = client.call("describe")
        hypermodel = _hypermodel(described["sweep"]["settings"], data, splits)
        member = Membership(client, worker, described["identity"], hypermodel)
        member.join()
        report(f"{worker} works for {address}")
        return _work(member, hypermodel, described, report)
    finally:
        client.close()


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


class Heartbeat(threading.Thread):
    """Gives signs of life, and hears from the chief that a trial is to be dropped.

    Args:
        member: whose.
        leave: ends the process, which has not ended by itself, with a line of text.
    """

    def __init__(self, member: Membership, leave: Callable[[str], None]):
        super().__init__(name="heartbeat", daemon=True)
        self.member = member
        self.leave = leave
        self.over: str | None = None
        self.error: KavcError | None = None
        self.lost: str | None = None  # id of a trial that is no longer ours
        self._stopped = threading.Event()

    def check(self) -> None:
        """Raises `Withdrawn` if the running trial is of no use."""
        lost = self.lost is not None and self.lost == self.member.trial
        if self.over or self.error or lost:
            raise Withdrawn

    def run(self) -> None:
        while not (self.over or self.error):
            if self._stopped.wait(BEAT):
                return
            self._beat()
        if not self._stopped.wait(GRACE):
            self.leave(str(self.error or f"the sweep is over: {self.over}"))

    def stop(self) -> None:
        """Ends it."""
        self._stopped.set()

    def _beat(self) -> None:
        trial = self.member.trial
        try:
            answer = self.member.ask("beat", trial=trial)
        except KavcError as error:
            self.error = error
            return
        self.over = answer["over"]
        if not answer["keep"]:
            self.lost = trial


def _hypermodel(settings: dict[str, Any], data: str | None, splits: str | None) -> SystemHyperModel:
    try:
        found = SweepSettings(**settings)
    except TypeError as error:
        raise ConfigError(f"the chief has another version of kavc ({error})") from None
    return make_hypermodel(
        dataclasses.replace(found, data=data or found.data, splits=splits or found.splits)
    )


def _work(
    member: Membership,
    hypermodel: SystemHyperModel,
    described: dict[str, Any],
    report: Callable[[str], None],
) -> str:
    with _heartbeat(member) as heart:
        minutes = described["trial_minutes"]
        runner = TrialRunner(
            hypermodel,
            described["sweep"]["objective"]["name"],
            limits=Limits() if minutes is None else Limits(trial_minutes=minutes),
            listener=Listener(),
            check=heart.check,
        )
        while True:
            answer = member.ask("propose")
            if answer["status"] == OVER:
                member.ask("leave", error=None)
                return _why(answer)
            if answer["status"] == IDLE:
                time.sleep(PAUSE)
            else:
                _train(member, runner, heart, answer, report)


@contextlib.contextmanager
def _heartbeat(member: Membership) -> Iterator[Heartbeat]:
    """Yields a beating heart; says good-bye for a process that is interrupted."""

    def leave(text: str) -> None:
        sys.stderr.write(f"error: {member.name} ends in the middle of an epoch; {text}\n")
        sys.stderr.flush()
        os._exit(1)

    heart = Heartbeat(member, leave)
    heart.start()
    try:
        yield heart
    except KeyboardInterrupt:
        member.client.wait = 1
        with contextlib.suppress(KavcError):
            member.ask("leave", error=None)
        raise
    finally:
        heart.stop()


def _train(
    member: Membership,
    runner: TrialRunner,
    heart: Heartbeat,
    answer: dict[str, Any],
    report: Callable[[str], None],
) -> None:
    """Trains a trial and tells how it ended, unless it is no longer ours."""
    begun = Trial(**answer["begun"])
    heart.lost, member.trial = None, begun.id
    try:
        record = runner.run(
            keras_tuner.HyperParameters.from_config(answer["hyperparameters"]), begun
        )
        ending = {name: getattr(record, name) for name in ENDING}
        member.ask("end", trial=begun.id, ending=ending)
        report(f"trial {begun.number}: {record.reason or f'{runner.objective} {record.score:.4f}'}")
    except Withdrawn:
        if heart.error is not None:
            raise heart.error from None
        report(f"trial {begun.number} is dropped: {heart.over or 'it was given to another worker'}")
    except SweepError as error:
        member.ask("leave", error=str(error))
        raise
    finally:
        member.trial = None


def _why(answer: dict[str, Any]) -> str:
    if answer["over"] == BROKEN:
        raise ServingError(f"the sweep has failed: {answer['error']}")
    return answer["over"]
