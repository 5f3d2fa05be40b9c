"""`kavc rank`: which of many tracks fits a video best, and which moment of each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kavc.cli.media import (
    Media,
    RunFolder,
    WeightsOption,
    check_asked,
    extractors_of_run,
    features_of_clip,
    served,
)
from kavc.cli.output import errors, print_json, print_table, progress
from kavc.cli.train import AsJson
from kavc.errors import ConfigError, DataError

if TYPE_CHECKING:
    import numpy as np

    from kavc.systems.music_match.ranking import Ranked
    from kavc.training.run import Run

SYSTEM = "music-match"
SHOWN = 20  # rows of the table


def rank(
    run: RunFolder = None,
    inputs: Annotated[
        Path | None,
        typer.Option("--input", help=".npz or .json of one video: its arrays, without a batch."),
    ] = None,
    media: Media = None,
    tracks: Annotated[
        Path | None,
        typer.Option("--tracks", help="Folder of media files, or of features of `kavc extract`."),
    ] = None,
    moment: Annotated[
        bool,
        typer.Option("--moment", help="Find the best moment of each track, of the clip's length."),
    ] = False,
    seconds: Annotated[
        float | None,
        typer.Option("--seconds", min=0.1, max=3600, help="With --moment: how long it is."),
    ] = None,
    top: Annotated[
        int | None, typer.Option("--top", min=1, help="So many tracks; all by default.")
    ] = None,
    weights: WeightsOption = None,
    workers: Annotated[
        int, typer.Option("--workers", min=1, max=1024, help="Processes that decode tracks.")
    ] = 2,
    server: Annotated[
        str | None, typer.Option("--server", help="HOST:PORT of a server, in place of a run.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", help=f"Name of the model at the server; {SYSTEM} by default."),
    ] = None,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.001, help="Seconds, of a server.")
    ] = 30.0,
    csv: Annotated[
        Path | None, typer.Option("--csv", help="File to write the ranking to; must be new.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say which of many tracks fit a video best, the best first.

    Goes on past tracks that it can't read, lists them, and then exits 1.
    """
    _check(tracks, csv, moment, seconds)
    what = "the arrays of a video, --input FEATURES"
    check_asked(run, server, inputs, media, what)
    asked = _Asked(inputs, media, Path(str(tracks)), weights, workers)
    if server is not None or asked.clips is None:  # else they are for the tracks
        check_asked(run, server, inputs, media, what, weights=weights)
    if run is not None and model is not None:
        raise ConfigError("--model is that of a server; leave it out with a run")
    if moment and seconds is None and media is None:
        raise ConfigError("--moment with --input: say how long a moment is, --seconds SECONDS")
    with _answering(run, server, model or SYSTEM, timeout) as answers:
        if moment and seconds is None:
            from kavc.systems.music_match.tracks import length_of

            seconds = length_of(Path(str(media)))
        found = answers(asked, seconds if moment else None)
    found = found[:top]
    if csv is not None:
        _write(csv, found)
    if as_json:
        print_json([asdict(each) for each in found])
    else:
        _print(found, str(inputs or media))
    if asked.failed:
        raise typer.Exit(1)


class _Asked:
    """What was typed of the video and of the tracks."""

    def __init__(
        self, inputs: Path | None, media: Path | None, tracks: Path, weights: Any, workers: int
    ):
        from kavc.systems.music_match import tracks as found

        self.inputs, self.media, self.tracks = inputs, media, tracks
        self.weights, self.workers = weights, workers
        self.failed = False
        # Asked for before anything that takes long; None where the tracks are features.
        self.clips = None if found.is_corpus(tracks) else found.media_in(tracks, self.tell)

    def tell(self, line: str) -> None:
        """Prints what became of a track that gave nothing."""
        self.failed = True
        errors.print(line, style="red", highlight=False, soft_wrap=True)

    def arrays(self, wanted: Collection[str]) -> dict[str, Any]:
        """Returns the arrays of the video in the file that was given.

        Raises:
            ConfigError: one is missing.
        """
        from kavc.serving.arrays import load_inputs

        values = load_inputs(Path(str(self.inputs)))
        if missing := sorted(set(wanted) - set(values)):
            raise ConfigError(
                f"{self.inputs}: no array {missing[0]!r}, which the model takes of a video; it has "
                f"{', '.join(values) or 'none'}"
            )
        return {name: values[name] for name in wanted}


Answers = Callable[[_Asked, float | None], Sequence["Ranked"]]


def _check(tracks: Path | None, csv: Path | None, moment: bool, seconds: float | None) -> None:
    if tracks is None:
        raise ConfigError("expected tracks to be ranked, --tracks FOLDER")
    if seconds is not None and not moment:
        raise ConfigError("--seconds says how long a moment is; add --moment")
    if not tracks.is_dir():
        raise DataError(f"{tracks}: {'no folder' if tracks.exists() else 'no such folder'}")
    if csv is not None and csv.exists():
        raise ConfigError(f"{csv}: exists; choose another file for --csv or remove it")


