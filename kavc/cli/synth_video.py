"""`kavc synth-video`: a folder of short films with sound, and of songs, to try everything with."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from kavc.cli.output import progress, results
from kavc.errors import ConfigError


def synth_video(
    out: Annotated[Path, typer.Argument(help="Folder to write; must be new.")],
    videos: Annotated[int, typer.Option("--videos", help="Films, with picture and sound.")] = 40,
    tracks: Annotated[int, typer.Option("--tracks", help="Songs, which are sound alone.")] = 0,
    triples: Annotated[
        int, typer.Option("--triples", help="Judgements: which of two songs fits a film better.")
    ] = 0,
    theta: Annotated[float, typer.Option("--theta", help="Noise of these.")] = 0.25,
    raters: Annotated[int, typer.Option("--raters", help="Who answer each of these.")] = 1,
    themes: Annotated[int, typer.Option("--themes", help="Themes, at most 8.")] = 4,
    seconds: Annotated[float, typer.Option("--seconds", help="Of each, 1 to 600.")] = 6.0,
    size: Annotated[
        str, typer.Option("--size", metavar="WxH", help="Of the picture, in pixels; even.")
    ] = "320x240",
    rate: Annotated[int, typer.Option("--rate", help="Frames a second, 10 to 60.")] = 25,
    seed: Annotated[int, typer.Option("--seed", help="Seed of everything that is drawn.")] = 0,
) -> None:
    """Make short films (mp4) and songs (m4a) of a known world, with tables of what is in them.

    It wants the extra `media`. The same seed gives the same bytes.
    """
    from kavc.data.synthetic.films import Asked, FilmSettings, write

    width, height = _sides(size)
    settings = FilmSettings(
        seconds=seconds, width=width, height=height, rate=rate, themes=themes, seed=seed
    )
    asked = Asked(triples, theta, raters)
    progress(f"{videos} films and {tracks} songs of {seconds:g} s, {size}, into {out}")
    write(out, settings, videos=videos, tracks=tracks, asked=asked)
    results.print(str(out / "videos.csv"), highlight=False, soft_wrap=True)


def _sides(size: str) -> tuple[int, int]:
    if not (found := re.fullmatch(r"([0-9]{1,6})[x×]([0-9]{1,6})", size)):
        raise ConfigError(f"--size {size}: expected WIDTHxHEIGHT in pixels, for example 320x240")
    return int(found[1]), int(found[2])


COMMANDS = (synth_video,)
