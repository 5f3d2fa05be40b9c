"""How a report was made: what was typed, with what, on which data, when, and for how long.

All that differs between two equal trainings, as the date, stands here and nowhere else in a report.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from kavc.errors import DataError
from kavc.inputs.records import record
from kavc.progress import duration

NAMES = {"tensorflow": "TensorFlow", "keras": "Keras", "numpy": "NumPy", "python": "Python"}
DAY = len("2026-01-31")
SHORT = 12  # digits of a fingerprint that are shown
SECRET = re.compile(r"(--?[\w-]*(?:password|secret|token)[\w-]*)(?:(=)|$)", re.IGNORECASE)
HIDDEN = "***"

_typed: ContextVar[str] = ContextVar("typed", default="")


@dataclass(frozen=True, kw_only=True)
class Made:
    """How a report was made. What isn't known is left empty, and not shown.

    Args:
        commands: what was typed, or called in Python; further ones went on with the same work.
        date: when it was made, in UTC, as `now` gives it; or a day alone, as "2026-01-31".
        trained: when the runs were trained, or the last of them, likewise.
        system, presets, changes, seeds: of the runs that it is of; `changes` are the options that
            differ from the preset, of several runs those that all share.
        runs: their names, where it is of several.
        versions: package to version, and "python"; "2.17.1 and 2.21.0" where these changed.
        devices: what it was computed on.
        seconds: "training" and "evaluation" to their duration on the clock, summed over runs and
            over what was resumed.
        source, splits, fingerprint, counts: the data: LAYOUT:PATH, the splits file, the digest of
            the files, and examples by split.
        notes: sentences on what of the data was left out.

    Raises:
        DataError: the date is none.

    Example:
        >>> made = Made(system="ti-avc", presets=["paper"], seeds=[0, 1], date="2026-01-31")
        >>> Made.from_json(made.to_json()) == made
        True
    """

    commands: Sequence[str] = ()
    date: str = ""
    trained: str = ""
    system: str = ""
    presets: Sequence[str] = ()
    changes: Mapping[str, Any] = field(default_factory=dict)
    seeds: Sequence[int] = ()
    runs: Sequence[str] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    devices: Sequence[str] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    source: str = ""
    splits: str | None = None
    fingerprint: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    notes: Sequence[str] = ()

    def __post_init__(self) -> None:
        for name in ("commands", "presets", "seeds", "runs", "devices", "notes"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for date in (self.date, self.trained):
            try:
                shown_date(date)
            except ValueError:
                raise DataError(
                    f"date {date!r}, expected one such as 2026-01-31T12:00:00Z"
                ) from None

    def lines(self, said: Collection[str] = ()) -> list[tuple[str, str]]:
        """Returns what a reader sees, as pairs of a heading and a text.

        Args:
            said: notes that stand elsewhere, which are left out here.

        >>> Made(system="ti-avc", presets=["paper"], seeds=[0], date="2026-01-31T12:00:00Z").lines()
        [('System', 'ti-avc, preset paper'), ('Seed', '0'), ('Date', '2026-01-31 12:00 UTC')]
        """
        another_day = self.trained[:DAY] != self.date[:DAY]
        every = [
            ("Command", "; then ".join(self.commands)),
            ("System", self._system()),
            ("Runs", ", ".join(self.runs)),
            ("Seed" if len(self.seeds) == 1 else "Seeds", ", ".join(map(str, self.seeds))),
            ("Date", shown_date(self.date)),
            ("Trained", shown_date(self.trained) if another_day else ""),
            ("Duration", ", ".join(f"{k} {duration(v)}" for k, v in self.seconds.items())),
            ("Device" if len(self.devices) == 1 else "Devices", "; ".join(self.devices)),
            ("Versions", ", ".join(f"{NAMES.get(k, k)} {v}" for k, v in self.versions.items())),
            ("Data", self._data()),
            ("Of the data", " ".join(note for note in self.notes if note not in said)),
        ]
        return [(heading, text) for heading, text in every if text]

    def _system(self) -> str:
        preset = f"preset {', '.join(self.presets)}" if self.presets else ""
        changed = ", ".join(f"{name}={value}" for name, value in self.changes.items())
        return ", ".join(filter(None, [self.system, preset, changed and f"with {changed}"]))

    def _data(self) -> str:
        counts = ", ".join(f"{split} {count:,}" for split, count in self.counts.items())
        splits = f"splits of {self.splits}" if self.splits else ""
        digest = f"fingerprint {self.fingerprint[:SHORT]}" if self.fingerprint else ""
        return "; ".join(filter(None, [self.source, splits, digest, counts]))

    def to_json(self) -> dict[str, Any]:
        """Returns what `from_json` reads: plain values, as JSON holds them."""
        values = asdict(self).items()
        return {name: list(v) if isinstance(v, tuple) else v for name, v in values}

    @classmethod
    def from_json(cls, value: object) -> Made:
        """Returns what `to_json` gave.

        Raises:
            DataError: `value` is no such thing.
        """
        return record(cls, value, "made")


def now() -> str:
    """Returns the time in UTC, to the second, as "2026-01-31T12:00:00Z"."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def shown_date(date: str) -> str:
    """Returns a date of `now`, or a day, as a reader sees it; empty for none.

    >>> shown_date("2026-01-31T12:00:59Z"), shown_date("2026-01-31")
    ('2026-01-31 12:00 UTC', '2026-01-31')
    """
    if not date:
        return ""
    found = datetime.fromisoformat(date)
    return f"{found:%Y-%m-%d}" if len(date) == DAY else f"{found:%Y-%m-%d %H:%M} UTC"


