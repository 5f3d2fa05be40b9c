"""How audio-visual video parsing joins the contract: see `contract/conftest.py`."""

from __future__ import annotations

from pathlib import Path

from kavc.data.synthetic import llp
from kavc.data.synthetic.llp_knobs import knobs

PRESET = "paper"  # an adversary, skip connections, global context
OPTIONS = {
    "dim": 8, "units": 8, "heads": 1, "batch_size": 16, "epochs": 2, "encoder_dim": 8,
    "encoder_layers": 1, "encoder_heads": 2, "encoder_units": 8, "grounding_epochs": 2,
}  # fmt: skip
ALIKE = ("refined", "Wu et al.", "Pretrain (uni)", "Pretrain (cross)")
VARIANTS = {
    "heads": {"variant": "base", "heads": 4},
    "without clips": {"variant": "han", "visual_3d_dim": None},
}


def corpus(folder: Path) -> str:
    small = knobs("default", latent_dim=8, audio_dim=12, visual_dim=16, visual_3d_dim=12)
    llp.write(folder / "corpus", small, videos=90, sample_seed=0, world_seed=0)
    return f"synthetic:{folder / 'corpus'}"
