"""Files that came from a browser: under names of our own, each known by a secret, then deleted."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kavc.errors import DataError
from kavc.texts import one_line

if TYPE_CHECKING:
    from kavc.media.tracks import Media

SECONDS = 60.0  # within which a file must say what it is
LONGEST_NAME = 80  # bytes of a name that are shown
MEDIA_TYPES = {"video": "video/mp4", "audio": "audio/mpeg"}  # what a browser is told; it looks


@dataclass(frozen=True)
class Clip:
    """A file that can be asked about.

    Args:
        secret: names it in the page's own address of it.
        path: where it lies.
        name: what its owner calls it, printable and cut; nothing is done with it but to show it.
        seconds: how long it is; 0.0 where it doesn't say.
        is_seen, is_heard: whether it has pictures, and sound.
        size: width and height of its pictures; None without any.

    Example:
        >>> clip = Clip("aB3", Path("aB3"), "holiday.mp4", 12.5, True, False, (640, 360))
        >>> clip.about, clip.media_type
        ('12.5 s · 640 × 360 · no sound', 'video/mp4')
    """

    secret: str
    path: Path
    name: str
    seconds: float
    is_seen: bool
    is_heard: bool
    size: tuple[int, int] | None = None

    @property
    def media_type(self) -> str:
        """What a browser is told that it is, whatever it calls itself."""
        return MEDIA_TYPES["video" if self.is_seen else "audio"]

    @property
    def about(self) -> str:
        """In a few words."""
        length = f"{self.seconds:.1f} s" if self.seconds else "of unknown length"
        pictures = f"{self.size[0]} × {self.size[1]}" if self.size else "no picture"
        return f"{length} · {pictures} · {'with sound' if self.is_heard else 'no sound'}"


class Uploads:
    """A temporary folder of clips.

    Example:
        with Uploads() as uploads:
            path = uploads.new_path()
            ...  # what came is written there
            clip = uploads.opened(path, "holiday.mp4")
            uploads.remove(clip)
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="kavc-app-"))  # nobody else may read it
        self._clips: dict[str, Clip] = {}

    def new_path(self) -> Path:
        """Returns where the next file is to be written."""
        return self.folder / secrets.token_urlsafe(24)

    def opened(self, path: Path, name: str) -> Clip:
        """Looks at a file, in a process of its own, and keeps it; deletes it if it is no clip.

        Args:
            path: that `new_path` gave.
            name: what its owner calls it.

        Raises:
            DataError: it can't be read, or has neither pictures nor sound.
        """
        shown = one_line(name, LONGEST_NAME) or "clip"
        try:
            found = _looked_at(path)
        except BaseException as error:
            path.unlink(missing_ok=True)
            if isinstance(error, DataError):
                raise DataError(named_again(str(error), path, shown)) from None
            raise
        clip = Clip(
            path.name,
            path,
            shown,
            found.duration or 0.0,
            found.video is not None,
            found.audio is not None,
            None if found.video is None else (found.video.width, found.video.height),
        )
        self._clips[clip.secret] = clip
        return clip

    def of(self, secret: str) -> Clip | None:
        """Returns the clip of a secret; None if there is none."""
        return self._clips.get(secret)

    def remove(self, clip: Clip) -> None:
        """Forgets a clip, and deletes its file."""
        self._clips.pop(clip.secret, None)
        clip.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Deletes everything."""
        self._clips.clear()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Uploads:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def named_again(message: str, path: Path, name: str) -> str:
    """Returns a message about a file in which it has the name that its owner gave it.

    >>> named_again("/tmp/x/aB3: no sound", Path("/tmp/x/aB3"), "holiday.mp4")
    'holiday.mp4: no sound'
    """
    return message.replace(str(path), name)


def _looked_at(path: Path) -> Media:
    from kavc.media.decoders import Decoders
    from kavc.media.tracks import probe

    with Decoders(1, seconds=SECONDS) as decoders:
        found = decoders.run(probe, path)
    if found.video is None and found.audio is None:
        raise DataError(f"{path}: neither pictures nor sound that can be read")
    return found
