"""How a run was made, by all calls that worked on it, and what reports on runs say of that.

A run folder keeps its calls in `made.json`: of each the command, the date, versions, devices, and
how long it trained. Runs of earlier versions, and presets, have no such file.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from kavc.errors import DataError
from kavc.evaluation.made import Made, now
from kavc.files import write_json
from kavc.inputs.json_files import read_json
from kavc.inputs.records import entries, mapping, record
from kavc.training.run import REPORT, Run, versions

if TYPE_CHECKING:
    from kavc.systems.base import Stage
    from kavc.training.checkpoint import FitState
    from kavc.training.stages import AfterEpoch

CALLS = "made.json"
SEPARATOR = " and "  # of versions that changed between calls

T = TypeVar("T")


@dataclass(frozen=True)
class Call:
    """One call that worked on a run.

    Args:
        command: what was typed, or called.
        date: when it began, as `kavc.evaluation.made.now` gives it.
        versions: as `kavc.training.run.versions` gives them.
        devices: as `kavc.training.devices.described` gives them.
        training_seconds: from its beginning, reading included, to its last epoch that was kept or
            to the end of the training. What a kill cut off after an epoch isn't counted.
    """

    command: str
    date: str
    versions: Mapping[str, str]
    devices: Sequence[str]
    training_seconds: float = 0.0


class KeptCall:
    """The call that works on a run or a sweep now; it keeps there how long it has trained.

    Args:
        folder: the run's or the sweep's, this process's own.
        command, devices: as of `Call`; no devices where others compute, too.
        began: when it began, by `time.monotonic`.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     kept = KeptCall(Path(folder), "kavc train ti-avc", ["CPU"], began=time.monotonic())
        ...     kept.trained()
        ...     commands_of(Path(folder)), calls_of(Path(folder))[0].training_seconds >= 0
        (['kavc train ti-avc'], True)
    """

    def __init__(self, folder: Path, command: str, devices: Sequence[str] = (), *, began: float):
        self._folder, self._began = folder, began
        self._earlier = calls_of(folder)
        self._call = Call(command, now(), versions(), list(devices))
        self._write()

    def trained(self) -> None:
        """Keeps that it has trained until now."""
        seconds = round(time.monotonic() - self._began, 3)
        self._call = dataclasses.replace(self._call, training_seconds=seconds)
        self._write()

    def at_epochs(self, after_epoch: AfterEpoch | None) -> AfterEpoch:
        """Returns what is to be called after each epoch, before what the user has called then."""

        def keep(stage: Stage, state: FitState) -> None:
            self.trained()
            if after_epoch is not None:
                after_epoch(stage, state)

        return keep

    def _write(self) -> None:
        calls = [asdict(call) for call in (*self._earlier, self._call)]
        write_json(self._folder / CALLS, {"calls": calls})


def calls_of(folder: Path) -> list[Call]:
    """Returns the calls that worked on a run; none, where that isn't known.

    Raises:
        DataError: the file is damaged.

    Example:
        >>> calls_of(Path("no such run"))
        []
    """
    path = folder / CALLS
    if not path.is_file():
        return []
    try:
        found = entries(read_json(path), {"calls": list[Any]}, path)["calls"]
        return [record(Call, each, path) for each in found]
    except DataError as error:
        raise DataError(f"{error}; bring it back, or remove it: reports then don't know") from None


def commands_of(folder: Path) -> list[str]:
    """Returns the commands that worked on a run or a sweep, each once."""
    return _distinct(call.command for call in calls_of(folder))


def made_of(
    runs: Sequence[Run],
    facts: Mapping[str, Any],
    *,
    command: str = "",
    devices: Sequence[str] = (),
    evaluation: float | None = None,
) -> Made:
    """Returns how a report on runs was made, now.

    Args:
        runs: of one system.
        facts: of the data that were evaluated, as `kavc.training.data_facts.facts_of` gives them.
        command: what made the report; the calls that worked on the runs, if empty.
        devices: what it was computed on, beside those of the runs' calls.
        evaluation: seconds that it took; the runs' own evaluations together, if None.
    """
    calls = [call for run in runs for call in calls_of(run.path)]
    seconds = {
        "training": _sum(map(_training_seconds, runs)),
        "evaluation": _sum(map(_evaluation_seconds, runs)) if evaluation is None else evaluation,
    }
    return Made(
        commands=[command] if command else _distinct(call.command for call in calls),
        date=now(),
        trained=max(map(_trained, runs)),
        system=runs[0].settings.system,
        presets=_distinct(run.settings.preset for run in runs),
        changes=_changes(runs),
        seeds=_distinct(run.settings.seed for run in runs),
        runs=[str(run.path) for run in runs] if len(runs) > 1 else (),
        versions=_all_versions([*(call.versions for call in calls), versions()]),
        devices=_distinct([*(one for call in calls for one in call.devices), *devices]),
        seconds={name: round(each, 1) for name, each in seconds.items() if each is not None},
        **of_data(facts),
    )


def check_known(runs: Iterable[Run]) -> None:
    """Reads all that `made_of` will read of runs, so that long work isn't lost to a damaged file.

    Raises:
        DataError: a file is damaged.
    """
    for run in runs:
        _trained(run)


def of_data(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what `Made` says of data.

    Args:
        facts: as `kavc.training.data_facts.facts_of` gives them.

    Example:
        >>> facts = {"source": "kwai:corpus", "splits": None, "fingerprint": "ab", "counts": {}}
        >>> sorted(of_data({**facts, "notes": [], "classes": ["dog"]}))
        ['counts', 'fingerprint', 'notes', 'source', 'splits']
    """
    return {name: facts[name] for name in ("source", "splits", "fingerprint", "counts", "notes")}


