"""A corpus like KWAI-AD-AudVis from a known model: themes that are heard, seen or hidden.

theme k, latent z that both modalities share, latents n of their own; for each modality
latent    u = α P_k + β B z + γ n           (pictures may show a theme-free Q_j, not α P_k)
steps     M u + σ ε                         or, flagged, a distractor  M Q_j + φ f + σ ε
frames    softplus(M u + b + σ ε)           invertible, so likelihood ratios stay exact
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kavc.data.schema import Field
from kavc.data.synthetic.draws import check_seed, orthonormal, softplus
from kavc.data.synthetic.kwai_knobs import KNOB_SETS, KwaiKnobs, knobs
from kavc.data.synthetic.truth import read_columns, rows_of
from kavc.errors import ConfigError, DataError
from kavc.files import write_npz
from kavc.folders import check_new
from kavc.inputs.json_files import read_json
from kavc.inputs.records import entries, mapping
from kavc.partials import new_folder

SPLITS = ("train", "validation", "test")
WORLD, VIDEO = 1, 2  # keep the random streams of worlds and of videos apart
BIAS_MEAN, BIAS_SPREAD = -0.5, 0.5  # of the visual features before softplus

MAX_TRUTH_BYTES = 128 * 2**20
# The columns of `Truth`: kinds of their dtype, and axes.
TRUTH = {
    "ids": ("S", 1),
    "theme": ("i", 1),
    "themeless": ("b", 1),
    "picture": ("i", 1),
    "informative": ("b", 2),
    "shared": ("f", 2),
    "audio_mean": ("f", 2),
    "visual_mean": ("f", 2),
}

Example = dict[str, Any]


@dataclass(frozen=True)
class Truth:
    """What is known of videos beyond their features; one row a video.

    Args:
        ids: (videos,) bytes.
        theme: (videos,) int32.
        themeless: (videos,) bool. Whether the pictures hide the theme.
        picture: (videos,) int32. Which theme-free prototype they show; −1 where none.
        informative: (videos, max_steps) bool. Audio steps that are no distractors.
        shared: (videos, shared_dim) float32. The latent z.
        audio_mean: (videos, latent_dim) float64. Mean of the informative steps, in latent
            coordinates; with their number it says all about the latents that the audio does.
            Zeros where there is no audio.
        visual_mean: (videos, latent_dim) float64. Mean of the frames before softplus, without
            bias, in latent coordinates.
    """

    ids: np.ndarray
    theme: np.ndarray
    themeless: np.ndarray
    picture: np.ndarray
    informative: np.ndarray
    shared: np.ndarray
    audio_mean: np.ndarray
    visual_mean: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def stack(cls, rows: Sequence[Mapping[str, Any]]) -> Truth:
        """Returns the rows, as `KwaiWorld.video` gives them, as columns.

        >>> world = KwaiWorld(knobs("default", visual_dim=32))
        >>> truth = Truth.stack([row for _, row in world.sample(5, sample_seed=0)])
        >>> truth.theme.shape, truth.select(truth.ids[[3]]).shared.shape
        ((5,), (1, 4))
        """
        return cls(**{name: np.stack([row[name] for row in rows]) for name in TRUTH})

    @classmethod
    def read(cls, folder: Path, split: str) -> Truth:
        """Reads the truth of one split of a corpus that `write` made.

        Raises:
            DataError: it is missing or damaged.
        """
        path = Path(folder) / f"truth-{split}.npz"
        return cls(**read_columns(path, TRUTH, most=MAX_TRUTH_BYTES))

    def select(self, ids: np.ndarray) -> Truth:
        """Returns the rows of `ids`, (n,) bytes, in that order, for example a store's.

        Raises:
            DataError: an id is unknown.
        """
        rows = rows_of(self.ids, ids)
        return Truth(**{name: getattr(self, name)[rows] for name in TRUTH})


class KwaiWorld:
    """Prototypes and mixing matrices, and the videos that can be drawn from them.

    Args:
        knobs: what the world is like.
        world_seed: its constants depend on `knobs` and on this alone.

    Attributes:
        theme_probability: (themes,).
        audio_prototypes, visual_prototypes: (themes, latent_dim) P, of length 1.
        audio_shared_map, visual_shared_map: (latent_dim, shared_dim) B, orthonormal columns.
        audio_map, visual_map: (features, latent_dim) M, orthonormal columns.
        flag: (audio_dim,) f, of length 1 and orthogonal to `audio_map`.
        backgrounds: (backgrounds, latent_dim) Q.
        themeless_pictures: (themeless_pictures, latent_dim) Q^v.
        visual_bias: (visual_dim,) b.

    Reference:
        Su et al., 2020, section 3, of the corpus that it imitates.

    Example:
        world = KwaiWorld(knobs("default"), world_seed=0)
        example, truth = world.video(sample_seed=0, index=0)
    """

    def __init__(self, knobs: KwaiKnobs, world_seed: int = 0):
        self.knobs = k = knobs
        self.world_seed = check_seed("world_seed", world_seed)
        rng = np.random.default_rng([WORLD, world_seed])
        weights = np.arange(1, k.themes + 1, dtype=float) ** -k.theme_skew
        self.theme_probability = weights / weights.sum()
        self.audio_prototypes = _prototypes(rng, k, k.audio_family)
        self.visual_prototypes = _prototypes(rng, k, k.visual_family)
        self.audio_shared_map = orthonormal(rng, k.latent_dim, k.shared_dim)
        self.visual_shared_map = orthonormal(rng, k.latent_dim, k.shared_dim)
        audio = orthonormal(rng, k.audio_dim, k.latent_dim + 1)
        self.audio_map, self.flag = audio[:, :-1], audio[:, -1]
        self.visual_map = orthonormal(rng, k.visual_dim, k.latent_dim)
        self.backgrounds = k.background_norm * _unit(rng, k.backgrounds, k.latent_dim)
        self.themeless_pictures = k.themeless_norm * _unit(rng, k.themeless_pictures, k.latent_dim)
        self.visual_bias = rng.normal(BIAS_MEAN, BIAS_SPREAD, k.visual_dim)

    @staticmethod
    def made(folder: Path) -> bool:
        """Whether a corpus is drawn from such a world, as its `corpus.json` says."""
        path = Path(folder) / "corpus.json"
        return "world" in mapping(read_json(path), path)

    @classmethod
    def read(cls, folder: Path) -> KwaiWorld:
        """Makes the world of a corpus that `write` wrote, from its `corpus.json`.

        Raises:
            DataError: the corpus has no valid description of a world.
        """
        path = Path(folder) / "corpus.json"
        described = entries(read_json(path), {"world": dict}, path)["world"]
        world = entries(described, {"knobs": dict, "world_seed": int}, f"{path}: world")
        try:
            return cls(knobs("default", **world["knobs"]), world["world_seed"])
        except ConfigError as error:
            raise DataError(f"{path}: describes no world of this release ({error})") from None

    def sample(self, videos: int, sample_seed: int) -> Iterator[tuple[Example, Example]]:
        """Yields the first `videos` videos of a sample, one by one, as `video` gives them."""
        for index in range(videos):
            yield self.video(sample_seed, index)

    def video(self, sample_seed: int, index: int) -> tuple[Example, Example]:
        """Draws one video; which one depends on the world, the seed and the index alone.

        Args:
            sample_seed: at least 0.
            index: at least 0. Number of the video in its sample.

        Returns:
            The example, "id" bytes, "audio" (steps, audio_dim) float32, "visual" (frames,
            visual_dim) float32, "theme" int32; and its row of `Truth`, a dict.

        Example:
            >>> world = KwaiWorld(knobs("default", visual_dim=32))
            >>> example, truth = world.video(sample_seed=0, index=0)
            >>> example["visual"].shape, example["theme"] == truth["theme"]
            ((8, 32), True)
        """
        k = self.knobs
        rng = np.random.default_rng([VIDEO, self.world_seed, sample_seed, index])
        theme = int(rng.choice(k.themes, p=self.theme_probability))
        shared = rng.standard_normal(k.shared_dim)
        themeless = bool(rng.random() < k.themeless)
        picture = int(rng.integers(k.themeless_pictures)) if themeless else -1

        latent = k.audio_theme * self.audio_prototypes[theme]
        latent = latent + k.audio_shared * self.audio_shared_map @ shared
        latent = latent + k.audio_private * rng.standard_normal(k.latent_dim)
        audio, informative = self._audio(rng, latent)

        latent = k.visual_theme * self.visual_prototypes[theme]
        if themeless:
            latent = self.themeless_pictures[picture]
        latent = latent + k.visual_shared * self.visual_shared_map @ shared
        latent = latent + k.visual_private * rng.standard_normal(k.latent_dim)
        noise = rng.standard_normal((k.frames, k.visual_dim), np.float32)
        centred = (self.visual_map @ latent).astype(np.float32) + np.float32(k.visual_noise) * noise
        visual = softplus(centred + self.visual_bias.astype(np.float32))

        name = f"{self.world_seed}-{sample_seed}-{index:06d}".encode()
        example = {"id": name, "audio": audio, "visual": visual, "theme": np.int32(theme)}
        heard = audio[informative[: len(audio)]].astype(float)
        truth = {
            "ids": np.bytes_(name),
            "theme": np.int32(theme),
            "themeless": np.bool_(themeless),
            "picture": np.int32(picture),
            "informative": informative,
            "shared": shared.astype(np.float32),
            "audio_mean": heard.sum(axis=0) @ self.audio_map / max(len(heard), 1),
            "visual_mean": centred.mean(axis=0, dtype=float) @ self.visual_map,
        }
        return example, truth

    def _audio(self, rng: np.random.Generator, latent: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns (steps, audio_dim) float32, and (max_steps,) bool: which are no distractors."""
        k = self.knobs
        informative = np.zeros(k.max_steps, bool)
        if rng.random() < k.missing:
            return np.zeros((0, k.audio_dim), np.float32), informative
        steps = k.median_steps * np.exp(k.steps_spread * rng.standard_normal())
        steps = int(np.clip(np.round(steps), k.min_steps, k.max_steps))
        distractor = rng.random(steps) < k.distractor
        if distractor.all():
            distractor[rng.integers(steps)] = False
        informative[:steps] = ~distractor
        background = self.backgrounds[rng.integers(k.backgrounds, size=steps)]
        mean = np.where(distractor[:, None], background, latent) @ self.audio_map.T
        mean = mean + k.flag * distractor[:, None] * self.flag
        noise = rng.standard_normal((steps, k.audio_dim), np.float32)
        return mean.astype(np.float32) + np.float32(k.audio_noise) * noise, informative


