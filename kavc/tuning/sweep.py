"""The sweep folder: what a sweep leaves, enough to resume it, report it and train its winner.

sweep.json  splits-used.json  oracle.json  tuner0.json  trial_00/trial.json  trial_00/history.json

`sweep.json` is ours and says what decides the sweep, `history.json` is the record of a trial
(`kavc.tuning.trial`); the others are KerasTuner's. A sweep is resumed from these alone. What
`kavc tune report` adds (`kavc.tuning.report`) is made from them, at any time.
"""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kavc.data.source import Source
from kavc.errors import ConfigError, DataError
from kavc.inputs.json_files import read_json
from kavc.inputs.records import entries
from kavc.systems.base import System
from kavc.systems.registry import get
from kavc.training.data_facts import facts_in, source_of
from kavc.tuning.settings import SweepSettings
from kavc.tuning.trial import COMPLETED, RECORD, Trial

if TYPE_CHECKING:
    import pandas as pd

SWEEP = "sweep.json"
# Columns of `Sweep.frame` and what they hold: types of pandas in which a value may be missing.
FRAME = {
    "number": "Int64",
    "status": "string",
    "reason": "string",
    "score": "Float64",
    "budget": "Int64",
    "seconds": "Float64",
}
TYPES = {bool: "boolean", int: "Int64", float: "Float64", str: "string"}
ENTRIES = {
    "settings": dict,
    "versions": dict[str, str],
    "data": dict,
    "objective": dict[str, str],
    "epochs": int,
    "planned": dict[str, int],
    "first": dict,
    "space": list[dict],
}
PARAMETER = {"name": str, "default": bool | int | float | str, "values": list | None}


class Sweep:
    """A sweep folder, opened for reading; what is in it may still grow.

    Args:
        path: what `kavc tune run --out` wrote.

    Attributes:
        path: the folder.
        settings: `SweepSettings` that decide it.
        described: all of `sweep.json`: "settings", "versions", "data" (see `facts`), "objective"
            (name, direction), "epochs" of a full budget, "planned" (number of "trials" and the sum
            of their "epochs"), "first" (every option of the first trial) and "space"
            (`kavc.tuning.space.describe`).

    Raises:
        ConfigError: the folder is no sweep folder.

    Example:
        sweep = Sweep("sweeps/ti-avc")
        print(sweep.best.score, sweep.best.changed)
    """

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path)
        if not (self.path / SWEEP).is_file():
            raise ConfigError(f"{self.path}: no sweep folder (it holds no {SWEEP})")
        self.described = _described(self.path / SWEEP)
        try:
            self.settings = SweepSettings(**self.described["settings"])
        except (TypeError, ConfigError) as error:
            raise ConfigError(f"{self.path / SWEEP}: not a sweep's settings ({error})") from None

    def __repr__(self) -> str:
        return f"Sweep({str(self.path)!r})"

    @cached_property
    def system(self) -> System:
        """The system that is tuned."""
        return get(self.settings.system)

    @property
    def source(self) -> Source:
        """Where the data are, with the splits as they were."""
        return source_of(self.path, self.facts)

    @property
    def facts(self) -> dict[str, Any]:
        """What is kept of the data, as `kavc.training.data_facts.facts_of` gives it."""
        settings = self.settings
        earlier = {"source": settings.data, "splits": settings.splits}
        return facts_in(earlier | self.described["data"], f"{self.path / SWEEP}: data")

    @property
    def objective(self) -> str:
        """Name of what is optimised."""
        return self.described["objective"]["name"]

    @property
    def direction(self) -> str:
        """Which way is better, "min" or "max"."""
        return self.described["objective"]["direction"]

    @property
    def varied(self) -> list[dict[str, Any]]:
        """The parameters that can take more than one value, as "space" describes them."""
        return [each for each in self.described["space"] if len(each.get("values", "..")) > 1]

    @property
    def moved(self) -> dict[str, Any]:
        """What the first trial has otherwise than the preset: values that the space leaves out."""
        preset = self.system.Config.preset(self.settings.preset)
        base, first = preset.replace(**self.settings.set).to_dict(), self.described["first"]
        names = [each["name"] for each in self.described["space"]]
        return {name: first[name] for name in names if first[name] != base[name]}

    @property
    def trials(self) -> list[Trial]:
        """The trials as they are now, in the order in which they began."""
        found = [Trial.read(path.parent) for path in self.path.glob(f"trial_*/{RECORD}")]
        return sorted(found, key=lambda trial: trial.number)

    @property
    def best(self) -> Trial | None:
        """The best trial so far; None before the first one has completed."""
        return best_of(self.trials, self.direction)

    def frame(self) -> pd.DataFrame:
        """Returns the trials as a data frame, a row each, in the order in which they began.

        Its columns are "number", "status", "reason", "score", "budget" (epochs), "seconds" and
        every parameter that the sweep varies, by name: missing in a trial where a parameter makes
        no sense under another choice.

        Example:
            frame = Sweep("sweeps/ti-avc").frame()
            frame[frame["status"] == "completed"].sort_values("score").tail(3)
        """
        import pandas as pd

        kinds = {each["name"]: TYPES[type(each["default"])] for each in self.varied}
        rows = [
            {
                "number": trial.number,
                "status": trial.status,
                "reason": trial.reason,
                "score": trial.score,
                "budget": trial.budget,
                "seconds": trial.seconds.get("whole"),
                **{name: trial.values.get(name) for name in kinds},
            }
            for trial in self.trials
        ]
        return pd.DataFrame(rows, columns=[*FRAME, *kinds]).astype(FRAME | kinds)


def _described(path: Path) -> dict[str, Any]:
    """Reads what decides a sweep, each entry of its type."""
    found = entries(read_json(path), ENTRIES, path)
    entries(found["objective"], {"name": str, "direction": str}, f"{path}: objective")
    entries(found["planned"], {"trials": int, "epochs": int}, f"{path}: planned")
    names = [entries(each, PARAMETER, f"{path}: space")["name"] for each in found["space"]]
    for name in names:
        if name not in found["first"]:
            raise DataError(f"{path}: 'first' has no {name!r}, which is in 'space'")
    return found


def best_of(trials: list[Trial], direction: str) -> Trial | None:
    """Returns the best of those that completed on the largest budget.

    On a smaller one schedules are shorter, so that scores can't be compared.

    >>> facts = {"status": COMPLETED, "seed": 0, "values": {}, "options": {}, "changed": {}}
    >>> short = Trial("0", 1, budget=3, score=0.9, **facts)
    >>> trials = [short, *(Trial(str(n), n, budget=9, score=n / 10, **facts) for n in (2, 3))]
    >>> best_of(trials, "max").number
    3
    """
    completed = [trial for trial in trials if trial.status == COMPLETED]
    if not completed:
        return None
    largest = max(trial.budget for trial in completed)
    sign = 1 if direction == "max" else -1
    return max(
        (trial for trial in completed if trial.budget == largest),
        key=lambda trial: sign * _score(trial),
    )


def _score(trial: Trial) -> Any:
    return trial.score
