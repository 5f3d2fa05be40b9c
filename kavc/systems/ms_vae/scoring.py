"""How far apart two segments are, by what a network makes of either: what all tables are made of.

A network codes each segment by itself, in one or more spaces; the distance of two segments is a
weighted sum of those in the spaces. A classifier of whole videos codes a segment by its branch of
that modality, which is given this segment alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from scipy.spatial.distance import cdist

from kavc import progress
from kavc.layers.peaks import peak_norm
from kavc.metrics.localization import localize
from kavc.systems.ms_vae.config import GENERATING, LOCALIZING, MSVAEConfig
from kavc.systems.ms_vae.videos import MODALITIES, Videos

BATCH_SIZE = 1024
Codes = Mapping[str, np.ndarray]  # name of a space to (..., width) of either modality's segments
Ask = Callable[[str, np.ndarray], Codes]


@dataclass(frozen=True)
class Space:
    """One part of a distance.

    Args:
        name: of the codes.
        weight: of the distance there.
        squared: whether it is the mean squared difference, in place of the Euclidean distance.
    """

    name: str
    weight: float = 1.0
    squared: bool = False


def spaces(config: MSVAEConfig, *, as_published: bool = False) -> Sequence[Space]:
    """Returns what a config's distance is made of.

    Args:
        config: of the network.
        as_published: retrieval's in the published script, which halves both parts and squares the
            second.

    Reference:
        Zhu et al., 2021, section 3.2; `as_published` is the published script's.

    Example:
        >>> [space.name for space in spaces(MSVAEConfig())]
        ['latent', 'pair']
        >>> spaces(MSVAEConfig(variant="dcca"))
        (Space(name='embedding', weight=1.0, squared=False),)
    """
    if config.variant not in GENERATING:
        return (Space("embedding"),)
    if as_published:
        return Space("latent", 0.5), Space("pair", 0.5, squared=True)
    return Space("latent"), Space("pair")


def distances(one: Codes, other: Codes, of: Sequence[Space]) -> np.ndarray:
    """Returns how far apart segments are, (segments, others) float64.

    Args:
        one, other: codes, (segments, width) and (others, width) in each space.
        of: the spaces.

    Reference:
        Zhu et al., 2021, sections 3.2 and 3.3.

    Example:
        >>> one = {"latent": np.array([[0.0, 0.0]])}
        >>> other = {"latent": np.array([[3.0, 4.0], [0.0, 2.0]])}
        >>> distances(one, other, [Space("latent")]).tolist()
        [[5.0, 2.0]]
        >>> distances(one, other, [Space("latent", 0.5, squared=True)]).tolist()
        [[6.25, 1.0]]
    """
    total = np.zeros((len(one[of[0].name]), len(other[of[0].name])))
    for space in of:
        pair = one[space.name], other[space.name]
        if space.squared:
            total += space.weight * cdist(*pair, "sqeuclidean") / pair[0].shape[-1]
        else:
            total += space.weight * cdist(*pair)
    return total


def coder(network: keras.Model, config: MSVAEConfig) -> Ask:
    """Returns a function that codes segments of one modality.

    It takes "audio" or "visual" and features (..., width), and returns codes by the names of
    `spaces`, (..., width) float32: "latent", the Gaussian's mean or, for W2, mean and standard
    deviation; "pair", what is generated; or "embedding".

    Args:
        network: of this system.
        config: that it was built with.
    """
    models = {kind: _of_one_modality(network, kind, config) for kind in MODALITIES}

    def code(kind: str, features: np.ndarray) -> Codes:
        rows = features.reshape(-1, features.shape[-1])
        firsts = range(0, len(rows), BATCH_SIZE)
        parts = [
            models[kind](tf.convert_to_tensor(rows[at : at + BATCH_SIZE]))
            for at in progress.track(firsts, f"coding {kind}", unit="batches")
        ]
        found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        return {name: x.reshape(*features.shape[:-1], x.shape[-1]) for name, x in found.items()}

    return code


def _of_one_modality(network: keras.Model, kind: str, config: MSVAEConfig) -> Callable:
    """Returns a traced function from rows of features to codes."""
    model = one_modality(network, kind, config)

    @tf.function(input_signature=[tf.TensorSpec((None, network.input[kind].shape[-1]))])
    def codes(rows: tf.Tensor) -> dict[str, tf.Tensor]:
        rows = peak_norm(rows) if config.scaling == "peak-in-evaluation" else rows
        found = {name: tf.cast(x, tf.float32) for name, x in model(rows, training=False).items()}
        return named_codes(found, kind, config)

    return codes


def one_modality(network: keras.Model, kind: str, config: MSVAEConfig) -> keras.Model:
    """Returns what a network makes of one modality's segments, (segments, width), by name.

    Args:
        network, config: as of `coder`.
        kind: "audio" or "visual".

    Example:
        >>> from kavc.systems.ms_vae.networks import MSVAE
        >>> sound = one_modality(MSVAE(), "audio", MSVAEConfig())
        >>> sorted(sound.output)
        ['audio_log_variance', 'audio_mean', 'from_audio']
    """
    if config.variant in LOCALIZING:
        branch = keras.Model(network.input[kind], network.branches[kind])
        rows = keras.Input(branch.input.shape[2:])
        return keras.Model(rows, {f"{kind}_embedding": branch(rows[:, None])[:, 0]})
    ends = (f"from_{kind}", f"{kind}_embedding")
    outputs = {
        name: x for name, x in network.output.items() if name.startswith(kind) or name in ends
    }
    return keras.Model(network.input[kind], outputs)


def named_codes(
    answers: Mapping[str, tf.Tensor], kind: str, config: MSVAEConfig
) -> dict[str, tf.Tensor]:
    """Returns the codes of one modality, by the names of `spaces`, of a network's answers."""
    if config.variant not in GENERATING:
        return {"embedding": answers[f"{kind}_embedding"]}
    latent = answers[f"{kind}_mean"]
    if config.latent_distance == "gaussians":
        deviation = tf.exp(answers[f"{kind}_log_variance"] / 2)
        latent = tf.concat([latent, deviation], axis=-1)
    return {"latent": latent, "pair": answers[f"from_{kind}"]}


