"""The processes of a shared sweep on one machine: who dies is started again."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import yaml

from kavc.errors import KavcError, ServingError
from kavc.files import write_text
from kavc.tuning.attempt import Limits, minutes_since
from kavc.tuning.distribute.child import FAREWELL, Child, end, how_ended
from kavc.tuning.distribute.messages import GRACE
from kavc.tuning.settings import SweepSettings
from kavc.tuning.sweep import SWEEP, Sweep
from kavc.tuning.trial import RUNNING

TIME_UP_CODE = 3  # exit code of a process whose sweep's time was up
MISTAKE = 2  # exit code of one that would be refused again
LOOK = 0.2  # seconds between two looks at the processes
LONGEST_PAUSE = 60.0  # seconds before a worker that died often is started again
ERROR = "error: "


class Crew:
    """The processes of a sweep.

    Args:
        settings: of the sweep.
        out: its folder.
        folder: a temporary one, also for what the workers leave in theirs.
        environments: what is different for each worker.
        resume: whether to go on with a sweep.
        limits: how long it may take.
        report: told what happens.
        command: that runs `kavc`.
    """

    def __init__(
        self,
        settings: SweepSettings,
        out: Path,
        folder: Path,
        environments: Sequence[dict[str, str]],
        resume: bool,
        limits: Limits,
        report: Callable[[str], None],
        command: Sequence[str],
    ):
        self.out = out
        self.folder = folder
        self.environments = environments
        self.resume = resume
        self.limits = limits
        self.report = report
        self.command = command
        self.began = time.monotonic()
        self.socket = folder / "chief"
        self.file = folder / "sweep.yaml"
        self.error: str | None = None
        self.workers: list[Child] = []
        self.chief: Child | None = None
        write_text(self.file, yaml.safe_dump(dataclasses.asdict(settings)))

    def start_chief(self) -> None:
        """Starts the chief, who goes on with the sweep if it had begun it before."""
        self.socket.unlink(missing_ok=True)
        words = [str(self.file), "--out", str(self.out), "--socket", str(self.socket)]
        words += ["--resume"] if self.resume else []
        left = self.limits.minutes - minutes_since(self.began)
        for option, minutes in {
            "--max-minutes": max(0.0, left),
            "--max-trial-minutes": self.limits.trial_minutes,
        }.items():
            words += [option, str(minutes)] if math.isfinite(minutes) else []
        environment = {"CUDA_VISIBLE_DEVICES": "-1"}
        process = self._start(["chief", *words], environment, subprocess.PIPE)
        if self.chief is None:
            self.chief = Child("chief", process, environment)
        else:
            end(self.chief.process)
            self.chief.process = process
        self._reader = threading.Thread(target=self._relay, args=(process,), daemon=True)
        self._reader.start()

    def watch(self) -> None:
        """Waits for the chief's end; starts the workers when it listens, and again who dies.

        Raises:
            KavcError: the chief failed, none is left to work, or it does not end in time.
        """
        while not self._chief_has_ended():
            if not self.workers and self.socket.exists():
                self._start_workers()
            if self.workers and all(worker.gone for worker in self.workers):
                self._end_without_workers()
            if minutes_since(self.began) * 60 > self.limits.minutes * 60 + 2 * GRACE:
                raise ServingError("the chief did not end when the sweep's time was up")
            for worker in self.workers:
                self._look_after(worker)
            time.sleep(LOOK)

    def stop(self) -> None:
        """Ends who is left: the chief first, who puts back what is being trained."""
        if self.chief is not None:
            end(self.chief.process)
        until = time.monotonic() + FAREWELL
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.process.terminate()
        for worker in self.workers:
            end(worker.process, until)

    def _start_workers(self) -> None:
        self.resume = True  # the chief has begun the sweep
        for index, environment in enumerate(self.environments):
            name = f"w{index + 1}"
            environment = environment | {"TMPDIR": str(self.folder / name)}
            self.workers.append(Child(name, self._start_worker(name, environment), environment))

    def _chief_has_ended(self) -> bool:
        """Whether it has ended well; if it was killed, it is started again."""
        assert self.chief is not None
        code = self.chief.process.poll()
        if code is None:
            return False
        self._reader.join(FAREWELL)
        if code in (0, TIME_UP_CODE):
            self._wait_for_workers()
            return True
        if code < 0 and self.chief.died(self._trials_ended()):
            self.report(f"the chief was killed by {how_ended(code)}: it is started again")
            self.start_chief()
            return False
        error = KavcError(self.error or f"the chief ended with {how_ended(code)}")
        error.exit_code = code if code > 0 else 1
        raise error

    def _look_after(self, worker: Child) -> None:
        if worker.gone:
            return
        if worker.again is not None:
            if time.monotonic() >= worker.again:
                worker.again = None
                worker.process = self._start_worker(worker.name, worker.environment)
            return
        code = worker.process.poll()
        if code is None:
            return
        end(worker.process)
        if code in (0, TIME_UP_CODE, MISTAKE) or not worker.died(self._trials_ended()):
            worker.gone = True
            if code not in (0, TIME_UP_CODE):
                self.report(f"{worker.name} ended with {how_ended(code)}{self._last_line(worker)}")
            return
        pause = min(LONGEST_PAUSE, 2.0 ** (worker.deaths - 1) - 1)
        worker.again = time.monotonic() + pause
        self.report(
            f"{worker.name} ended with {how_ended(code)}: it is started again"
            + (f" in {pause:.0f} s" if pause else "")
        )

    def _end_without_workers(self) -> None:
        """Gives the chief time to end, as it does if it told the workers to; or raises."""
        assert self.chief is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.chief.process.wait(FAREWELL)
            return
        raise ServingError(f"no worker is left; what they said is in {self.out / 'logs'}")

    def _wait_for_workers(self) -> None:
        until = time.monotonic() + FAREWELL
        while any(worker.process.poll() is None for worker in self.workers):
            if time.monotonic() >= until:
                return
            time.sleep(LOOK)

    def _start(
        self, words: Sequence[str], environment: dict[str, str], errors: int
    ) -> subprocess.Popen:
        """Starts a command of `kavc tune` that ends with this process, by its standard input."""
        return subprocess.Popen(
            [*self.command, "tune", *words, "--launched"],
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,  # Ctrl-C reaches this process alone
        )

    def _start_worker(self, name: str, environment: dict[str, str]) -> subprocess.Popen:
        log = self.out / "logs" / f"{name}.log"
        log.parent.mkdir(exist_ok=True)
        temporary = Path(environment["TMPDIR"])
        shutil.rmtree(temporary, ignore_errors=True)  # of the one before, who died
        temporary.mkdir()
        with open(log, "ab") as stream:
            words = ["work", "--chief", f"unix:{self.socket}", "--id", name]
            return self._start(words, environment, stream.fileno())

    def _relay(self, process: subprocess.Popen) -> None:
        """Reports what the chief says; keeps its error."""
        assert process.stderr is not None
        for raw in process.stderr:
            line = raw.decode(errors="replace").rstrip()
            if line.startswith(ERROR):
                self.error = line.removeprefix(ERROR)
            else:
                # Where the terminal is closed: if this pipe filled, the chief would wait for ever.
                with contextlib.suppress(Exception):
                    self.report(line)

    def _trials_ended(self) -> int:
        if not (self.out / SWEEP).exists():
            return 0
        return sum(trial.status != RUNNING for trial in Sweep(self.out).trials)

    def _last_line(self, worker: Child) -> str:
        text = (self.out / "logs" / f"{worker.name}.log").read_text(errors="replace").strip()
        return f": {text.splitlines()[-1].removeprefix(ERROR)}" if text else ""
