"""Inception v3: 2,048 numbers for each frame, or the 1,024 that YouTube-8M makes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from kavc.errors import ConfigError
from kavc.media.extractors.base import Extractor, Recipe, Weights
from kavc.media.extractors.images import moments_of, pixels
from kavc.media.sizes import Exactly
from kavc.media.windows import Seen
from kavc.options import option

if TYPE_CHECKING:
    import tensorflow as tf

    from kavc.media.networks.youtube8m_pca import YouTube8MPCA

SIDE = 299
STEM = "inception_v3_weights_tf_dim_ordering_tf_kernels"
NETWORK = Weights("inception-v3", (f"{STEM}_notop.h5", f"{STEM}.h5"), "keras.io/api/applications")
COMPONENTS = Weights(
    "youtube8m-pca",
    ("yt8m_pca",),
    "google/youtube-8m, feature_extractor; yt8m_pca.tgz, unpacked into a folder",
    "not stated; the code is Apache-2.0, YouTube-8M CC BY 4.0",
)


@dataclass(frozen=True)
class InceptionV3(Recipe):
    """Inception v3, a frame each second of the first five minutes, squeezed to a square.

    YouTube-8M takes its frames at full seconds, these are in the middle of each second; and its
    network had other weights, see `kavc.media.networks.inception_v3`. So `pca`, which was made for
    these, gives numbers of the same form as YouTube-8M's, and not the same numbers.

    Reference:
        Szegedy et al., 2016; of YouTube-8M, Abu-El-Haija et al., 2016.

    Example:
        extractor = InceptionV3().load({"inception-v3": f"{STEM}_notop.h5"})
        times, rows = extractor.extract("clip.mp4")  # (rows, 2048)
    """

    NAME: ClassVar[str] = "inception-v3"
    MODALITY: ClassVar[str] = "visual"
    SUMMARY: ClassVar[str] = "Inception v3: 2,048 numbers a frame, or 1,024 by YouTube-8M's PCA"
    SEEN: ClassVar[str] = (
        "never with real weights nor the real PCA, which was made for weights of December 2015 "
        "that are not Keras'"
    )

    frames: str = option("rate:1", "uniform:N, rate:R, key:N or burst:NxF@R")
    seconds: float | None = option(
        300.0, "of a file that are looked at, with rate:R; YouTube-8M's code has 300", low=0.01
    )
    pca: bool = option(False, "whether YouTube-8M's principal components are taken")
    quantised: bool = option(False, "whether these go through 8 bits, as published; wants pca")

    def __post_init__(self) -> None:
        super().__post_init__()
        moments_of(self.frames, self.seconds)
        if self.quantised and not self.pca:
            raise ConfigError(
                "option 'quantised' of inception-v3 wants pca: components are quantised"
            )

    def needs(self) -> Sequence[Weights]:
        return (NETWORK, COMPONENTS) if self.pca else (NETWORK,)

    def takes(self) -> Seen:
        return Seen(moments_of(self.frames, self.seconds), Exactly(SIDE, SIDE))

    def load(self, files: Mapping[str, Path]) -> Extractor:
        from kavc.media.networks import inception_v3
        from kavc.media.networks.youtube8m_pca import YouTube8MPCA

        finish = self._finish(YouTube8MPCA(files[COMPONENTS.name])) if self.pca else None
        return Extractor(
            self,
            lambda values: pixels(values) / 127.5 - 1,
            inception_v3.load(files[self.NAME]),
            files=files,
            finish=finish,
        )

    def _finish(self, pca: YouTube8MPCA) -> Callable[[tf.Tensor], tf.Tensor]:
        def components(embedding: tf.Tensor) -> tf.Tensor:
            import tensorflow as tf

            from kavc.media.networks.youtube8m_pca import HIGH, LOW, dequantised

            found = tf.matmul(tf.cast(embedding, tf.float64) - pca.means, pca.vectors)
            if not self.quantised:
                return found
            bits = tf.round((tf.clip_by_value(found, LOW, HIGH) - LOW) * (255 / (HIGH - LOW)))
            return dequantised(bits)

        return components
