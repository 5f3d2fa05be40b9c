"""Each worker's share of a machine, as environment variables."""

from __future__ import annotations

import os
from collections.abc import Sequence

from kavc.errors import ConfigError


def shares(workers: int, gpus: Sequence[str] = ()) -> list[dict[str, str]]:
    """Returns the environment of each of some workers.

    Args:
        workers: how many.
        gpus: what CUDA_VISIBLE_DEVICES is for the first one, the second and so on, and round again;
            as it is here, if empty.

    Raises:
        ConfigError: the name of a GPU is missing.

    >>> [share["CUDA_VISIBLE_DEVICES"] for share in shares(3, ["0", "1"])]
    ['0', '1', '0']
    """
    if not all(gpu.strip() for gpu in gpus):
        raise ConfigError(f"GPUs {','.join(gpus)!r}: one has no name; name them as 0,1")
    environments = [_threads(workers) for _ in range(workers)]
    if gpus:
        for index, environment in enumerate(environments):
            environment["CUDA_VISIBLE_DEVICES"] = gpus[index % len(gpus)].strip()
    return environments


def _threads(workers: int) -> dict[str, str]:
    """Returns what gives each of some workers its share of the CPUs."""
    share = str(max(1, len(os.sched_getaffinity(0)) // workers))
    names = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    return {name: os.environ.get(name, share) for name in names}
