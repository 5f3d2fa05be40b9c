"""What one example holds: the names, shapes, dtypes and meanings that every seam shares.

The same names stand in datasets, in `keras.Input`, in served signatures, on the wire and in JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Shape = tuple[int | None, ...]


@dataclass(frozen=True)
class Field:
    """One named part of an example.

    Args:
        shape: without batch axis; `None` where it varies from example to example.
        dtype: "float32", "int32" or "string".
        meaning: one line, with the unit.
        hop: optional. Seconds from one row of the first axis to the next.

    Example:
        >>> Field((None, 128), "float32", "VGGish", hop=0.96).shape
        (None, 128)
    """

    shape: Shape
    dtype: str
    meaning: str
    hop: float | None = None


ExampleSpec = Mapping[str, Field]


def video_spec(audio_dim: int, visual_dim: int) -> ExampleSpec:
    """The schema of one video with its sound: what Ti-AVC's readers yield.

    Args:
        audio_dim: width of the audio features (128 for VGGish).
        visual_dim: width of the visual features (1280 for pooled MobileNetV2, 1024 for YouTube-8M).

    Reference:
        Su et al., 2020, section 4.1.

    Example:
        >>> {name: field.shape for name, field in video_spec(128, 1280).items()}
        {'id': (), 'audio': (None, 128), 'visual': (None, 1280), 'theme': ()}
    """
    return {
        "id": Field((), "string", "identifies the video; equal ids are the same video"),
        "audio": Field((None, audio_dim), "float32", "audio features, one step each 0.96 s"),
        "visual": Field((None, visual_dim), "float32", "visual features of the key frames"),
        "theme": Field((), "int32", "index of the video's theme"),
    }


def mean_spec(audio_dim: int, visual_dim: int) -> ExampleSpec:
    """The schema of one video as the means of its features: what the embedding reads.

    Args:
        audio_dim: width of the audio features (128 for VGGish).
        visual_dim: width of the visual features (1024 for YouTube-8M).

    Reference:
        Surís et al., 2018, section 3.

    Example:
        >>> {name: field.shape for name, field in mean_spec(128, 1024).items()}
        {'id': (), 'labels': (None,), 'audio': (128,), 'visual': (1024,), 'silent': ()}
    """
    return {
        "id": Field((), "string", "identifies the video; equal ids are the same video"),
        "labels": Field((None,), "int64", "class indices; may be none"),
        "audio": Field((audio_dim,), "float32", "audio features, mean over the video"),
        "visual": Field((visual_dim,), "float32", "visual features, mean over the video"),
        "silent": Field((), "bool", "whether the audio features are those of silence"),
    }
