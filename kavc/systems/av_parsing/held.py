"""What a trained network is evaluated on: held-out videos, and lines to compare with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kavc.data.source import Source
from kavc.data.store import VideoStore
from kavc.data.synthetic.llp import read_truth
from kavc.data.synthetic.llp_probe import linear_probe
from kavc.metrics.parsing import predictions
from kavc.metrics.parsing_threshold import fit_parsing_threshold
from kavc.systems.av_parsing.config import AVParsingConfig
from kavc.systems.av_parsing.videos import all_features, check_events, load_videos, truth
from kavc.systems.base import System

NOTHING = "nothing predicted"
WEAK = "true labels of the video, everywhere"
PROBE = "linear probe of segments, told their truth"
CORPUS_FILE = "corpus.json"  # beside the tables of a corpus that this package made

_probes: dict[tuple, np.ndarray] = {}  # fitted once a process for all runs on a corpus


@dataclass(frozen=True)
class Held:
    """The held-out data of an evaluation.

    Args:
        test, validation: stores, whose events are known; a threshold may be fitted on validation.
        classes: names, by index.
        source: where the numbers come from, printed under every table.
        reference: name of a reference line to what it predicts of the test videos,
            (videos, segments, 2, classes) bool.
        published: whether the test videos are those of the paper.
        notes: sentences for the report.
    """

    test: VideoStore
    validation: VideoStore
    classes: Sequence[str]
    source: str
    reference: Mapping[str, np.ndarray]
    published: bool = False
    notes: Sequence[str] = ()


def read_held(system: System, source: Source, config: AVParsingConfig) -> Held:
    """Reads the test and the validation split of a source.

    Raises:
        DataError: it is not known of each of their videos what is heard and seen when.
    """
    info = system.describe(source, config)
    stores = {
        split: load_videos(system.read(source, split, config), config.classes)
        for split in ("test", "validation")
    }
    for split, store in stores.items():
        check_events(split, store)
    reference = known_lines(stores["test"], config.segments)
    # Of the splits that the corpus brings: its truth lies split by split.
    if source.layout == "synthetic" and source.parts() is None:
        key = (source, info.fingerprint, *(getattr(config, x) for x in system.data_options))
        if key not in _probes:
            _probes[key] = _probe(system, source, config, stores)
        reference[PROBE] = _probes[key]
    return Held(
        classes=info.classes,
        source=source.title(),
        reference=reference,
        published=is_published(source),
        notes=info.notes,
        **stores,
    )


def is_published(source: Source) -> bool:
    """Whether the test split of a source is that of the paper."""
    made = (source.path / CORPUS_FILE).exists()
    return source.layout == "llp" and source.parts() is None and not made


def known_lines(test: VideoStore, segments: int) -> dict[str, np.ndarray]:
    """Returns the reference lines that need no other video: see `Held`.

    Args:
        test: as `load_videos` gives it.
        segments: seconds of a video.

    Example:
        >>> rows = (np.ones((2, 1), np.float32), np.array([2]))
        >>> labels = {"labels": np.array([[1.0, 0.0]], np.float32)}
        >>> lines = known_lines(VideoStore(np.array([b"a"]), {"audio": rows}, labels), segments=2)
        >>> {name: int(predicted.sum()) for name, predicted in lines.items()}
        {'nothing predicted': 0, 'true labels of the video, everywhere': 4}
    """
    labels = test.columns["labels"] > 0
    everywhere = np.broadcast_to(labels[:, None, None], (len(test), segments, 2, labels.shape[1]))
    return {NOTHING: np.zeros(everywhere.shape, bool), WEAK: everywhere}


def _probe(
    system: System, source: Source, config: AVParsingConfig, held: Mapping[str, VideoStore]
) -> np.ndarray:
    """Returns what `linear_probe` predicts of the test videos.

    Its threshold is the best one on validation: where one segment says little, no probability
    reaches one half.
    """
    train = load_videos(system.read(source, "train", config), config.classes)
    ids, *streams = read_truth(source.path, "train")
    place = {id_: row for row, id_ in enumerate(ids.tolist())}
    rows = [place[id_] for id_ in train.ids.tolist()]
    told = np.stack([stream[rows] for stream in streams], axis=2)
    splits = ("validation", "test")
    asked = [all_features(held[split]) for split in splits]
    joined = {name: np.concatenate([one[name] for one in asked]) for name in asked[0]}
    found = linear_probe(all_features(train), told, joined)
    validation, test = np.split(found, [len(held["validation"])])
    true = truth(held["validation"], config.segments)
    return predictions(test, None, fit_parsing_threshold(validation, None, true).value)
