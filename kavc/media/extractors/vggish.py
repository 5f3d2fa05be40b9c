"""VGGish: 128 numbers for each 0.96 s of sound."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from kavc.errors import ConfigError
from kavc.media.extractors.base import Extractor, Recipe, Weights
from kavc.media.windows import SHORT, Heard
from kavc.options import option

if TYPE_CHECKING:
    import tensorflow as tf

    from kavc.media.networks.vggish import PCA

RATE, WINDOW = 16_000, 15_600
PAGE = "tensorflow/models, research/audioset/vggish"
NETWORK = Weights("vggish", ("vggish_model.ckpt", "vggish.npz", "vggish.h5"), PAGE)
COMPONENTS = Weights("vggish-pca", ("vggish_pca_params.npz",), PAGE)


@dataclass(frozen=True)
class VGGish(Recipe):
    """VGGish.

    Reference:
        Hershey et al., 2017.

    Example:
        extractor = VGGish(relu=True).load({"vggish": "vggish_model.ckpt"})
        times, rows = extractor.extract("clip.mp4")  # (rows, 128)
    """

    NAME: ClassVar[str] = "vggish"
    MODALITY: ClassVar[str] = "audio"
    SUMMARY: ClassVar[str] = "VGGish: 128 numbers for each 0.96 s of sound"
    SEEN: ClassVar[str] = "network never seen with its real weights; front end and PCA were"

    hop: float = option(
        0.96, "seconds from row to row: 0.96 as published, 1 of YouTube-8M", low=0.01, high=60
    )
    relu: bool = option(True, "whether the last layer has a ReLU, as in features of until 2020")
    pca: bool = option(
        False, "whether principal components are taken; they were fitted under relu=false"
    )
    quantised: bool = option(False, "whether these go through 8 bits, as published; wants pca")
    short: str = option("drop", "what becomes of sound that fills no row", choices=SHORT)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.quantised and not self.pca:
            raise ConfigError("option 'quantised' of vggish wants pca: components are quantised")

    def needs(self) -> Sequence[Weights]:
        return (NETWORK, COMPONENTS) if self.pca else (NETWORK,)

    def takes(self) -> Heard:
        return Heard(RATE, WINDOW, round(self.hop * RATE), short=self.short)

    def load(self, files: Mapping[str, Path]) -> Extractor:
        from kavc.media.front_ends import VGGISH, LogMel
        from kavc.media.networks.vggish import PCA, load

        mel = LogMel(VGGISH)
        return Extractor(
            self,
            lambda values: {"patches": mel(values)[:, 0]},
            load(files["vggish"], relu=self.relu),
            files=files,
            finish=self._finish(PCA(files["vggish-pca"])) if self.pca else None,
        )

    def _finish(self, pca: PCA) -> Callable[[tf.Tensor], tf.Tensor]:
        def components(embedding: tf.Tensor) -> tf.Tensor:
            import tensorflow as tf

            from kavc.media.networks.vggish import RANGE

            low, high = RANGE
            found = tf.matmul(
                tf.cast(embedding, tf.float64) - pca.means, pca.vectors, transpose_b=True
            )
            if not self.quantised:
                return found
            bits = tf.floor((tf.clip_by_value(found, low, high) - low) * (255 / (high - low)))
            return bits * ((high - low) / 255) + (high - low) / 512 + low

        return components
