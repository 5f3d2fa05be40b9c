"""The part "graphs": versions that are checked, and that are served if they pass.

Check and serving have a process of their own each, since a version may hang, crash or swell either.
A version that does harm and a trap must be refused. What is spoilt or odd may be refused by the
check or by the server, or be served; none may write a file, tell a secret or end a process.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hostile_apart import End, apart
from hostile_calls import each_signature
from hostile_harms import HARMS, SECRET, write_outside
from hostile_models import write_model
from hostile_mutations import MUTATIONS, spoil_graph
from hostile_server import Row
from hostile_traps import FILES, TRAPS

MUTATED = 1000  # graphs that are spoilt, of 5,000 requests
WORKERS = 2
CHECKED, SERVED = 15.0, 20.0  # seconds until a check or a server is taken to hang
LOST = 300  # seconds without an outcome after which a worker has died
LINE = 4096  # characters
NOTED = 200  # characters of an error
# A loop that never ends is a graph like any other; who asks for it, waits.
ENDS = ("refused", "passes, is served", "passes, refused at load", "passes, hangs when asked")
# No check can tell whether a loop ends; a server gives its loading up (see the rolling part).
NEVER_ENDS = "an endless init op"


def run(scratch: Path, count: int, seed: int) -> Iterator[Row]:
    """Yields a row for each kind of version.

    Args:
        scratch: an empty folder.
        count: a fifth of it is how many graphs are spoilt at random.
        seed: of what is drawn.
    """
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    import kavc.export.check
    import kavc.serving.server.local  # noqa: F401  # the children are forked with all they need

    number = max(1, count * MUTATED // 5000)
    for worker in range(WORKERS):
        context.Process(target=_work, args=(scratch, worker, number, seed, queue)).start()
    outcomes: dict[str, list[Outcome]] = {}
    waiting = WORKERS
    while waiting:
        if isinstance(found := queue.get(timeout=LOST), str):
            raise SystemExit(found)
        if found is None:
            waiting -= 1
        else:
            outcomes.setdefault(found.kind, []).append(found)
    for kind, found in sorted(outcomes.items(), key=lambda each: min(o.number for o in each[1])):
        yield _row(kind, found)


# === Versions ===


def cases(
    bases: Path, outside: Path, count: int, seed: int
) -> Iterator[tuple[str, Callable[[Path], Any]]]:
    """Yields every version: the good one, those that do harm, traps, odd files, spoilt graphs.

    Args:
        bases: the folder with versions that others are copied from.
        outside: the folder of the secrets.
        count: of the graphs that are spoilt at random.
        seed: of what is drawn.

    Yields:
        Its kind, and what writes it into a folder.
    """

    def copied(base: str, then: Callable[[Path], Any], folder: Path) -> None:
        shutil.copytree(bases / base, folder)
        then(folder)

    for name in ("good", *HARMS, *TRAPS):
        yield name, functools.partial(copied, name, lambda folder: None)
    for name, change in FILES.items():
        yield name, functools.partial(copied, "good", change)
    kinds = (*MUTATIONS, "bytes")
    for number in range(count):
        draw = random.Random(f"{seed} {number}")
        base = draw.choice(("good", "good", *HARMS))
        kind = kinds[number % len(kinds)]
        spoil = functools.partial(spoil_graph, kind, draw, outside=outside)
        yield f"spoilt: {kind}", functools.partial(copied, base, lambda f, s=spoil: s(folder=f))


def _write_bases(bases: Path, outside: Path) -> None:
    write_outside(outside)
    write_model(bases / "good")
    for name, harm in HARMS.items():
        harm(bases / name, outside)
    for name, change in TRAPS.items():
        write_model(bases / name, change=change)


def _work(scratch: Path, worker: int, count: int, seed: int, queue: Any) -> None:
    """Puts an `Outcome` for each of a worker's cases into a queue, and None in the end."""
    scratch = scratch / str(worker)
    outside, bases, here = (scratch / name for name in ("outside", "bases", "here"))
    version = scratch / "models" / "m" / "1"
    here.mkdir(parents=True)
    os.chdir(here)
    made = apart(lambda tell: _write_bases(bases, outside), LOST)
    if made.how != "ended" or made.told:
        queue.put(f"the versions could not be written: {made}")
        return

    def seen() -> set[Path]:
        files = (path for path in scratch.rglob("*") if path.is_file())
        return {path for path in files if not {bases, version} & set(path.parents)}

    for number, (kind, make) in enumerate(cases(bases, outside, count, seed)):
        if number % WORKERS != worker:
            continue
        make(version)
        end, done, said = judged(version, seen)
        said = said.replace(str(scratch), "SCRATCH")
        queue.put(Outcome(number, kind, end, done.seconds, done.mib, said))
        shutil.rmtree(version)
    queue.put(None)


