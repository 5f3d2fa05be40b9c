"""From clips to a corpus of features, resumably."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kavc import __version__
from kavc import progress as told
from kavc.cluster import engines
from kavc.data.features import header
from kavc.data.schema import Field
from kavc.errors import ConfigError, KavcError
from kavc.extraction.asked import check_arrays
from kavc.extraction.clips import Clips, are_synthetic
from kavc.extraction.folder import CLIPS, FAILED, KIND, ExtractionFolder
from kavc.extraction.weights import WeightFiles
from kavc.folders import check_own
from kavc.inputs.json_files import read_json
from kavc.inputs.opening import named, sha256
from kavc.inputs.records import mapping
from kavc.media.choice import NO_TRACK
from kavc.media.extractors.base import Extractor, Recipe
from kavc.terminal import Verbose, showing

SECONDS = 600.0  # for what comes at once of a file
DEFAULT_WORKERS = 2


@dataclass(frozen=True)
class Progress:
    """How far an extraction is.

    Args:
        total: clips to be done, now and before.
        there: of them, had features before.
        made, failed: of them, now.
        seconds: since it began.
        media: seconds of clips whose features were made.

    Example:
        >>> progress = Progress(total=100, there=20, made=30, failed=10, seconds=8.0)
        >>> progress.rate, progress.left
        (5.0, 8.0)
    """

    total: int
    there: int
    made: int = 0
    failed: int = 0
    seconds: float = 0.0
    media: float = 0.0

    @property
    def rate(self) -> float:
        """Clips a second."""
        return (self.made + self.failed) / self.seconds if self.seconds else 0.0

    @property
    def left(self) -> float | None:
        """Seconds that are left at this rate; None where it isn't known yet."""
        rest = self.total - self.there - self.made - self.failed
        return rest / self.rate if self.rate else None


@dataclass(frozen=True)
class Outcome:
    """What became of an extraction.

    Args:
        folder: with the corpus.
        clips: in the corpus.
        made: of them, now.
        failed: (id, file, reason) of what gave none.
        truncated: (file, reason) of clips whose track ended too early, by damage.
    """

    folder: Path
    clips: int
    made: int
    failed: Sequence[tuple[str, str, str]]
    truncated: Sequence[tuple[str, str]] = ()

    def __repr__(self) -> str:
        counts = f"{self.clips:,} clips, {self.made:,} made now, {len(self.failed):,} failed"
        cut = f", {len(self.truncated):,} cut short" if self.truncated else ""
        return f"Outcome({str(self.folder)!r}: {counts}{cut})"


def extract(
    clips: Clips,
    recipes: Mapping[str, Recipe],
    out: str | os.PathLike,
    *,
    weights: WeightFiles | None = None,
    table: str | os.PathLike | None = None,
    workers: int = DEFAULT_WORKERS,
    cluster: str | None = None,
    seconds: float = SECONDS,
    report: Callable[[Progress], None] = lambda progress: None,
    tell: Callable[[str], None] = lambda line: None,
    verbose: Verbose = "auto",
) -> Outcome:
    """Makes the features of clips, into a corpus of named arrays, `features:OUT`.

    A folder that was begun and not finished goes on; a finished one takes clips that are new, that
    failed or that changed. Bad files are left out. Clips of before that aren't asked for any more,
    or are gone, keep their features.

    Args:
        clips: as `kavc.extraction.find_clips` finds them.
        recipes: by the name of the array that each makes.
        out: folder of the corpus: new, or of an extraction by the same recipes and weights.
        weights: where the networks' weights are; the folders of `KAVC_WEIGHTS` by default.
        table: that the clips are of; another one is refused when an extraction goes on.
        workers: processes that decode; on a cluster, processes that decode and have networks.
        cluster: HOST:PORT of a Ray cluster's head. None for this machine alone, without Ray.
        seconds: within which a file must give what comes next, after which it is given up.
        report: told after each clip.
        tell: told a line of what goes wrong, when it does.
        verbose: how progress is shown, as of `kavc.train`.

    Raises:
        ConfigError: weights are missing, the folder is another's, or an array and what is kept of
            the table have one name.
        DataError: weights are not what they are called.
        KavcError: no clip gave features, or, of a cluster, as `kavc.cluster.slots.Slots`.

    Example:
        recipes = kavc.extraction.asked.recipes(arrays=["audio=yamnet", "visual=mobilenet-v2"])
        extract(find_clips(["clips"]), recipes, "features")
    """
    if workers < 1:
        raise ConfigError(f"at least one worker is needed; got {workers}")
    weights = weights or WeightFiles.parse()
    weights.check_names(recipes.values())
    files = {name: weights.of(recipe) for name, recipe in recipes.items()}
    check_arrays(recipes, clips.kept)
    check_own(out, KIND)  # before what is slow
    if cluster is not None:
        engines.Cluster(cluster)  # raises where it can't be joined
    with showing(verbose):
        return _extract(
            clips, recipes, Path(out), files, table, workers, cluster, seconds, report, tell
        )


