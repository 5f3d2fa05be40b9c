"""The systems as fixtures: a test that takes `small` runs for each, one that takes `case` for each
preset and each row of a paper's table, one that takes `variant` for further networks, too."""

from __future__ import annotations

import functools
import os
import sys
from pathlib import Path

import pytest

# `contract` and `made_up` are imported by name, here as by other processes.
sys.path.append(os.fspath(Path(__file__).parents[1]))

from contract.systems import CASES, NAMES, NETWORKS, Case, Small, bases, registered, variants

from kavc.training.fit import train
from kavc.training.run import Run

SEED = 3


@pytest.fixture(scope="module", autouse=True)
def _registered():
    with registered():
        yield


@pytest.fixture(scope="session")
def small_of(tmp_path_factory):
    """Returns the `Small` of a name, whose corpus is written once."""
    return functools.cache(lambda name: Small.of(name, tmp_path_factory.mktemp("corpus")))


@pytest.fixture(scope="session")
def case_of(small_of):
    """Returns the `Case` of a name and a label."""

    def of(name: str, label: str) -> Case:
        small, configs = small_of(name), bases(name) | variants(name)
        return Case(small.system, label, small.made_small(configs[label]))

    return of


@pytest.fixture(scope="module", params=NAMES)
def small(request, small_of) -> Small:
    return small_of(request.param)


@pytest.fixture(scope="module", params=CASES, ids=" ".join)
def case(request, case_of) -> Case:
    return case_of(*request.param)


@pytest.fixture(scope="module", params=NETWORKS, ids=" ".join)
def variant(request, case_of) -> Case:
    return case_of(*request.param)


@pytest.fixture(scope="module")
def run(small, tmp_path_factory) -> Run:
    """The run folder of a training; not to be changed."""
    out = tmp_path_factory.mktemp("whole") / "run"
    train(
        small.system, small.source, out, preset=small.preset, overrides=small.overrides, seed=SEED
    )
    return Run(out)
