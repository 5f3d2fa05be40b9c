"""Which tracks of a media file are its picture and its sound.

One rule chooses, from what the file says of its tracks. No video are covers (attached pictures),
auxiliary tracks and thumbnails, and no track at all is what has no decoder or no frames. Of the
others FFmpeg's "best" is taken, or the first, or the one of a given index.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from kavc.errors import ConfigError, DataError, unknown
from kavc.inputs.opening import Path, named
from kavc.media.container import has_index

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream

Kind = Literal["video", "audio"]
Choice = Literal["best", "first"] | int

CHOICES = ("best", "first")
NO_TRACK = {kind: f"no {kind} track" for kind in ("video", "audio")}
AUXILIARY = ("dependent", "still_image", "timed_thumbnails", "metadata")  # dispositions
THUMBNAIL = 64  # times fewer pixels than another video track has


def choose(
    container: InputContainer, kind: Kind, choice: Choice
) -> tuple[Stream | None, dict[int, str]]:
    """Chooses a track.

    Args:
        container: of an open file.
        kind: "video" or "audio".
        choice: "best", "first" or an index.

    Returns:
        The track, or None; and of each other of its kind, by index, why it wasn't chosen.

    Raises:
        ConfigError: as `probe`.

    Example:
        with open_container("clip.mp4") as container:
            track, reasons = choose(container, "audio", "best")
            print(track.index, reasons)  # 1 {2: "another is the best"}
    """
    tracks = [each for each in container.streams if each.type == kind]
    reasons = {each.index: _unfit(each, container, tracks) for each in tracks}
    fit = [each for each in tracks if not reasons[each.index]]
    if isinstance(choice, int):
        track = _indexed(container, tracks, kind, choice)
        words = f"track {choice} was asked for"
    elif choice in CHOICES:
        track = _best(container, kind, fit) if choice == "best" else next(iter(fit), None)
        words = f"another is {'the best' if choice == 'best' else 'first'}"
    else:
        raise ConfigError(unknown("choice of a track", str(choice), (*CHOICES, "an index")))
    return track, {
        index: reason or words
        for index, reason in reasons.items()
        if track is None or index != track.index
    }


def chosen(container: InputContainer, kind: Kind, choice: Choice, path: Path) -> Stream:
    """Chooses a track that there must be. Args are those of `choose`, and the file's path.

    Raises:
        DataError: there is none; says why.
        ConfigError: as `probe`.
    """
    track, reasons = choose(container, kind, choice)
    if track is None:
        why = "".join(f"; track {index}: {reason}" for index, reason in reasons.items())
        raise DataError(f"{named(path)}: {NO_TRACK[kind]}{why}; a file with one is expected")
    return track


def _indexed(container: InputContainer, tracks: list[Stream], kind: Kind, index: int) -> Stream:
    for track in tracks:
        if track.index == index and not _undecodable(track, container):
            return track
    known = ", ".join(str(each.index) for each in tracks) or "none"
    raise ConfigError(f"track {index} is no {kind} that can be decoded; {kind} tracks: {known}")


def _best(container: InputContainer, kind: Kind, fit: list[Stream]) -> Stream | None:
    best = container.streams.best(kind)
    if best in fit or not fit:
        return best if fit else None
    return max(fit, key=lambda each: (_is(each, "default"), _size(each), -each.index))


def _size(track: Stream) -> int:
    context = track.codec_context
    return context.width * context.height if track.type == "video" else context.channels


def _is(track: Stream, *dispositions: str) -> bool:
    """Whether the file says one of these of a track."""
    known = type(track.disposition)
    return any(known[name] in track.disposition for name in dispositions)


def _unfit(track: Stream, container: InputContainer, tracks: list[Stream]) -> str:
    """Returns why a track isn't chosen, whatever the choice; "" if it may be."""
    if _is(track, "attached_pic"):
        return "an attached picture, as a cover"
    if _is(track, *AUXILIARY):
        return "an auxiliary track"
    if reason := _undecodable(track, container):
        return reason
    films = [
        each
        for each in tracks
        if not _is(each, "attached_pic", *AUXILIARY) and not _undecodable(each, container)
    ]
    if track.type == "video" and _size(track) * THUMBNAIL <= max(map(_size, films)):
        return "a thumbnail beside a larger track"
    return ""


def _undecodable(track: Stream, container: InputContainer) -> str:
    """Returns why nothing of a track can be decoded, as far as the file says; "" if it can."""
    context = track.codec_context
    if context is None:
        return "no codec that can be decoded, or none that the file describes"
    is_listed = has_index(container) and not _is(track, "attached_pic")
    if is_listed and not len(track.index_entries):
        return "it has no frames"
    if track.type == "video":
        known = context.pix_fmt and context.width and context.height
    else:
        known = context.rate and context.channels
    return "" if known else "no frame of it was found"
