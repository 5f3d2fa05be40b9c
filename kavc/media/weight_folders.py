"""Where a network's published files lie; told before anything slow is loaded."""

from __future__ import annotations

from pathlib import Path

from kavc.errors import ConfigError

YAMNET = ("yamnet.h5", "yamnet_coral_int8.npz")  # in this order; the first that is there is taken
YAMNET_CLASSES = "yamnet_class_map.csv"
PAGE = "tensorflow/models, research/audioset/yamnet"


def yamnet_weights(folder: Path) -> Path:
    """Returns the file of YAMNet's weights in a folder that has its classes, too.

    Raises:
        ConfigError: says what to fetch and where to put it.

    Example:
        yamnet_weights(Path("weights/yamnet"))  # Path("weights/yamnet/yamnet.h5")
    """
    found = next((folder / name for name in YAMNET if (folder / name).exists()), None)
    if found is None:
        raise ConfigError(
            f"{folder}: no weights of YAMNet; put {' or '.join(YAMNET)} there, the former of which "
            f"the page of {PAGE} names"
        )
    if not (folder / YAMNET_CLASSES).exists():
        raise ConfigError(
            f"{folder}: no {YAMNET_CLASSES}, which names the classes; put that of {PAGE} there"
        )
    return found
