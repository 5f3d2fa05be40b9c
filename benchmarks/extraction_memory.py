"""Does extraction keep its memory over many files, and on a file of hours?

A thousand links to a few synthetic films; and one of these, looped without encoding it again, into
a file of four hours. Memory is that of this process and of its decoders, resident, twice a second.

    python benchmarks/extraction_memory.py --weights WEIGHTS
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import av
import numpy as np
import psutil
from interleaved import provenance
from random_weights import load

from kavc.cli.output import print_table, progress
from kavc.data.synthetic.films import FilmSettings, write
from kavc.evaluation.table import Column, Table
from kavc.extraction import engines
from kavc.extraction.clips import find_clips
from kavc.extraction.folder import ExtractionFolder
from kavc.extraction.run import _run, fields_of
from kavc.extraction.weights import WeightFiles
from kavc.files import write_text
from kavc.media.extractors.registry import recipe_of

OUT = Path(__file__).parent / "results" / "extraction_memory.csv"
EVERY = 0.5  # seconds
PAUSE = 0.1  # seconds between copies of a film


def main() -> None:
    """Measures both, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--hours", type=float, default=4.0)
    parser.add_argument("--weights", action="append", default=[])
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    given = WeightFiles.parse(options.weights)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "films", FilmSettings(width=160, height=120), videos=20)
        films = sorted((folder / "films" / "clips").iterdir())
        many, long = folder / "many", folder / "long"
        many.mkdir()
        long.mkdir()
        for number in range(options.files):
            (many / f"v{number:05}.mp4").symlink_to(films[number % len(films)])
        progress("looping a film")
        looped(films[0], long / "long.mkv", options.hours * 3600)
        names = {"audio": ("yamnet", {}), "visual": ("mobilenet-v2", {"frames": "rate:1"})}
        extractors = {
            array: load(recipe_of(name)(**said), folder, given)
            for array, (name, said) in names.items()
        }
        for label, place in (
            ("warm-up", folder / "films" / "clips"),
            (f"{options.files} files of 6 s", many),
            (f"a file of {options.hours:g} hours", long),
        ):
            with sampled() as samples:
                extracted(place, extractors, folder / f"features-{len(rows)}")
            progress(f"{label}: {max(samples) / 2**20:.0f} MiB at most")
            rows.append((label, *summary(np.array(samples) / 2**20)))
    columns = [
        Column("extraction"), Column("first tenth", ".0f", "MiB"),
        Column("middle", ".0f", "MiB"), Column("last tenth", ".0f", "MiB"),
        Column("most", ".0f", "MiB"), Column("seconds", ".0f"),
    ]  # fmt: skip
    caption = "Resident memory of extraction by YAMNet and MobileNetV2, 1 frame a second, 2 workers"
    table = Table("extraction_memory", columns, rows, caption, provenance())
    print_table(table)
    write_text(options.out, table.to_csv())


def summary(samples: np.ndarray) -> tuple[float, float, float, float, float]:
    """Returns medians of the first tenth, the middle and the last tenth, the most, and seconds."""
    tenth = max(1, len(samples) // 10)
    parts = (
        samples[:tenth],
        samples[tenth:-tenth] if len(samples) > 2 else samples,
        samples[-tenth:],
    )
    return (*(float(np.median(part)) for part in parts), float(samples.max()), EVERY * len(samples))


@contextmanager
def sampled() -> Iterator[list[int]]:
    """Yields bytes of memory, sampled for the time of a block."""
    samples: list[int] = []
    over = threading.Event()

    def sample() -> None:
        own = psutil.Process()
        while not over.wait(EVERY):
            total = own.memory_info().rss
            for child in own.children(recursive=True):
                try:
                    total += child.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            samples.append(total)

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield samples
    finally:
        over.set()
        thread.join()


def looped(film: Path, out: Path, seconds: float) -> None:
    """Writes a film again and again into one file, without encoding it again."""
    with av.open(str(out), "w", "matroska") as target:
        copies, begin = [], 0.0
        while begin < seconds:
            with av.open(str(film)) as source:
                copies = copies or [target.add_stream_from_template(s) for s in source.streams]
                for packet in source.demux():
                    if packet.dts is None:  # what ends a stream
                        continue
                    ticks = round(begin / packet.time_base)
                    packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
                    packet.stream = copies[packet.stream_index]
                    target.mux(packet)
                begin += source.duration / av.time_base + PAUSE


def extracted(place: Path, extractors: dict, out: Path) -> None:
    """Extracts all clips of a folder."""
    arrays = {name: each.provenance for name, each in extractors.items()}
    kept = ExtractionFolder(out, {"arrays": arrays, "table": None})

    def engine(todo):
        return engines.here(todo, extractors, workers=2, seconds=600)

    with kept.held():
        recipes = {name: each.recipe for name, each in extractors.items()}
        _run(
            kept, find_clips([place]), engine, recipes, fields_of(extractors), lambda at: None,
            lambda line: progress(line),
        )  # fmt: skip


if __name__ == "__main__":
    main()
