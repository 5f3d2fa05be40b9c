"""What a newcomer types from the README alone, with the time and the output of each command.

    git clone REPOSITORY kavc && cd kavc && python3 benchmarks/newcomer.py --out docs/newcomer.md

Everything that the README's first half has is typed in its order, in one shell, in the folder of a
fresh clone: it needs no package, since the first command installs them. What serves runs in the
background of that shell until the end, where a reader takes a second one. `make test` takes half
an hour and is left out.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"```python\n([\s\S]*?)```|((?:^    \S.*\n)+)", re.MULTILINE)
SERVES = ("kavc serve", "kavc app")
LEFT_OUT = ("make test",)
READY, LONGEST = 60, 1200  # seconds until a server answers, and that a command may take
LINES, WIDTH = 14, 150  # of an output that are kept: the first ones, and the last ones
INSTALLER = "WARNING: "  # of pip about the machine's own index
SYNTHETIC = (
    "All that is measured in it is of synthetic films and features, one seed each, and says nothing"
    " of real ones."
)
NOISE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


def typed(text: str) -> Iterator[tuple[str, str]]:
    """Yields what a reader types, in order: ("shell", line) or ("python", code)."""
    for match in BLOCK.finditer(text):
        if match[1]:
            yield "python", match[1]
            continue
        for line in match[2].splitlines():
            command = re.sub(r"\s+# .*", "", line.strip())
            if not command.startswith(LEFT_OUT):
                yield "shell", command


class Shell:
    """One bash that keeps its folder and its environment from command to command."""

    def __init__(self) -> None:
        self._bash = subprocess.Popen(
            ["bash"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, cwd=ROOT, start_new_session=True, env=os.environ | {"COLUMNS": "110"},
        )  # fmt: skip

    def run(self, command: str) -> tuple[int, float, list[str]]:
        """Returns exit code, seconds and the lines of a command's output."""
        assert self._bash.stdin is not None and self._bash.stdout is not None
        start, end = time.monotonic(), "--- typed:"
        self._bash.stdin.write(f"{command}\necho '{end}' $?\n")
        self._bash.stdin.flush()
        lines: list[str] = []
        late = threading.Timer(LONGEST, self.close, [signal.SIGKILL])  # also of what says nothing
        late.start()
        try:
            for line in self._bash.stdout:
                if line.startswith(end):
                    return int(line.split()[-1]), time.monotonic() - start, lines
                lines.append(NOISE.sub("", line.rstrip("\n"))[:WIDTH])
        finally:
            late.cancel()
        raise SystemExit(f"{command}: no end after {time.monotonic() - start:.0f} s")

    def serve(self, command: str) -> tuple[int, float, list[str]]:
        """Starts what serves in the background; returns once it has said where, or an error."""
        log = ROOT / f".newcomer-{command.split()[1]}.log"
        start = time.monotonic()
        self.run(f"{command} > {log.name} 2>&1 &")
        while time.monotonic() - start < READY:
            text = log.read_text(encoding="utf-8") if log.exists() else ""
            if re.search(r"^error:", text, re.MULTILINE):
                return 1, time.monotonic() - start, text.splitlines()
            if re.search(r"localhost:|127\.0\.0\.1:|0\.0\.0\.0:", text):
                return 0, time.monotonic() - start, text.splitlines()
            time.sleep(0.1)
        raise SystemExit(f"{command}: says no address after {READY} s:\n{text}")

    def close(self, how: int = signal.SIGTERM) -> None:
        """Ends the shell and what it started, by a signal."""
        with contextlib.suppress(ProcessLookupError):  # it has ended
            os.killpg(self._bash.pid, how)


def shown(lines: list[str]) -> list[str]:
    """Returns an output without its middle."""
    lines = [line.rstrip() for line in lines if line.strip() and not line.startswith(INSTALLER)]
    if len(lines) <= 2 * LINES:
        return lines
    return [*lines[:LINES], f"... {len(lines) - 2 * LINES} more lines ...", *lines[-LINES:]]


def main() -> None:
    """Types the README, and writes the log; ends at the first command that fails."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "newcomer.md")
    options = parser.parse_args()
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    head = subprocess.run(
        ["git", "log", "-1", "--format=%h"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    cores = len(os.sched_getaffinity(0))
    driver = "with" if shutil.which("nvidia-smi") else "without"
    parts = [
        "# A newcomer's log",
        "Typed by `benchmarks/newcomer.py` from the README alone, in a fresh clone"
        f" ({head.stdout.strip()}), on {cores} cores, {driver} a GPU's driver (nvidia-smi). Of long"
        f" outputs the middle is left out. {SYNTHETIC}",
    ]
    shell, total = Shell(), 0.0
    try:
        for kind, content in typed(text):
            if kind == "python":
                Path(ROOT / ".newcomer.py").write_text(content, encoding="utf-8")
                code, seconds, lines = shell.run("python .newcomer.py")
            elif content.startswith(SERVES):
                code, seconds, lines = shell.serve(content)
            else:
                code, seconds, lines = shell.run(content)
            total += seconds
            print(f"{seconds:7.1f} s  exit {code}  {content.splitlines()[0]}", file=sys.stderr)
            if code:
                raise SystemExit("\n".join(lines))
            prompt = content if kind == "python" else f"$ {content}"
            parts.append(f"**{seconds:.1f} s**\n\n```text\n{prompt.rstrip()}\n```")
            if lines := shown(lines):
                parts.append("```text\n" + "\n".join(lines) + "\n```")
    finally:
        shell.close()
        for left in ROOT.glob(".newcomer*"):
            left.unlink()
    parts.append(f"All together: {total / 60:.1f} minutes.")
    options.out.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
