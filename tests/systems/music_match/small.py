"""How music for video joins the contract: see `contract/systems.py`."""

from __future__ import annotations

from pathlib import Path

from kavc.data.synthetic import music
from kavc.data.synthetic.music_knobs import knobs

PRESET = "paper"
OPTIONS = {
    "units": 8, "embedding_dim": 4, "components": 4, "batch_size": 32, "epochs": 2,
    "patience": 2,
}  # fmt: skip
# Rows of what has a preset, or of another row's network.
ALIKE = (
    "improved (ours)", "i3d", "Two-stream, symmetric", "Two-stream, without flow",
    "improved (ours), plain head", "improved (ours), without flow", "improved (ours), sound alone",
)  # fmt: skip
VARIANTS = {
    "product": {"interaction": "product", "normalize": "standard"},
    "l2": {"normalize": "l2"},
    "none": {"normalize": "none", "head": "symmetric"},
}


def corpus(folder: Path) -> str:
    small = knobs("default", visual_dim=24, flow_dim=20, i3d_dim=16, audio_dim=12)
    music.write(folder / "corpus", small, videos=120, sample_seed=0, world_seed=0)
    return f"synthetic:{folder / 'corpus'}"
