"""A world like that of LLP: videos of 10 s whose events are heard, seen, or both.

In each modality, where g are the gains of what is active in segment t, echoes included:
latent    u_t = Σ g_c P_c + ρ x̄ + b q_t             x̄ of the video, q_t slow
audio     M u_t + σ ε
frames    softplus(M (u_t + σ ε_t) + σ' ε)          8 a segment
clips     M' (u_t + σ ε_t) + σ'' ε                  1 a segment

The reference says neither how much noise the frames of a segment share nor what their own is. Here
frames and clips show the same noisy latent, and so audio is the stronger modality, as it demands.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kavc.data.llp.classes import CLASSES
from kavc.data.synthetic.draws import check_seed, orthonormal, softplus
from kavc.data.synthetic.llp_knobs import LlpKnobs

SEGMENTS, FRAMES = 10, 8  # of a video, and of a segment
WORLD, VIDEO = 1, 2  # keep the random streams of worlds and of videos apart
AUDIO, VISUAL, BOTH = 0, 1, 2  # kinds of events; the first two are modalities, too
LONGEST_SHIFT = 3
ID_LENGTH = 11
LETTERS = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"))
LATEST = 60  # clips begin at a multiple of 10 s, below that of this


@dataclass(frozen=True)
class LlpVideo:
    """One video.

    Args:
        name: its id, 11 characters of YouTube's alphabet, then `_START_END` in seconds.
        labels: (labels,) int64. Its weak labels, ascending; wrong ones by `label_noise`.
        audio: (10, audio_dim) float32.
        visual: (80, visual_dim) float32.
        visual_3d: (10, visual_3d_dim) float32.
        audio_events, visual_events: (10, 25) bool. What is heard, and what is seen, and when.
    """

    name: str
    labels: np.ndarray
    audio: np.ndarray
    visual: np.ndarray
    visual_3d: np.ndarray
    audio_events: np.ndarray
    visual_events: np.ndarray

    @property
    def id(self) -> str:
        return self.name[:ID_LENGTH]  # which may hold `_` itself


class LlpWorld:
    """Prototypes and mixing matrices, and the videos that can be drawn from them.

    Args:
        knobs: what the world is like.
        world_seed: at least 0. Its constants depend on `knobs` and on this alone.

    Attributes:
        class_probability: (classes,).
        habits: (classes, 3). Shares of a class's events that are heard, seen, both.
        prototypes: (2, classes, latent_dim) P of audio and visual, of length 1.
        audio_map, visual_map, visual_3d_map: (features, latent_dim) M, orthonormal columns.

    Raises:
        ConfigError: the seed is out of range.

    Reference:
        Lamba et al., 2021, section 4, of the corpus that it imitates.

    Example:
        video = LlpWorld(knobs("default"), world_seed=0).video(sample_seed=0, index=0)
    """

    def __init__(self, knobs: LlpKnobs, world_seed: int = 0):
        self.knobs = k = knobs
        self.world_seed = check_seed("world_seed", world_seed)
        rng = np.random.default_rng([WORLD, world_seed])
        weights = np.arange(1, k.classes + 1, dtype=float) ** -k.class_skew
        self.class_probability = weights / weights.sum()
        shares = np.array([k.audible, k.visible, max(0.0, 1 - k.audible - k.visible)])
        self.habits = rng.dirichlet(k.habit_concentration * shares, k.classes)
        vectors = rng.standard_normal((2, k.classes, k.latent_dim))
        self.prototypes = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
        self.audio_map = orthonormal(rng, k.audio_dim, k.latent_dim)
        self.visual_map = orthonormal(rng, k.visual_dim, k.latent_dim)
        self.visual_3d_map = orthonormal(rng, k.visual_3d_dim, k.latent_dim)

    def video(self, sample_seed: int, index: int) -> LlpVideo:
        """Draws one video; which one depends on the world, the seed and the index alone.

        Args:
            sample_seed: at least 0.
            index: at least 0. Number of the video in its sample.

        Example:
            >>> from kavc.data.synthetic.llp_knobs import knobs
            >>> video = LlpWorld(knobs("default", visual_dim=32)).video(sample_seed=0, index=0)
            >>> video.audio.shape, video.visual.shape, video.audio_events.shape
            ((10, 128), (80, 32), (10, 25))
        """
        rng = np.random.default_rng([VIDEO, self.world_seed, sample_seed, index])
        name = _name(rng)
        gains = self._gains(rng)
        active = gains > 0
        labels = self._labels(rng, np.flatnonzero(active.any(axis=(0, 1))))
        audio, visual = self._latents(rng, gains + self._echo(rng, active))
        masks = np.zeros((2, SEGMENTS, len(CLASSES)), bool)
        masks[..., : self.knobs.classes] = active
        return LlpVideo(name, labels, *self._features(rng, audio, visual), *masks)

    def _gains(self, rng: np.random.Generator) -> np.ndarray:
        """Returns (2, segments, classes): how loud, and how visible; 0 where an event is not."""
        k = self.knobs
        events = min(1 + rng.poisson(k.events), k.max_events)
        gains = np.zeros((2, SEGMENTS, k.classes))
        for c in rng.choice(k.classes, events, replace=False, p=self.class_probability):
            kind = rng.choice(3, p=self.habits[c])
            gain = np.exp(k.gain_spread * rng.standard_normal())
            span, shifted = self._spans(rng)
            if kind != VISUAL:
                gains[AUDIO, span, c] = gain
            if kind != AUDIO:
                gains[VISUAL, shifted if kind == BOTH else span, c] = gain
        return gains

    def _spans(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Returns the segments of an event, and those in which it is seen if it is also heard."""
        k = self.knobs
        length = 1 + rng.binomial(SEGMENTS - 1, k.mean_length)
        last = SEGMENTS - length  # the latest onset
        onset = rng.integers(last + 1)
        shift = rng.integers(1, LONGEST_SHIFT + 1) * rng.choice([-1, 1])
        shifted = onset if rng.random() < k.synchrony else np.clip(onset + shift, 0, last)
        segments = np.arange(length)
        if rng.random() < k.split and length > 2:
            segments = np.delete(segments, rng.integers(1, length - 1))
        return onset + segments, shifted + segments

    def _labels(self, rng: np.random.Generator, labels: np.ndarray) -> np.ndarray:
        """Returns the weak labels, some of them exchanged for classes that are not there."""
        k = self.knobs
        absent = rng.permutation(np.setdiff1d(np.arange(k.classes), labels))
        wrong = np.flatnonzero(rng.random(len(labels)) < k.label_noise)[: len(absent)]
        labels[wrong] = absent[: len(wrong)]
        return np.sort(labels)

    def _echo(self, rng: np.random.Generator, active: np.ndarray) -> np.ndarray:
        """Returns (2, segments, classes): gains in the modality that an event is not in."""
        k = self.knobs
        echoes, pick = rng.random() < k.echo, rng.random()
        there = active.any(axis=1)
        one_sided = np.flatnonzero(there[AUDIO] != there[VISUAL])
        gains = np.zeros(active.shape)
        if echoes and len(one_sided):
            c = one_sided[int(pick * len(one_sided))]
            gains[:, :, c] = k.echo_gain * active[::-1, :, c]
        return gains

    def _latents(self, rng: np.random.Generator, gains: np.ndarray) -> np.ndarray:
        """Returns (2, segments, latent_dim)."""
        k = self.knobs
        background = rng.standard_normal((2, 1, k.latent_dim))
        slow = rng.standard_normal((2, SEGMENTS, k.latent_dim))
        fresh = np.sqrt(1 - k.persistence**2)
        for t in range(1, SEGMENTS):
            slow[:, t] = k.persistence * slow[:, t - 1] + fresh * slow[:, t]
        return gains @ self.prototypes + k.background * background + k.nuisance * slow

    def _features(
        self, rng: np.random.Generator, audio: np.ndarray, visual: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        k = self.knobs
        visual = visual + k.visual_noise * rng.standard_normal(visual.shape)
        frames = np.repeat(visual @ self.visual_map.T, FRAMES, axis=0)
        return (
            _noisy(rng, audio @ self.audio_map.T, k.audio_noise),
            softplus(_noisy(rng, frames, k.frame_noise)),
            _noisy(rng, visual @ self.visual_3d_map.T, k.visual_3d_noise),
        )


def _name(rng: np.random.Generator) -> str:
    letters = "".join(rng.choice(LETTERS, ID_LENGTH))
    start = SEGMENTS * int(rng.integers(LATEST))
    return f"{letters}_{start}_{start + SEGMENTS}"


def _noisy(rng: np.random.Generator, mean: np.ndarray, noise: float) -> np.ndarray:
    drawn = rng.standard_normal(mean.shape, np.float32)
    drawn *= np.float32(noise)
    drawn += mean.astype(np.float32)
    return drawn
