"""What is known of licences is said, and what isn't."""

from __future__ import annotations

import pytest

from kavc.data import layouts
from kavc.export.licences import OF_DATA, licences

EXTRACTORS = {
    "audio": {"weights": {"yamnet": {"sha256": "ab", "licence": "Apache-2.0, as published"}}},
    "visual": {"weights": {"own": {"sha256": "cd"}}},
    "flow": {"extractor": "flow-fields"},
}


def test_each_thing_has_a_sentence():
    assert list(licences("youtube8m", EXTRACTORS, ships=False)) == [
        "Code: kavc, Apache-2.0.",
        "Weights: whoever trained them says; the terms of data and extractors apply, too.",
        "Data: YouTube-8M is published under Creative Commons Attribution 4.0 (CC BY 4.0).",
        "Weights of the extractor of `audio`, yamnet: Apache-2.0, as published.",
        "Weights of the extractor of `visual`, own: not known here; ask whoever made them.",
    ]


@pytest.mark.parametrize("layout", ["features", "triples", "no-such-layout"])
def test_what_is_not_known_is_said(layout):
    assert "Data: not known here; ask whoever made them." in licences(layout, {}, ships=True)


def test_damaged_extractors_are_passed_over():
    assert len(list(licences("ave", {"audio": {"weights": [1]}}, ships=True))) == 3


def test_they_are_of_layouts_that_there_are():
    assert set(OF_DATA) <= set(layouts.names())