def write(
    folder: Path,
    knobs: KwaiKnobs,
    *,
    videos: int,
    world_seed: int = 0,
    sample_seed: int = 0,
    fractions: Sequence[float] = (0.8, 0.1, 0.1),
    test_videos: int | None = None,
) -> None:
    """Writes a corpus in the layout `features`, with `truth-SPLIT.npz` beside each split.

    Each split is a sample of its own: split number s of `SPLITS` has sample seed
    3 · sample_seed + s. `corpus.json` holds knobs and seeds, from which `KwaiWorld.read` makes the
    world again.

    Args:
        folder: must not exist.
        knobs: what the world is like.
        videos: number of videos of all splits.
        world_seed, sample_seed: at least 0. Of the world's constants, and of the videos.
        fractions: shares of train, validation and test.
        test_videos: optional number of test videos, in place of the share.

    Raises:
        ConfigError: a seed, a share or a number is out of range.
        DataError: `folder` exists.
    """
    from kavc.data.features.writer import write_corpus  # TensorFlow; the world needs none

    folder = Path(folder)
    if folder.exists():
        raise DataError(f"{folder}: exists; choose another folder or remove it")
    sizes = _sizes(videos, fractions, test_videos)
    world = KwaiWorld(knobs, world_seed)
    check_seed("sample_seed", sample_seed)
    truths: dict[str, list[Example]] = {split: [] for split in SPLITS}

    def examples(number: int, split: str) -> Iterator[Example]:
        for example, truth in world.sample(sizes[split], len(SPLITS) * sample_seed + number):
            truths[split].append(truth)
            theme = example.pop("theme")
            yield {**example, "labels": [theme]}

    description = {
        "generator": "kavc.data.synthetic.kwai",
        "knobs": dataclasses.asdict(knobs),
        "world_seed": world_seed,
        "sample_seed": sample_seed,
    }
    check_new(folder)
    with new_folder(folder) as temporary:
        temporary.rmdir()  # `write_corpus` makes it
        write_corpus(
            temporary,
            {split: examples(number, split) for number, split in enumerate(SPLITS)},
            [f"theme-{theme:02d}" for theme in range(knobs.themes)],
            fields={
                "audio": Field((None, knobs.audio_dim), "float32", "audio features", 0.96),
                "visual": Field((None, knobs.visual_dim), "float32", "features of key frames"),
            },
            provenance={"generator": description["generator"]},
            extra={"world": description},
        )
        for split, rows in truths.items():
            write_npz(temporary / f"truth-{split}.npz", vars(Truth.stack(rows)))


def _sizes(videos: int, fractions: Sequence[float], test_videos: int | None) -> dict[str, int]:
    if len(fractions) != len(SPLITS) or min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-6:
        raise ConfigError(f"fractions must be three shares that sum to 1; got {tuple(fractions)}")
    sizes = {split: round(videos * share) for split, share in zip(SPLITS, fractions, strict=True)}
    if test_videos is not None:
        sizes["test"] = test_videos
    if min(sizes.values()) < 2:
        raise ConfigError(f"each split needs at least 2 videos to make pairs; got {sizes}")
    return sizes


def _unit(rng: np.random.Generator, *shape: int) -> np.ndarray:
    vectors = rng.standard_normal(shape)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def _prototypes(rng: np.random.Generator, k: KwaiKnobs, share: float) -> np.ndarray:
    family = _unit(rng, k.families, k.latent_dim)[np.arange(k.themes) % k.families]
    sums = np.sqrt(share) * family + np.sqrt(1 - share) * _unit(rng, k.themes, k.latent_dim)
    return sums / np.linalg.norm(sums, axis=-1, keepdims=True)


__all__ = ["KNOB_SETS", "KwaiKnobs", "KwaiWorld", "Truth", "knobs", "write"]