def changes(run: Run) -> dict[str, Any]:
    """Returns the options of a run that differ from its preset, but for what the data fix."""
    settings = run.settings
    preset = run.system.Config.preset(settings.preset).to_dict()
    return {
        name: settings.options[name]
        for name in settings.overrides
        if name in settings.options and settings.options[name] != preset.get(name)
    }


def _changes(runs: Sequence[Run]) -> dict[str, Any]:
    """Returns what all runs have otherwise than their presets."""
    first, *others = map(changes, runs)
    return {
        name: value
        for name, value in first.items()
        if all(name in other and other[name] == value for other in others)
    }


def _trained(run: Run) -> str:
    """Returns when the last call began that trained a run; empty where that isn't known."""
    if calls := _trainings(run):
        return calls[-1].date
    made = made_in(run.path)
    return "" if made is None else made.trained or made.date


def _training_seconds(run: Run) -> float | None:
    """Returns how long a run was trained, over all calls; None where that isn't known."""
    if calls := _trainings(run):
        return sum(call.training_seconds for call in calls)
    return _reported(run, "training")


def _trainings(run: Run) -> list[Call]:
    """Returns the calls that trained a run, not those that only reported it."""
    return [call for call in calls_of(run.path) if call.training_seconds]


def _evaluation_seconds(run: Run) -> float | None:
    return _reported(run, "evaluation")


def _reported(run: Run, what: str) -> float | None:
    made = made_in(run.path)
    return None if made is None else made.seconds.get(what)


def made_in(folder: Path) -> Made | None:
    """Returns how the report in a folder was made; None where that isn't known.

    Raises:
        DataError: the report is damaged.
    """
    path = folder / REPORT
    said = mapping(read_json(path), path).get("made") if path.is_file() else None
    return None if said is None else record(Made, said, f"{path}: made")


def _sum(values: Iterable[float | None]) -> float | None:
    """Returns the sum; None if one isn't known, since less than all is none."""
    found = list(values)
    return None if None in found else sum(filter(None, found))


def _all_versions(found: Iterable[Mapping[str, str]]) -> dict[str, str]:
    every: dict[str, list[str]] = {}
    for each in found:
        for package, version in each.items():
            every.setdefault(package, []).append(version)
    return {package: SEPARATOR.join(_distinct(each)) for package, each in every.items()}


def _distinct(values: Iterable[T]) -> list[T]:
    return list(dict.fromkeys(values))
