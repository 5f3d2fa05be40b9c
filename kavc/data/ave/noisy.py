"""AVE's 178 videos of nothing but background, which its weakly supervised training adds."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from kavc.data.ave import places
from kavc.data.ave.classes import BACKGROUND
from kavc.data.ave.features import KINDS, finite
from kavc.data.ave.labels import COLUMNS, KEY
from kavc.data.ave.videos import SECONDS
from kavc.errors import DataError
from kavc.inputs.hdf5_arrays import open_array
from kavc.inputs.opening import named

AUDIO, LABELS = "audio_feature_noisy.h5", "labels_noisy.h5"
VIDEOS = 178


def read_noisy(path: str | os.PathLike) -> np.ndarray:
    """Reads the audio features of the background-only videos.

    Args:
        path: of the folder, as in `ave:PATH`.

    Returns:
        (178, 10, 128) float32.

    Raises:
        DataError: as `kavc.inputs.hdf5_arrays.open_array`; or `audio_feature_noisy.h5` isn't there,
            a value is not finite, or `labels_noisy.h5` is there and names a category.

    Reference:
        Tian et al., 2018, of the weakly supervised task.
    """
    file = places.need(Path(path), AUDIO, "take it from the AVE repository")
    with open_array(file, KEY, (VIDEOS, SECONDS, KINDS["audio"].width)) as array:
        audio = finite(array.rows(0, VIDEOS), np.arange(VIDEOS), file)
    labels = places.find(Path(path), LABELS)
    if labels is not None:
        with open_array(labels, KEY, (VIDEOS, COLUMNS)) as array:
            other = np.flatnonzero(array.rows(0, VIDEOS).argmax(axis=1) != BACKGROUND)
        if len(other):
            raise DataError(f"{named(labels)}: row {other[0]} names a category; nothing but"
                            f" background, column {BACKGROUND}, is expected")  # fmt: skip
    return audio
