"""Each system says what it can't do, in sentences."""

from __future__ import annotations

import pytest

from kavc.systems import registry


@pytest.mark.parametrize("name", registry.names())
def test_limits_are_sentences(name):
    limits = registry.get(name).limits
    assert 2 <= len(limits) <= 4
    for sentence in limits:
        assert sentence[0].isupper() and sentence.endswith(".") and len(sentence) < 250
