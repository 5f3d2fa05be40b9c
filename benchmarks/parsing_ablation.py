"""What does each ingredient of the preset `improved` bring to audio-visual video parsing?

Trains the preset, then that with one ingredient taken away or added, several seeds each, and
reports Type@AV of segments and of events on the *validation* split, with the mean difference to the
first row over seeds and Student's 95 % interval of it, seeds paired. The last row is an oracle: the
preset told what is heard and seen in each training segment, which weak labels never say; of a
corpus that this package made.

    python benchmarks/parsing_ablation.py --data synthetic:PATH --out runs/ablation
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from ablations import ablation_table

import kavc
from kavc.data.source import Source
from kavc.data.synthetic import llp
from kavc.evaluation.table import Column
from kavc.files import write_text
from kavc.systems.av_parsing import load_videos, pseudo_labels
from kavc.systems.av_parsing.scoring import answers, asker, per_video
from kavc.systems.av_parsing.tables import LEVELS, TYPE

RESULTS = Path(__file__).parent / "results"
MEASURES = [Column(f"{level} Type@AV", ".2f", "%") for level in LEVELS]
ORACLE = "oracle: told each segment"
ABLATIONS = {
    "improved": {},
    "one member": {"members": 1},
    "width 128": {"dim": 128, "units": 128},
    "- mixed videos": {"mixup": 0.0},
    "- thresholds from validation": {"threshold": "half"},
    "- gate of the modality": {"gate": "video"},
    "- cosine": {"schedule": "step", "warm_up_epochs": 0},
    "+ smoothed visual labels": {"visual_keep": 0.9},
    "+ four heads": {"heads": 4},
    "+ other pictures for three in ten": {"recombination": 0.3},
    "Base in place of HAN": {"variant": "base"},
}


def validation_scores(run: kavc.training.Run) -> list[float]:
    """Returns Type@AV of each level on validation, in per cent."""
    config = run.config
    store = load_videos(run.system.read(run.source, "validation", config), config.classes)
    found = answers(asker(run.network), store, config.segments)
    predicted = found.decide(config.gate, *run.network.pooling.thresholds)
    scores = per_video(predicted, found.truth)
    return [float(scores[level][:, TYPE].mean()) for level in LEVELS]


def oracle(source: Source, out: Path) -> dict[str, str]:
    """Writes what is heard and seen in each training segment; returns the option that takes it."""
    ids, *streams = llp.read_truth(source.path, "train")
    file = out / "truth.npz"
    pseudo_labels.write(file, ids, np.stack(streams, axis=2).astype("float32"))
    return {"pseudo_labels": str(file), "segment_weight": "5"}


def main() -> None:
    """Trains what is missing and writes the table after every row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--splits", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--members", type=int, help="of every row but those of another number")
    parser.add_argument("--row", action="append", help="rows beside the first; all, if left out")
    options = parser.parse_args()
    source = Source.parse(options.data, options.splits)
    variants = dict(ABLATIONS)
    if source.layout == "synthetic":
        options.out.mkdir(parents=True, exist_ok=True)
        variants[ORACLE] = oracle(source, options.out)
    scores: dict[str, list[list[float]]] = {}
    base = {} if options.members is None else {"members": options.members}
    for number, (label, overrides) in enumerate(variants.items()):
        if number and options.row and label not in options.row:
            continue
        for seed in range(options.seeds):
            print(f"{label}, seed {seed}", flush=True)
            run = kavc.train(
                "av-parsing", source, options.out / f"{number}-seed-{seed}", preset="improved",
                overrides=base | overrides, seed=seed, resume=True,
            )  # fmt: skip
            scores.setdefault(label, []).append(validation_scores(run))
        found = ablation_table(
            "parsing-ablation", scores, MEASURES, "Parsing of the validation videos", source
        )
        write_text(RESULTS / "parsing_ablation.csv", found.to_csv())
    print(found.to_markdown())


if __name__ == "__main__":
    main()
