"""Does reading ever hold back a training step at batch 64?

Training reads a split once, into a `VideoStore`, and gathers its batches from there; the readers
are measured all the same, as if every step read its 64 videos from the files. Each is set against
the iteration of the raw records, unparsed (the limit), and against the step that would wait for it:
`fit` on batches in memory, of the "pairs" stage (the joint model) or, for its gather, of the
"correspondence" stage. Files are in the page cache. See README.md for how times are taken.

    python benchmarks/tfrecord_reading.py --youtube8m FOLDER --features FOLDER

FOLDER of `--features` is a corpus of YouTube-8M in our own format, as `youtube8m_as_features.py`
writes it: it is read as means and set against the embedding's step at its batch of 1,024.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from interleaved import provenance, ratio, times
from workloads import alone, compiled, fit, prepared

from kavc.cli.output import print_table
from kavc.data import tfrecord, youtube8m
from kavc.data.feature_store import FeatureStore
from kavc.data.features.header import read_header
from kavc.data.layouts import View
from kavc.data.source import Source
from kavc.data.store import VideoStore
from kavc.data.synthetic.kwai import write
from kavc.data.synthetic.kwai_knobs import knobs
from kavc.evaluation.table import Column, Table
from kavc.files import write_text
from kavc.systems.cross_modal_embedding import recipe as embedding
from kavc.systems.cross_modal_embedding.config import CrossModalConfig
from kavc.systems.ti_avc.videos import load_videos, video_store

OUT = Path(__file__).parent / "results" / "tfrecord_reading.csv"
BATCH, STEPS_PER_EXECUTION = 64, 32
LENGTHS = {
    "kwai, 12 steps": {},
    "kwai, 40 steps": {"median_steps": 40.0, "max_steps": 80, "min_steps": 16},
}
COLUMNS = (
    Column("layout"),
    Column("case"),
    Column("speed over raw records", ".2f"),
    Column("by CPU", ".2f"),
    Column("speed over the step", ".1f"),
    Column("least", ".1f"),
    Column("step's by CPU", ".1f"),
)
Cases = dict[str, Callable[[], int]]


def main() -> None:
    """Measures every layout and writes the table after each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--youtube8m", type=Path, help="folder of video-level files to read too")
    parser.add_argument("--features", type=Path, help="corpus to read as means too")
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds")
    parser.add_argument("--videos", type=int, default=1600, help="videos of a synthetic corpus")
    parser.add_argument("--steps", type=int, default=32, help="training steps in a round")
    parser.add_argument("--threads", type=int, default=1, help="threads inside an operation")
    options = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    rows: list[tuple] = []
    with tempfile.TemporaryDirectory() as folder:
        readers = {}
        for number, (layout, lengths) in enumerate(LENGTHS.items()):
            corpus = Path(folder) / str(number)
            write(corpus, knobs(missing=0.0, **lengths), videos=options.videos)
            readers[layout] = kwai_cases(Source("features", corpus))
        if options.youtube8m is not None:
            readers["youtube8m, video level"] = youtube8m_cases(options.youtube8m)
        training = {
            name: training_cases(store, options.steps) for name, (_, store) in readers.items()
        }
        if options.features is not None:
            name = "features, means"
            readers[name], training[name] = embedding_cases(options.features, options.steps)
        for layout, (cases, _) in readers.items():
            spent = times(cases | training[layout], options.rounds)
            rows += [(layout, case, *speeds(case, spent)) for case in spent]
            caption = "Videos a second: above 1 in the third column of numbers, no step ever waits"
            table = Table("tfrecord-reading", COLUMNS, rows, caption, provenance())
            write_text(OUT, table.to_csv())
    print_table(table)


def speeds(case: str, spent: dict[str, np.ndarray]) -> tuple:
    """Returns the numbers of a row: speeds over the raw records' and over the step's."""
    over_raw = ratio(spent["raw records"], spent[case])
    named = case.removeprefix("gather: ")
    step = f"step: {named}" if f"step: {named}" in spent else fastest(spent)
    over_step = ratio(spent[step], spent[case])
    return over_raw[0], over_raw[3], over_step[0], over_step[1], over_step[3]


