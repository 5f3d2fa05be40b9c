"""`kavc data ratings`: how far raters agree, and which genres of music fit which videos."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from kavc.cli.output import print_report, progress
from kavc.cli.train import AsJson


def ratings(
    data: Annotated[
        Path,
        typer.Argument(help="Folder of ratings.csv and tracks.csv; or video,track,rating[,rater]."),
    ],
    tracks: Annotated[
        Path | None,
        typer.Option("--tracks", help="CSV with track,genre; by default tracks.csv of a folder."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write tables and figures here, too.")
    ] = None,
    centre: Annotated[
        bool, typer.Option("--centre", help="Take each rater's mean off first.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Analyse ratings of music with video: agreement, genres, clusters of videos."""
    from kavc.data.comparisons.ratings import NAME, TRACKS_NAME, read_genres, read_ratings
    from kavc.evaluation.made import Made, command, now
    from kavc.folders import check_own
    from kavc.systems.music_match.ratings import rating_report
    from kavc.training.run import versions

    if out is not None:
        check_own(out, "report")
    file = data
    if data.is_dir():
        file = data / NAME
        if tracks is None and (data / TRACKS_NAME).exists():
            tracks = data / TRACKS_NAME
    found = read_ratings(file)
    genres = {} if tracks is None else read_genres(tracks)
    progress(f"{len(found):,} ratings, {len(genres):,} tracks with a genre")
    called = _called(file)
    title = f"Ratings of {called}" + (", each rater centred" if centre else "")
    report = rating_report(found, genres, title=title, source=called, centre=centre)
    made = Made(
        commands=[command("rating_report", str(file))],
        date=now(),
        versions=versions(),
        source=str(file),
    )
    report = replace(report, made=made)
    if out is not None:
        report.save(out)
        progress(f"report: {out / 'report.md'}")
    print_report(report, as_json=as_json)


def _called(file: Path) -> str:
    """Returns what tables call the ratings: those that this package made up say so."""
    from kavc.inputs.json_files import read_json
    from kavc.inputs.records import mapping

    beside = file.parent / "corpus.json"
    made_up = beside.is_file() and mapping(read_json(beside), beside).get("synthetic") is True
    return f"synthetic music preference ({file.parent.name})" if made_up else str(file)
