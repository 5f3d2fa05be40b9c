"""Each system says what it can't do, in sentences."""

from __future__ import annotations

import re

import pytest

from kavc.systems import registry


@pytest.mark.parametrize("name", registry.names())
def test_limits_are_sentences(name):
    limits = registry.get(name).limits
    assert 2 <= len(limits) <= 4
    for sentence in limits:
        assert sentence[0].isupper() and sentence.endswith(".") and len(sentence) < 250


@pytest.mark.parametrize("name", registry.names())
def test_no_limit_tells_what_was_or_was_not_at_hand_here(name):
    """They stand on the card of whatever others train, on data that they have."""
    said = " ".join(registry.get(name).limits)
    assert not re.search(r"at hand|(never|not|only|was|were) trained", said)
