"""From mp4 files to a ranking of songs: what is learnt, and is it the same on each road?

Synthetic films and songs are made, and judgements of which of two songs fits a film better, by its
mood, which is seen in single frames, and by its tempo, which is seen in what moves alone. Music for
video is trained on their pixels, stacks of flow and log-mel patches, by small networks that begin
with random weights; then without flow, and on sound alone. Songs that no training saw are ranked
for films that none saw: in this process, and by sound, pixels and motion over gRPC. Every figure is
of synthetic films.

    python benchmarks/films_to_ranking.py
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from interleaved import provenance

import kavc
from kavc.cli.output import progress
from kavc.data.synthetic.films import Asked, Film, FilmSettings, film, judge, song, write
from kavc.data.synthetic.films.corpus import split_of
from kavc.data.synthetic.films.judgements import Judgement, accuracies, fit
from kavc.evaluation.proportions import wilson_interval
from kavc.export.run import export_run
from kavc.extraction.asked import recipes
from kavc.extraction.clips import Clip, find_clips
from kavc.extraction.one_clip import extractors_as, features_of
from kavc.extraction.run import extract
from kavc.extraction.served import served_request, what_to_send
from kavc.extraction.weights import WeightFiles
from kavc.files import write_json
from kavc.partials import new_folder
from kavc.serving.client.blocking import Client
from kavc.serving.server.local import LocalServer
from kavc.systems.music_match import ranking, tracks
from kavc.training.run import Run

OUT = Path(__file__).parent / "results" / "films_to_ranking.json"
SYSTEM = "music-match"
OPTIONS = {
    "visual_backbone": "tiny", "flow_backbone": "tiny", "audio_backbone": "tiny",
    "head": "symmetric", "interaction": "product", "embedding_dim": 16, "units": 64,
    "dropout": 0.2, "learning_rate": 1e-3, "batch_size": 32, "epochs": 14, "patience": 5,
}  # fmt: skip
ROWS = {
    "both streams and sound": {},
    "without flow": {"variant": "visual"},
    "sound alone": {"variant": "sound"},
}
# A burst of a second: hops come once in 0.375 to 1 s.
FRAMES, STACKS, HOP = "uniform:3", "burst:4x11@10", 1.92
TOP = 3


def main() -> None:
    """Walks the road, and writes what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--films", type=int, default=200)
    parser.add_argument("--songs", type=int, default=160)
    parser.add_argument("--triples", type=int, default=3000)
    parser.add_argument("--theta", type=float, default=0.25)
    parser.add_argument("--themes", type=int, default=1)
    parser.add_argument("--side", type=int, default=32, help="pixels of a side")
    parser.add_argument("--asked", type=int, default=20, help="films that a server is asked about")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", nargs="*", default=list(ROWS), choices=list(ROWS))
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")
    parser.add_argument(
        "--folder", type=Path, help="keeps films and runs: the same command goes on"
    )
    parser.add_argument("--out", type=Path, default=OUT)
    asked = parser.parse_args()
    options = OPTIONS | dict(each.split("=", 1) for each in asked.set)
    settings = FilmSettings(themes=asked.themes, width=96, height=72)
    world = World(settings, asked.films, asked.songs, asked.triples, asked.theta)
    with contextlib.ExitStack() as opened:
        folder = asked.folder or Path(opened.enter_context(tempfile.TemporaryDirectory()))
        data = corpora(folder, world, asked.side)
        found: dict[str, Any] = {}
        runs = {}
        for row in asked.rows:
            for seed in range(asked.seeds):
                out = folder / "runs" / row.replace(" ", "-") / str(seed)
                runs[row, seed] = trained(data, out, options | ROWS[row], seed)
                found.setdefault(row, []).append(learnt(runs[row, seed], folder, world))
                progress(f"{row}, seed {seed}: {found[row][-1]}")
        roads = compared(runs[asked.rows[0], 0], folder, world, asked.asked)
    result = {
        "synthetic": True,
        **{name: getattr(asked, name) for name in (
            "films", "songs", "triples", "theta", "themes", "side", "seeds")},
        "frames": FRAMES, "stacks": STACKS, "hop": HOP, "options": options,
        "judgements": world.counts(),
        "of test, who knows": world.known(),
        "chance": 0.5,
        "rows": found,
        "a song at random": world.at_random(),
        "roads": roads,
        "source": provenance(),
    }  # fmt: skip
    write_json(asked.out, result)
    print(asked.out.read_text())


