"""The words of errors."""

from __future__ import annotations

import pytest

from kavc.errors import unknown


@pytest.mark.parametrize(
    ("name", "known"), [("caf\u00e9", "cafe\u0301"), ("cafe\u0301", "caf\u00e9")]
)
def test_a_name_that_is_known_in_another_unicode_form(name, known):
    line = f"unknown theme {name!a}; known in another Unicode form, {known!a}"
    assert unknown("theme", name, ["pets", known]) == line
