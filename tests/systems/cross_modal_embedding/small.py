"""How the cross-modal embedding joins the contract: see `contract/conftest.py`."""

from __future__ import annotations

from pathlib import Path

from kavc.data.synthetic import youtube8m

PRESET = "improved"  # fitted coordinates, mixed pairs, averaged weights
OPTIONS = {
    "audio_units_1_2": 8, "audio_units_3_4": 8, "visual_units_1_2": 8, "visual_units_3_4": 8,
    "members": 2, "units": 8, "coordinates": 16, "kernel_features": 512, "embedding_dim": 8,
    "batch_size": 64, "epochs": 2, "ema_momentum": 0.5,
}  # fmt: skip
VARIANTS = {"per modality": {"input_norm": "per_modality", "embedding_activation": "relu"}}


def corpus(folder: Path) -> str:
    youtube8m.write(folder / "corpus", videos=120, seed=0, world_seed=0)
    return f"synthetic:{folder / 'corpus'}"