@contextmanager
def _answering(
    run: str | None, server: str | None, model: str, timeout: float
) -> Iterator[Answers]:
    """Yields what answers: a run in this process, or a server."""
    if run is not None:
        opened = _opened(run)
        yield lambda asked, seconds: _of_run(opened, asked, seconds)
        return
    from kavc.serving.client.blocking import Client

    with Client(str(server), timeout=timeout) as client:
        yield lambda asked, seconds: _of_server(client, model, asked, seconds)


def _opened(path: str) -> Run:
    from kavc.training.run import Run

    run = Run(path)
    if run.system.name != SYSTEM:
        raise ConfigError(f"{path}: a run of {run.system.name}; {SYSTEM} is what ranks")
    run.check_finished()
    return run


def _of_run(run: Run, asked: _Asked, seconds: float | None) -> Sequence[Ranked]:
    from kavc.extraction.weights import WeightFiles
    from kavc.systems.music_match import ranking, tracks

    config: Any = run.config
    seen = list(config.streams) if asked.media is not None else []
    heard = [ranking.TRACK] if asked.clips is not None else []
    extractors = {}
    video: Mapping[str, Any] = {}
    if asked.media is None:
        video = asked.arrays(config.streams)
        _check_video(run, ranking.request(video))
    if seen or heard:
        weights = WeightFiles.parse(asked.weights or [])
        extractors = extractors_of_run(run, weights, [*seen, *heard])
    # What needs no network was asked for by now.
    if seen and asked.media is not None:
        video = features_of_clip(asked.media, {name: extractors[name] for name in seen}).arrays
    if asked.clips is None:
        made_by = (run.data.get("extractors") or {}).get(ranking.TRACK)
        found = tracks.of_corpus(asked.tracks, config.audio_array, tell=asked.tell, made_by=made_by)
    else:
        extractor = extractors[ranking.TRACK]
        progress(f"{len(asked.clips)} tracks: {extractor.recipe.NAME}")
        found = tracks.of_media(asked.clips, extractor, workers=asked.workers, tell=asked.tell)
    names = [each.id for each in found]

    def ask(signature: str, inputs: Mapping[str, Any]) -> Mapping[str, np.ndarray]:
        return run.predict(inputs, signature=signature)

    moments = ranking.moments(ask, found, seconds)
    return ranking.ranked(ask, ranking.request(video), names, moments)


def _check_video(run: Run, given: Mapping[str, Any]) -> None:
    """Raises unless the arrays of a video are what the network takes, if the run says what that is.

    Raises:
        DataError: they aren't.
    """
    from kavc.serving.client.cast import cast_all
    from kavc.serving.signature import SignatureInfo
    from kavc.systems.music_match import ranking
    from kavc.training.asked import told

    taken = (told(run.path) or {}).get(ranking.RANK)
    if taken is not None:
        cast_all(given, SignatureInfo({name: taken.inputs[name] for name in given}, {}))


def _of_server(client: Any, model: str, asked: _Asked, seconds: float | None) -> Sequence[Ranked]:
    from kavc.systems.music_match import asking, ranking

    offered = client.signatures(model)
    asking.check_ranks(offered, model)
    seen = asking.seen_by(offered)
    called: dict[str, str] = {}
    video: Mapping[str, Any] = {}
    if seen and asked.media is None:
        video = ranking.request(asked.arrays(seen))
    elif seen:  # before the tracks, which take longer
        called[ranking.RANK], video = served(client, model, ranking.RANK, Path(str(asked.media)))
    more: Any = {"seconds": seconds, "tell": asked.tell}
    if asked.clips is None:
        names, moments = asking.tracks_of_corpus(client, model, asked.tracks, **more)
    else:
        progress(f"{len(asked.clips)} tracks are sent")
        names, moments = asking.tracks_of_media(client, model, asked.clips, **more)
    return ranking.ranked(asking.asking(client, model, called), video, names, moments)


def _write(file: Path, found: Sequence[Ranked]) -> None:
    import csv
    import io

    from kavc.files import write_text

    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["rank", "track", "score", "chance", "start", "end"])
    for place, each in enumerate(found, 1):
        span = ["" if at is None else f"{at:.3f}" for at in (each.start, each.end)]
        table.writerow([place, each.track, f"{each.score:.6f}", f"{each.chance:.4f}", *span])
    write_text(file, text.getvalue())
    progress(f"ranking: {file}")


def _print(found: Sequence[Ranked], title: str) -> None:
    from kavc.evaluation.table import Column, Table

    columns = [
        Column("rank", "d"), Column("track"), Column("score", ".3f"),
        Column("preferred to others", ".0f", "%"),
    ]  # fmt: skip
    moments = any(each.start is not None for each in found)
    columns += [Column("start", ".1f", "s"), Column("end", ".1f", "s")] if moments else []
    rows = [
        (place, each.track, each.score, 100 * each.chance,
         *((each.start, each.end) if moments else ()))
        for place, each in enumerate(found[:SHOWN], 1)
    ]  # fmt: skip
    more = f"{SHOWN} of {len(found)}; --json and --csv give all" if len(found) > SHOWN else ""
    print_table(Table("ranking", columns, rows, f"Tracks for {title}", more))


COMMANDS = (rank,)
