"""Does each reader end, soon and within its memory, whatever file it is given?

Hundreds of hostile files of every format that the package reads, each through the loader that a
user would reach, in a process of its own that has imported everything already. Each must end as an
error of one line that names the file (exit code 2 on the command line) or, where it is only odd,
be read. Seconds are the CPU time of the load alone, all threads, since others use the machine too;
of a command, what its user waits.

    python benchmarks/hostile_files.py
"""

from __future__ import annotations

import argparse
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from hostile_bytes import ANY
from hostile_loaders import LOADERS, OPENINGS, Loader
from interleaved import provenance

from kavc.cli.output import print_table
from kavc.errors import KavcError
from kavc.evaluation.table import Column, Table
from kavc.files import write_text

OUT = Path(__file__).parent / "results" / "hostile_files.csv"
SECONDS, MIB = 1.0, 200  # that an error may take beyond what the good file does
WAIT = 30  # seconds until a process is taken to hang
LONGEST = 600  # characters of one line
NOBODY = 65534
COLUMNS = (
    Column("loader"),
    Column("kind"),
    Column("damage"),
    Column("outcome"),
    Column("seconds", ".3f"),
    Column("MiB", ".1f"),
)
SUMMARY = (
    Column("kind"),
    Column("files", "d"),
    Column("refused in one line", "d"),
    Column("read", "d"),
    Column("else", "d"),
    Column("median seconds", ".3f"),
    Column("most seconds", ".3f"),
    Column("most MiB", ".1f"),
)


@dataclass(frozen=True)
class End:
    """How a load ended: "read", "refused" or the name of another exception.

    Args:
        how: this.
        seconds, mib: that it took; None where the process died.
        words: of the error.
    """

    how: str
    seconds: float
    mib: float | None
    words: str


def main() -> None:
    """Runs all files, writes the table and prints its summary; exits 1 if any ended otherwise."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="loaders whose name holds this")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    rows: list[tuple] = []
    for loader in LOADERS:
        if options.only in f"{loader.name} {loader.kind}":
            rows += of_loader(loader)
    if not options.only:
        rows += on_the_command_line()
    table = Table("hostile-files", COLUMNS, (row[:-1] for row in rows), source=provenance())
    write_text(options.out, table.to_csv())
    bad = [row for row in rows if row[3] not in ("refused", "read")]
    for row in bad:
        print(*row, sep=" | ")
    print_table(summary(rows))
    sys.exit(bool(bad))


def of_loader(loader: Loader) -> Iterator[tuple]:
    """Yields a row for each damage of a loader's file."""
    with tempfile.TemporaryDirectory() as scratch:
        good = Path(scratch) / "good"
        good.mkdir()
        loader.make(good)
        content = (good / loader.file).read_bytes()
        os.chmod(scratch, 0o755)
        usual = 0.0
        for number, (damage, left) in enumerate(loader.all_damages(content)):
            folder = Path(scratch) / str(number)
            shutil.copytree(good, folder)
            file = folder / loader.file
            file.unlink()
            OPENINGS[damage](file) if left is None else file.write_bytes(left)
            if loader.after:
                loader.after(folder)
            end = load(loader, folder, damage)
            usual = usual or end.seconds  # of the good file, which comes first
            judged = judge(end, folder, _may(loader, damage), usual)
            words = end.words.replace(str(folder), "FOLDER")
            yield loader.name, loader.kind, damage, judged, end.seconds, end.mib, words
            shutil.rmtree(folder)


