"""The record that a trial of a sweep leaves.

`SWEEP/trial_ID/history.json`, beside KerasTuner's `trial.json`, is the record as a JSON object with
the fields of `Trial`. It is written when a trial begins and when it ends, whole each time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from kavc.files import write_json
from kavc.inputs.json_files import read_json
from kavc.inputs.records import record

RECORD = "history.json"
RUNNING, COMPLETED, FAILED = "running", "completed", "failed"


@dataclass(frozen=True)
class Trial:
    """A trial's record.

    Args:
        id: KerasTuner's, the name of its folder after "trial_".
        number: from 1, in the order in which trials begin.
        status: "running" (or its process died), "completed" or "failed".
        values: what the sweep chose, by name of the parameter; what is inactive is missing.
        options: every option of the config.
        changed: the options that differ from those of the first trial.
        seed: of weights, data and dropout; the sweep's.
        budget: epochs of the last stage; the other stages have their share.
        attempts: how often the trial was begun and its process not ended in good order.
        score: the objective at the epoch that the last stage ends on; None if it has none.
        best_epoch: stage to the number of its best epoch, from 1.
        reason: why it failed, in one line.
        seconds: "fit", in Keras' `fit` of all stages, and "whole".
        curve: stage to one dict of logged values an epoch; of a trial that failed, of the epochs
            before it did.
        where: the process that trained it, if others trained beside it.

    Example:
        >>> import tempfile
        >>> trial = Trial("0", 1, RUNNING, {"units": 64}, {"units": 64}, {}, seed=0, budget=10)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     trial.write(Path(folder))
        ...     Trial.read(Path(folder)) == trial
        True
    """

    id: str
    number: int
    status: str
    values: Mapping[str, Any]
    options: Mapping[str, Any]
    changed: Mapping[str, Any]
    seed: int
    budget: int
    attempts: int = 1
    score: float | None = None
    best_epoch: Mapping[str, int] = field(default_factory=dict)
    reason: str | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    curve: Mapping[str, Sequence[Mapping[str, float]]] = field(default_factory=dict)
    where: str | None = None

    @classmethod
    def read(cls, folder: Path) -> Trial:
        """Reads the record in a trial's folder.

        Raises:
            DataError: there is none, or it is damaged.
        """
        path = folder / RECORD
        return record(cls, read_json(path), path)

    def write(self, folder: Path) -> None:
        """Writes the record into a trial's folder."""
        write_json(folder / RECORD, asdict(self))
