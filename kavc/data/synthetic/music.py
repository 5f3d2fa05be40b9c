"""A corpus of music preference from a known model, in the layout `triples`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kavc.data.schema import Field
from kavc.data.splits import SPLITS
from kavc.data.synthetic.asked import counted, shared_out
from kavc.data.synthetic.draws import check_seed
from kavc.data.synthetic.music_knobs import KNOB_SETS, MusicKnobs, knobs
from kavc.data.synthetic.music_world import (
    BLOCK,
    FAMILIES,
    GENRE_NAMES,
    KIND,
    SCENES,
    MusicWorld,
    Scenes,
    Songs,
)
from kavc.data.synthetic.truth import read_columns, rows_of
from kavc.files import write_json, write_npz, write_text
from kavc.folders import check_new
from kavc.partials import new_folder

VIDEOS, TRACKS = 21159, 4756  # of the paper's comparisons
FEWEST_TRACKS = 60
SHARES = {"validation": 0.1, "test": 0.1}  # of the videos, and of the tracks
PAIRS, RATINGS = 11, 12  # random streams
HOP = 0.96  # seconds from row to row of VGGish
LOWEST, HIGHEST = 1, 7  # ratings
NAME = "truth.npz"
MAX_TRUTH_BYTES = 256 * 2**20
# What one knows of the parts of the fit, and which not.
LESS = {
    "popularity": ("mood", "tempo"),
    "tempo": ("mood", "popularity"),
    "mood": ("tempo", "popularity"),
}
TRUTH = ("probability", "unbiased", "sound", "still", *LESS)
COLUMNS = {"ids": ("S", 1), **dict.fromkeys(TRUTH, ("f", 1))}  # kinds of their dtype, and axes


@dataclass(frozen=True, eq=False)
class Truth:
    """How likely it is that a is preferred, by what one knows; one row a judgement.

    All but `unbiased` know that a comes first.

    Args:
        ids: (n,) bytes.
        probability: (n,) float64. For one who knows all.
        unbiased: (n,) float64. The same, if the order did not count.
        sound: (n,) float64. For one who knows both tracks and nothing of the video.
        still: (n,) float64. For one who knows all but the video's tempo, of which a type of scene
            tells some.
        popularity, tempo, mood: (n,) float64. For one who knows that part of the fit alone.

    Reference:
        Langlois, 2019, section 2.2, of the judgements that it imitates.
    """

    ids: np.ndarray
    probability: np.ndarray
    unbiased: np.ndarray
    sound: np.ndarray
    still: np.ndarray
    popularity: np.ndarray
    tempo: np.ndarray
    mood: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def accuracy(self, name: str = "probability") -> float:
        """Returns how often one is right who knows so much, expected over answers.

        Args:
            name: one of the columns.

        Example:
            >>> sure, none = np.array([0.9, 0.2]), np.array([0.5, 0.5])
            >>> truth = Truth(np.array([b"1", b"2"]), sure, sure, none, none, none, none, none)
            >>> round(truth.accuracy(), 2), truth.accuracy("sound")
            (0.85, 0.45)
        """
        says_a = getattr(self, name) > 0.5
        return float(np.where(says_a, self.probability, 1 - self.probability).mean())

    @classmethod
    def read(cls, folder: Path) -> Truth:
        """Reads the truth of a corpus that `write` made.

        Raises:
            DataError: it is missing or damaged.
        """
        path = Path(folder) / NAME
        return cls(**read_columns(path, COLUMNS, most=MAX_TRUTH_BYTES))

    def select(self, ids: np.ndarray) -> Truth:
        """Returns the rows of `ids`, (n,) bytes, in that order, for example a store's.

        Raises:
            DataError: an id is unknown.
        """
        rows = rows_of(self.ids, ids)
        return Truth(**{name: getattr(self, name)[rows] for name in COLUMNS})


@dataclass(frozen=True, eq=False)
class _Drawn:
    """What a corpus is of: its videos, its tracks, and which pair each video gets."""

    scenes: Scenes
    songs: Songs
    videos: Sequence[str]
    tracks: Sequence[str]
    split: np.ndarray  # (videos,) int64, index into `SPLITS`
    pairs: np.ndarray  # (videos, 2) int64, rows of the tracks; a is first
    raters: np.ndarray  # (videos, raters) int64
    answers: np.ndarray  # (videos, raters) int64, 0 where a is preferred


def write(
    out: Path,
    knobs: MusicKnobs,
    *,
    videos: int = VIDEOS,
    sample_seed: int = 0,
    world_seed: int = 0,
    counts: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Writes a corpus, whole or not at all.

    `triples.csv` (with splits; raters where a triple has several), `ratings.csv`, `tracks.csv`,
    `videos.csv`, the corpora of features `videos/` and `tracks/`, `truth.npz`, and `corpus.json`
    with knobs, seeds and what is to be known at best: "bayes", split ("all", too) to accuracy by
    what one knows, as of `Truth`.

    Args:
        out: folder to write; must be new.
        knobs: what the world is like.
        videos: of all splits together, 80/10/10; at least 2 for each. Each is in one triple.
        sample_seed, world_seed: at least 0. Of videos, tracks and answers, and of the world's
            constants.
        counts: optional number of videos of each of `SPLITS`, in place of `videos`.

    Returns:
        What `corpus.json` calls "bayes".

    Raises:
        ConfigError: a seed or a number is out of range, or `out` exists.

    Reference:
        Langlois, 2019, section 2.1, of how many videos and tracks there are.
    """
    world = MusicWorld(knobs, world_seed)
    check_seed("sample_seed", sample_seed)
    sizes = shared_out(videos, SHARES) if counts is None else counted(counts)
    check_new(out)
    drawn = _draw(world, sizes, sample_seed)
    truth = _truth(world, drawn)
    bayes = _bayes(truth, np.repeat(drawn.split, drawn.raters.shape[1]))
    with new_folder(out) as folder:
        _write_features(folder, world, drawn, sample_seed)
        _write_tables(folder, world, drawn, sample_seed)
        write_npz(folder / NAME, vars(truth))
        seeds = {"world_seed": world.world_seed, "sample_seed": sample_seed}
        described = {"kind": KIND, "synthetic": True, "counts": sizes, "bayes": bayes}
        described |= {"tracks": len(drawn.tracks), "answer_noise": world.noise}
        described["world"] = {"knobs": dataclasses.asdict(knobs), **seeds}
        write_json(folder / "corpus.json", described)
    return bayes


