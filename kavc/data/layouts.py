"""The layouts in which data lie, by name: each is registered with the reader that knows it.

A reader is named by its module and class, so that a list of the layouts loads none of them.
"""

from __future__ import annotations

import abc
import importlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kavc.data.ids import shown
from kavc.data.shards import files_in
from kavc.errors import DataError, unknown

if TYPE_CHECKING:
    import tensorflow as tf

    from kavc.data.schema import ExampleSpec
    from kavc.data.source import Source


@dataclass(frozen=True)
class View:
    """What a system reads of each video, and under which names.

    Args:
        arrays: the system's name of an array to the name that it has in the data. What is called
            "audio" is heard, what is called "visual" is seen: readers tell which videos lack it.
        means: the mean over the rows of each array, in place of the rows.
        vectors: whether each row must be a vector; else it may have more axes.
        theme: the one label of a video, in place of all of them; videos without exactly one are
            left out.
        min_theme_count: YouTube-8M. Fewest training videos of a theme that is kept.
        frames: YouTube-8M, frame level. Picks that many visual rows, evenly spaced; None for all.
        rows: name of an array in the view to the numbers of rows that a video may have of it, as
            {"audio": (10,), "audio_events": (0, 10)}; any, where it names none. `ave:`, `features:`
            and `llp:` are checked when they are described. Silent videos keep their rows of "audio"
            if it is named here.
        order: AVE. Which of the published splits: "match", of the cross-modal task, or "plain", of
            supervised localisation.
        tracks: comparisons of tracks. The system's name of an array of each of both tracks to its
            name in the data; `arrays` are then those of the video. Layouts without comparisons
            refuse it, and those with them need it.
        split_by: comparisons of tracks, where nobody split them. What is in one split alone: the
            "video", the "track", or "both".

    Example:
        >>> View({"audio": "vggish"}, means=True)
        View(arrays={'audio': 'vggish'}, means=True)
    """

    arrays: Mapping[str, str] = field(
        default_factory=lambda: {"audio": "audio", "visual": "visual"}
    )
    means: bool = False
    vectors: bool = True
    theme: bool = False
    min_theme_count: int = 1
    frames: int | None = None
    rows: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    order: str = "match"
    tracks: Mapping[str, str] = field(default_factory=dict)
    split_by: str = "video"

    def __repr__(self) -> str:  # as it is typed
        plain = vars(View())
        told = [f"{name}={value!r}" for name, value in vars(self).items() if value != plain[name]]
        return f"View({', '.join(told)})"

    def check_rows(self, name: str, ids: Iterable[bytes], rows: Iterable[int], where: str) -> None:
        """Raises if a video has another number of rows of an array than `rows` allows.

        Args:
            name: of the array, in the view.
            ids: of the videos.
            rows: of each, how many it has.
            where: names the source in the message.

        Raises:
            DataError: it names the first such video and says how many there are.

        Example:
            >>> view = View(rows={"audio": (10,)})
            >>> view.check_rows("audio", [b"a", b"b"], [10, 9], "llp:data")
            Traceback (most recent call last):
                ...
            kavc.errors.DataError: llp:data: video 'b' has 9 rows of 'audio', 10 are needed; ...
        """
        allowed = self.rows.get(name)
        if allowed is None:
            return
        others = [(id_, n) for id_, n in zip(ids, rows, strict=True) if n not in allowed]
        if others:
            id_, found = others[0]
            more = f" ({len(others)} videos do not fit)" if len(others) > 1 else ""
            wanted = " or ".join(map(str, allowed))
            raise DataError(f"{where}: video {shown(id_)!r} has {found} rows of {name!r}, {wanted}"
                            f" are needed{more}; extract or convert it again, or leave it out by a"
                            " splits file (--splits)")  # fmt: skip


class Reader(abc.ABC):
    """Reads one layout. It has no state: what it is asked about, a source names."""

    @abc.abstractmethod
    def describe(self, source: Source, view: View) -> dict[str, Any]:
        """Tells what a source holds, for the splits that it has.

        Returns:
            dict of "counts" (split name to number of videos), "widths" (name in the view to number
            of features), "classes" (names of the labels, by index; none where videos have no
            labels), "fingerprint" (hexadecimal; changes with the data), "notes" (sentences for a
            report) and "rosters" (split name to `kavc.data.roster.Roster`).

        Raises:
            DataError: it is damaged, or lacks what the view asks for.
        """

    @abc.abstractmethod
    def read(self, source: Source, split: str, view: View) -> tf.data.Dataset:
        """Reads the videos of one split, one by one, in the order of the files.

        Args:
            source: a folder in this layout; `source.splits` overrides its own split.
            split: "train", "validation" or "test".
            view: what to read.

        Returns:
            Data set of dicts: "id" () string; each array of the view by its name there, (rows,
            ...) float32; and "theme" () int32, or "labels" (any,) int64. With `means` an array is
            (width,), zero where there are no rows, and "silent" () bool says whether there is
            nothing to hear; without, silent videos have no rows of "audio".

        Raises:
            DataError: no such split, or the files don't hold what the view asks for. A record that
                does not fit raises while it is read (see `kavc.data.damage.data_errors`).
        """

    @abc.abstractmethod
    def title(self, source: Source) -> str:
        """Returns what tables call the source, as "YouTube-8M (yt8m)"."""

    def arrays(self, source: Source) -> Sequence[ExampleSpec]:
        """Tells which arrays there are, also those that no system asks for (optional).

        Returns:
            Name in the data to field, in groups: those of one group cost a single pass, and no
            video is left out for want of another array. None where the reader does not say.

        Raises:
            DataError: as `describe`.
        """
        del source
        return ()

    def extractors(self, source: Source) -> Mapping[str, str]:
        """Tells what made the arrays, by their names in the data, where it is said (optional)."""
        del source
        return {}

    def compares(self, source: Source) -> bool:
        """Tells whether the examples are judgements: a video, and two tracks that are compared."""
        del source
        return False

    def corpora(self, source: Source) -> Mapping[str, Source]:
        """Tells which corpora of features a source is made of, by their names (optional).

        Of comparisons they are "videos", whose arrays `View.arrays` names, and "tracks", whose
        arrays `View.tracks` names.
        """
        del source
        return {}


