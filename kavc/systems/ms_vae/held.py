"""What a trained network is evaluated on: test videos, and what can be said without a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kavc.data.source import Source
from kavc.metrics.localization import localization_chance
from kavc.systems.base import System
from kavc.systems.ms_vae.config import ON_MAPS, MSVAEConfig
from kavc.systems.ms_vae.videos import Videos, load_videos

FIRST, LAST, USUAL = "always the first window", "always the last window", "the usual onset"
CHANCE = "chance"
CORPUS_FILE = "corpus.json"  # beside the tables of a corpus that this package made


@dataclass(frozen=True)
class Held:
    """The data of an evaluation.

    Args:
        test: videos, some of which have an event that isn't the whole of them.
        train: videos that a network was trained on, of which is what it is compared with. None for
            networks of maps, which only label segments, and whose maps are large.
        classes: names, by index.
        source: where the numbers come from, printed under every table.
        onsets: name of a constant to the onset that it gives each query, (queries,).
        dropped: reason to number of test videos that were left out.
        published: whether the test videos are those of the paper.
        notes: sentences for the report.

    Reference:
        Zhu et al., 2021, section 3.1.
    """

    test: Videos
    train: Videos | None
    classes: Sequence[str]
    source: str
    onsets: Mapping[str, np.ndarray]
    dropped: Mapping[str, int]
    published: bool = False
    notes: Sequence[str] = ()


def read_held(system: System, source: Source, config: MSVAEConfig) -> Held:
    """Reads the test split of a source, and the training split, which tells usual onsets.

    Raises:
        DataError: no test video has an event that isn't the whole of it.
    """
    info = system.describe(source, config)
    store = load_videos(system.read(source, "test", config))
    test = Videos.of(store)
    train, onsets = None, {}
    if config.variant not in ON_MAPS:
        test.check_queries("test")
        train = Videos.of(load_videos(system.read(source, "train", config)))
        onsets = constants(train, test)
    return Held(
        test=test,
        train=train,
        classes=info.classes,
        source=source.title(),
        onsets=onsets,
        dropped=store.dropped,
        published=is_published(source, config),
        notes=info.notes,
    )


def is_published(source: Source, config: MSVAEConfig) -> bool:
    """Whether the test split of a source is that of the paper."""
    made = (source.path / CORPUS_FILE).exists()
    whole = source.layout == "ave" and source.parts() is None and not made
    return whole and config.order == "match"


def constants(train: Videos, test: Videos) -> dict[str, np.ndarray]:
    """Returns the onsets that the lengths of the queries alone tell, (queries,), by name.

    Args:
        train: of which the most frequent onset of each length is taken; the last window where no
            video has the length.
        test: whose queries are answered.

    Example:
        >>> event = np.array([[0, 1, 1, 0], [0, 1, 1, 0], [1, 1, 0, 0]], bool)
        >>> ids, features = np.array([b"a", b"b", b"c"]), np.zeros((3, 4, 1))
        >>> videos = Videos(ids, features, features, event, np.zeros(3, int))
        >>> constants(videos, videos)[USUAL].tolist()
        [1, 1, 1]
    """
    length = test.length[test.queries]
    segments = test.event.shape[1]
    usual = segments - length
    for each in np.unique(length):
        starts = train.start[train.length == each]
        if len(starts):
            usual[length == each] = np.bincount(starts).argmax()
    return {FIRST: np.zeros_like(length), LAST: segments - length, USUAL: usual}


def chance(test: Videos) -> float:
    """Returns the share of queries that a guess finds."""
    return localization_chance(test.length[test.queries], test.event.shape[1])
