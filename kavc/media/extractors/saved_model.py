"""Any SavedModel as an extractor, from a folder or from TensorFlow Hub."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from kavc.errors import ConfigError, DataError
from kavc.inputs.opening import named
from kavc.media.extractors.base import Extractor, Recipe, Weights
from kavc.media.moments import Key, parse_moments
from kavc.media.sizes import Crop, Exactly, Size
from kavc.media.windows import SHORT, Heard, Seen
from kavc.options import option

if TYPE_CHECKING:
    import tensorflow as tf

WEIGHTS = "saved-model"
SIDE = 224
SIZE = re.compile(r"(\d{1,5})(?:x(\d{1,5}))?")
SCALES = {"0..1": (255.0, 0.0), "-1..1": (127.5, 1.0), "0..255": (1.0, 0.0)}


@dataclass(frozen=True)
class _SavedModel(Recipe):
    """What both have in common. What the model decides, `load` puts into the extractor's recipe."""

    signature: str | None = option(
        None, "its name, or __call__; none for serving_default, the only one, or __call__"
    )
    input: str | None = option(None, "name of the input, where there are several")
    output: str | None = option(None, "name of the output, where there are several")
    axes: str = option(
        "mean", "what becomes of axes between windows and features", choices=("mean", "flatten")
    )
    download: bool = option(False, "whether a handle that isn't in the cache is fetched")

    def needs(self) -> Sequence[Weights]:
        page = "a folder with saved_model.pb, or a handle as https://tfhub.dev/google/vggish/1"
        return (Weights(WEIGHTS, (), page, "not known; as published with it"),)

    def load(self, files: Mapping[str, Path]) -> Extractor:
        from kavc.media.networks.hub_cache import local_folder
        from kavc.media.networks.saved_model import Entry, ForeignModel

        source = files[WEIGHTS]
        folder = local_folder(source, download=self.download)
        entry = Entry(folder, signature=self.signature, input=self.input)
        recipe, example, alone = self.fitted(entry.given, source)
        network = ForeignModel(entry, example, alone=alone, output=self.output, source=source)
        return Extractor(
            recipe,
            lambda values: recipe.given(values, example),
            network,
            files={WEIGHTS: folder},
            finish=self._finished,
        )

    @abstractmethod
    def fitted(self, given: tf.TensorSpec, source: Path) -> tuple[Self, tf.TensorSpec, bool | None]:
        """Returns the recipe with what an input decides; a window; and whether it goes alone.

        Args:
            given: the input.
            source: of the model, for messages.
        """

    @abstractmethod
    def given(self, values: tf.Tensor, example: tf.TensorSpec) -> tf.Tensor:
        """Returns windows as the model takes them, (windows, *example.shape), in graph."""

    def _finished(self, rows: tf.Tensor) -> tf.Tensor:
        import tensorflow as tf

        if self.axes == "mean" and rows.shape.rank > 2:
            return tf.reduce_mean(tf.cast(rows, tf.float32), range(1, rows.shape.rank - 1))
        size = tf.TensorShape(rows.shape[1:]).num_elements()
        return tf.reshape(rows, [-1, size])


@dataclass(frozen=True)
class SavedModelAudio(_SavedModel):
    """Any SavedModel that hears: one input of samples from -1 to 1.

    Its shape may be (n, samples), (n, samples, 1), or (samples,) of one window alone.

    Example:
        files = {"saved-model": "https://tfhub.dev/google/vggish/1"}
        extractor = SavedModelAudio(window=0.975).load(files)
        times, rows = extractor.extract("clip.mp4")  # (10, 128)
    """

    NAME: ClassVar[str] = "saved-model-audio"
    MODALITY: ClassVar[str] = "audio"
    SUMMARY: ClassVar[str] = "any SavedModel that hears, from a folder or TensorFlow Hub"
    SEEN: ClassVar[str] = "with Basic Pitch, from a folder and from a cache of TensorFlow Hub"

    rate: int = option(16_000, "samples a second that it takes", low=100, high=384_000)
    window: float | None = option(
        None, "seconds of a row; none: as the model says", low=0.00001, high=3600
    )
    hop: float | None = option(
        None, "seconds from row to row; none: a window", low=0.00001, high=3600
    )  # fmt: skip
    short: str = option("drop", "what becomes of sound that fills no row", choices=SHORT)

    @property
    def step(self) -> float | None:
        return None if self.window is None else super().step

    def takes(self) -> Heard:
        if self.window is None:
            raise ConfigError(
                f"{self.NAME}: the model is not loaded, which may say how much it takes; give "
                "window=SECONDS, or load it and ask the extractor's recipe"
            )
        samples = max(1, round(self.window * self.rate))
        hop = samples if self.hop is None else max(1, round(self.hop * self.rate))
        return Heard(self.rate, samples, hop, short=self.short)

    def fitted(self, given: tf.TensorSpec, source: Path) -> tuple[Self, tf.TensorSpec, bool | None]:
        import tensorflow as tf

        shape = [None, None] if given.shape.rank is None else given.shape.as_list()
        *batch, samples = shape[:-1] if len(shape) == 3 and shape[-1] in (1, None) else shape
        if len(batch) > 1 or (batch and batch[0] not in (1, None)) or not given.dtype.is_floating:
            raise DataError(
                f"{named(source)}: its input {given.dtype.name} {given.shape} is no sound; expected"
                " float (n, samples), (n, samples, 1) or (samples,)"
            )
        fitted = self
        if self.window is None:
            if samples is None:
                raise ConfigError(
                    f"{named(source)}: it takes sound of any length; give window=SECONDS, as "
                    "window=0.975 of VGGish"
                )
            fitted = self.replace(window=samples / self.rate)
        there = fitted.takes().window
        if samples not in (None, there):
            raise ConfigError(
                f"{named(source)}: it takes {samples} samples, {samples / self.rate:g} s at "
                f"{self.rate} Hz; not window={fitted.window:g}"
            )
        example = tf.TensorSpec((there, 1) if len(shape) == 3 else (there,), given.dtype)
        alone = None if batch and batch[0] is None else bool(batch)
        return fitted, example, alone

    def given(self, values: tf.Tensor, example: tf.TensorSpec) -> tf.Tensor:
        import tensorflow as tf

        return tf.cast(tf.reshape(values, [-1, *example.shape]), example.dtype)