def _draw(world: MusicWorld, sizes: Mapping[str, int], sample_seed: int) -> _Drawn:
    k, count = world.knobs, sum(sizes.values())
    tracks = k.tracks or max(FEWEST_TRACKS, round(count * TRACKS / VIDEOS))
    scenes, songs = world.scenes(sample_seed, count), world.songs(sample_seed, tracks)
    rng = np.random.default_rng([PAIRS, world.world_seed, sample_seed])
    split = _shuffled(sizes, rng)
    of_track = _shuffled(shared_out(tracks, SHARES), rng)
    pairs = np.empty((count, 2), np.int64)
    for number in range(len(SPLITS)):
        rows = np.flatnonzero(split == number)
        there = np.flatnonzero(of_track == number) if k.apart == "both" else np.arange(tracks)
        first = rng.integers(len(there), size=len(rows))
        second = rng.integers(len(there) - 1, size=len(rows))
        second += second >= first  # never the same track
        pairs[rows] = np.stack([there[first], there[second]], axis=1)
    raters = _some_of(rng, count, k.rater_pool, k.raters)
    chance = world.preference(scenes, songs.take(pairs[:, 0]), songs.take(pairs[:, 1]))
    answers = (rng.random(raters.shape) >= chance[:, None]).astype(np.int64)
    seeds = f"{world.world_seed}-{sample_seed}"
    return _Drawn(
        scenes,
        songs,
        [f"v{seeds}-{i:06d}" for i in range(count)],
        [f"t{seeds}-{i:06d}" for i in range(tracks)],
        split,
        pairs,
        raters,
        answers,
    )


def _shuffled(sizes: Mapping[str, int], rng: np.random.Generator) -> np.ndarray:
    return rng.permutation(np.repeat(np.arange(len(SPLITS)), [sizes[split] for split in SPLITS]))


def _some_of(rng: np.random.Generator, rows: int, pool: int, some: int) -> np.ndarray:
    """Draws for each row some of a pool, none twice: (rows, some) int64."""
    return np.argsort(rng.random((rows, pool)), axis=1)[:, :some]


def _ids(drawn: _Drawn) -> Iterator[tuple[int, int, list[str]]]:
    """Yields of each judgement its row, its place among the raters' and the parts of its id."""
    several = drawn.raters.shape[1] > 1
    for row, (a, b) in enumerate(drawn.pairs.tolist()):
        parts = [drawn.videos[row], drawn.tracks[a], drawn.tracks[b]]
        for place, rater in enumerate(drawn.raters[row].tolist()):
            yield row, place, [*parts, f"r{rater:02d}"] if several else parts


def _truth(world: MusicWorld, drawn: _Drawn) -> Truth:
    a, b = (drawn.songs.take(drawn.pairs[:, place]) for place in range(2))
    one, other = world.parts(drawn.scenes, a), world.parts(drawn.scenes, b)
    differences = {name: one[name] - other[name] for name in one}
    columns = {
        "probability": world.preference(drawn.scenes, a, b),
        "unbiased": world.preference(drawn.scenes, a, b, biased=False),
        "sound": world.without_video(a, b),
        "still": world.without_tempo(drawn.scenes, a, b),
        **{name: world.given(differences[name], rest) for name, rest in LESS.items()},
    }
    ids = np.array(["|".join(parts).encode() for _, _, parts in _ids(drawn)])
    times = drawn.raters.shape[1]
    return Truth(ids, **{name: np.repeat(column, times) for name, column in columns.items()})


def _bayes(truth: Truth, split: np.ndarray) -> dict[str, dict[str, float]]:
    parts = {"all": np.ones(len(split), bool)}
    parts |= {name: split == number for number, name in enumerate(SPLITS)}
    bayes = {}
    for part, rows in parts.items():
        of_part = Truth(**{name: column[rows] for name, column in vars(truth).items()})
        bayes[part] = {name: round(of_part.accuracy(name), 6) for name in TRUTH}
    return bayes