def trained(data: Path, out: Path, options: Mapping[str, Any], seed: int) -> Run:
    """Trains a network, or goes on with what was begun."""
    begun = (out / "config.json").is_file()
    if not (begun and Run(out).finished):
        kavc.train(
            SYSTEM, f"triples:{data}", out, overrides=dict(options), seed=seed, resume=begun
        )  # fmt: skip
    return Run(out)


class World:
    """What was drawn of films, songs and judgements."""

    def __init__(
        self, settings: FilmSettings, films: int, songs: int, triples: int, theta: float
    ) -> None:
        self.settings, self.triples, self.theta = settings, triples, theta
        self.films = [film(number, settings) for number in range(films)]
        self.songs = [song(number, settings) for number in range(songs)]
        self.judged = judge(
            self.films, self.songs, self.split, count=triples, seed=settings.seed, theta=theta
        )

    def split(self, number: int) -> str:
        """Returns the split of a film or song."""
        return split_of(number, self.settings.themes)

    def held_out(self, all_: Sequence[Film]) -> list[Film]:
        """Returns the films, or songs, of the test split."""
        return [each for each in all_ if self.split(each.number) == "test"]

    @property
    def test(self) -> list[Judgement]:
        """The judgements of the test split."""
        return [each for each in self.judged if each.split == "test"]

    def counts(self) -> dict[str, int]:
        """Returns how many judgements each split has."""
        splits = [each.split for each in self.judged]
        return {name: splits.count(name) for name in ("train", "validation", "test")}

    def known(self) -> dict[str, Any]:
        """Returns how often those are right on test who know something; of answers drawn again."""
        found: dict[str, Any] = {
            f"{name}, expected": value
            for name, value in accuracies(self.test, self.films, self.songs).items()
        }
        right = [
            (fit(self.films[each.video], self.songs[each.a])
             > fit(self.films[each.video], self.songs[each.b])) == (each.answers[0] == "a")
            for each in self.test
        ]  # fmt: skip
        return found | {"oracle, of these answers": share(sum(right), len(right))}

    def at_random(self) -> dict[str, float]:
        """Returns what a song of the test split drawn at random has of a film's, on average."""
        pairs = [(one, other) for one in self.held_out(self.films)
                 for other in self.held_out(self.songs)]  # fmt: skip
        return fits(pairs)


def share(count: int, total: int) -> dict[str, float]:
    """Returns a share with its interval at 95 %, by Wilson."""
    found = wilson_interval(count, total)
    return {"value": found.value, "low": found.low, "high": found.high}


def fits(pairs: Sequence[tuple[Film, Film]]) -> dict[str, float]:
    """Returns how well songs fit films, in what is known of them."""
    return {
        "same mood": float(np.mean([one.mood == other.mood for one, other in pairs])),
        "beats a minute apart": float(np.mean([abs(a.tempo - b.tempo) for a, b in pairs])),
        "fit": float(np.mean([fit(one, other) for one, other in pairs])),
    }


def corpora(folder: Path, world: World, side: int) -> Path:
    """Makes films, songs and their features; returns the folder of judgements with these."""
    films, data = folder / "films", folder / "data"
    if (folder / "songs").is_dir():
        return data
    asked = Asked(world.triples, world.theta)
    if not films.exists():
        write(films, world.settings, videos=len(world.films), tracks=len(world.songs), asked=asked)
    seen = recipes(
        arrays=["visual=pixels", "flow=flow-fields"],
        overrides=[f"visual.side={side}", f"flow.side={side}", f"visual.frames={FRAMES}",
                   f"flow.frames={STACKS}"],
    )  # fmt: skip
    heard = recipes(arrays=["audio=log-mel"], overrides=[f"audio.hop={HOP}"])
    for name, source, wanted in (("videos", "clips", seen), ("tracks", "tracks", heard)):
        extract(find_clips([films / source]), wanted, data / name, weights=WeightFiles())
    shutil.copy(films / "triples.csv", data)
    with new_folder(folder / "songs") as songs:
        for each in world.held_out(world.songs):
            shutil.copy(films / "tracks" / f"m{each.number:04d}.m4a", songs)
    progress(f"{len(world.films)} films and {len(world.songs)} songs have features")
    return data


