"""How MS-VAE joins the contract: see `contract/conftest.py`."""

from __future__ import annotations

from pathlib import Path

from kavc.data.synthetic import ave
from kavc.data.synthetic.ave_knobs import knobs

PRESET = "paper"
OPTIONS = {
    "latent_dim": 4, "visual_units": 8, "code_units": 8, "decoder_units": 8, "batch_size": 32,
    "epochs": 2, "kl_epochs": 1, "embedding_units": 8, "embedding_dim": 4, "draws": 2,
}  # fmt: skip
# Networks of "Ours + W" without its loss, and of those that differ in a layer or two; rows of what
# has a preset.
ALIKE = (
    "published-code", "Ours + W, as the code trains", "Ours", "improved (ours)",
    "improved (ours), without W", "l3", "L3", "avfb", "AVFB", "av-attention", "DCCA", "AVDLN",
    "AVSDN", "AVE",
)  # fmt: skip
VARIANTS = {
    "peak": {"scaling": "peak"},
    "standard": {"scaling": "standard", "depth": "shallow"},
    "canonical": {"scaling": "canonical", "canonical_dim": 4},
}


def corpus(folder: Path) -> str:
    small = knobs("default", latent_dim=8, audio_dim=12, visual_dim=16)
    counts = {"train": 50, "validation": 20, "test": 20}
    ave.write(folder / "corpus", small, counts=counts, sample_seed=0, world_seed=0)
    return f"synthetic:{folder / 'corpus'}"
