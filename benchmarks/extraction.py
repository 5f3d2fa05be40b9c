"""Is extraction as fast as decoding alone plus networks alone?

For each recipe, over the same clips: the decoders alone, with as many processes, their windows
thrown away; the networks alone, on windows that lie ready; and the extraction, which writes parts
and the corpus, too. The ratio is that of the sum of the former two through the third: 1 where
nothing is lost, above it where they overlap. Weights are random where none are given, which changes
no time. Clips are synthetic films, or those of a folder.

    python benchmarks/extraction.py --weights WEIGHTS
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from interleaved import provenance
from random_weights import load

from kavc.cli.output import print_table, progress
from kavc.data.synthetic.films import FilmSettings, write
from kavc.evaluation.table import Column, Table
from kavc.extraction import engines
from kavc.extraction.clips import Clips, find_clips
from kavc.extraction.folder import ExtractionFolder
from kavc.extraction.run import _run, fields_of
from kavc.extraction.weights import WeightFiles
from kavc.files import write_text
from kavc.media.decoders import Decoders, Part
from kavc.media.extractors.base import Extractor
from kavc.media.extractors.registry import recipe_of
from kavc.media.windows import Windows, windows

OUT = Path(__file__).parent / "results" / "extraction.csv"
RECIPES = {
    "YAMNet": {"audio": ("yamnet", {})},
    "VGGish": {"audio": ("vggish", {})},
    "MobileNetV2, 8 key frames": {"visual": ("mobilenet-v2", {})},
    "MobileNetV2, 1 frame a second": {"visual": ("mobilenet-v2", {"frames": "rate:1"})},
    "ti-avc, YAMNet for VGGish": {"audio": ("yamnet", {}), "visual": ("mobilenet-v2", {})},
    "ti-avc": {"audio": ("vggish", {}), "visual": ("mobilenet-v2", {})},
    "Inception v3, 1 frame a second": {"visual": ("inception-v3", {})},
    "ResNet-50, 1 frame a second": {"visual": ("resnet-50", {})},
    "ResNet-152, 8 frames a second": {"visual": ("resnet-152", {})},
    "R(2+1)D-18": {"visual_3d": ("r2plus1d-18", {})},
    "VGG-19, 16 frames a second": {"visual": ("vgg-19", {})},
    "I3D, frames": {"visual": ("i3d-rgb", {})},
    "I3D, flow by DIS": {"flow": ("i3d-flow", {"method": "dis-fast"})},
    "ResNet-50 on a stack of flow": {"flow": ("resnet-50-flow", {})},
}
HEAVY = ("ResNet-152", "R(2+1)D", "VGG-19", "I3D")  # of which a few clips must do


def main() -> None:
    """Times all recipes, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, help="folder of clips; synthetic films if none")
    parser.add_argument("--count", type=int, default=32)
    parser.add_argument("--heavy", type=int, default=4, help="clips of the slowest networks")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--weights", action="append", default=[])
    parser.add_argument("--only", action="append", help="rows that contain this")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    given = WeightFiles.parse(options.weights)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clips = options.clips or films(folder / "films", options.count)
        found = find_clips([clips])
        for label, arrays in RECIPES.items():
            if options.only and not any(each in label for each in options.only):
                continue
            recipes = {array: recipe_of(name)(**said) for array, (name, said) in arrays.items()}
            extractors = {array: load(each, folder, given) for array, each in recipes.items()}
            count = options.heavy if label.startswith(HEAVY) else len(found.clips)
            part = Clips(found.clips[:count])
            rows.append((label, *row(part, extractors, options, folder)))
            progress(f"{label}: {rows[-1][-3]:.2f}")
            written(rows, options.out)  # the slowest come last
    print_table(written(rows, options.out))


def written(rows: list[tuple], out: Path) -> Table:
    """Returns the table so far, and writes it."""
    columns = [
        Column("recipe"), Column("clips", "d"), Column("clips/s", ".2f"),
        Column("x real time", ".1f"), Column("decoding", ".2f"), Column("networks", ".2f"),
        Column("both, through extraction", ".2f"), Column("least", ".2f"), Column("most", ".2f"),
    ]  # fmt: skip
    caption = "Extraction against decoding alone plus networks alone; the former two as its shares"
    table = Table("extraction", columns, rows, caption, provenance())
    write_text(out, table.to_csv())
    return table


def films(folder: Path, count: int) -> Path:
    """Makes clips of 6 s; returns their folder."""
    write(folder, FilmSettings(), videos=count)
    return folder / "clips"


def row(
    clips: Clips, extractors: Mapping[str, Extractor], options: argparse.Namespace, folder: Path
) -> tuple:
    """Returns clips, clips a second, x real time, shares of the two, and the ratios."""
    taken = tuple(dict.fromkeys(each.recipe.taken() for each in extractors.values()))
    ready = decoded(clips, taken, options.workers)
    seconds = 0.0
    spent = []
    for number in range(-1, options.rounds):
        parts = [
            timed(lambda: decoded(clips, taken, options.workers, keep=False)),
            timed(lambda: applied(ready, taken, extractors)),
            timed(lambda: extracted(clips, extractors, options.workers, folder)),
        ]
        if number >= 0:
            spent.append(parts)
    media = max(float(x.times[-1]) for x in ready[0][1])
    seconds = media * len(clips.clips)
    decode, networks, all_of = np.array(spent).T
    ratios = (decode + networks) / all_of
    took = float(np.median(all_of))
    return (
        len(clips.clips), len(clips.clips) / took, seconds / took,
        float(np.median(decode / all_of)), float(np.median(networks / all_of)),
        float(np.median(ratios)), float(ratios.min()), float(ratios.max()),
    )  # fmt: skip


def timed(work) -> float:
    """Returns how many seconds something takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def decoded(clips: Clips, taken: tuple, workers: int, *, keep: bool = True) -> list:
    """Decodes all clips; returns (index of a kind, windows) of each clip, or nothing."""
    found: dict[str, list] = {}
    jobs = ((clip.id, clip.path, (taken,)) for clip in clips.clips)
    with Decoders(workers) as decoders:
        for event in decoders.stream(windows, jobs):
            if isinstance(event, Part) and isinstance(event.item[1], Windows) and keep:
                found.setdefault(event.key, []).append(event.item)
    return [
        (index, [x for i, x in items if i == index])
        for items in found.values()
        for index in range(len(taken))
    ]


def applied(ready: list, taken: tuple, extractors: Mapping[str, Extractor]) -> None:
    """Has the networks work on windows that lie ready."""
    for index, items in ready:
        for extractor in extractors.values():
            if extractor.recipe.taken() == taken[index]:
                for item in items:
                    extractor(item.values)


def extracted(
    clips: Clips, extractors: Mapping[str, Extractor], workers: int, folder: Path
) -> None:
    """Extracts all clips into a corpus, which is thrown away."""
    with tempfile.TemporaryDirectory(dir=folder) as out:
        arrays = {name: each.provenance for name, each in extractors.items()}
        kept = ExtractionFolder(Path(out) / "features", {"arrays": arrays, "table": None})

        def engine(todo):
            return engines.here(todo, extractors, workers=workers, seconds=600)

        with kept.held():
            recipes = {name: each.recipe for name, each in extractors.items()}
            fields = fields_of(extractors)
            _run(kept, clips, engine, recipes, fields, lambda at: None, lambda line: None)


if __name__ == "__main__":
    main()
