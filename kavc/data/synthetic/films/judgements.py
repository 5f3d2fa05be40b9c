"""Which of two songs fits a film better: judgements of the films' own latents.

    fit(film, song) = [the same mood] - |beats a minute of one - of the other| / 60
    P(the first song is preferred) = sigmoid((fit of the first - fit of the second) / theta)

Mood is seen in single frames and heard; tempo is seen in what moves alone, and heard. Neither says
anything of a song without the film, but that a song of middle tempo is never far off.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from kavc.data.splits import SPLITS
from kavc.data.synthetic.films.world import Film
from kavc.errors import ConfigError

TRIPLE = 2  # in seeds, beside those of films and songs
TEMPO = 60.0  # beats a minute that count as much as another mood
THETA = 0.25
THETAS = (0.001, 100.0)
MOST = 1_000_000  # triples
Split = Callable[[int], str]


@dataclass(frozen=True)
class Judgement:
    """One question, and its answers.

    Attributes:
        video: number of the film.
        a, b: numbers of the songs.
        split: of all three.
        chance: that a is preferred, 0 to 1.
        answers: of each rater: "a" or "b".
    """

    video: int
    a: int
    b: int
    split: str
    chance: float
    answers: tuple[str, ...]


def fit(film: Film, song: Film, *, mood: bool = True, tempo: bool = True) -> float:
    """Returns how well a song fits a film; without `mood` or `tempo`, as far as the other says.

    >>> from kavc.data.synthetic.films.world import FilmSettings, film, song
    >>> shown, heard = film(0, FilmSettings()), song(0, FilmSettings())
    >>> fit(shown, shown), fit(shown, shown, tempo=False), fit(shown, heard) <= 1
    (1.0, 1.0, True)
    """
    found = float(film.mood == song.mood) if mood else 0.0
    return found - abs(film.tempo - song.tempo) / TEMPO if tempo else found


def judge(
    films: Sequence[Film],
    songs: Sequence[Film],
    split_of: Split,
    *,
    count: int,
    seed: int,
    theta: float = THETA,
    raters: int = 1,
) -> list[Judgement]:
    """Draws judgements. A film and its two songs are of one split, and no question comes twice.

    The first ones stay the same whatever `count`.

    Args:
        films, songs: by number, from 0.
        split_of: number of a film or song to its split.
        count: questions.
        seed: of what is drawn.
        theta: noise of the answers.
        raters: who answer each question.

    Raises:
        ConfigError: a number is out of range, or there are too few films or songs for as many.

    Reference:
        Bradley and Terry, 1952, of the answers.

    Example:
        >>> from kavc.data.synthetic.films.world import FilmSettings, film, song
        >>> films = [film(number, FilmSettings()) for number in range(6)]
        >>> songs = [song(number, FilmSettings()) for number in range(6)]
        >>> found = judge(films, songs, lambda n: SPLITS[n % 3], count=3, seed=0, raters=2)
        >>> len(found), len(found[0].answers), found[0].a != found[0].b
        (3, 2, True)
    """
    _check(count, theta, raters)
    songs_of, films_of = (_by_split(each, split_of) for each in (songs, films))
    left = _all_that_can_be_asked(films_of, songs_of, count)
    seen: set[tuple[int, frozenset[int]]] = set()
    found = []
    for number in range(count):
        rng = np.random.default_rng([seed, TRIPLE, number])
        split = split_of(int(rng.integers(len(films))))
        while not left[split]:  # all that can be asked in it was
            split = split_of(int(rng.integers(len(films))))
        while True:
            video = int(rng.choice(films_of[split]))
            a, b = (int(each) for each in rng.choice(songs_of[split], 2, replace=False))
            if (key := (video, frozenset((a, b)))) not in seen:
                break
        left[split] -= 1
        seen.add(key)
        apart = fit(films[video], songs[a]) - fit(films[video], songs[b])
        chance = float(expit(apart / theta))
        answers = tuple("a" if each < chance else "b" for each in rng.uniform(size=raters))
        found.append(Judgement(video, a, b, split, chance, answers))
    return found


def accuracies(
    found: Sequence[Judgement], films: Sequence[Film], songs: Sequence[Film]
) -> dict[str, float]:
    """Returns how often those are right who know something of the films, 0 to 1.

    Returns:
        "oracle", who knows all; "mood" and "tempo", who know one of them; "sound", who knows the
        songs, and how well they fit on the whole.

    Example:
        >>> from kavc.data.synthetic.films.world import FilmSettings, film, song
        >>> films = [film(number, FilmSettings()) for number in range(6)]
        >>> songs = [song(number, FilmSettings()) for number in range(6)]
        >>> found = judge(films, songs, lambda n: SPLITS[n % 3], count=6, seed=0)
        >>> best = accuracies(found, films, songs)
        >>> sorted(best), best["oracle"] == max(best.values())
        (['mood', 'oracle', 'sound', 'tempo'], True)
    """
    over_all = [float(np.mean([fit(film, song) for film in films])) for song in songs]

    def right(value: Callable[[int, int], float]) -> float:
        signs = [np.sign(value(each.video, each.a) - value(each.video, each.b)) for each in found]
        chances = [
            0.5 + sign * (each.chance - 0.5) for sign, each in zip(signs, found, strict=True)
        ]
        return float(np.mean(chances))

    return {
        "oracle": right(lambda video, song: fit(films[video], songs[song])),
        "mood": right(lambda video, song: fit(films[video], songs[song], tempo=False)),
        "tempo": right(lambda video, song: fit(films[video], songs[song], mood=False)),
        "sound": right(lambda _, song: over_all[song]),
    }


def table(found: Sequence[Judgement], ids: Callable[[str, int], str]) -> str:
    """Returns `triples.csv`: video, track_a, track_b, answer, rater (of several), split.

    Args:
        found: the judgements.
        ids: letter and number to id, as "v" and 3 to "v0003".

    Example:
        >>> judged = Judgement(3, 0, 1, "train", 0.9, ("a",))
        >>> table([judged], lambda letter, number: f"{letter}{number:04d}").splitlines()
        ['video,track_a,track_b,answer,split', 'v0003,m0000,m0001,a,train']
    """
    rows: list[Mapping[str, str]] = []
    for each in found:
        said = {
            "video": ids("v", each.video), "track_a": ids("m", each.a), "track_b": ids("m", each.b)
        }  # fmt: skip
        for rater, answer in enumerate(each.answers):
            who = {"rater": f"r{rater}"} if len(each.answers) > 1 else {}
            rows.append({**said, "answer": answer, **who, "split": each.split})
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _by_split(films: Sequence[Film], split_of: Split) -> dict[str, list[int]]:
    return {
        name: [each.number for each in films if split_of(each.number) == name] for name in SPLITS
    }


def _all_that_can_be_asked(
    films: Mapping[str, Sequence[int]], songs: Mapping[str, Sequence[int]], count: int
) -> dict[str, int]:
    """Returns how many questions each split has room for, if these are enough."""
    room = {n: len(films[n]) * len(songs[n]) * (len(songs[n]) - 1) // 2 for n in SPLITS}
    for name, number in room.items():
        if not number:
            raise ConfigError(
                f"triples need a film and two songs of each split; {name} has {len(films[name])}"
                f" and {len(songs[name])}: take more films or songs, or fewer themes"
            )
    if count > sum(room.values()):
        raise ConfigError(
            f"{sum(room.values())} triples can be made of these films and songs; got {count}"
        )
    return room


def _check(count: int, theta: float, raters: int) -> None:
    if not 1 <= count <= MOST:
        raise ConfigError(f"triples must lie in 1 to {MOST}; got {count}")
    if not THETAS[0] <= theta <= THETAS[1]:
        raise ConfigError(f"theta must lie in {THETAS[0]:g} to {THETAS[1]:g}; got {theta}")
    if not 1 <= raters <= 100:
        raise ConfigError(f"raters must lie in 1 to 100; got {raters}")