def learnt(run: Run, folder: Path, world: World) -> dict[str, Any]:
    """Returns a run's accuracy, and what it ranks first of the songs of the test split."""
    headline, count = run.report.headline, len(world.test)
    clips = [clip_of(folder, each) for each in world.held_out(world.films)]
    orders = in_process(run, run.answers.predict, folder, clips)
    by_name = {f"m{each.number:04d}": each for each in world.songs}
    best = [[by_name[each.track] for each in order[:TOP]] for order in orders]
    asked = list(zip(world.held_out(world.films), best, strict=True))
    return {
        "accuracy": share(round(headline.value * count / 100), count),
        "best song": fits([(one, songs[0]) for one, songs in asked]),
        f"best {TOP} songs": fits([(one, other) for one, songs in asked for other in songs]),
    }  # fmt: skip


def clip_of(folder: Path, each: Film) -> Clip:
    """Returns the file of a film."""
    name = f"v{each.number:04d}"
    return Clip(name, folder / "films" / "clips" / f"{name}.mp4")


def in_process(
    run: Run, ask: Callable[..., Any], folder: Path, clips: Sequence[Clip]
) -> list[list[ranking.Ranked]]:
    """Ranks the songs for each clip by features that are made here, as `kavc rank RUN` does."""
    streams = run.config.streams
    made = extractors_as(run.data["extractors"], WeightFiles(), [*streams, ranking.TRACK])
    heard = made.pop(ranking.TRACK)
    found = tracks.of_media(
        tracks.media_in(folder / "songs", progress), heard, workers=2, tell=progress
    )
    moments = ranking.moments(ask, found)
    names = [each.id for each in found]
    orders = []
    for clip in clips:
        video: Mapping[str, Any] = features_of(clip.path, made).arrays if streams else {}
        orders.append(ranking.ranked(ask, ranking.request(video), names, moments))
    return orders


def compared(run: Run, folder: Path, world: World, count: int) -> dict[str, Any]:
    """Returns how far the scores of songs lie apart that come by the two roads."""
    clips = [clip_of(folder, each) for each in world.held_out(world.films)[:count]]
    own = in_process(run, run.answers.predict, folder, clips)
    extractors = extractors_as(run.data["extractors"], WeightFiles())
    with tempfile.TemporaryDirectory() as name:
        export_run(run, Path(name) / "models", extractors=extractors)
        with LocalServer(Path(name) / "models", port=0) as server, Client(server.address) as client:
            served = by_server(client, folder, clips)
    scores = [
        [{each.track: each.score for each in order} for order in orders] for orders in (own, served)
    ]
    apart = [
        abs(here[name] - there[name]) for here, there in zip(*scores, strict=True) for name in here
    ]
    same = [
        [each.track for each in here] == [each.track for each in there]
        for here, there in zip(own, served, strict=True)
    ]
    return {
        "films": len(clips), "songs": len(own[0]),
        "score, server against process, most": float(max(apart)),
        "films whose songs come in the same order": int(sum(same)),
        "scores, standard deviation": float(np.std([v for one in scores[0] for v in one.values()])),
    }  # fmt: skip


def by_server(client: Client, folder: Path, clips: Sequence[Clip]) -> list[list[ranking.Ranked]]:
    """Ranks the songs for each clip by what a server makes of sound, pixels and motion."""
    called: dict[str, str] = {}

    def ask(signature: str, inputs: Mapping[str, Any]) -> Mapping[str, np.ndarray]:
        return client.predict(SYSTEM, inputs, signature=called.get(signature, signature))

    wanted = what_to_send(client, SYSTEM, ranking.EMBED)
    ((name, kind),) = wanted.kinds.items()
    songs = tracks.media_in(folder / "songs", progress)
    names, moments = tracks.of_waveforms(
        ask, wanted.signature, name, kind, songs, seconds=None, tell=progress
    )
    orders = []
    for clip in clips:
        called[ranking.RANK], video = served_request(client, SYSTEM, ranking.RANK, clip.path)
        orders.append(ranking.ranked(ask, video, names, moments))
    return orders


if __name__ == "__main__":
    main()