def load(loader: Loader, folder: Path, damage: str) -> End:
    """Loads a folder in a process of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        os.dup2(os.open(os.devnull, os.O_RDWR), 2)  # what libraries print of a file is not it
        try:
            found = _loaded(loader, folder, as_nobody=damage == "no permission")
            os.write(writing, json.dumps(found).encode())
        finally:
            os._exit(0)
    os.close(writing)
    ready, _, _ = select.select([reading], [], [], WAIT)
    if not ready:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    said = os.read(reading, 2**16)
    os.close(reading)
    if said:
        return End(*json.loads(said))
    return End(
        f"exit {os.waitstatus_to_exitcode(status)}" if ready else "hangs", float(WAIT), None, ""
    )


def judge(end: End, folder: Path, may: Collection[str], usual: float) -> str:
    """Returns how a load ended, or what is wrong with that.

    Args:
        end: of the load.
        folder: that was loaded; a message must name it.
        may: the ends that it may have.
        usual: seconds that the good file takes.
    """
    if end.how not in may:
        return f"{end.how}, not {' or '.join(may)}"
    if end.how == "refused":
        if len(end.words.splitlines()) != 1 or len(end.words) > LONGEST:
            return "not one line"
        if str(folder) not in end.words:
            return "names no file"
        if end.seconds > usual + SECONDS:
            return "too slow"
        if end.mib > MIB:
            return "too much memory"
    return end.how


def _may(loader: Loader, damage: str) -> tuple[str, ...]:
    if damage.endswith("(good)") or (damage == "missing" and loader.optional):
        return ("read",)
    return ("read", "refused") if damage.endswith("(either)") else ("refused",)


def _loaded(loader: Loader, folder: Path, *, as_nobody: bool) -> tuple[str, float, float, str]:
    """Returns the fields of `End`."""
    given = () if loader.before is None else (loader.before(),)
    before = _mib("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    if as_nobody and os.geteuid() == 0:  # whom nothing is forbidden
        os.seteuid(NOBODY)
    began = time.process_time()
    try:
        loader.load(folder, *given)
        how, words = "read", ""
    except KavcError as error:
        how, words = ("refused" if error.exit_code == 2 else "exit code 1"), str(error)
    except BaseException as error:
        how, words = type(error).__name__, str(error)
    return how, time.process_time() - began, max(0.0, _mib("VmHWM") - before), words[:5000]


def _mib(name: str) -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{name}:")[2].split()[0]) / 1024


def on_the_command_line() -> Iterator[tuple]:
    """Yields a row for some damages of each loader that a command reaches; these take seconds."""
    kavc = Path(sys.executable).with_name("kavc")
    for loader in LOADERS:
        for damage in () if loader.command is None else ("web page", "noise", "a FIFO"):
            with tempfile.TemporaryDirectory() as folder:
                loader.make(Path(folder))
                file = Path(folder) / loader.file
                content = file.read_bytes()
                file.unlink()
                if damage in OPENINGS:
                    OPENINGS[damage](file)
                else:
                    file.write_bytes({**ANY, **loader.damages}[damage](content))
                command = [kavc, *loader.command(folder)]
                began = time.perf_counter()
                done = subprocess.run(command, capture_output=True, text=True, timeout=2 * WAIT)
                spent = time.perf_counter() - began
                one_line = done.returncode == 2 and done.stderr.count("\n") == 1
                how = "refused" if one_line and folder in done.stderr else f"exit {done.returncode}"
                name = f"kavc {' '.join(loader.command('')[:2])}"
                yield (
                    name,
                    "command",
                    f"{loader.kind}: {damage}",
                    how,
                    spent,
                    None,
                    done.stderr[:500],
                )


def summary(rows: list[tuple]) -> Table:
    """Returns how the files of each kind ended."""
    found = []
    for kind in dict.fromkeys(row[1] for row in rows):
        those = [row for row in rows if row[1] == kind]
        ends = [row[3] for row in those]
        spent = np.array([row[4] for row in those])
        mib = max((row[5] for row in those if row[5] is not None), default=None)
        others = len(ends) - ends.count("refused") - ends.count("read")
        counts = len(ends), ends.count("refused"), ends.count("read"), others
        found.append((kind, *counts, np.median(spent), spent.max(), mib))
    return Table("hostile-files-summary", SUMMARY, found, "Hostile files, and how they end")


if __name__ == "__main__":
    main()
