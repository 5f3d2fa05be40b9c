"""`kavc` with the system of small.py, whose epochs last EPOCH_SECONDS: for processes of tests."""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from pathlib import Path

from kavc.cli.main import main
from kavc.systems import registry

spec = importlib.util.spec_from_file_location(
    "kavc_tests_small", Path(__file__).with_name("small.py")
)
sys.modules[spec.name] = small = importlib.util.module_from_spec(spec)
spec.loader.exec_module(small)


class SlowStage(small.SmallStage):
    def dataset(self, examples, epoch, seed):
        time.sleep(float(os.environ.get("EPOCH_SECONDS", "0")))
        return super().dataset(examples, epoch, seed)


class SlowSystem(small.SmallSystem):
    def stages(self, config):
        return [SlowStage(config, "only")]


if __name__ == "__main__":  # pytest imports this file, too, to look for doctests
    registry.SYSTEMS["small"] = ("__main__", "SlowSystem")
    main()
