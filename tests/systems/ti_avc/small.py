"""How Ti-AVC joins the contract: see `contract/conftest.py`."""

from __future__ import annotations

from pathlib import Path

from kavc.data.synthetic import kwai
from kavc.data.synthetic.kwai_knobs import knobs

PRESET = "paper"  # two stages, the second one on what the first one leaves
OPTIONS = {
    "embedding_dim": 8, "units": 8, "filters": 8, "batch_size": 64, "epochs": 2,
    "alignment_epochs": 0,
}  # fmt: skip
VARIANTS = {
    "seq_additive": {"attention": "seq_additive"},
    "mha": {"attention": "mha"},
    "weighted": {"attention": "weighted"},
    "dense theme": {"theme_input": "dense", "normalize": "layer"},
    "logits": {"predicted_theme": "logits", "interaction": "product", "dropout": 0.2},
    "depth": {"variant": "baseline-2", "doubling": "depth"},
    "parallel": {"variant": "baseline-1", "doubling": "parallel"},
}


def corpus(folder: Path) -> str:
    kwai.write(
        folder / "corpus", knobs("default", visual_dim=32), videos=120, sample_seed=0, world_seed=0
    )
    return f"synthetic:{folder / 'corpus'}"
