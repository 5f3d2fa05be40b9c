"""Where tracks to be ranked come from: a corpus of features, or a folder of media files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kavc.errors import DataError, KavcError, ServingError
from kavc.extraction.clips import Clip, find_clips
from kavc.inputs.opening import named
from kavc.media.extractors.base import Extractor
from kavc.media.windows import Heard
from kavc.systems.music_match.ranking import LENGTH, TRACK, Arrays, Ask, Moments, Track

SECONDS = 600.0  # for what comes at once of a file
HEADER = "corpus.json"
OF_A_FILE = ("INVALID_ARGUMENT", "RESOURCE_EXHAUSTED")  # what a server refuses by what is sent
SAMPLES_AT_ONCE = 2**23  # that are sent together, some 9 minutes at 16 kHz
DECIDES = ("extractor", "options", "weights")  # of what made an array, what makes other numbers
Tell = Callable[[str], None]


def is_corpus(folder: Path) -> bool:
    """Whether a folder holds features, not media.

    Raises:
        DataError: it is a corpus that is damaged, or of something else.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     is_corpus(Path(folder))
        False
    """
    from kavc.data.features.header import read_header

    if not (folder / HEADER).is_file():
        return False
    read_header(folder)
    return True


def only_array(folder: Path) -> str:
    """Returns the name of a corpus' array of sound, where nobody says: "audio", or the only one.

    Raises:
        DataError: it is no corpus that can be read.
    """
    from kavc.data.features.header import read_header

    arrays = list(read_header(folder).arrays)
    return arrays[0] if len(arrays) == 1 else TRACK


def of_corpus(
    folder: Path, array: str, *, tell: Tell, made_by: Mapping[str, Any] | None = None
) -> list[Track]:
    """Reads the tracks of a corpus of features, as `kavc extract` writes it.

    Args:
        folder: of the corpus.
        array: name of the array of sound; that of its times is looked for beside it.
        tell: is called with a line about each track without any row.
        made_by: what made the sound that a run was trained on, as the run keeps it; None where that
            isn't known.

    Raises:
        DataError: it is damaged, lacks the array, was made otherwise, or no track has a row.
    """
    from kavc.data.features.header import TIMES, read_header
    from kavc.data.features.plain_reader import read_arrays
    from kavc.data.ids import shown

    header = read_header(folder)
    if array not in header.arrays:
        known = ", ".join(header.arrays)
        raise DataError(f"{folder}: no array {array!r}, the sound of tracks; it has {known}")
    own = header.made_by.get(array)
    if own and made_by and any(own.get(key) != made_by.get(key) for key in DECIDES):
        raise DataError(
            f"{folder}: its array {array!r} was made by {_name(own)}, by other options or weights"
            f" than the {_name(made_by)} of the run; extract the tracks as the run's were"
        )
    hop, of_rows = header.arrays[array].hop, f"{array}{TIMES}"
    found: dict[bytes, Track] = {}
    for id_, arrays in read_arrays(folder, [n for n in (array, of_rows) if n in header.spec]):
        if id_ in found:  # what comes again is left out
            continue
        rows, times = arrays[array], arrays.get(of_rows)
        if times is None and hop is not None:
            times = hop * np.arange(len(rows))
        found[id_] = Track(shown(id_), rows, times)
        if not len(rows):
            tell(f"error: track {shown(id_)!r}: has no sound")
    return _some([track for track in found.values() if len(track.rows)])


def _name(made_by: Mapping[str, Any]) -> str:
    return str(made_by.get("extractor"))[:100]


def media_in(folder: Path, tell: Tell) -> list[Clip]:
    """Returns the media files of a folder, and tells of those that can't be taken.

    Raises:
        DataError: there are none.

    Example:
        clips = media_in(Path("songs"), tell=print)
    """
    found = find_clips([folder])
    for _, file, reason in found.bad:
        tell(f"error: {file}: {reason}")
    if not found.clips:
        raise DataError(f"{folder}: no track can be read")
    return list(found.clips)


def of_media(
    clips: Iterable[Clip], extractor: Extractor, *, workers: int, tell: Tell
) -> list[Track]:
    """Makes the features of tracks; goes on past files that give none, and tells of them.

    Args:
        clips: the files.
        extractor: of sound.
        workers: processes that decode.
        tell: is called with a line about each file that gave none.

    Raises:
        DataError: no file gave any.
    """
    from kavc.extraction.engines import Unmade, here

    found = []
    for made in here(list(clips), {TRACK: extractor}, workers=workers, seconds=SECONDS):
        if isinstance(made, Unmade):
            tell(f"error: {named(made.clip.path)}: {made.reason}")
        else:
            times = made.arrays[f"{TRACK}_times"]
            found.append(Track(made.clip.id, made.arrays[TRACK], times))
    return sorted(_some(found), key=lambda track: track.id)


def _some(found: list) -> list:
    if not found:
        raise DataError("no track gave any sound; the lines above say why")
    return found


def of_waveforms(
    ask: Ask,
    signature: str,
    name: str,
    kind: Heard,
    clips: Sequence[Clip],
    *,
    seconds: float | None,
    tell: Tell,
) -> tuple[list[str], Moments]:
    """Returns the vectors of tracks whose sound is sent to a served front end.

    Args:
        ask: answers the signature.
        signature: with the front end, in place of "embed_track".
        name: of its input.
        kind: what that takes of a file.
        clips: the files.
        seconds: of a moment, as of `kavc.systems.music_match.ranking.moments`.
        tell: is called with a line about each file that gives no sound.

    Returns:
        Ids, and their moments.

    Raises:
        DataError: no file gives any.
        ServingError: the server is gone, or refuses whatever is sent.
    """
    from kavc.media.decoders import Decoders
    from kavc.media.sound import read_sound

    ids: list[str] = []
    of: list[int] = []
    vectors, spans = [], []
    with Decoders(1, seconds=SECONDS) as decoders:
        for clip in clips:
            try:
                sound = decoders.run(read_sound, clip.path, rate=kind.rate, track=kind.track)
                if sound.cut:
                    raise DataError(f"{clip.path}: its sound is too long to be sent; cut it")
                starts, rows = _cuts(clip.path, len(sound.samples), kind, seconds)
                found = [
                    ask(signature, _waves(name, part))["vector"]
                    for part in _parts(sound.samples, starts, rows, kind)
                ]
            except ServingError as error:
                if error.code not in OF_A_FILE:
                    raise  # so will the next one be
                tell(f"error: {named(clip.path)}: {error}")
                continue
            except KavcError as error:
                tell(f"error: {error}")
                continue
            begins = sound.start + starts / kind.rate
            span = np.stack([begins, begins + rows * kind.hop / kind.rate], axis=1)
            spans.append(np.full_like(span, np.nan) if seconds is None else span)
            vectors += found
            of += [len(ids)] * len(starts)
            ids.append(clip.id)
    _some(ids)
    return ids, Moments(np.array(of), np.concatenate(vectors), np.concatenate(spans))


def _cuts(path: Path, samples: int, kind: Heard, seconds: float | None) -> tuple[np.ndarray, int]:
    """Returns where moments begin, (n,) int64 samples, and how many rows each has.

    Raises:
        DataError: the sound makes no row.
    """
    over = samples - kind.window
    if over < 0 and kind.short == "drop":
        raise DataError(
            f"{path}: its sound of {samples / kind.rate:.2f} s is shorter than the "
            f"{kind.window / kind.rate:g} s that a row of features takes; leave it out"
        )
    rows = over // kind.hop + 1
    if kind.short == "pad":  # as `kavc.media.windows` has it
        rows = max(0, min(-(-over // kind.hop), -(-samples // kind.hop) - 1)) + 1
    if seconds is None:
        return np.zeros(1, np.int64), rows
    each = max(1, min(rows, round(seconds * kind.rate / kind.hop)))
    return np.arange(rows - each + 1, dtype=np.int64) * kind.hop, each


def _parts(
    samples: np.ndarray, starts: np.ndarray, rows: int, kind: Heard
) -> Iterator[list[np.ndarray]]:
    """Yields moments of a sound, some together; an only one is all of it."""
    if len(starts) == 1:
        yield [samples]
        return
    length = kind.window + (rows - 1) * kind.hop
    at_once = max(1, SAMPLES_AT_ONCE // length)
    for first in range(0, len(starts), at_once):
        moments = [samples[at : at + length] for at in starts[first : first + at_once]]
        # The last one may end in silence.
        yield [np.pad(each, (0, length - len(each))) for each in moments]


def _waves(name: str, sent: Sequence[np.ndarray]) -> Arrays:
    waves = np.stack(sent)
    return {name: waves, name + LENGTH: np.full(len(waves), waves.shape[1], np.int32)}


def length_of(path: Path) -> float:
    """Returns how long the pictures of a clip are, in seconds, as its file says.

    Raises:
        DataError: it can't be read, has no pictures, or does not say.
    """
    from kavc.media.decoders import Decoders
    from kavc.media.tracks import probe

    with Decoders(1, seconds=SECONDS) as decoders:
        found = decoders.run(probe, path)
    if found.video is None or not found.video.duration:
        raise DataError(
            f"{path}: how long its pictures are isn't known; say how long a moment is: --seconds"
        )
    return float(found.video.duration)
