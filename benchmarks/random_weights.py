"""Random weights in the published formats: a network costs no more or less with them.

Of two of them the real weights are small enough to be at hand, and are taken where they are given.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from kavc.extraction.weights import WeightFiles
from kavc.media.extractors.base import Extractor, Recipe
from kavc.media.networks.i3d import I3D
from kavc.media.networks.r2plus1d import R2Plus1D
from kavc.media.networks.resnet import ResNet, published
from kavc.media.networks.vggish import VGGish
from kavc.media.networks.yamnet import YAMNet


def load(recipe: Recipe, folder: Path, given: WeightFiles) -> Extractor:
    """Returns an extractor with the weights that are given, or with random ones.

    Args:
        recipe: of it.
        folder: into which random weights are written.
        given: real ones.
    """
    files = {}
    for need in recipe.needs():
        named = given.named.get(need.name)
        there = [f / name for f in given.folders for name in need.files if (f / name).exists()]
        files[need.name] = named or next(iter(there), None) or written(need.name, folder)
    return recipe.load(files)


def written(name: str, folder: Path) -> Path:
    """Writes random weights, once, and returns their file."""
    maker, suffix = MAKERS[name]
    path = folder / f"{name}{suffix}"
    if not path.exists():
        keras.utils.set_random_seed(0)
        maker(path)
    return path


def _keras(network: keras.Model, path: Path) -> None:
    """Writes Keras' former HDF5: a group a layer, in order."""
    with h5py.File(path, "w") as file:
        layers = [layer for layer in network.layers if layer.weights]
        file.attrs["layer_names"] = [layer.name.encode() for layer in layers]
        for layer in layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}/{number}:0" for number in range(len(layer.weights))]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, variable in zip(names, layer.weights, strict=True):
                group.create_dataset(name, data=np.asarray(variable))


def _resnet(depth: int) -> Any:
    def write(path: Path) -> None:
        found = {name: np.asarray(x) for name, x in published(ResNet(depth=depth))}
        # Outputs and inputs come first, as PyTorch has them.
        np.savez(path, **{name: _turned(x) for name, x in found.items()})

    return write


def _turned(array: np.ndarray) -> np.ndarray:
    return array.transpose(3, 2, 0, 1) if array.ndim == 4 else array.T


def _r2plus1d(path: Path) -> None:
    found = {}
    for variable, name, axes in R2Plus1D().published():
        # The axes are those of the published array, in the order of ours.
        found[name] = np.asarray(variable).transpose(np.argsort(axes))
    np.savez(path, **found)


def _i3d(kind: str) -> Any:
    def write(path: Path) -> None:
        np.savez(path, **{name: np.asarray(x) for x, name in I3D(kind=kind).published()})

    return write


def _applications(name: str) -> Any:
    return lambda path: _keras(getattr(keras.applications, name)(weights=None), path)


MAKERS = {
    "vggish": (lambda path: _keras(VGGish(), path), ".h5"),
    "yamnet": (lambda path: _keras(YAMNet(), path), ".h5"),
    "mobilenet-v2": (_applications("MobileNetV2"), ".h5"),
    "resnet-50": (_resnet(50), ".npz"),
    "resnet-50-keras": (_applications("ResNet50"), ".h5"),
    "resnet-152": (_resnet(152), ".npz"),
    "r2plus1d-18": (_r2plus1d, ".npz"),
    "vgg-19": (_applications("VGG19"), ".h5"),
    "inception-v3": (_applications("InceptionV3"), ".h5"),
    "i3d-rgb": (_i3d("rgb"), ".npz"),
    "i3d-flow": (_i3d("flow"), ".npz"),
}
