"""What does each ingredient of the preset `improved` bring?

Trains the preset, then the preset with one ingredient put back to the paper's, several seeds each,
and reports match AUC on the *validation* split, on random and on same-theme negatives. Choices are
made on validation alone; the test split is for the README's table.

    python benchmarks/ti_avc_ablation.py --data youtube8m:PATH --splits FILE --out runs/ablation
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import kavc
from kavc.data.source import Source
from kavc.evaluation.spreads import spread
from kavc.evaluation.table import Column, Table
from kavc.files import write_text
from kavc.metrics.auc import roc_auc
from kavc.systems.ti_avc.scoring import evaluation_pairs, score
from kavc.systems.ti_avc.videos import load_videos

RESULTS = Path(__file__).parent / "results"
ABLATIONS = {
    "improved (joint)": {},
    "- InfoNCE pretraining": {"alignment_epochs": 0},
    "- product of the embeddings": {"interaction": "none"},
    "- layer normalisation": {"normalize": "none"},
    "- dropout": {"dropout": 0.0},
    "- width 512 (128)": {"embedding_dim": 128},
    "- kernel 1 (3)": {"kernel_size": 3},
    "+ same-theme negatives, a quarter": {"same_theme_share": 0.25},
    "ti-avc instead of joint": {"variant": "ti-avc"},
    "baseline-1 instead of joint": {"variant": "baseline-1"},
    "baseline-2 instead of joint": {"variant": "baseline-2"},
}


def validation_aucs(run: kavc.training.Run) -> list[float]:
    """Returns the match AUC on validation, random and same-theme negatives, in percent."""
    store = load_videos(run.system.read(run.source, "validation", run.config), run.config.silent)
    aucs = []
    for same_theme in (False, True):
        scored = score(run.network, store, evaluation_pairs(store, same_theme=same_theme))
        aucs.append(100 * roc_auc(scored.pairs.label, scored.match))
    return aucs


def main() -> None:
    """Trains what is missing and writes the table after every configuration."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--splits", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    source = Source.parse(options.data, options.splits)
    rows = []
    for number, (label, overrides) in enumerate(ABLATIONS.items()):
        aucs = []
        for seed in range(options.seeds):
            out = options.out / f"{number:02d}" / f"seed-{seed}"
            run = kavc.train(
                "ti-avc",
                source,
                out,
                preset="improved",
                overrides=overrides,
                seed=seed,
                resume=True,
            )
            aucs.append(validation_aucs(run))
        random, same = (spread(column) for column in np.transpose(aucs))
        rows.append((label, random.mean, random.std, same.mean, same.std, options.seeds))
        columns = [Column("configuration")]
        for kind in ("random", "same-theme"):
            columns += [Column(f"AUC, {kind}", ".2f", "%"), Column(f"sd, {kind}", ".2f", "%")]
        columns.append(Column("seeds", "d"))
        table = Table("ti-avc-ablation", columns, rows, source=f"validation split of {source}")
        write_text(RESULTS / "ti_avc_ablation.csv", table.to_csv())
        print(table.to_markdown(), flush=True)


if __name__ == "__main__":
    main()