def fastest(spent: dict[str, np.ndarray]) -> str:
    """Returns the step that takes least CPU time a video: the one that a reader must outrun."""
    steps = [case for case in spent if case.startswith("step: ")]
    return min(steps, key=lambda case: float(np.median(spent[case][:, 1])))


def raw(files: list[str]) -> Callable[[], int]:
    """Returns a function that iterates over the unparsed records."""
    records = tf.data.TFRecordDataset(files)
    return lambda: alone(records)


def batches(data: tf.data.Dataset) -> int:
    """Reads parsed batches; returns the number of videos."""
    return int(data.reduce(np.int64(0), lambda n, batch: n + tf.size(batch["id"], tf.int64)))


def kwai_cases(source: Source) -> tuple[Cases, VideoStore]:
    """Returns the readers of a corpus' training split, and its videos."""
    files = sorted(str(file) for file in source.path.glob("train-*.tfrecord"))
    parsed = tfrecord.read_batches(files, read_header(source.path).spec)

    def videos() -> tf.data.Dataset:
        return source.read("train", View(theme=True))

    store = load_videos(videos())
    cases = {
        "raw records": raw(files),
        "parsed in batches": lambda: batches(parsed),
        "features, one by one": lambda: alone(videos()),
        "into a VideoStore": lambda: len(load_videos(videos())),
    }
    return cases, store


def youtube8m_cases(folder: Path) -> tuple[Cases, VideoStore]:
    """Returns the readers of the validation files, and their videos (with one theme for all)."""
    source, split = Source("youtube8m", folder), "validation"
    found = youtube8m.load(source, split)
    parsed, videos = youtube8m.read_batches(source, split), youtube8m.read(source, split)
    ones = np.ones(len(found["id"]), np.int32)
    store = video_store(found["id"], ones, found["audio"], ones, found["visual"], ones)
    cases = {
        "raw records": raw(sorted(map(str, folder.glob("validate*.tfrecord")))),
        "parsed in batches": lambda: batches(parsed),
        "youtube8m.read, one by one": lambda: alone(videos),
        "youtube8m.load": lambda: len(youtube8m.load(source, split)["id"]),
    }
    return cases, store


def embedding_cases(folder: Path, steps: int) -> tuple[tuple[Cases, None], Cases]:
    """Returns the readers of a corpus' training split as means, and the embedding's steps."""
    source, view = Source("features", folder), View(means=True)
    files = sorted(str(file) for file in folder.glob("train-*.tfrecord"))
    videos = source.read("train", view)
    store = FeatureStore.from_dataset(videos)
    reading: Cases = {
        "raw records": raw(files),
        "features, one by one": lambda: alone(videos),
        "into a FeatureStore": lambda: len(FeatureStore.from_dataset(videos)),
    }
    training: Cases = {}
    for preset in ("paper", "improved"):
        config = CrossModalConfig.preset(preset).replace(classes=3862)
        (stage,) = embedding.stages(config)
        network = embedding.build(config)
        examples = stage.prepare(network, lambda: store, folder / "train")
        epoch = stage.dataset(examples, 0, 0)
        memory = tf.data.Dataset.from_tensors(next(iter(epoch))).repeat(steps)
        model = stage.trainee(network)
        model.compile(
            **stage.compile_arguments(), steps_per_execution=min(steps, config.steps_per_execution)
        )
        size = config.batch_size
        training[f"gather: {preset}"] = lambda data=epoch, size=size: size * alone(data)
        training[f"step: {preset}"] = lambda model=model, data=memory, size=size: (
            size * fit(model, data)
        )
    return (reading, None), training


def training_cases(store: VideoStore, steps: int) -> Cases:
    """Returns the gather of batches from memory, and the steps that they feed; units are videos."""
    cases: Cases = {}
    for name in ("pairs", "correspondence"):
        stage, examples = prepared(name, store, BATCH)
        epoch = stage.dataset(examples, 0, 0)
        gathered = epoch.repeat().take(steps)
        memory = tf.data.Dataset.from_tensors(next(iter(epoch))).repeat(steps)
        model = compiled(stage, STEPS_PER_EXECUTION)
        cases[f"gather: {name}"] = lambda data=gathered: BATCH * alone(data)
        cases[f"step: {name}"] = lambda model=model, data=memory: BATCH * fit(model, data)
    return cases


if __name__ == "__main__":
    main()
