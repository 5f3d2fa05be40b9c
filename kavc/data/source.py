"""Where examples come from, as one word on the command line: `youtube8m:PATH`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from kavc.errors import DataError, unknown

LAYOUTS = {
    "synthetic": "a corpus that this package generated, in the layout of the real one",
    "youtube8m": "the published YouTube-8M TFRecord files, video level or frame level",
    "kwai": "videos with audio, key-frame features and a theme, as `kavc` converts them",
}


@dataclass(frozen=True)
class Source:
    """A folder of data in one of the layouts that the readers know.

    Args:
        layout: a key of `LAYOUTS`.
        path: the folder.
        splits: optional file that says which files or ids belong to which split; it overrides
            the split that the data bring along (see `kavc.data.splits`).

    Example:
        source = Source.parse("youtube8m:~/yt8m", splits="splits.json")
    """

    layout: str
    path: Path
    splits: Path | None = None

    @classmethod
    def parse(cls, text: str, splits: str | os.PathLike | None = None) -> Source:
        """Reads `LAYOUT:PATH`; the folder must exist and hold something.

        Args:
            text: the layout's name, a colon, the folder; a leading `~` is the home folder.
            splits: optional path of a splits file.

        Returns:
            The source; `str` of it is `text` again.

        Raises:
            DataError: no colon, an unknown layout, no folder, an empty one, no splits file.
        """
        layout, colon, path = text.partition(":")
        if not colon or not path:
            raise DataError(
                f"source {text!r} is not of the form LAYOUT:PATH, for example youtube8m:data/yt8m;"
                f" layouts: {', '.join(sorted(LAYOUTS))}"
            )
        if layout not in LAYOUTS:
            raise DataError(unknown("layout", layout, LAYOUTS))
        source = cls(layout, Path(path).expanduser(), None if splits is None else Path(splits))
        source._check()
        return source

    def _check(self) -> None:
        if not self.path.exists():
            raise DataError(f"source {self}: no such folder")
        if not self.path.is_dir():
            raise DataError(f"source {self}: a file; give the folder that holds it")
        if not any(self.path.iterdir()):
            raise DataError(f"source {self}: the folder is empty")
        if self.splits is not None and not self.splits.is_file():
            raise DataError(f"splits file {self.splits}: no such file")

    def __str__(self) -> str:
        return f"{self.layout}:{self.path}"
