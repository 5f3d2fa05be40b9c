"""Draws the pictures of `results/` again, from what is recorded beside them; nothing is measured.

    python benchmarks/redraw.py

What it draws: the serving benchmarks, whose reports hold their series, and the sweeps, whose trials
are in `trials.csv`. The tables of papers over seeds, with their pictures, are made again of the
kept reports by `reproduced_tables.py` without `--runs`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import serving_index_swaps
import serving_latency
import serving_soak
import serving_swaps

from kavc.evaluation.figure import Figure
from kavc.systems import registry
from kavc.tuning.figures import best_so_far
from kavc.tuning.parallel import parallel_coordinates
from kavc.tuning.settings import SweepSettings, read_settings
from kavc.tuning.space import describe, space_of
from kavc.tuning.trial import Trial

HERE = Path(__file__).parent
RESULTS, TUNING = HERE / "results", HERE.parent / "tuning"
# Folder of a sweep to its settings, its data and what it followed.
SWEEPS = {
    "cross_modal_embedding_sweep": (
        "cross-modal-embedding", "youtube8m:yt8m", "val_recall_at_1"
    ),
    "av_parsing/sweep": ("av-parsing", "synthetic:llp-small", "val_segment_type_at_av"),
    "ms_vae/sweep": ("ms-vae", "synthetic:uniform-starts", "val_localization"),
    "music_match/sweep": ("music-match", "synthetic:default", "val_accuracy"),
}  # fmt: skip


@dataclass(frozen=True)
class Recorded:
    """Stands for a sweep of which the table of its trials is kept.

    Args:
        settings: of the sweep.
        objective: what it followed, the higher the better.
        trials: as they are in the table.
        varied: its parameters.
    """

    settings: SweepSettings
    objective: str
    trials: list[Trial]
    varied: list[dict[str, Any]]
    direction: str = "max"

    @property
    def described(self) -> dict[str, Any]:
        """As much of `sweep.json` as a picture says."""
        return {"data": {"source": self.settings.data}}


def recorded(table: Path, name: str, data: str, objective: str) -> Recorded:
    """Reads a table of trials; the ranges of its parameters are those of the sweep's settings."""
    settings = read_settings(TUNING / f"{name}.yaml", data=data)
    system = registry.get(settings.system)
    config = system.Config.preset(settings.preset).replace(**settings.set)
    space = describe(space_of(system, config, settings.space, settings.set))
    varied = [each for each in space if len(each.get("values", "..")) > 1]
    rows = pd.read_csv(table).to_dict("records")
    trials = [_trial(row, [each["name"] for each in varied]) for row in rows]
    return Recorded(settings, objective, trials, varied)


def _trial(row: dict[str, Any], names: list[str]) -> Trial:
    values = {name: row[name] for name in names if not pd.isna(row.get(name))}
    return Trial(
        id=f"{row['number']:02d}", number=row["number"], status=row["status"], values=values,
        options={}, changed={}, seed=0, budget=row["budget"],
        score=None if pd.isna(row["score"]) else row["score"],
        seconds={"whole": 0.0 if pd.isna(row["seconds"]) else row["seconds"]},
    )  # fmt: skip


def sweep_figures(folder: str) -> list[Figure]:
    """Returns the pictures of a recorded sweep."""
    sweep = recorded(RESULTS / folder / "trials.csv", *SWEEPS[folder])
    return [best_so_far(sweep), parallel_coordinates(sweep)]


def serving() -> None:
    """Draws the serving benchmarks; says which reports, of earlier versions, hold no series."""
    serving_latency.draw(
        pd.read_csv(RESULTS / "serving_latency.csv"), RESULTS / "serving_latency.png"
    )
    serving_index_swaps.redraw(
        RESULTS / "serving_index_swaps.json", RESULTS / "serving_index_swaps.png"
    )
    drawn_by = {"serving_swaps": serving_swaps.redraw, "serving_soak": serving_soak.draw}
    for name, draw in drawn_by.items():
        try:
            draw(json.loads((RESULTS / f"{name}.json").read_text()), RESULTS / f"{name}.png")
        except KeyError:
            print(f"{name}.json holds no series: measure again to draw it")


def main() -> None:
    """Draws all that can be drawn."""
    serving()
    for folder in SWEEPS:
        for figure in sweep_figures(folder):
            print(figure.save(RESULTS / folder))


if __name__ == "__main__":
    main()
