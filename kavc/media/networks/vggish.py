"""VGGish: what 0.96 s sound like in 128 numbers, as AudioSet's and YouTube-8M's features have it.

    log-mel patch (96, 64)
         |
    conv 64, pool, conv 128, pool, conv 256 x 2, pool, conv 512 x 2, pool
         |
    flatten (time, mel, channel) -> 4096 -> 4096 -> 128 ---> PCA -> clip -> 8 bits

Two outputs of the same weights were published: until 2020, and in what is made by the PyTorch copy,
the last layer has a ReLU; in the current code and on TensorFlow Hub it has none.

The published weights, 288 MB, were not at hand: layers, their names and sizes are the code's, and
random weights go through each format and back. Of the PCA the real parameters were.

Reference:
    Hershey et al., "CNN Architectures for Large-Scale Audio Classification", ICASSP 2017, and
    published code (tensorflow/models, research/audioset/vggish).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kavc.errors import DataError
from kavc.inputs.arrays import read_npz
from kavc.inputs.opening import named
from kavc.layers.network import Network
from kavc.media.networks.weights import assign, load_keras_weights, open_checkpoint

WIDTH = 128
CONVOLUTIONS = (  # name and filters; a pool follows where a group ends
    (("conv1", 64),),
    (("conv2", 128),),
    (("conv3_1", 256), ("conv3_2", 256)),
    (("conv4_1", 512), ("conv4_2", 512)),
)
DENSE = (("fc1_1", 4096), ("fc1_2", 4096), ("fc2", WIDTH))
RANGE = (-2.0, 2.0)  # of what is quantised
LARGEST = 512 * 2**20  # bytes of a file of weights; the published ones have 288 MB
MOST_PCA = 2**22


@keras.saving.register_keras_serializable(package="kavc")
class VGGish(Network):
    """The network of VGGish, on log-mel patches. 72,141,184 parameters.

    Args:
        relu: bool. Whether the last layer has a ReLU, as most released features do; see above.
        width: float. Share of the published filters and units but the last, for tests.
        dtype: `keras.DTypePolicy` or its name.
        name: str.

    Call arguments:
        inputs: dict of "patches" `(patches, 96, 64)`, of `kavc.media.front_ends.VGGISH`.

    Returns:
        dict of "embedding" `(patches, 128)`.

    Reference:
        Hershey et al., 2017; published in tensorflow/models (research/audioset/vggish).

    Example:
        network = load_checkpoint("vggish_model.ckpt", relu=True)
        network({"patches": LogMel(VGGISH)(waveform)[0]})["embedding"]
    """

    def __init__(self, *, relu=False, width=1.0, dtype=None, name="vggish"):
        policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
        share = lambda units: max(1, int(width * units))  # noqa: E731
        patches = keras.Input((96, 64), dtype=policy.variable_dtype, name="patches")
        x = keras.ops.expand_dims(patches, -1)
        for number, group in enumerate(CONVOLUTIONS, 1):
            for layer, filters in group:
                x = keras.layers.Conv2D(
                    share(filters), 3, padding="same", activation="relu", dtype=policy, name=layer
                )(x)
            x = keras.layers.MaxPooling2D(padding="same", dtype=policy, name=f"pool{number}")(x)
        x = keras.layers.Flatten(dtype=policy, name="flatten")(x)
        for layer, units in DENSE[:-1]:
            x = keras.layers.Dense(share(units), activation="relu", dtype=policy, name=layer)(x)
        last = keras.layers.Dense(
            WIDTH, activation="relu" if relu else None, dtype=policy.variable_dtype, name="fc2"
        )
        super().__init__(
            {"patches": patches},
            {"embedding": last(x)},
            config={"relu": relu, "width": width},
            dtype=policy,
            name=name,
        )


def published_names() -> dict[str, str]:
    """Returns the layers' names in the published checkpoint, by those of `VGGish`.

    >>> published_names()["conv3_1"], published_names()["fc2"]
    ('vggish/conv3/conv3_1', 'vggish/fc2')
    """
    layers = [name for group in (*CONVOLUTIONS, DENSE) for name, _ in group]
    return {
        name: f"vggish/{name.partition('_')[0]}/{name}" if "_" in name else f"vggish/{name}"
        for name in layers
    }


def load_checkpoint(path: str | Path, **options: Any) -> VGGish:
    """Returns VGGish with the weights of the published checkpoint of TensorFlow 1.

    Args:
        path: the checkpoint, without what TensorFlow adds to its name: `vggish_model.ckpt`.
        **options: of `VGGish`.

    Raises:
        DataError: there is no such checkpoint, or it is of another network.
    """
    return _loaded(VGGish(**options), path, *open_checkpoint(path))


def load_npz(path: str | Path, **options: Any) -> VGGish:
    """Returns VGGish with weights in an `.npz` whose arrays have the checkpoint's names.

    Args, raises: as `load_checkpoint`.
    """
    return _loaded(VGGish(**options), path, *_npz(path))


def load_keras(path: str | Path, **options: Any) -> VGGish:
    """Returns VGGish with the weights of Keras' own HDF5.

    Args, raises: as `load_checkpoint`.
    """
    network = VGGish(**options)
    load_keras_weights(network, path)
    return network


def load(path: str | Path, **options: Any) -> VGGish:
    """Returns VGGish with weights of any of these formats, by the file's suffix.

    Args, raises: as `load_checkpoint`.
    """
    loaders = {".npz": load_npz, ".h5": load_keras}
    return loaders.get(Path(path).suffix, load_checkpoint)(path, **options)


def fill(network: keras.Model, path: str | Path) -> None:
    """Gives a network with the layers of VGGish weights of any of these formats, in place.

    Args:
        network: `VGGish`, or one of its layers.
        path: as of `load`.

    Raises:
        DataError: as `load_checkpoint`.
    """
    if Path(path).suffix == ".h5":
        load_keras_weights(network, path)
    else:
        found = _npz(path) if Path(path).suffix == ".npz" else open_checkpoint(path)
        _loaded(network, path, *found)


def _npz(path: str | Path) -> tuple[Collection[str], Callable[[str], np.ndarray]]:
    arrays = read_npz(path, most=LARGEST)
    return arrays, arrays.__getitem__


def _loaded(
    network: Any, path: str | Path, names: Collection[str], read: Callable[[str], np.ndarray]
) -> Any:
    """Returns a network with arrays that are read by their published names."""
    for layer, there in published_names().items():
        for of, variable in zip(
            ("weights", "biases"), network.get_layer(layer).weights, strict=True
        ):
            name = f"{there}/{of}"
            if name not in names:
                raise DataError(f"{named(path)}: no array {name!r}; VGGish has nine layers")
            assign(variable, read(name), path, name)
    return network


class PCA:
    """VGGish's post-processing: principal components, whitened, clipped, in 8 bits.

    Args:
        path: the published `.npz`: `pca_eigen_vectors` (128, 128) and `pca_means` (128,) or
            (128, 1).

    Raises:
        DataError: the file is no `.npz`, lacks an array, or one has another shape.

    Reference:
        Abu-El-Haija et al., 2016, and `vggish_postprocess.py` of the published code.

    Example:
        PCA("vggish_pca_params.npz").quantised(embeddings)
    """

    def __init__(self, path: str | Path):
        arrays = read_npz(path, most=MOST_PCA)
        shapes = {"pca_eigen_vectors": (WIDTH, WIDTH), "pca_means": (WIDTH,)}
        for name, shape in shapes.items():
            if name not in arrays:
                raise DataError(f"{named(path)}: no array {name!r}")
            if np.squeeze(arrays[name]).shape != shape:
                raise DataError(f"{named(path)}: {name!r} has the shape {arrays[name].shape}")
        self.vectors = np.float64(arrays["pca_eigen_vectors"])
        self.means = np.float64(np.squeeze(arrays["pca_means"]))

    def components(self, embeddings: np.ndarray) -> np.ndarray:
        """Returns the components of embeddings, (n, 128) float64."""
        return (embeddings - self.means) @ self.vectors.T

    def quantised(self, embeddings: np.ndarray, *, rounded: bool = False) -> np.ndarray:
        """Returns the published bytes of embeddings, (n, 128) uint8.

        Args:
            embeddings: (n, 128).
            rounded: to the nearest byte, as the PyTorch copy does; the published code cuts off.
        """
        low, high = RANGE
        scaled = (np.clip(self.components(embeddings), low, high) - low) * (255 / (high - low))
        return (np.rint(scaled) if rounded else scaled).astype(np.uint8)


def dequantised(codes: np.ndarray) -> np.ndarray:
    """Returns what bytes stand for, float64, as YouTube-8M's code does: the middle of each step.

    Reference:
        Abu-El-Haija et al., 2016, and `utils.py` (Dequantize) of google/youtube-8m.

    Example:
        >>> dequantised(np.array([0, 255], np.uint8)).tolist()
        [-1.9921875, 2.0078125]
    """
    low, high = RANGE
    return np.asarray(codes, np.float64) * ((high - low) / 255) + (high - low) / 512 + low
