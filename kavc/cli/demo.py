"""`kavc demo`: the whole road once, on a synthetic corpus."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kavc.cli.output import print_report, print_table, progress, results

if TYPE_CHECKING:
    from kavc.systems.base import Paper

# The paper's recipe takes batches of 8 at 1e-4; these learn the same in minutes.
QUICK = {"batch_size": 64, "learning_rate": 1e-3}
VARIANTS = {"baseline-1": "baseline-1", "ti-avc": "ti-avc"}
OWN = ("corpus", *VARIANTS, "comparison", "models")  # what is made in its folder
ASKED = 4  # videos whose pairs are sent to the server


def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for everything.")] = Path("runs/demo"),
    videos: Annotated[int, typer.Option("--videos", min=200, help="Synthetic videos.")] = 4000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of data and training.")] = 0,
    fresh: Annotated[bool, typer.Option("--fresh", help="Remove an earlier demo first.")] = False,
) -> None:
    """Train, compare, export, serve and ask, on a synthetic corpus; some minutes."""
    from kavc.export.run import export_run
    from kavc.systems.registry import get
    from kavc.training.evaluate import evaluate
    from kavc.training.fit import train

    _take(out, fresh)
    system = get("ti-avc")
    if not (out / "corpus").exists():
        progress(f"1/5  generating {videos} synthetic videos")
        system.synthesise(out / "corpus", videos=videos, seed=seed, world_seed=seed)
    for name, variant in VARIANTS.items():
        progress(f"2/5  training {name}")
        train(
            system,
            f"synthetic:{out / 'corpus'}",
            out / name,
            overrides={**QUICK, "variant": variant},
            seed=seed,
            resume=True,
        )
    progress("3/5  comparing")
    report = evaluate([out / name for name in VARIANTS])
    report.save(out / "comparison")
    print_report(report, as_json=False)
    _print_bounds(out)
    _print_paper(system.paper)

    progress("4/5  exporting")
    exported = export_run(out / "ti-avc", out / "models")
    progress("5/5  serving, and asking over gRPC")
    _ask(out)
    results.print(f"figures: {out}/ti-avc/figures, {out}/baseline-1/figures")
    results.print(f"report:  {out}/ti-avc/report.md")
    results.print(f"model:   {exported}  (kavc serve {out}/models)")


def _take(out: Path, fresh: bool) -> None:
    """Makes the folder the demo's own, and removes what an earlier one left, if that is wanted."""
    from kavc.folders import claim

    claim(out, "demo")
    for name in OWN if fresh else ():
        shutil.rmtree(out / name, ignore_errors=True)


def _print_bounds(out: Path) -> None:
    from kavc.training.run import load_run

    print_table(load_run(out / "ti-avc").report.table("match"))


def _print_paper(paper: Paper) -> None:
    from kavc.evaluation.table import Column, Table

    name, rows = next(iter(paper.tables.items()))
    columns = [Column("system"), Column("match AUC", ".2f", "%")]
    source = f"published for {paper.corpus}, another corpus: not comparable with the above"
    print_table(Table("paper", columns, rows.items(), caption=f"The paper's {name}", source=source))


def _ask(out: Path) -> None:
    """Sends matched and mismatched pairs of test videos to a server in this process."""
    import numpy as np

    from kavc.evaluation.table import Column, Table
    from kavc.serving.client.blocking import Client
    from kavc.serving.server.local import LocalServer
    from kavc.training.run import load_run

    run = load_run(out / "ti-avc")
    videos = list(run.system.read(run.source, "test", run.config).take(ASKED).as_numpy_iterator())
    longest = max(len(video["audio"]) for video in videos)

    def padded(audio: np.ndarray) -> np.ndarray:
        return np.pad(audio, ((0, longest - len(audio)), (0, 0)))

    sounds, frames = [*range(ASKED), *np.roll(range(ASKED), 1)], [*range(ASKED)] * 2
    inputs = {
        "audio": np.stack([padded(videos[i]["audio"]) for i in sounds]),
        "audio_length": np.array([len(videos[i]["audio"]) for i in sounds], np.int32),
        "visual": np.stack([videos[i]["visual"] for i in frames]),
        "visual_length": np.array([len(videos[i]["visual"]) for i in frames], np.int32),
        "theme": np.array([videos[i]["theme"] for i in frames], np.int32),
    }
    with LocalServer(out / "models", port=0) as server, Client(server.address) as client:
        answers = client.predict("ti-avc", inputs)
    names = [video["id"].decode() for video in videos]
    rows = [
        (names[sound], names[frame], "yes" if sound == frame else "no", float(score))
        for sound, frame, score in zip(sounds, frames, answers["match_score"], strict=True)
    ]
    columns = [
        Column("sound of"),
        Column("frames of"),
        Column("same video"),
        Column("match score", ".3f"),
    ]
    print_table(Table("answers", columns, rows, caption="Answers over gRPC"))


COMMANDS = (demo,)
