"""Questions to a server that ranks: which of many tracks fits this video best?

The tracks' vectors are made once and hold for any video, as long as the model is the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kavc.errors import ConfigError, DataError
from kavc.systems.music_match import ranking, tracks

if TYPE_CHECKING:
    from kavc.extraction.clips import Clip
    from kavc.serving.client.blocking import Client
    from kavc.serving.signature import SignatureInfo
    from kavc.systems.music_match.ranking import Ask, Moments
    from kavc.systems.music_match.tracks import Tell

SYSTEM = "music-match"


def check_ranks(offered: Collection[str], model: str) -> None:
    """Raises unless a model's functions are those of one that ranks.

    Raises:
        ConfigError: they aren't.

    Example:
        >>> check_ranks(["rank", "embed_track", "score"], "music")
        >>> check_ranks(["parse"], "events")
        Traceback (most recent call last):
            ...
        kavc.errors.ConfigError: events: has no signature 'rank' as music-match has it; ...
    """
    if ranking.RANK not in offered or ranking.EMBED not in offered:
        raise ConfigError(f"{model}: has no signature 'rank' as {SYSTEM} has it; name its model")


def seen_by(offered: Mapping[str, SignatureInfo]) -> list[str]:
    """Returns which arrays of a video a model that ranks takes; none if it sees nothing."""
    return [
        name for name in offered[ranking.RANK].inputs
        if not name.endswith(ranking.LENGTH) and name != "tracks"
    ]  # fmt: skip


def asking(client: Client, model: str, called: Mapping[str, str] | None = None) -> Ask:
    """Returns what asks a served model, as `kavc.systems.music_match.ranking` wants it.

    Args:
        client: of the server.
        model: its name there.
        called: signature to the one that is called in its place, as that of a front end.

    Example:
        with Client("localhost:8500") as client:
            ask = asking(client, "music")
            found = moments(ask, [Track("song", rows)])
            best = ranked(ask, request({"visual": frames}), ["song"], found)
    """
    others = called or {}
    return lambda signature, inputs: client.predict(
        model, inputs, signature=others.get(signature, signature)
    )


def tracks_of_media(
    client: Client, model: str, clips: Sequence[Clip], *, seconds: float | None, tell: Tell
) -> tuple[list[str], Moments]:
    """Returns the ids and vectors of tracks whose sound is sent to a model with a front end.

    Args:
        client, model: as of `asking`.
        clips: the files.
        seconds: of a moment; None for whole tracks.
        tell: is called with a line about each file that gives no sound.

    Raises:
        ConfigError: the model has no front end.
        DataError: no file gives any sound.
        ServingError: no server answers, or it refuses whatever is sent.
    """
    from kavc.extraction.served import what_to_send
    from kavc.media.windows import Heard

    wanted = what_to_send(client, model, ranking.EMBED)
    name, kind = next(iter(wanted.kinds.items()), ("", None))
    if len(wanted.kinds) != 1 or not isinstance(kind, Heard):
        raise DataError(f"{model}: takes no sound of a track; is it of another release?")
    return tracks.of_waveforms(
        asking(client, model), wanted.signature, name, kind, clips, seconds=seconds, tell=tell
    )


def tracks_of_corpus(
    client: Client, model: str, folder: Path, *, seconds: float | None, tell: Tell
) -> tuple[list[str], Moments]:
    """Returns the ids and vectors of the tracks of a corpus of features.

    Args:
        client, model, seconds, tell: as of `tracks_of_media`.
        folder: of the corpus.

    Raises:
        DataError: it is damaged, or is not of what the model takes.
        ServingError: no server answers, or it refused.
    """
    found = tracks.of_corpus(folder, tracks.only_array(folder), tell=tell)
    return [each.id for each in found], ranking.moments(asking(client, model), found, seconds)