@dataclass(frozen=True)
class SavedModelVisual(_SavedModel):
    """Any SavedModel that sees: one input of RGB images, or of some frames each.

    Its shape may be (n, height, width, 3) or (n, frames, height, width, 3).

    Example:
        extractor = SavedModelVisual().load({"saved-model": "models/inception_v3"})
        times, rows = extractor.extract("clip.mp4")  # (10, 2048)
    """

    NAME: ClassVar[str] = "saved-model-visual"
    MODALITY: ClassVar[str] = "visual"
    SUMMARY: ClassVar[str] = "any SavedModel that sees, from a folder or TensorFlow Hub"
    SEEN: ClassVar[str] = "never seen with published weights; models made for it were"

    frames: str = option("rate:1", "uniform:N, rate:R, key:N or burst:NxF@R")
    size: str | None = option(
        None, "pixels, SIDE or HEIGHTxWIDTH; none: as the model says, or 224"
    )  # fmt: skip
    resize: int | None = option(
        None, "pixels to which the shorter side is scaled; none: that of size", low=1, high=4096
    )
    stretched: bool = option(False, "whether all of the frame is kept, and not its centre alone")
    scale: str = option("0..1", "of the colours; bytes stay 0..255", choices=tuple(SCALES))
    window: int | None = option(
        None, "frames of a row; none: as the model says", low=1, high=4096
    )  # fmt: skip
    hop: int | None = option(None, "frames from row to row; none: a window", low=1, high=4096)
    short: str = option("drop", "what becomes of frames that fill no row", choices=SHORT)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._images()
        moments = parse_moments(self.frames)
        if isinstance(moments, Key) and (self.window or 1) > 1:
            raise ConfigError("frames of a window follow each other; key:N takes window=1")

    def takes(self) -> Seen:
        window = self.window or 1
        return Seen(
            parse_moments(self.frames), self._images(), window, self.hop or window, self.short
        )  # fmt: skip

    def _images(self) -> Size:
        sides = SIZE.fullmatch(self.size or str(SIDE))
        if sides is None:
            raise ConfigError(f"option 'size': expected SIDE or HEIGHTxWIDTH; not {self.size!r}")
        height, width = int(sides[1]), int(sides[2] or sides[1])
        if self.stretched or height != width:
            return Exactly(height, width)
        return Crop(self.resize or height, height)

    def fitted(self, given: tf.TensorSpec, source: Path) -> tuple[Self, tf.TensorSpec, bool | None]:
        import tensorflow as tf

        shape = [None] * 3 + [3] if given.shape.rank is None else given.shape.as_list()
        images = len(shape) in (4, 5) and shape[-1] in (3, None) and shape[0] in (1, None)
        if not images or not (given.dtype.is_floating or given.dtype == tf.uint8):
            raise DataError(
                f"{named(source)}: its input {given.dtype.name} {given.shape} is no images; "
                "expected float or uint8 (n, height, width, 3) or (n, frames, height, width, 3)"
            )
        frames = shape[1] if len(shape) == 5 else 1
        height, width = shape[-3:-1]
        fitted = self
        if self.window is None:
            if frames is None:
                raise ConfigError(f"{named(source)}: it takes any number of frames; give window=N")
            fitted = fitted.replace(window=frames)
        if self.size is None and height and width:
            fitted = fitted.replace(size=f"{height}x{width}")
        taken = fitted.takes()
        there = (taken.window, *taken.size.shape)
        for wanted, is_there in zip((frames, height, width), there, strict=True):
            if wanted not in (None, is_there):
                raise ConfigError(
                    f"{named(source)}: it takes {given.shape}; not {taken.window} frames of "
                    f"{taken.size.shape[0]}x{taken.size.shape[1]}"
                )
        axes = (*there, 3) if len(shape) == 5 else (*there[1:], 3)
        return fitted, tf.TensorSpec(axes, given.dtype), None if shape[0] is None else True

    def given(self, values: tf.Tensor, example: tf.TensorSpec) -> tf.Tensor:
        import tensorflow as tf

        images = values if example.shape.rank == 4 else values[:, 0]
        if example.dtype == tf.uint8:
            return images
        through, less = SCALES[self.scale]
        return tf.cast(tf.cast(images, tf.float32) / through - less, example.dtype)