@dataclass(frozen=True)
class Layout:
    """A layout that is known.

    Args:
        name: before the colon of a source.
        meaning: one line.
        reader: a subclass of `Reader`, or "module:class" of one.
        holds: as of `register`.
    """

    name: str
    meaning: str
    reader: type[Reader] | str
    holds: str | None = None

    def check(self, folder: Path) -> None:
        """Raises if a folder can't be in this layout, by the names of its files.

        Raises:
            DataError: what every folder in this layout holds is not there.
        """
        if self.holds is not None and not any(files_in(folder, self.holds)):
            raise DataError(
                f"source {self.name}:{folder}: no {self.name} data: it holds no {self.holds}; give"
                f" the folder that does, or another layout: {', '.join(names())}"
            )

    def load(self) -> Reader:
        """Returns the reader.

        >>> type(get("llp").load()).__name__
        'LlpReader'
        """
        if not isinstance(self.reader, str):
            return self.reader()
        module, _, name = self.reader.partition(":")
        return getattr(importlib.import_module(module), name)()


COMPARING = ("mgsv", "triples")  # the layouts whose readers compare tracks
_LAYOUTS: dict[str, Layout] = {}


def check_tracks(source: Source, view: View, compares: bool) -> None:
    """Raises if a view of single videos meets comparisons of tracks, or the reverse.

    Args:
        source: named in the message.
        view: what a system reads.
        compares: as `Reader.compares` says.

    Raises:
        DataError: the view has tracks and the source none, or the source compares tracks and the
            view has none.
    """
    if view.tracks and not compares:
        known = ", ".join(f"{name}:PATH" for name in COMPARING)
        raise DataError(f"{source}: holds videos, and this system reads judgements of which of two"
                        f" tracks fits a video better: give it {known} or a synthetic corpus of"
                        " music-match")  # fmt: skip
    if compares and not view.tracks:
        raise DataError(f"{source}: holds judgements of which of two tracks fits a video better,"
                        " which this system does not read: music-match does; the videos alone are"
                        f" features:{source.path / 'videos'}")  # fmt: skip


def register(
    name: str, meaning: str, reader: type[Reader] | str, *, holds: str | None = None
) -> None:
    """Adds a layout, under whose name sources can be given from then on.

    Args:
        name: before the colon of a source; small letters, digits and hyphens.
        meaning: one line.
        reader: a subclass of `Reader`, or "module:class" of one.
        holds: pattern of files of which each folder in this layout has one, in itself or below.

    Raises:
        ValueError: the name is taken, or could not be told from a path.

    Example:
        register("own", "our recordings", "recordings.reader:RecordingsReader", holds="*.wav")
    """
    if not name.replace("-", "").isalnum() or name != name.lower():
        raise ValueError(f"a layout's name is small letters, digits and hyphens; got {name!r}")
    if name in _LAYOUTS:
        raise ValueError(f"layout {name!r} is registered already, for {_LAYOUTS[name].reader}")
    _LAYOUTS[name] = Layout(name, meaning, reader, holds)


def names() -> list[str]:
    """Returns the names of all layouts, sorted.

    >>> {"ave", "features", "llp", "youtube8m"} <= set(names())
    True
    """
    return sorted(_LAYOUTS)


def get(name: str) -> Layout:
    """Returns a layout by name.

    Raises:
        DataError: no such layout; names the nearest one.

    Example:
        >>> get("youtube8m").name
        'youtube8m'
        >>> get("youtube")
        Traceback (most recent call last):
            ...
        kavc.errors.DataError: unknown layout 'youtube'; did you mean 'youtube8m'?...
    """
    if name not in _LAYOUTS:
        raise DataError(unknown("layout", name, _LAYOUTS))
    return _LAYOUTS[name]


register(
    "ave",
    "the published AVE annotations (Annotations.txt), splits and features (.h5)",
    "kavc.data.ave.reader:AveReader",
    holds="Annotations.txt",
)
register(
    "features",
    "arrays of your own, one record a video, as `kavc data convert` writes them",
    "kavc.data.features.reader:FeaturesReader",
    holds="corpus.json",
)
register(
    "kwai",
    "another name of features",
    "kavc.data.features.reader:FeaturesReader",
    holds="corpus.json",
)
register(
    "llp",
    "the published LLP annotations (AVVP_*.csv) and features (.npy), for parsing",
    "kavc.data.llp.reader:LlpReader",
    holds="AVVP_*.csv",
)
register(
    "mgsv",
    "the published MGSV manifests (mgsv_*_data.csv): short videos and the songs under them",
    "kavc.data.comparisons.mgsv:MgsvReader",
    holds="mgsv_*_data.csv",
)
register(
    "synthetic",
    "a corpus that this package generated, in the layout of the real one",
    "kavc.data.synthetic.reader:SyntheticReader",
    holds="corpus.json",
)
register(
    "triples",
    "judgements of your own (triples.csv): which of two tracks fits a video better",
    "kavc.data.comparisons.reader:TriplesReader",
    holds="triples.csv",
)
register(
    "youtube8m",
    "the published YouTube-8M TFRecord files, video level or frame level",
    "kavc.data.youtube8m:YouTube8MReader",
    holds="*.tfrecord",
)