def _extract(
    clips: Clips,
    recipes: Mapping[str, Recipe],
    out: Path,
    files: Mapping[str, Any],
    table: str | os.PathLike | None,
    workers: int,
    cluster: str | None,
    seconds: float,
    report: Callable[[Progress], None],
    tell: Callable[[str], None],
) -> Outcome:
    """Makes the features of what was asked for, which all fits; args as of `extract`."""
    told.announce(f"{len(clips.clips):,} clips, {', '.join(recipes)}, into {out}")
    with told.task("loading networks"):
        extractors = {name: recipe.load(files[name]) for name, recipe in recipes.items()}
    arrays = {name: extractor.provenance for name, extractor in extractors.items()}
    settings = {
        "arrays": arrays, "table": None if table is None else sha256(table),
        "kept": list(clips.kept),
    }  # fmt: skip
    folder = ExtractionFolder(out, settings)

    def engine(todo: Any) -> Iterator[Any]:
        from kavc.extraction.engines import cluster as elsewhere
        from kavc.extraction.engines import here

        if cluster is None:
            return here(todo, extractors, workers=workers, seconds=seconds)
        digests = {name: extractor.weights for name, extractor in extractors.items()}
        return elsewhere(
            todo, recipes, files, digests, address=cluster, workers=workers, seconds=seconds,
            report=tell,
        )  # fmt: skip

    with folder.held():
        return _run(folder, clips, engine, recipes, fields_of(extractors), report, tell)


def fields_of(extractors: Mapping[str, Extractor]) -> dict[str, Field]:
    """Returns the fields of the arrays that extractors make, and of the times of their rows."""
    fields = {}
    for name, extractor in extractors.items():
        recipe = extractor.recipe
        fields[name] = Field((None, *extractor.shape), "float32", recipe.SUMMARY, recipe.step)
        fields[f"{name}_times"] = Field((None,), "float32", f"s at which the rows of {name} begin")
    return fields


def _run(
    folder: ExtractionFolder,
    clips: Clips,
    engine: Callable[[Any], Iterator[Any]],
    recipes: Mapping[str, Recipe],
    fields: Mapping[str, Field],
    report: Callable[[Progress], None],
    tell: Callable[[str], None],
) -> Outcome:
    from kavc.extraction.engines import Made

    todo = [clip for clip in clips.clips if not folder.has(clip)]
    failed, truncated = _bad(folder, clips), []
    for id_, file, reason in failed:
        tell(f"error: {file or id_}: {reason}")
    there = {clip.id for clip in clips.clips if os.path.exists(clip.path)}
    if gone := len(set(folder.clips) - there):
        tell(f"warning: {gone} clips of before are gone or not asked for; their features stay")
    progress = Progress(len(clips.clips), len(clips.clips) - len(todo))
    begin = time.monotonic()
    report(progress)
    with told.task("extracting", unit="clips", total=progress.total, done=progress.there) as task:
        for event in engine(todo) if todo else ():
            file = named(event.clip.path)
            if isinstance(event, Made):
                folder.add(event.clip, event.arrays, event.tracks)
                progress = replace(
                    progress, made=progress.made + 1, media=progress.media + event.seconds
                )
                reasons = (track["truncated"] for track in event.tracks.values())
                for reason in dict.fromkeys(filter(None, reasons)):
                    truncated.append((file, reason))
                    tell(f"warning: {file}: it ends too early ({reason}); what came is kept")
            else:
                folder.drop(event.clip.id)
                reason = event.reason + _instead(event.reason, recipes)
                failed.append((event.clip.id, file, reason))
                progress = replace(progress, failed=progress.failed + 1)
                tell(f"error: {file}: {reason}")
            progress = replace(progress, seconds=time.monotonic() - begin)
            task.note = _in_words(progress)
            task.reach(progress.there + progress.made + progress.failed)
            report(progress)
    folder.note_failures(failed)
    made_by = {"made_by": f"kavc {__version__}", "arrays": folder.settings["arrays"]}
    if are_synthetic(clips.clips) and _others_are_synthetic(folder, clips):
        made_by |= {header.SYNTHETIC: True}
    if progress.made or not folder.complete:
        count = folder.finish(clips, fields, made_by)
    else:
        count = len(folder.clips)
    if not count:
        raise KavcError(f"no clip gave features; {folder.path / FAILED} says why")
    return Outcome(folder.path, count, progress.made, failed, truncated)


def _others_are_synthetic(folder: ExtractionFolder, clips: Clips) -> bool:
    """Returns whether all that isn't asked for now was in a corpus that says it is synthetic."""
    others = set(folder.clips) - {clip.id for clip in clips.clips}
    if not others or not (folder.path / header.NAME).exists():
        return not others
    where = folder.path / CLIPS
    before = mapping(read_json(where), where)  # what a killed run added since is not in it
    return header.read_header(folder.path).synthetic and all(
        before.get(id_) == folder.clips[id_] for id_ in others
    )


def _in_words(progress: Progress) -> str:
    """Returns what the counts of an extraction don't say."""
    times = ""
    if progress.seconds:
        speed = progress.media / progress.seconds
        times = f"{speed:,.0f} x real time" if speed >= 100 else f"{speed:.3g} x real time"
    return ", ".join(filter(None, [f"{progress.failed} failed" if progress.failed else "", times]))


def _instead(reason: str, recipes: Mapping[str, Recipe]) -> str:
    """Returns what may be made of a clip that lacks a track, to be added to the reason; or ""."""
    for kind, modality in (("audio", "audio"), ("video", "visual")):
        lacking = [name for name, recipe in recipes.items() if modality == recipe.MODALITY]
        others = [name for name in recipes if name not in lacking]
        if reason.startswith(NO_TRACK[kind]) and lacking and others:
            return (
                f"; {' and '.join(lacking)} can't be made of it: --only {','.join(others)} leaves"
                " that out"
            )
    return ""


def _bad(folder: ExtractionFolder, clips: Clips) -> list[tuple[str, str, str]]:
    """Returns what can't be taken; what was made of it before is dropped, if it has a file."""
    for id_, file, _ in clips.bad:
        if file:
            folder.drop(id_)
    return [each for each in clips.bad if each[1] or each[0] not in folder.clips]
