"""YouTube-8M, video level, written again as corpora that `features:` reads.

    python benchmarks/youtube8m_as_features.py --data youtube8m:PATH --splits FILE --out FOLDER

FOLDER/labels has all videos with all their labels, for the embedding, FOLDER/themes those with one
theme, for Ti-AVC, each in the order and with the classes of the published files. What is trained on
`features:FOLDER/labels` or `features:FOLDER/themes` must therefore equal, to the last digit, what
is trained on `youtube8m:PATH`.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from kavc.data.features.writer import write_corpus
from kavc.data.source import Source
from kavc.systems.base import System
from kavc.systems.registry import get

SPLITS = ("train", "validation", "test")
CORPORA = {"labels": "cross-modal-embedding", "themes": "ti-avc"}


def main() -> None:
    """Writes both corpora."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--splits", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    source = Source.parse(options.data, options.splits).settled()
    for name, system in CORPORA.items():
        rewrite(get(system), source, options.out / name)
        print(f"features:{options.out / name}", flush=True)


def rewrite(system: System, source: Source, out: Path) -> None:
    """Writes what a system reads of a source as a corpus of the package's own format."""
    config = system.Config()
    info = system.describe(source, config)
    splits = {split: examples(system, source, split) for split in SPLITS}
    write_corpus(out, splits, distinct(info.classes), provenance={"made_of": source.title()})


def examples(system: System, source: Source, split: str) -> Iterator[dict[str, Any]]:
    """Yields the videos of a split: means as one row each, and silent ones as they are."""
    for video in system.read(source, split, system.Config()).as_numpy_iterator():
        audio, visual = (
            video[name].reshape(-1, video[name].shape[-1]) for name in ("audio", "visual")
        )
        labels = [video["theme"]] if "theme" in video else video["labels"]
        silent = video.get("silent", len(audio) == 0)
        yield {
            "id": video["id"].decode(),
            "labels": labels,
            "silent": bool(silent),
            "audio": audio,
            "visual": visual,
        }


def distinct(names: Sequence[str]) -> list[str]:
    """Returns names of which none is empty and none comes twice, by adding their index."""
    times = Counter(names)
    return [
        name if name and times[name] == 1 else f"{name or 'label'} ({index})"
        for index, name in enumerate(names)
    ]


if __name__ == "__main__":
    main()
