"""Reads synthetic corpora: each lies in the layout of the real one that it imitates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from kavc.data import layouts
from kavc.data.layouts import Reader, View
from kavc.data.schema import ExampleSpec
from kavc.data.source import Source
from kavc.errors import DataError
from kavc.inputs.json_files import read_json
from kavc.inputs.records import entries

DESCRIBED = "corpus.json"
FEATURES = "features"
# By the layout of the corpus.
TRIPLES = "triples"
IMITATED = {
    "ave": "AVE",
    FEATURES: "KWAI",
    "llp": "LLP",
    TRIPLES: "music preference",
    "youtube8m": "YouTube-8M",
}


class SyntheticReader(Reader):
    """Corpora that `kavc data synth` writes; `corpus.json` says of which layout they are."""

    def describe(self, source: Source, view: View) -> dict[str, Any]:
        return _reader(source).describe(source, view)

    def read(self, source: Source, split: str, view: View) -> tf.data.Dataset:
        return _reader(source).read(source, split, view)

    def title(self, source: Source) -> str:
        kind = _kind(source)
        like = "" if kind == TRIPLES else "-like"  # of no real corpus that has a name
        return f"synthetic {IMITATED[kind]}{like} corpus ({source.path.name})"

    def arrays(self, source: Source) -> Sequence[ExampleSpec]:
        return _reader(source).arrays(source)

    def compares(self, source: Source) -> bool:
        return _reader(source).compares(source)

    def corpora(self, source: Source) -> Mapping[str, Source]:
        return _reader(source).corpora(source)


def _reader(source: Source) -> Reader:
    return layouts.get(_kind(source)).load()


def _kind(source: Source) -> str:
    """Returns the layout of a corpus: that of features, if it does not say otherwise."""
    path = source.path / DESCRIBED
    kind = entries(read_json(path), {"kind": str | None}, path)["kind"] or FEATURES
    if kind not in IMITATED:
        raise DataError(
            f"{path}: kind {kind!r} is none of {', '.join(IMITATED)}; generate the corpus again"
        )
    return kind
