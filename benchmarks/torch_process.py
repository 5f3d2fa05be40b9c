"""PyTorch in an environment and a process of its own: as many threads as it is given."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any


class TorchProcess:
    """A process that answers a line of standard input by a line of JSON, "cpu" among it.

    Args:
        script: what it runs, beside this file.
        python: interpreter that has PyTorch.
        folder: that the script is given.
        threads: of PyTorch.

    Attributes:
        cpu: its CPU seconds when it last answered.
    """

    def __init__(self, script: str, python: Path, folder: Path, threads: int):
        self.process = subprocess.Popen(
            [python, Path(__file__).with_name(script), folder, str(threads)],
            env=os.environ | {"OMP_WAIT_POLICY": "passive"},  # idle threads would count as CPU time
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.process.stdout.readline()
        self.cpu = 0.0

    def ask(self, line: str) -> dict[str, Any]:
        """Returns the answer to a line."""
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        self.cpu = answer["cpu"]
        return answer

    def stop(self) -> None:
        """Ends it."""
        self.process.stdin.close()
        self.process.wait()