@dataclass(frozen=True)
class Coded:
    """The codes of all segments of a split's videos.

    Args:
        videos: of the split.
        audio, visual: (videos, segments, width) in each space.
        spaces: what the distance is made of.

    Reference:
        Zhu et al., 2021, section 3.2.
    """

    videos: Videos
    audio: Codes
    visual: Codes
    spaces: Sequence[Space]

    @classmethod
    def of(cls, code: Ask, videos: Videos, config: MSVAEConfig) -> Coded:
        """Codes videos by a network's `coder`."""
        return cls(videos, code("audio", videos.audio), code("visual", videos.visual),
                   spaces(config))  # fmt: skip

    def between(self, partner: np.ndarray | None = None) -> np.ndarray:
        """Returns distances within each asking video, (queries, segments, segments) float64.

        [q, i, j] is of segment i in sound, and j in pictures.

        Args:
            partner: optional (queries,) rows of videos whose pictures are taken in place.
        """
        rows = self.videos.queries
        others = rows if partner is None else partner
        return np.stack(
            [
                distances(_at(self.audio, one), _at(self.visual, other), self.spaces)
                for one, other in zip(rows, others, strict=True)
            ]
        )

    def found(
        self, between: np.ndarray, partner: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """Returns the onset that is found for each query, (queries,), by direction.

        Args:
            between: as the method of that name gives it.
            partner: as of that method. Pictures that ask are then of the partner's event.

        Reference:
            Zhu et al., 2021, section 3.2.
        """
        pairs = {"a2v": between, "v2a": between.swapaxes(1, 2)}
        return {
            way: localize(pairs[way], self.videos.start[rows], self.videos.length[rows])
            for way, rows in self._asking(partner).items()
        }

    def accuracy(
        self, found: Mapping[str, np.ndarray], partner: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """Returns whether each query was found exactly, (queries,) bool, by direction.

        Reference:
            Zhu et al., 2021, section 3.1: "the strict exact match".
        """
        asking = self._asking(partner)
        return {way: onset == self.videos.start[asking[way]] for way, onset in found.items()}

    def _asking(self, partner: np.ndarray | None) -> dict[str, np.ndarray]:
        """Rows of the videos whose events are queries, by direction."""
        rows = self.videos.queries
        return {"a2v": rows, "v2a": rows if partner is None else partner}


def _at(codes: Codes, row: int) -> Codes:
    return {name: x[row] for name, x in codes.items()}