@contextlib.contextmanager
def typed(words: Sequence[str]) -> Iterator[None]:
    """Has what is made in a block say that this command made it.

    Args:
        words: what followed `kavc` on the command line.

    Example:
        >>> with typed(["train", "ti-avc", "--seed", "1"]):
        ...     command("kavc.train", "ti-avc", seed=1)
        'kavc train ti-avc --seed 1'
        >>> command("kavc.train", "ti-avc", seed=1)
        "kavc.train('ti-avc', seed=1)"
    """
    token = _typed.set(shlex.join(["kavc", *without_secrets(words)]))
    try:
        yield
    finally:
        _typed.reset(token)


def command(function: str, *arguments: Any, **options: Any) -> str:
    """Returns the command that is being run; without one, the call in Python that it stands in.

    Args:
        function: its public name, as "kavc.train".
        arguments, options: with which it was called; options that are None, False or empty are
            defaults, and left out.

    >>> command("kavc.train", "ti-avc", "synthetic:corpus", seed=0, resume=False, overrides={})
    "kavc.train('ti-avc', 'synthetic:corpus', seed=0)"
    """
    if text := _typed.get():
        return text
    given = {
        k: v for k, v in options.items() if v is not None and v is not False and v not in ({}, ())
    }
    words = [_shown(value) for value in arguments]
    words += [f"{name}={_shown(value)}" for name, value in given.items()]
    return f"{function}({', '.join(words)})"


def without_secrets(words: Sequence[str]) -> list[str]:
    """Returns the words of a command without what only its user should know.

    >>> without_secrets(["--token", "a", "--api-token=b", "https://me:c@example.org/x"])
    ['--token', '***', '--api-token=***', 'https://***@example.org/x']
    """
    shown, hide = [], False
    for word in words:
        found = SECRET.match(word)
        if hide:
            shown.append(HIDDEN)
        elif found and found[2]:
            shown.append(f"{found[1]}={HIDDEN}")
        else:
            shown.append(re.sub(r"(\w://)[^/@\s]*@", rf"\1{HIDDEN}@", word))
        hide = found is not None and not found[2] and not hide
    return shown


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return repr(dict(value))
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_shown, value))}]"
    return repr(str(value) if isinstance(value, os.PathLike) else value)
