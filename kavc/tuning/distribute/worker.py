"""A worker of a shared sweep: asks the chief for trials and trains them. It keeps no files."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import keras_tuner

from kavc.errors import ConfigError, ServingError
from kavc.tuning.attempt import Limits, Listener, SweepError, TrialRunner
from kavc.tuning.distribute.client import WAIT, ChiefClient
from kavc.tuning.distribute.heartbeat import Heartbeat, Withdrawn, beating
from kavc.tuning.distribute.membership import Membership
from kavc.tuning.distribute.messages import BROKEN, ENDING, IDLE, OVER, check_name
from kavc.tuning.hypermodel import SystemHyperModel
from kavc.tuning.run import make_hypermodel
from kavc.tuning.settings import SweepSettings
from kavc.tuning.trial import Trial

PAUSE = 1.0  # seconds before asking again when there is nothing to do for now


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

    What interrupts a trial (the sweep is over, the chief is gone or took it away) does so after the
    epoch, or ends the process 60 s later.

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
    with beating(member) as heart:
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
        keep = member.ask("end", trial=begun.id, ending=ending)["keep"]
        text = record.reason or f"{runner.objective} {record.score:.4f}"
        discarded = "" if keep else "; discarded: the trial is no longer this worker's"
        report(f"trial {begun.number}: {text}{discarded}")
    except Withdrawn:
        if heart.error is not None:
            raise heart.error from None
        report(f"trial {begun.number} is dropped: {heart.over or 'it was taken away'}")
    except SweepError as error:
        member.ask("leave", error=str(error))
        raise
    finally:
        member.trial = None


def _why(answer: dict[str, Any]) -> str:
    if answer["over"] == BROKEN:
        raise ServingError(f"the sweep has failed: {answer['error']}")
    return answer["over"]
