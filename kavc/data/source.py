"""Where examples come from, as one word on the command line: `youtube8m:PATH`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kavc.data import layouts, splits
from kavc.data.layouts import Reader, View
from kavc.data.splits import Part
from kavc.errors import DataError

if TYPE_CHECKING:
    import tensorflow as tf

    from kavc.data.schema import ExampleSpec


@dataclass(frozen=True)
class Source:
    """A folder of data in one of the layouts that the readers know.

    Args:
        layout: the name of one, see `kavc.data.layouts`.
        path: the folder.
        splits: optional file that says which files or ids belong to which split; it overrides
            the split that the data bring along (see `kavc.data.splits`).
        kept: optional copy of the splits file that is read in its place, as a run folder keeps
            one. What lies beside the splits file is still looked for beside `splits`.
        said: optional. What was read in it, once and for all: see `settled`.
        strict: refuses what is odd in the published files of LLP, and missing features, which are
            noted otherwise. Other layouts ignore it.

    Example:
        source = Source.parse("youtube8m:~/yt8m", splits="splits.json")
    """

    layout: str
    path: Path
    splits: Path | None = None
    kept: Path | None = None
    said: Mapping[str, Part] | None = field(default=None, repr=False, compare=False)
    strict: bool = False

    @classmethod
    def parse(
        cls,
        text: str,
        splits: str | os.PathLike | None = None,
        *,
        kept: str | os.PathLike | None = None,
        strict: bool = False,
    ) -> Source:
        """Reads `LAYOUT:PATH`; the folder must exist and hold data of that layout.

        Args:
            text: the layout's name, a colon, the folder; a leading `~` is the home folder.
            splits: optional path of a splits file; `~` likewise.
            kept: optional copy of that file, which need not exist then; `~` likewise.
            strict: as of the class.

        Returns:
            The source; `str` of it is `text` again, but for `~`.

        Raises:
            DataError: no colon, an unknown layout, no folder, one without data of that layout, no
                splits file.

        Example:
            >>> Source.parse("yt8m")
            Traceback (most recent call last):
                ...
            kavc.errors.DataError: source 'yt8m' is not of the form LAYOUT:PATH, for example ...
        """
        layout, colon, path = text.partition(":")
        if not colon or not path:
            raise DataError(
                f"source {text!r} is not of the form LAYOUT:PATH, for example youtube8m:data/yt8m;"
                f" layouts: {', '.join(layouts.names())}"
            )
        layouts.get(layout)
        files = [None if file is None else _path(file) for file in (splits, kept)]
        source = cls(layout, _path(path), splits=files[0], kept=files[1], strict=strict)
        source._check()
        return source

    def parts(self) -> dict[str, Part] | None:
        """Returns what the splits file says, or the copy in its place; None where there is none.

        Raises:
            DataError: as `kavc.data.splits.load`.
        """
        if self.said is not None:
            return dict(self.said)
        file = self.kept or self.splits
        return None if file is None else splits.load(file)

    def describe(self, view: View) -> dict[str, Any]:
        """Tells what the source holds, as `kavc.data.layouts.Reader.describe`.

        Raises:
            DataError: as there, or as `kavc.data.layouts.check_tracks`.

        Example:
            described = Source.parse("features:corpus").describe(View())
            described["widths"]  # {"audio": 128, "visual": 1280}
        """
        return self._reader_for(view).describe(self, view)

    def read(self, split: str, view: View) -> tf.data.Dataset:
        """Reads the videos of one split, as `kavc.data.layouts.Reader.read`.

        Raises:
            DataError: as there, or as `kavc.data.layouts.check_tracks`.

        Example:
            for example in Source.parse("features:corpus").read("train", View()).take(1):
                print(example["id"], example["audio"].shape)
        """
        return self._reader_for(view).read(self, split, view)

    def title(self) -> str:
        """Returns what tables call the source, as "YouTube-8M (yt8m)"."""
        return self._reader.title(self)

    def arrays(self) -> Sequence[ExampleSpec]:
        """Returns which arrays there are, as `kavc.data.layouts.Reader.arrays`."""
        return self._reader.arrays(self)

    def extractors(self) -> Mapping[str, str]:
        """Returns what made the arrays, as `kavc.data.layouts.Reader.extractors`."""
        return self._reader.extractors(self)

    def compares(self) -> bool:
        """Tells whether it holds comparisons, as `kavc.data.layouts.Reader.compares`."""
        return self._reader.compares(self)

    def corpora(self) -> Mapping[str, Source]:
        """Returns what it is made of, as `kavc.data.layouts.Reader.corpora`."""
        return self._reader.corpora(self)

    @property
    def _reader(self) -> Reader:
        return layouts.get(self.layout).load()

    def _reader_for(self, view: View) -> Reader:
        reader = self._reader
        layouts.check_tracks(self, view, reader.compares(self))
        return reader

    def settled(self) -> Source:
        """Returns the source with what its splits file says now, whoever edits that meanwhile."""
        return replace(self, said=self.parts())

    def absolute(self) -> Source:
        """Returns the source with absolute paths, in which links are not resolved."""
        splits, kept = (file and Path(file).absolute() for file in (self.splits, self.kept))
        return replace(self, path=Path(self.path).absolute(), splits=splits, kept=kept)

    def _check(self) -> None:
        if not self.path.exists():
            raise DataError(f"source {self}: no such folder")
        if not self.path.is_dir():
            raise DataError(f"source {self}: a file; give the folder that holds it")
        if not any(self.path.iterdir()):
            raise DataError(f"source {self}: the folder is empty")
        file = self.kept or self.splits
        if file is not None and not file.is_file():
            raise DataError(f"splits file {file}: no such file")
        layouts.get(self.layout).check(self.path)

    def __str__(self) -> str:
        return f"{self.layout}:{self.path}"

    def __repr__(self) -> str:
        splits = "" if self.splits is None else f", splits={str(self.splits)!r}"
        return f"Source({str(self)!r}{splits})"


def _path(text: str | os.PathLike) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise DataError(f"{text}: there is no such user's home folder; write it out") from None
