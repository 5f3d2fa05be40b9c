"""The card says what it was given, and the fingerprint follows the weights."""

from __future__ import annotations

import pytest

from kavc.export.card import model_card
from kavc.layers.fingerprint import weights_fingerprint
from kavc.systems.base import Paper, SourceInfo

PAPER = Paper("Sounds and Sights", "A. Author and B. Author", 2020, "https://example.org", "X", {})
INFO = SourceInfo({"train": 80, "test": 20}, {"audio": 4}, ["Pets"], "abc123", ["3 had no sound"])


@pytest.fixture(scope="module")
def card(tiny, network):
    return model_card(
        name="tiny",
        version=3,
        system="ti-avc",
        summary="Does it match?",
        paper=PAPER,
        config={"variant": "a|b", "units": 8},
        source="synthetic:data",
        info=INFO,
        metric="match AUC",
        value=0.81234,
        interval=(0.79, 0.83),
        intended_use="Experiments.",
        measured=["Synthetic data.", "One seed."],
        signatures=tiny.signatures(network),
        versions={"keras": "3.15.1"},
        fingerprint=weights_fingerprint(network),
        synthetic=True,
        limits=["It hears nothing."],
        calls={"sh": "kavc predict it\n"},
        size={"parameters": "1,234"},
        made=[("Date", "2026-01-31 12:00 UTC")],
        licences=["Code: a licence."],
    )


@pytest.mark.parametrize(
    "line",
    [
        "# tiny, version 3 – SYNTHETIC: trained and tested on made-up data",
        "System: ti-avc, after A. Author and B. Author, *Sounds and Sights*, 2020. "
        "https://example.org",
        "match AUC: 0.8123 (0.79 to 0.83), on the test split of the data below.",
        "- Synthetic data.",
        "Source: `synthetic:data`; examples: train 80, test 20; fingerprint `abc123`.",
        "- 3 had no sound",
        "| input | `audio` | float32 | (batch, any, 4) | audio features, one step a second |",
        r"| variant | `a\|b` |",
        "| keras | 3.15.1 |",
        "- It hears nothing.",
        "kavc predict it",
        "- parameters: 1,234",
        "- Date: 2026-01-31 12:00 UTC",
        "- Code: a licence.",
    ],
)
def test_facts(card, line):
    assert line in card.splitlines()


def test_fingerprint_is_in_the_card_and_follows_the_weights(card, tiny, network):
    first = weights_fingerprint(network)
    assert first in card and len(first) == 64
    other = tiny.network()
    assert weights_fingerprint(other) == first
    weight = other.weights[0]
    weight.assign(weight + 1e-6)
    assert weights_fingerprint(other) != first


def test_a_card_without_a_report(tiny, network):
    card = model_card(
        name="tiny",
        version=1,
        system="ti-avc",
        summary="Does it match?",
        paper=PAPER,
        config={},
        source="synthetic:data",
        info=INFO,
        no_report="the test split is empty",
        intended_use="Experiments.",
        signatures=tiny.signatures(network),
        versions={},
        fingerprint="ab",
    )
    assert "\n## Result\n\nNo report: the test split is empty\n\n## Use\n" in card
    assert card.startswith("# tiny, version 1\n")
    assert "SYNTHETIC" not in card and "## Limits" not in card and "## Licence" not in card
