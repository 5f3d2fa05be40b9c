"""The weights of AVE's matching network that its authors released."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from kavc.inputs.hdf5_arrays import open_array
from kavc.systems.ms_vae.embeddings import MatchingNetwork

# Theirs, from 1 on: of the visual branch first.
LAYERS = ("visual_hidden", "visual_projection", "audio_hidden", "audio_projection")


def load_released(path: str | Path, dtype: str | None = None) -> MatchingNetwork:
    """Returns AVE's matching network with the weights of its authors' file.

    Args:
        path: the file, Keras' HDF5 of weights: four dense layers, `dense_1` to `dense_4`.
        dtype: policy of the network; Keras' own if None.

    Raises:
        DataError: the file is no HDF5, lacks a layer, or a layer is of another width.

    Reference:
        Tian et al., ECCV 2018; `cmm_model_weights.h5` of the published code.

    Example:
        network = load_released("cmm_model_weights.h5")
        network({"audio": vggish, "visual": vgg})["distance"]
    """
    network = MatchingNetwork(dtype=dtype)
    for number, name in enumerate(LAYERS, 1):
        layer = network.get_layer(name)
        for variable, key in ((layer.kernel, "kernel:0"), (layer.bias, "bias:0")):
            variable.assign(_read(Path(path), f"dense_{number}/dense_{number}/{key}", variable))
    return network


def _read(path: Path, key: str, variable: keras.Variable) -> np.ndarray:
    with open_array(path, key, variable.shape) as array:
        return array.rows(0, len(array))
