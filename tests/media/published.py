"""Writes weights as others published them."""

from __future__ import annotations

import h5py
import keras
import numpy as np


def numbers(variable, seed):
    """A few random numbers, over and over: a file of them is small. None is negative in a variance.

    They are of the size that keeps what comes out of each layer about as large as what goes in.
    """
    shape = tuple(variable.shape)
    few = np.random.default_rng(seed).normal(size=997).astype("float32")
    if len(shape) == 1:
        few = few * 0.1 + ("gamma" in variable.name or "variance" in variable.name)
    else:
        few = few * np.sqrt(2 / np.prod(shape[:-1])).astype("float32")
    return np.abs(np.resize(few, shape)) if "variance" in variable.name else np.resize(few, shape)


def draw(network):
    for seed, variable in enumerate(network.weights):
        variable.assign(numbers(variable, seed))


def write_applications(network, path, *, top=(), rename=None):
    """Keras' former HDF5: a group a layer, in order, whose names the file and each group list.

    `top` are shapes of the kernels of dense layers that follow; `rename` gives a layer's name.
    """
    layers = [
        (layer.name, [(each.name, keras.ops.convert_to_numpy(each)) for each in layer.weights])
        for layer in network.layers
    ]
    for number, shape in enumerate(top):
        arrays = [("kernel", np.zeros(shape, "f4")), ("bias", np.zeros(shape[-1:], "f4"))]
        layers.append((f"top{number}", arrays))
    with h5py.File(path, "w") as file:
        names = [rename(name) if rename else name for name, _ in layers]
        for name, (_, arrays) in zip(names, layers, strict=True):
            group = file.create_group(name)
            group.attrs["weight_names"] = [f"{name}/{each}:0".encode() for each, _ in arrays]
            for each, array in arrays:
                group.create_dataset(
                    f"{name}/{each}:0", data=array, compression="gzip", compression_opts=1
                )
        file.attrs["layer_names"] = [name.encode() for name in names]
        file.attrs["backend"] = b"tensorflow"
    return path


def state_dict(pairs):
    """Arrays as torch has them, of pairs of name and variable: outputs first."""
    arrays = {}
    for name, variable in pairs:
        array = keras.ops.convert_to_numpy(variable)
        arrays[name] = array.transpose(3, 2, 0, 1) if array.ndim == 4 else array.T
        if name.endswith("running_var"):
            arrays[name.replace("running_var", "num_batches_tracked")] = np.array(7)
    return arrays
