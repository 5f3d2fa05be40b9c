"""Public docstrings keep their examples and their references: `benchmarks/docstrings.py` counts."""

from __future__ import annotations

from pathlib import Path

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
LEAST = (47.0, 21.0)  # per cent with an example, and with a reference


def test_they_are_not_fewer(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import docstrings

    found = docstrings.shares(list(docstrings.documented()))
    assert found[0] > LEAST[0] and found[1] > LEAST[1], found
