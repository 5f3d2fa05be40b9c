"""What is in a media file: its picture, its sound, and the tracks that are neither."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kavc.inputs.opening import Path, named
from kavc.media.choice import Choice, choose
from kavc.media.container import MICROSECONDS, open_container, start_of
from kavc.media.decoding import Decoding
from kavc.media.orientation import Orientation

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream

NEITHER = "neither video nor audio"


@dataclass(frozen=True)
class VideoTrack:
    """The picture of a file.

    Attributes:
        index: of the track in the file.
        codec: its name in FFmpeg.
        width, height: of an upright frame, in pixels.
        rotation: degrees, clockwise, by which stored frames are turned so that they are upright: 0,
            90, 180 or 270.
        mirrored: whether they are mirrored, left to right, before that.
        rate: average frames per second; None if unknown. No time follows from it.
        start: of its first frame, in seconds from the start of the file.
        duration: in seconds, as the file claims; None if it doesn't.
        pixel_aspect: width of a pixel through its height, in an upright frame.
        damage: why its first frame can't be decoded; "" if it can.

    Example:
        track = probe("phone.mp4").video
        track.width, track.height, track.rotation  # (1080, 1920, 90)
    """

    index: int
    codec: str
    width: int
    height: int
    rotation: int
    mirrored: bool
    rate: float | None
    start: float
    duration: float | None
    pixel_aspect: float
    damage: str


@dataclass(frozen=True)
class AudioTrack:
    """The sound of a file.

    Attributes:
        index, codec, duration, damage: as of `VideoTrack`.
        rate: samples per second, before any resampling.
        channels: how many.
        layout: what they are, in FFmpeg's words, as "stereo" or "5.1".
        start: of its first sample, in seconds from the start of the file.
    """

    index: int
    codec: str
    rate: int
    channels: int
    layout: str
    start: float
    duration: float | None
    damage: str


@dataclass(frozen=True)
class OtherTrack:
    """A track that was not chosen.

    Attributes:
        index: of the track in the file.
        kind: "video", "audio", "subtitle", "data", "attachment" or "unknown".
        codec: its name in FFmpeg; "" if it has none.
        reason: why it was not chosen.
    """

    index: int
    kind: str
    codec: str
    reason: str


@dataclass(frozen=True)
class Media:
    """What is in a media file.

    Attributes:
        path: of the file.
        format: its name in FFmpeg.
        start: of the file on its own clock, in seconds. All other times count from there.
        duration: of the file in seconds, as it claims; None if it doesn't.
        video, audio: the tracks that were chosen; None where there is none.
        others: the other tracks.
        video_choice, audio_choice: by which they were chosen: "best", "first" or an index.
    """

    path: str
    format: str
    start: float
    duration: float | None
    video: VideoTrack | None
    audio: AudioTrack | None
    others: tuple[OtherTrack, ...]
    video_choice: Choice
    audio_choice: Choice


def probe(path: Path, *, video: Choice = "best", audio: Choice = "best") -> Media:
    """Looks at a media file; decodes no more than the first frame of each track that it chooses.

    Args:
        path: of the file.
        video, audio: which track: "best" as FFmpeg says, "first", or an index in the file.

    Raises:
        DataError: as `kavc.media.container.open_container`.
        ConfigError: there is no such choice, or no such track of this kind.

    Example:
        probe("clip.mp4").video.width
    """
    with open_container(path) as container:
        picture, no_video = choose(container, "video", video)
        sound, no_audio = choose(container, "audio", audio)
        reasons = no_video | no_audio
        return Media(
            path=named(path),
            format=container.format.name,
            start=start_of(container),
            duration=None if container.duration is None else container.duration / MICROSECONDS,
            video=None if picture is None else _video(container, picture),
            # From the start again, by another container: not every format can be wound back.
            audio=None if sound is None else _audio_of(path, sound.index),
            others=tuple(
                OtherTrack(each.index, each.type, _codec(each), reasons.get(each.index, NEITHER))
                for each in container.streams
                if each not in (picture, sound)
            ),
            video_choice=video,
            audio_choice=audio,
        )


def duration_of(track: Stream, container: InputContainer) -> float | None:
    """Returns how long a track lasts by what the file claims, in seconds; None if it doesn't."""
    if track.duration and track.time_base:
        return float(track.duration * track.time_base)
    if container.duration is None:
        return None
    end = container.duration / MICROSECONDS  # Matroska has this of tracks as well, as a tag
    hours, minutes, seconds = _clock(track.metadata.get("DURATION", "")) or (0.0, 0.0, end)
    return 3600 * hours + 60 * minutes + seconds - (start_of_track(track) - start_of(container))


def start_of_track(track: Stream) -> float:
    """Returns where a track says that it starts, in seconds on the file's own clock."""
    return float((track.start_time or 0) * (track.time_base or 0))


def _clock(text: str) -> tuple[float, float, float] | None:
    try:
        hours, minutes, seconds = map(float, text.split(":"))
    except ValueError:
        return None
    return hours, minutes, seconds


def _codec(track: Stream) -> str:
    return track.codec_context.name if track.codec_context is not None else ""


def _video(container: InputContainer, track: Stream) -> VideoTrack:
    decoding = Decoding(container, track)
    frame = next(iter(decoding), None)
    turn = Orientation.of(frame)
    context = track.codec_context
    width, height = (
        (context.width, context.height) if frame is None else (frame.width, frame.height)
    )
    return VideoTrack(
        index=track.index,
        codec=context.name,
        width=height if turn.transposed else width,
        height=width if turn.transposed else height,
        rotation=turn.rotation,
        mirrored=turn.mirrored,
        rate=float(track.average_rate) if track.average_rate else None,
        start=start_of_track(track) - start_of(container) if frame is None else decoding.time,
        duration=duration_of(track, container),
        pixel_aspect=turn.aspect(track),
        damage="" if frame is not None else decoding.damage or "it has no frames",
    )


def _audio_of(path: Path, index: int) -> AudioTrack:
    with open_container(path) as container:
        track = container.streams[index]
        decoding = Decoding(container, track)
        frame = next(iter(decoding), None)
        context = track.codec_context
        return AudioTrack(
            index=index,
            codec=context.name,
            rate=context.rate if frame is None else frame.sample_rate,
            channels=context.channels if frame is None else frame.layout.nb_channels,
            layout=(context if frame is None else frame).layout.name,
            start=start_of_track(track) - start_of(container) if frame is None else decoding.time,
            duration=duration_of(track, container),
            damage="" if frame is not None else decoding.damage or "it has no samples",
        )
