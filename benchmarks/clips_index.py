"""A demonstration on real clips: which clip is most like this one, by sound and by picture?

Each clip's features are extracted by YAMNet, a row each 0.96 s, and MobileNetV2, a frame a second.
Two indexes hold the mean of the first half of each clip; the second halves ask. It shows that the
road from media files to an index works, on few clips of which some are the same film; it is no
evaluation of retrieval.

    python benchmarks/clips_index.py CLIPS --weights WEIGHTS
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from interleaved import provenance

from kavc.cli.output import print_table, progress
from kavc.data.features.header import read_header
from kavc.data.tfrecord import read_records
from kavc.evaluation.table import Column, Table
from kavc.extraction.asked import recipes
from kavc.extraction.clips import find_clips
from kavc.extraction.run import extract
from kavc.extraction.weights import WeightFiles
from kavc.files import write_text
from kavc.retrieval.index import Index

OUT = Path(__file__).parent / "results" / "clips_index.csv"


def main() -> None:
    """Extracts, indexes, asks, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--weights", action="append", default=[])
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    wanted = recipes(
        arrays=["audio=yamnet", "visual=mobilenet-v2"], overrides=["visual.frames=rate:1"]
    )
    with tempfile.TemporaryDirectory() as name:
        outcome = extract(
            find_clips(options.clips), wanted, Path(name) / "features",
            weights=WeightFiles.parse(options.weights), tell=progress,
        )  # fmt: skip
        spec = read_header(outcome.folder).spec
        files = sorted(outcome.folder.glob("*.tfrecord"))
        clips = {
            example["id"].decode(): example
            for example in read_records(files, spec).as_numpy_iterator()
        }
    clips = {
        id_: each for id_, each in clips.items() if len(each["audio"]) > 1 < len(each["visual"])
    }
    found = {array: answers(clips, array) for array in ("audio", "visual")}
    rows = [(id_, *found["audio"][id_], *found["visual"][id_]) for id_ in sorted(clips)]
    columns = [Column("second half of")]
    for of in ("sound", "picture"):
        columns += [
            Column(f"rank of its own, {of}", "d"), Column(f"nearest by {of}"),
            Column(f"cosine, {of}", ".3f"), Column(f"next by {of}"),
            Column(f"its cosine, {of}", ".3f"),
        ]  # fmt: skip
    table = Table("clips_index", columns, rows, f"Nearest first halves of {len(clips)} clips",
                  provenance())  # fmt: skip
    print_table(table)
    for number, of in ((1, "sound"), (6, "picture")):
        ranks = np.array([row[number] for row in rows])
        print(f"by {of}: own first half comes first for {np.sum(ranks == 1)} of {len(ranks)} clips")
    write_text(options.out, table.to_csv())


def answers(clips: dict, array: str) -> dict[str, tuple[int, str, float, str, float]]:
    """Returns, of each clip, the rank of its own first half, and the nearest two."""
    halves = {id_: np.array_split(each[array], 2) for id_, each in clips.items()}
    index = Index(next(iter(halves.values()))[0].shape[1], modality=array)
    index.add(list(halves), np.stack([first.mean(axis=0) for first, _ in halves.values()]))
    ids, scores = index.search(
        np.stack([last.mean(axis=0) for _, last in halves.values()]), len(index)
    )
    return {
        id_: (1 + list(near).index(id_), near[0], float(cosine[0]), near[1], float(cosine[1]))
        for id_, near, cosine in zip(halves, ids, scores, strict=True)
    }


if __name__ == "__main__":
    main()