# === Check and serving ===


def judged(version: Path, seen: Callable[[], set[Path]]) -> tuple[str, End, str]:
    """Checks a version and, if it passes, serves it.

    Args:
        version: `MODELS_DIR/m/1`.
        seen: returns the files that there are, but for those of versions.

    Returns:
        Its end in words, that of the check's process with the memory of the larger of both, and
        what was said of the version.
    """
    done = apart(functools.partial(_check, version), CHECKED)
    told = done.told[-1] if done.told else {}
    if done.how != "ended" or "raises" in told:
        return f"check {told.get('raises', done.how)}", done, ""
    if (fault := told["fault"]) is not None:
        in_a_line = fault.isprintable() and len(fault) < LINE
        end = "refused" if in_a_line else "refused, not in a line"
        return end, done, fault.replace(str(version), "FOLDER")
    before = seen()
    served = apart(functools.partial(_serve_and_ask, version.parent.parent), SERVED)
    done.mib = max(done.mib, served.mib)
    if written := seen() - before:
        for path in written:
            path.unlink(missing_ok=True)
        return "passes, WRITES A FILE", done, ", ".join(sorted(path.name for path in written))
    said = str(served.fact("refused") or "").replace(str(version), "FOLDER")
    return _end_of(served), done, said


def _check(version: Path, tell: Callable[..., None]) -> None:
    """Checks a version, as `kavc export --check` does."""
    from kavc.export.check import check_version

    tell(fault=check_version(version).fault)


def _serve_and_ask(models_dir: Path, tell: Callable[..., None]) -> None:
    """Serves a version and asks each of its signatures."""
    from kavc.errors import KavcError
    from kavc.serving.server.local import LocalServer

    server = LocalServer(models_dir, port=0)
    try:
        server.start()
    except KavcError as error:
        tell(refused=str(error)[:LINE], secret=SECRET in str(error))
        return
    tell(serves=True)
    for signature, code, text in each_signature(server.address, "m"):
        tell(signature=signature[:LINE], code=code, secret=SECRET in text)


def _end_of(served: End) -> str:
    if served.fact("secret"):
        return "passes, TELLS A SECRET"
    if served.how != "ended":
        return f"passes, {served.how} when {'asked' if served.fact('serves') else 'loaded'}"
    if served.fact("raises"):
        return f"passes, {served.fact('raises')}"
    return "passes, is served" if served.fact("serves") else "passes, refused at load"


# === Outcomes ===


@dataclass(frozen=True)
class Outcome:
    """How one version ended.

    Args:
        number: its place in `cases`.
        kind: of `cases`.
        end: in words.
        seconds: of its check.
        mib: that either process held at most beyond what it began with.
        said: the error, or the files that were written.
    """

    number: int
    kind: str
    end: str
    seconds: float
    mib: float
    said: str


def _row(kind: str, found: list[Outcome]) -> Row:
    """Returns a row whose note is the error of a lone version, or the numbers of those amiss."""
    ends = Counter(outcome.end for outcome in found)
    row = Row("graphs", kind, len(found), ends, [outcome.seconds for outcome in found])
    row.most = max(outcome.mib for outcome in found)
    amiss = [outcome for outcome in found if _is_amiss(outcome)]
    if len(found) == 1:
        row.note = " ".join(found[0].said.split())[:NOTED]
    elif amiss:
        row.note = f"cases {', '.join(str(outcome.number) for outcome in amiss)}"
    bad = Counter(outcome.end for outcome in amiss)
    row.faults = [f"{end} ({n})" for end, n in bad.most_common()]
    return row


def _is_amiss(outcome: Outcome) -> bool:
    if outcome.kind == "good":
        return outcome.end != "passes, is served"
    if outcome.kind == NEVER_ENDS:
        return outcome.end not in ("refused", "passes, hangs when loaded")
    if outcome.kind in (*HARMS, *TRAPS):
        return outcome.end != "refused"
    return outcome.end not in ENDS
