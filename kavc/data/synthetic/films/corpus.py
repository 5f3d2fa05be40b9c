"""A folder of films and songs, with tables of what happens in them."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kavc import progress
from kavc.data.synthetic.films.encoding import write_film
from kavc.data.synthetic.films.judgements import (
    TEMPO,
    THETA,
    Judgement,
    accuracies,
    judge,
    table,
)
from kavc.data.synthetic.films.picture import frames
from kavc.data.synthetic.films.sound import samples
from kavc.data.synthetic.films.themes import THEMES
from kavc.data.synthetic.films.world import Film, FilmSettings, film, song
from kavc.errors import ConfigError
from kavc.files import write_json, write_text
from kavc.folders import check_new
from kavc.media.container import library
from kavc.partials import new_folder

KIND = "films"
CLIPS, TRACKS = "clips", "tracks"
# By turns within each theme: 60, 20 and 20 %, and each split is there from three films on.
SPLITS = ("train", "validation", "test", "train", "train")
MOST = 100_000  # films, and songs
DEFAULT = FilmSettings()
README = """# Synthetic films

Everything here is drawn and computed; nothing was filmed or recorded. It was made by

    {command}

- `videos.csv`: the films in `clips/`, each with its theme, split, mood (dark and minor, or bright
  and major), tempo in beats a minute, pitch of the key note in hertz, and impacts: times in
  seconds, with | between them, at which a shape hits the ground, with a flash and a thump.
- `tracks.csv`: the songs in `tracks/`, which are sound alone, if there are any.
- `corpus.json`: what was asked for.

Frame i is of time i / {rate}; shapes hop on each beat, the higher the note of the beat, the higher.
The same command with the same packages gives the same bytes; more films leave those before as they
are.
"""
JUDGED = """
- `triples.csv`: {triples} judgements: of a film and two songs of its split, which fits better, a or
  b. A song fits by its mood, the film's or the other one, and by its tempo: {tempo_scale:g} beats a
  minute apart count as much as another mood. Answers are drawn (theta {theta:g}), so that none can
  always be right: who knows all is in {oracle:.1%}; who knows the moods alone, in {mood:.1%}; the
  tempos alone, in {tempo:.1%}; the songs without the film, in {sound:.1%}. More triples of the same
  films and songs leave those before as they are.

To train on these end to end, give the features of both, with the table beside them. `DATA`, `RUN`
and `MODELS` are new folders elsewhere:

    kavc extract clips --out DATA/videos --array visual=pixels --array flow=flow-fields \\
        --set visual.side=32 --set flow.side=32 --set flow.frames=burst:4x11@10
    kavc extract tracks --out DATA/tracks --audio log-mel
    cp triples.csv DATA
    kavc train music-match --data triples:DATA --out RUN --set visual_backbone=tiny \\
        --set flow_backbone=tiny --set audio_backbone=tiny --set head=symmetric \\
        --set interaction=product --set batch_size=32 --set epochs=14

Then, which songs fit a film best, by the run itself or by a server:

    kavc rank RUN --media clips/v0000.mp4 --tracks tracks
    kavc export RUN --to MODELS --front-end
    kavc serve MODELS --port 8500
    kavc rank --server localhost:8500 --media clips/v0000.mp4 --tracks tracks --moment --seconds 2
