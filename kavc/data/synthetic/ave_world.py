"""A world like that of AVE: videos of 10 s with one event, heard and seen in the same seconds.

In modality m and second t, where on_t is 1 during the event:
latent    u_t = on_t (α P_c + β B z + η R r_t) + (1 − on_t) ω Q_j + γ n
audio     M u_t + σ ε
cell k    softplus(s M (w_k u_t + (1 − w_k) ω Q′) + s σ ε − 0.5)      7 x 7 of them

z of the video and r_t of the second are the same in both modalities; P, B, R, Q, M and n of the
video are each modality's own. What is heard beside the event says nothing about what is seen: j is
drawn for each modality, and for each run of background. w is a blob that moves. In videos with a
distractor the background of one modality holds α P of another category on top.

The reference gives the prototypes of the background no length; here they are as strong as those of
events (ω = α). n is of the video, as in the corpora beside this one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kavc.data.ave.videos import SECONDS
from kavc.data.synthetic.ave_knobs import AveKnobs
from kavc.data.synthetic.draws import check_seed, orthonormal, softplus

SIDE = 7  # cells of a map in each direction
WORLD, VIDEO = 1, 2  # keep the random streams of worlds and of videos apart
AUDIO, VISUAL = 0, 1
SHIFT = 0.5  # below which softplus' input lies, so that features of nothing are small


@dataclass(frozen=True)
class AveVideo:
    """The features of one video.

    Args:
        audio: (10, audio_dim) float32.
        maps: (10, 7, 7, visual_dim) float32, positive.
    """

    audio: np.ndarray
    maps: np.ndarray


class AveWorld:
    """Prototypes and mixing matrices, and the videos that can be drawn from them.

    Args:
        knobs: what the world is like.
        world_seed: at least 0. Its constants depend on `knobs` and on this alone.

    Attributes:
        events: (2, classes, latent_dim) P of audio and visual, of length 1.
        backgrounds: (2, backgrounds, latent_dim) Q, of length 1.
        of_video: (2, latent_dim, video_dim) B, orthonormal columns.
        of_second: (2, latent_dim, second_dim) R, orthonormal columns.
        audio_map, visual_map: (features, latent_dim) M, orthonormal columns.

    Raises:
        ConfigError: the seed is out of range.

    Reference:
        Zhu et al., 2021, section 3.1, of the corpus that it imitates.

    Example:
        world = AveWorld(knobs("default"), world_seed=0)
        video = world.video(sample_seed=0, index=0, label=3, start=2, end=6)
    """

    def __init__(self, knobs: AveKnobs, world_seed: int = 0):
        self.knobs = k = knobs
        self.world_seed = check_seed("world_seed", world_seed)
        rng = np.random.default_rng([WORLD, world_seed])
        self.events = _units(rng, (2, k.classes, k.latent_dim))
        self.backgrounds = _units(rng, (2, k.backgrounds, k.latent_dim))
        self.of_video = np.stack([orthonormal(rng, k.latent_dim, k.video_dim) for _ in range(2)])
        self.of_second = np.stack([orthonormal(rng, k.latent_dim, k.second_dim) for _ in range(2)])
        self.audio_map = orthonormal(rng, k.audio_dim, k.latent_dim)
        self.visual_map = orthonormal(rng, k.visual_dim, k.latent_dim)

    def video(self, sample_seed: int, index: int, label: int, start: int, end: int) -> AveVideo:
        """Draws one video; which one depends on the world and the arguments alone.

        Args:
            sample_seed: at least 0.
            index: at least 0. Number of the video in its sample.
            label: its category.
            start, end: the event is in the seconds from `start` to before `end`; none if they are
                the same.

        Example:
            >>> from kavc.data.synthetic.ave_knobs import knobs
            >>> world = AveWorld(knobs("default", visual_dim=32))
            >>> video = world.video(sample_seed=0, index=0, label=3, start=2, end=6)
            >>> video.audio.shape, video.maps.shape, bool(video.maps.min() > 0)
            ((10, 128), (10, 7, 7, 32), True)
        """
        k = self.knobs
        rng = np.random.default_rng([VIDEO, self.world_seed, sample_seed, index])
        latents = self._latents(rng, label, start, end)
        audio = (latents[AUDIO] @ self.audio_map.T).astype(np.float32)
        audio += np.float32(k.audio_noise) * rng.standard_normal(audio.shape, np.float32)
        return AveVideo(audio, self._maps(rng, latents[VISUAL]))

    def _latents(self, rng: np.random.Generator, label: int, start: int, end: int) -> np.ndarray:
        """Returns (2, 10, latent_dim)."""
        k = self.knobs
        of_video = self.of_video @ rng.standard_normal(k.video_dim)
        of_second = self._slow(rng) @ self.of_second.swapaxes(1, 2)
        private = rng.standard_normal((2, 1, k.latent_dim))
        event = k.event_gain * self.events[:, label, None] + k.video_gain * of_video[:, None]
        latents = event + k.second_gain * of_second
        background = self._background(rng, label, start)
        seconds = np.arange(SECONDS)
        off = (seconds < start) | (seconds >= end)
        latents[:, off] = background[:, off]
        return latents + k.private_gain * private

    def _slow(self, rng: np.random.Generator) -> np.ndarray:
        """Returns r: (10, second_dim), of variance 1 in each second."""
        k = self.knobs
        slow = rng.standard_normal((SECONDS, k.second_dim))
        fresh = np.sqrt(1 - k.persistence**2)
        for t in range(1, SECONDS):
            slow[t] = k.persistence * slow[t - 1] + fresh * slow[t]
        return slow

    def _background(self, rng: np.random.Generator, label: int, start: int) -> np.ndarray:
        """Returns (2, 10, latent_dim): what is heard and seen where there is no event."""
        k = self.knobs
        runs = rng.integers(k.backgrounds, size=(2, 2))  # before the event, and after it
        late = (np.arange(SECONDS) >= start).astype(int)
        found = k.background_gain * self.backgrounds[[[AUDIO], [VISUAL]], runs[:, late]]
        distracts, modality = rng.random() < k.distractor, rng.integers(2)
        other = (label + 1 + rng.integers(max(k.classes - 1, 1))) % k.classes
        if distracts and other != label:
            found[modality] += k.event_gain * self.events[modality, other]
        return found

    def _maps(self, rng: np.random.Generator, latents: np.ndarray) -> np.ndarray:
        """Returns (10, 7, 7, visual_dim)."""
        k = self.knobs
        scene = k.background_gain * self.backgrounds[VISUAL, rng.integers(k.backgrounds)]
        weights = self._blob(rng).astype(np.float32)[..., None]
        there, around = (
            (rows @ self.visual_map.T).astype(np.float32) for rows in (latents, scene[None])
        )
        maps = rng.standard_normal((SECONDS, SIDE, SIDE, k.visual_dim), np.float32)
        maps *= np.float32(k.visual_noise)
        maps += weights * (there - around)[:, None, None] + around
        maps *= np.float32(k.visual_scale)
        return softplus(maps - np.float32(SHIFT))

    def _blob(self, rng: np.random.Generator) -> np.ndarray:
        """Returns w: (10, 7, 7), 1 at the blob's centre, which stays in the map."""
        k = self.knobs
        steps = k.jitter * rng.standard_normal((SECONDS, 2))
        steps[0] = rng.uniform(0, SIDE, 2)
        centres = np.clip(np.cumsum(steps, axis=0), 0, SIDE)
        cells = np.arange(SIDE) + 0.5
        down, across = ((cells - centres[:, axis, None]) ** 2 for axis in range(2))
        return np.exp(-(down[:, :, None] + across[:, None]) / (2 * k.blob_width**2))


def _units(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Draws vectors of length 1."""
    vectors = rng.standard_normal(shape)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