def _write_features(folder: Path, world: MusicWorld, drawn: _Drawn, sample_seed: int) -> None:
    from kavc.data.features.writer import write_corpus  # TensorFlow; the world needs none

    k = world.knobs

    def videos() -> Iterator[dict[str, Any]]:
        for block, rows in _blocks(len(drawn.videos)):
            shown = world.shown(drawn.scenes.take(rows), sample_seed, block)
            for i, row in enumerate(rows):
                yield {"id": drawn.videos[row]} | {n: part[i : i + 1] for n, part in shown.items()}

    def tracks() -> Iterator[dict[str, Any]]:
        for block, rows in _blocks(len(drawn.tracks)):
            heard = world.heard(drawn.songs.take(rows), sample_seed, block)
            for i, row in enumerate(rows):
                yield {"id": drawn.tracks[row], "audio": heard[i]}

    widths = {"visual": k.visual_dim, "flow": k.flow_dim, "i3d": k.i3d_dim}
    meanings = {"visual": "features of a still picture", "flow": "features of movement",
                "i3d": "other features of movement"}  # fmt: skip
    fields = {name: Field((None, n), "float32", meanings[name]) for name, n in widths.items()}
    provenance = {"generator": "kavc.data.synthetic.music"}
    sound = Field((None, k.audio_dim), "float32", "features of the sound", HOP)
    # In a folder of their own, since `folder` is locked, and a corpus locks the one that it is in.
    made = folder / "made"
    write_corpus(made / "videos", videos(), fields=fields, provenance=provenance)
    write_corpus(made / "tracks", tracks(), fields={"audio": sound}, provenance=provenance)
    for name in ("videos", "tracks"):
        (made / name).rename(folder / name)
    made.rmdir()


def _blocks(count: int) -> Iterator[tuple[int, np.ndarray]]:
    for block in range(-(-count // BLOCK)):
        yield block, np.arange(block * BLOCK, min((block + 1) * BLOCK, count))


def _write_tables(folder: Path, world: MusicWorld, drawn: _Drawn, sample_seed: int) -> None:
    several = drawn.raters.shape[1] > 1
    rows = []
    for row, place, (video, a, b, *rater) in _ids(drawn):
        answer = "ab"[drawn.answers[row, place]]
        rows.append((video, a, b, answer, *rater, SPLITS[drawn.split[row]]))
    header = ("video", "track_a", "track_b", "answer", *(["rater"] if several else []), "split")
    _write_table(folder / "triples.csv", header, rows)
    genres = [
        (name, GENRE_NAMES[genre], FAMILIES[genre])
        for name, genre in zip(drawn.tracks, drawn.songs.genre.tolist(), strict=True)
    ]
    _write_table(folder / "tracks.csv", ("track", "genre", "family"), genres)
    kinds = [(v, SCENES[k]) for v, k in zip(drawn.videos, drawn.scenes.kind.tolist(), strict=True)]
    _write_table(folder / "videos.csv", ("video", "scene"), kinds)
    if world.knobs.rated_videos:
        header = ("video", "track", "rating", "rater")
        _write_table(folder / "ratings.csv", header, list(_ratings(world, drawn, sample_seed)))


def _ratings(
    world: MusicWorld, drawn: _Drawn, sample_seed: int
) -> Iterator[tuple[str, str, int, str]]:
    """Yields ratings of some videos with the first songs of each genre."""
    k = world.knobs
    rng = np.random.default_rng([RATINGS, world.world_seed, sample_seed])
    some = min(k.rated_videos, len(drawn.videos))
    rated = np.sort(rng.permutation(len(drawn.videos))[:some])
    songs = np.arange(min(k.genre_songs * len(GENRE_NAMES), len(drawn.tracks)))
    video, song = (grid.ravel() for grid in np.meshgrid(rated, songs, indexing="ij"))
    fit = world.fit(drawn.scenes.take(video), drawn.songs.take(song))
    standard = (fit - fit.mean()) / (fit.std() or 1)
    raters = _some_of(rng, len(fit), k.rater_pool, k.pair_raters)
    offsets = k.rater_offset * rng.standard_normal(k.rater_pool)
    noise = k.rating_noise * rng.standard_normal(raters.shape)
    middle = (LOWEST + HIGHEST) / 2 + k.rating_gain * standard
    values = np.clip(middle[:, None] + offsets[raters] + noise, LOWEST, HIGHEST)
    found = np.rint(values).astype(int)
    for pair in range(len(fit)):
        names = drawn.videos[video[pair]], drawn.tracks[song[pair]]
        for rater, rating in zip(raters[pair].tolist(), found[pair].tolist(), strict=True):
            yield *names, rating, f"r{rater:02d}"


def _write_table(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    lines = [",".join(map(str, row)) for row in (header, *rows)]
    write_text(path, "\n".join(lines) + "\n")


__all__ = ["KNOB_SETS", "MusicKnobs", "MusicWorld", "Truth", "knobs", "write"]