"""


@dataclass(frozen=True)
class Asked:
    """Judgements that are wanted.

    Args:
        triples: questions; 0 for none.
        theta: noise of the answers.
        raters: who answer each.
    """

    triples: int = 0
    theta: float = THETA
    raters: int = 1


NONE_ASKED = Asked()


def write(
    out: Path,
    settings: FilmSettings = DEFAULT,
    *,
    videos: int = 40,
    tracks: int = 0,
    asked: Asked = NONE_ASKED,
) -> None:
    """Writes a corpus, whole or not at all.

    `clips/v0000.mp4` and so on, `tracks/m0000.m4a`, the tables `videos.csv`, `tracks.csv` (which is
    there if there are songs) and `triples.csv` (if there are judgements), `corpus.json` and
    `README.md`. Film n is of theme n modulo the number of themes.

    Args:
        out: folder to write; must be new.
        settings: of all films.
        videos: how many films, at least 1.
        tracks: how many songs.
        asked: which judgements of films and songs.

    Raises:
        ConfigError: a number is out of range, `out` exists, PyAV is not installed, or there are too
            few films or songs for the judgements.

    Example:
        write(Path("films"), FilmSettings(seconds=4), videos=100)
    """
    for name, value, least in (("videos", videos, 1), ("tracks", tracks, 0)):
        if not least <= value <= MOST:
            raise ConfigError(f"{name} must lie in {least} to {MOST}; got {value}")
    check_new(out)
    films = [film(n, settings) for n in range(videos)]
    songs = [song(n, settings) for n in range(tracks)]
    judged = _judged(films, songs, settings, asked)
    library()  # so that one who lacks it is told at once
    with new_folder(out) as folder:
        _write_films(folder, films, settings)
        if tracks:
            _write_songs(folder, songs, settings)
        described = _described(settings, videos, tracks, asked)
        text = README.format(command=described["command"], rate=settings.rate)
        if judged:
            write_text(folder / "triples.csv", table(judged, _id))
            right = accuracies(judged, films, songs)
            described["judgements"] = dataclasses.asdict(asked) | {"accuracies": right}
            text += JUDGED.format(
                triples=asked.triples, theta=asked.theta, tempo_scale=TEMPO, **right
            )  # fmt: skip
        write_json(folder / "corpus.json", described)
        write_text(folder / "README.md", text)


def _judged(
    films: Sequence[Film], songs: Sequence[Film], settings: FilmSettings, asked: Asked
) -> list[Judgement]:
    if asked.triples == 0:
        return []
    return judge(
        films, songs, lambda number: split_of(number, settings.themes), count=asked.triples,
        seed=settings.seed, theta=asked.theta, raters=asked.raters,
    )  # fmt: skip


def command(settings: FilmSettings, videos: int, tracks: int, asked: Asked = NONE_ASKED) -> str:
    """Returns the command line that makes a corpus.

    >>> command(FilmSettings(seconds=4), videos=100, tracks=0)
    'kavc synth-video OUT --videos 100 --tracks 0 --themes 4 --seconds 4 --size 320x240 ...'
    """
    size = f"{settings.width}x{settings.height}"
    judged = (
        f" --triples {asked.triples} --theta {asked.theta:.12g} --raters {asked.raters}"
        if asked.triples
        else ""
    )
    return (
        f"kavc synth-video OUT --videos {videos} --tracks {tracks} --themes {settings.themes}"
        f" --seconds {settings.seconds:.12g} --size {size} --rate {settings.rate}"
        f" --seed {settings.seed}{judged}"
    )


def split_of(number: int, themes: int) -> str:
    """Returns the split of a film: its place among those of its theme decides.

    >>> [split_of(number, themes=4) for number in (0, 4, 8, 12)]
    ['train', 'validation', 'test', 'train']
    """
    return SPLITS[number // themes % len(SPLITS)]


def _write_films(folder: Path, films: Sequence[Film], settings: FilmSettings) -> None:
    (folder / CLIPS).mkdir()
    rows = []
    for each in progress.track(films, "making films", unit="films"):
        row = _row(each, "v", f"{CLIPS}/{{}}.mp4", settings)
        row["impacts"] = "|".join(f"{time:.4f}" for time in each.impacts)
        pictures = frames(each, settings)
        write_film(folder / row["file"], samples(each), pictures, settings.rate)
        rows.append(row)
    _write_table(folder / "videos.csv", rows)


def _write_songs(folder: Path, songs: Sequence[Film], settings: FilmSettings) -> None:
    (folder / TRACKS).mkdir()
    rows = []
    for each in progress.track(songs, "making songs", unit="songs"):
        row = _row(each, "m", f"{TRACKS}/{{}}.m4a", settings)
        write_film(folder / row["file"], samples(each))
        rows.append(row)
    _write_table(folder / "tracks.csv", rows)


def _row(each: Film, letter: str, file: str, settings: FilmSettings) -> dict[str, str]:
    id_ = _id(letter, each.number)
    return {
        "id": id_,
        "file": file.format(id_),
        "theme": each.theme.name,
        "split": split_of(each.number, settings.themes),
        "mood": each.mood,
        "tempo": str(each.tempo),
        "pitch": f"{each.pitch:.2f}",
    }


def _id(letter: str, number: int) -> str:
    return f"{letter}{number:04d}"


def _write_table(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    text = io.StringIO()
    table = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    write_text(path, text.getvalue())


def _described(settings: FilmSettings, videos: int, tracks: int, asked: Asked) -> dict[str, object]:
    return {
        "kind": KIND,
        "synthetic": True,
        "command": command(settings, videos, tracks, asked),
        "seed": settings.seed,
        "settings": dataclasses.asdict(settings),
        "videos": videos,
        "tracks": tracks,
        "themes": [theme.name for theme in THEMES[: settings.themes]],
        "made_with": f"PyAV {library().__version__}",
    }
