"""A world of music preference: which of two tracks fits a video better, and how surely.

video     mood m = μ_k + σ ε in R³ and tempo t, likewise, of a type k of scene
track     mood m' and tempo t' about the mean of its genre, and popularity h
fit       f(v, a) = −|m − A m'|² − ω (t − t')² + h
answer    P(a is preferred) = sigmoid((f(v, a) − f(v, b)) / θ + b)
pictures  softplus(M₁ [m, type] + ε)      movement  softplus(M₂ [t, 0.3 m] + ε)
sound     M₃ [m', t', h] + ε, second by second

Tempo is in movement and sound alone, but for what a type of scene tells of it; mood is in pictures
and sound. A is a rotation: no direction of what is seen is as such one of what is heard. θ is such
that one who knows all this is right as often as the knob `oracle_accuracy` says.

The reference gives prototypes and matrices no size. Here types and genres lie about as far apart as
their squares' differences matter, and M have orthogonal columns, as long as the knobs say.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import expit

from kavc.data.synthetic.draws import check_seed, orthonormal, softplus
from kavc.data.synthetic.music_knobs import MusicKnobs, knobs
from kavc.errors import ConfigError, DataError
from kavc.inputs.json_files import read_json
from kavc.inputs.records import entries, mapping

WORLD, CALIBRATION, VIDEOS, TRACKS, SHOWN, HEARD = range(1, 7)  # random streams, kept apart
KIND = "triples"
MOOD = 3  # dimensions of the mood
BLOCK = 256  # videos or tracks of one random stream
SCENES = ("nature calm", "nature wild", "urban", "indoor")
TEMPO = (-1.0, 0.4, 1.0, -0.4)  # of the types of scene
ALIKE = 0.7  # correlation of the moods of both types of nature
# The paper names eleven of these; the others are ours.
GENRES = {
    "classical": ("classical", "classical piano", "violin and cello", "opera", "choir"),
    "calm": ("ambient soundtracks", "smooth jazz", "new age", "lounge", "acoustic guitar"),
    "rock": ("rock", "alternative rock", "heavy metal", "punk", "blues rock"),
    "beats": ("house techno", "drum and bass", "synth pop", "hip hop", "dance pop"),
    "roots": ("country", "bebop jazz", "folk", "gospel", "reggae"),
}
GENRE_NAMES = tuple(name for names in GENRES.values() for name in names)
FAMILIES = tuple(family for family, names in GENRES.items() for _ in names)
CALIBRATED_ON = 200_000  # judgements
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(20)
WEIGHTS = WEIGHTS / WEIGHTS.sum()  # of a standard normal variable


@dataclass(frozen=True, eq=False)
class Scenes:
    """What is to be known of some videos.

    Args:
        kind: (n,) int64, index into `SCENES`.
        latents: (n, 4) float64: mood, and tempo last.
    """

    kind: np.ndarray
    latents: np.ndarray

    def take(self, rows: np.ndarray) -> Scenes:
        """Returns some of them, in the order of `rows`."""
        return Scenes(self.kind[rows], self.latents[rows])


@dataclass(frozen=True, eq=False)
class Songs:
    """What is to be known of some tracks.

    Args:
        genre: (n,) int64, index into `GENRE_NAMES`.
        latents: (n, 4) float64: mood, and tempo last.
        popularity: (n,) float64.
    """

    genre: np.ndarray
    latents: np.ndarray
    popularity: np.ndarray

    def take(self, rows: np.ndarray) -> Songs:
        """Returns some of them, in the order of `rows`."""
        return Songs(self.genre[rows], self.latents[rows], self.popularity[rows])


class MusicWorld:
    """Prototypes, mixing matrices and the noise of answers; what can be drawn from them.

    Args:
        knobs: what the world is like.
        world_seed: at least 0. Its constants depend on `knobs` and on this alone.

    Attributes:
        types: (4, 4) mood and tempo of the types of scene.
        genres: (25, 4) mood and tempo of the genres.
        rotation: (3, 3) A.
        noise: θ.

    Raises:
        ConfigError: the seed is out of range.

    Reference:
        Langlois, 2019, section 2; answers are drawn as by Bradley and Terry, 1952.

    Example:
        world = MusicWorld(knobs("default"), world_seed=0)
        scenes, songs = world.scenes(0, 100), world.songs(0, 100)
        world.fit(scenes, songs)
    """

    def __init__(self, knobs: MusicKnobs, world_seed: int = 0):
        self.knobs = k = knobs
        self.world_seed = check_seed("world_seed", world_seed)
        rng = np.random.default_rng([WORLD, world_seed])
        moods = rng.standard_normal((len(SCENES), MOOD))
        moods[1] = ALIKE * moods[0] + np.sqrt(1 - ALIKE**2) * moods[1]
        self.types = np.concatenate([moods, np.array(TEMPO)[:, None]], axis=1)
        families = k.family_spread * rng.standard_normal((len(GENRES), MOOD + 1))
        own = k.genre_spread * rng.standard_normal((len(GENRE_NAMES), MOOD + 1))
        self.genres = np.repeat(families, len(own) // len(families), axis=0) + own
        self.rotation = orthonormal(rng, MOOD, MOOD)
        self._spread = np.array([k.scene_spread] * MOOD + [k.tempo_spread])
        seen = {"visual": (k.visual_dim, MOOD + len(SCENES)), "flow": (k.flow_dim, MOOD + 1)}
        shapes = {**seen, "i3d": (k.i3d_dim, MOOD + 1)}
        self._maps = {n: k.visual_gain * orthonormal(rng, *of) for n, of in shapes.items()}
        self._maps["audio"] = k.audio_gain * orthonormal(rng, k.audio_dim, MOOD + 2)
        self.noise = self._calibrated()

    @staticmethod
    def made(folder: Path) -> bool:
        """Whether judgements are drawn from such a world, as a `corpus.json` says."""
        path = Path(folder) / "corpus.json"
        if not path.is_file():
            return False
        told = mapping(read_json(path), path)
        return told.get("kind") == KIND and "world" in told

    @classmethod
    def read(cls, folder: Path) -> MusicWorld:
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

    def scenes(self, sample_seed: int, count: int) -> Scenes:
        """Draws the first videos of a sample; each depends on the world, seed and number alone."""
        kinds, latents = [], []
        for block in range(-(-count // BLOCK)):
            rng = np.random.default_rng([VIDEOS, self.world_seed, sample_seed, block])
            kind = rng.integers(len(SCENES), size=BLOCK)
            kinds.append(kind)
            latents.append(self.types[kind] + self._spread * rng.standard_normal((BLOCK, MOOD + 1)))
        return Scenes(np.concatenate(kinds)[:count], np.concatenate(latents)[:count])

    def songs(self, sample_seed: int, count: int) -> Songs:
        """Draws the first tracks of a sample, likewise; genres come in turn."""
        genre = np.arange(count) % len(GENRE_NAMES)
        drawn = []
        for block in range(-(-count // BLOCK)):
            rng = np.random.default_rng([TRACKS, self.world_seed, sample_seed, block])
            drawn.append(rng.standard_normal((BLOCK, MOOD + 2)))
        own = np.concatenate(drawn)[:count]
        latents = self.genres[genre] + self.knobs.track_spread * own[:, :-1]
        return Songs(genre, latents, self.knobs.popularity_spread * own[:, -1])

    def parts(self, scenes: Scenes, songs: Songs) -> dict[str, np.ndarray]:
        """Returns what makes up the fit of videos and tracks, row by row.

        Returns:
            "mood", "tempo" and "popularity", each (n,) float64; the fit is their sum.
        """
        there = self._counted(scenes.latents) - self._turned(songs.latents)
        return {
            "mood": -np.square(there[:, :MOOD]).sum(axis=1),
            "tempo": -self.knobs.tempo_weight * np.square(there[:, MOOD]),
            "popularity": songs.popularity,
        }

    def fit(self, scenes: Scenes, songs: Songs) -> np.ndarray:
        """Returns f of videos and tracks, row by row: (n,) float64.

        >>> world = MusicWorld(knobs("default"))
        >>> world.fit(world.scenes(0, 3), world.songs(0, 3)).shape
        (3,)
        """
        return sum(self.parts(scenes, songs).values())  # type: ignore[return-value]

    def preference(self, scenes: Scenes, a: Songs, b: Songs, *, biased: bool = True) -> np.ndarray:
        """Returns how likely it is that a is preferred: (n,) float64.

        Args:
            scenes, a, b: n each.
            biased: whether a gains by coming first; else the order does not count.

        Reference:
            Bradley and Terry, 1952.

        Example:
            >>> world = MusicWorld(knobs("default"))
            >>> scenes, songs = world.scenes(0, 3), world.songs(0, 6)
            >>> a, b = songs.take(np.arange(3)), songs.take(np.arange(3, 6))
            >>> first = world.preference(scenes, a, b, biased=False)
            >>> (first + world.preference(scenes, b, a, biased=False)).round(6).tolist()
            [1.0, 1.0, 1.0]
        """
        odds = (self.fit(scenes, a) - self.fit(scenes, b)) / self.noise
        return expit(odds + self.knobs.order_bias * biased)

    def without_video(self, a: Songs, b: Songs) -> np.ndarray:
        """Returns how likely it is that a is preferred, of any video of the world: (n,)."""
        means, spread = self._of_type(a, b)
        found = np.zeros(len(a.genre))
        wide = np.linalg.norm(self._spread * spread, axis=1)
        for mean in means.T:
            found += self._averaged(mean, wide) / len(SCENES)
        return found

    def without_tempo(self, scenes: Scenes, a: Songs, b: Songs) -> np.ndarray:
        """Returns how likely it is that a is preferred, where nothing moves: (n,).

        Of the video's tempo its type of scene is known, which a still picture shows.
        """
        frozen = scenes.latents.copy()
        frozen[:, MOOD] = self.types[scenes.kind, MOOD]
        still = Scenes(scenes.kind, frozen)
        spread = self._of_type(a, b)[1][:, MOOD]
        mean = self.fit(still, a) - self.fit(still, b)
        return self._averaged(mean, self.knobs.tempo_spread * np.abs(spread))

    def given(self, known: np.ndarray, parts: tuple[str, ...]) -> np.ndarray:
        """Returns how likely it is that a is preferred, for one who knows some parts of the fit.

        The others are drawn from the world, as if they were independent of these.

        Args:
            known: (n,) difference of the known parts of a's and b's fit.
            parts: names of those that are not known.
        """
        differences = self._population()
        rest = sum(differences[name] for name in parts)[:4096]  # type: ignore[index]
        rest = np.concatenate([rest, -rest])  # which is as likely
        grid = np.linspace(min(known.min(), -1), max(known.max(), 1), 257)
        odds = (grid[:, None] + rest) / self.noise + self.knobs.order_bias
        return np.interp(known, grid, expit(odds).mean(axis=1))

    def shown(self, scenes: Scenes, sample_seed: int, block: int) -> dict[str, np.ndarray]:
        """Draws the features of one block of videos.

        Args:
            scenes: those of the block, at most `BLOCK`.
            sample_seed, block: of the sample.

        Returns:
            "visual", "flow" and "i3d", each (videos, width) float32, positive.

        Example:
            >>> world = MusicWorld(knobs("default"))
            >>> shown = world.shown(world.scenes(0, 3), sample_seed=0, block=0)
            >>> {name: features.shape for name, features in shown.items()}
            {'visual': (3, 2048), 'flow': (3, 2048), 'i3d': (3, 1024)}
        """
        k = self.knobs
        rng = np.random.default_rng([SHOWN, self.world_seed, sample_seed, block])
        mood, tempo = scenes.latents[:, :MOOD], scenes.latents[:, MOOD:]
        still = np.concatenate([mood, np.eye(len(SCENES))[scenes.kind]], axis=1)
        moving = np.concatenate([tempo, k.mood_in_motion * mood], axis=1)
        shown = {}
        for name, latents in (("visual", still), ("flow", moving), ("i3d", moving)):
            mean = (latents @ self._maps[name].T).astype(np.float32)
            noise = rng.standard_normal((BLOCK, mean.shape[1]), np.float32)[: len(mean)]
            shown[name] = softplus(mean + np.float32(getattr(k, f"{name}_noise")) * noise)
        return shown

    def heard(self, songs: Songs, sample_seed: int, block: int) -> np.ndarray:
        """Draws the features of one block of tracks: (tracks, audio_steps, audio_dim) float32.

        >>> world = MusicWorld(knobs("default"))
        >>> world.heard(world.songs(0, 3), sample_seed=0, block=0).shape
        (3, 5, 128)
        """
        k = self.knobs
        rng = np.random.default_rng([HEARD, self.world_seed, sample_seed, block])
        latents = np.concatenate([songs.latents, songs.popularity[:, None]], axis=1)
        mean = (latents @ self._maps["audio"].T).astype(np.float32)[:, None]
        noise = rng.standard_normal((BLOCK, k.audio_steps, k.audio_dim), np.float32)
        return mean + np.float32(k.audio_noise) * noise[: len(mean)]

    def _turned(self, latents: np.ndarray) -> np.ndarray:
        """Returns a track's mood and tempo as those of the videos that it fits best."""
        return np.concatenate([latents[:, :MOOD] @ self.rotation.T, latents[:, MOOD:]], axis=1)

    def _counted(self, latents: np.ndarray) -> np.ndarray:
        """Returns a video's mood and tempo as far as they count."""
        mean = self.types.mean(axis=0)
        return mean + self.knobs.interaction * (latents - mean)

    def _of_type(self, a: Songs, b: Songs) -> tuple[np.ndarray, np.ndarray]:
        """Returns f(v, a) − f(v, b), linear in the video's latents.

        Returns:
            (n, types), of the mean video of each type; (n, 4), what each latent adds to it.
        """
        weights = np.array([1.0] * MOOD + [self.knobs.tempo_weight])
        one, other = self._turned(a.latents), self._turned(b.latents)
        slope = 2 * weights * (one - other)
        level = (weights * (other**2 - one**2)).sum(axis=1) + a.popularity - b.popularity
        return level[:, None] + slope @ self._counted(self.types).T, self.knobs.interaction * slope

    def _averaged(self, mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
        """Returns the mean preference where the fit's difference is normal: (n,)."""
        odds = (mean[:, None] + spread[:, None] * NODES) / self.noise + self.knobs.order_bias
        return expit(odds) @ WEIGHTS

    def _population(self) -> dict[str, np.ndarray]:
        """Draws differences of the parts of both tracks' fits: each (judgements,)."""
        rng = np.random.default_rng([CALIBRATION, self.world_seed])
        k, n = self.knobs, CALIBRATED_ON
        kind = rng.integers(len(SCENES), size=n)
        scenes = Scenes(kind, self.types[kind] + self._spread * rng.standard_normal((n, MOOD + 1)))
        found = []
        for _ in range(2):
            genre = rng.integers(len(GENRE_NAMES), size=n)
            latents = self.genres[genre] + k.track_spread * rng.standard_normal((n, MOOD + 1))
            songs = Songs(genre, latents, k.popularity_spread * rng.standard_normal(n))
            found.append(self.parts(scenes, songs))
        return {name: found[0][name] - found[1][name] for name in found[0]}

    def _calibrated(self) -> float:
        """Finds θ by bisection of its logarithm, on one large sample."""
        difference = sum(self._population().values())
        low, high = -15.0, 15.0
        for _ in range(60):
            middle = (low + high) / 2
            chance = expit(difference / np.exp(middle) + self.knobs.order_bias)
            if np.maximum(chance, 1 - chance).mean() > self.knobs.oracle_accuracy:
                low = middle
            else:
                high = middle
        return float(np.exp(middle))
