"""The part "rolling": the model "a" gets a version that would hang its loader, and "b" must roll.

A caller who behaves asks both throughout; each of its requests must be answered, and rightly for
the version that the answer names.
"""

from __future__ import annotations

import functools
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hostile_caller import Asker
from hostile_calls import answered_by
from hostile_models import Change, edit, write_model_apart
from hostile_peers import write_requests
from hostile_server import GRACE, Row, Server, amiss, end_faults, log_faults
from hostile_traps import FILES, TRAPS
from rolling import publish

LEAST = 8.0  # seconds that it is watched
SOON = 5.0  # seconds until a good version must be answered
ROLLING = 5  # servers at a time
STEPS, STEP = 12, 2.0  # of a slow copy: parts, and seconds between them
SLOW = "a slow copy"
ROLLED = (2, 3)  # versions of "b"


def _edited(change: Change) -> Callable[[Path], None]:
    return lambda folder: edit(folder, change)


# Each spoils the version that "a" gets, before it is published.
SPOILS: Mapping[str, Callable[[Path], None]] = {
    **{name: FILES[name] for name in (
        "a FIFO as saved_model.pb", "a FIFO as variables.index", "a FIFO as variables.data-00000"
        "-of-00001", "/dev/zero as saved_model.pb", "links in a circle",
    )},
    **{name: _edited(TRAPS[name]) for name in (
        "identities in a circle", "dtype 9999", "an endless init op", "no signature",
    )},
}  # fmt: skip


def run(scratch: Path, count: int, seed: int) -> Iterator[Row]:
    """Yields a row for each version that "a" gets while "b" rolls.

    Args:
        scratch: an empty folder.
        count, seed: not used; nothing is drawn.
    """
    made = scratch / "made"
    write_model_apart(*(made / str(version) for version in (1, *ROLLED)))
    work = functools.partial(_rolled, scratch, made, write_requests(scratch))
    with ThreadPoolExecutor(ROLLING) as pool:
        yield from pool.map(work, (SLOW, *SPOILS))


def slow_copy(source: Path, version: Path) -> None:
    """Copies a version file by file, and the shard of its weights bit by bit, last."""
    shutil.copytree(source, version, ignore=shutil.ignore_patterns("*.data-*"))
    (shard,) = source.rglob("*.data-*")
    content = shard.read_bytes()
    for number in range(STEPS):
        time.sleep(STEP)
        part = content[len(content) * number // STEPS : len(content) * (number + 1) // STEPS]
        with (version / shard.relative_to(source)).open("ab") as file:
            file.write(part)


def _rolled(scratch: Path, made: Path, files: Sequence[Path], name: str) -> Row:
    """Publishes the versions on a server of its own and watches what its caller sees."""
    models = scratch / name.replace("/", "_")
    for model in "ab":
        shutil.copytree(made / "1", models / model / "1")
    server = Server(models, "--poll", "0.5", "--grace", f"{GRACE:g}")
    asker = Asker(server.address, files)
    try:
        before, start = server.usage(), time.monotonic()
        waits = _publish_all(asker, made, models, name)
        time.sleep(max(0.0, start + LEAST - time.monotonic()))
        asked = asker.between(start, time.monotonic())
        asker.stop()
        code, seconds = server.end(GRACE + 15)
    finally:
        server.process.kill()
    row = Row("rolling", f"a gets: {name}", len(asked), Counter(each.code for each in asked))
    row.seconds, row.before, row.most = [each.seconds for each in asked], before.mib, server.most
    told = ", ".join("never" if wait is None else f"{wait:.1f} s" for wait in waits)
    row.note = f"good versions after {told}; SIGTERM: exit {code} after {seconds:.1f} s"
    answers = {each.answer for each in asked if each.code == "OK"}
    late = sum(wait is None or wait > SOON for wait in waits)
    row.faults = amiss({
        f"{late} good versions late or never": late > 0,
        "requests not answered": row.codes["OK"] < len(asked) or not asked,
        "wrong answers": not all(map(answered_by, answers)),
    })  # fmt: skip
    row.faults += end_faults(code, seconds) + log_faults("".join(server.log))
    return row


def _publish_all(asker: Asker, made: Path, models: Path, name: str) -> list[float | None]:
    """Gives "a" its version and then "b" its own ones.

    Returns:
        Seconds until each good version answered, None for never; that of a slow copy is the last.
    """
    copier = threading.Thread(target=slow_copy, args=(made / "2", models / "a" / "2"))
    if name == SLOW:
        copier.start()
    else:
        publish(made / "2", models / "a" / "2", SPOILS[name])
    time.sleep(1)
    waits = []
    for version in ROLLED:
        publish(made / str(version), models / "b" / str(version))
        waits.append(_seconds_until(asker, ("b", version), 2 * SOON))
    if name == SLOW:
        copier.join()
        waits.append(_seconds_until(asker, ("a", 2), 4 * SOON))
    return waits


def _seconds_until(asker: Asker, wanted: tuple[str, int], most: float) -> float | None:
    """Returns the seconds until a model's version answers, None if it does not."""
    since = time.monotonic()
    while time.monotonic() < since + most:
        for asked in list(asker.asked):
            if asked.due > since - 1 and answered_by(asked.answer) == wanted:
                return max(0.0, asked.due + asked.seconds - since)
        time.sleep(0.1)
    return None
