"""A small folder in the layout of AVE, and a copy of the real annotations, splits and labels."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import h5py
import numpy as np
import pytest

ROWS = (
    "Church bell&RUhOCu3LNXM&good&0&10",
    "Church bell&-_4m4AwEcRY&good&6&8",
    "Frying (food)&2An2JMGMbbs&good&0&10",
    "Female speech, woman speaking&6UeJPCgnMIg&good&4&10",
    "Male speech, man speaking&6UeJPCgnMIg&good&3&7",
    "Mandolin&0IklLP7_kBw&good&0&0",
    "Rodents, rats, mice&ZIklLP7_kBw&good&1&3",
)
ORDERS = {
    "train_order_match.h5": [2, 0, 3], "val_order_match.h5": [5], "test_order_match.h5": [6, 1, 4],
    "train_order.h5": [4, 3, 6], "val_order.h5": [0, 2], "test_order.h5": [5, 1],
}  # fmt: skip
SHAPES = {
    "audio_feature.h5": (10, 128),
    "visual_feature_vec.h5": (10, 512),
    "visual_feature.h5": (10, 7, 7, 512),
}


@pytest.fixture
def store() -> Callable[..., Path]:
    """Writes a file of one array, in place of what was there."""
    return write_array


def write_array(file: Path, values: np.ndarray, key: str = "avadataset", **options) -> Path:
    with h5py.File(file.with_name("new"), "w") as made:
        made.create_dataset(key, data=values, **options)
    return file.with_name("new").rename(file)


@pytest.fixture
def ave(tmp_path) -> Callable[..., Path]:
    """Writes a folder, each kind of file where it is said, and returns it."""

    def write(
        name: str = "ave",
        *,
        annotations: str = "",
        orders: str = "",
        features: str = "",
        seed: int = 0,
        files: Mapping[str, tuple[int, ...]] = SHAPES,
    ) -> Path:
        path = tmp_path / name
        for place in ("", annotations, orders, features):
            (path / place).mkdir(parents=True, exist_ok=True)
        (path / annotations / "Annotations.txt").write_text("\n".join(ROWS) + "\n")
        for file, rows in ORDERS.items():
            write_array(path / orders / file, np.array(rows), "order")
        rng = np.random.default_rng(seed)
        for file, shape in files.items():
            write_array(path / features / file, rng.random((len(ROWS), *shape), np.float32))
        return path

    return write


@pytest.fixture
def real(shared, tmp_path) -> Path:
    """A copy of the real annotations, splits and labels, which may be changed."""
    folder = shared / "data" / "ave"
    if not folder.is_dir():
        pytest.skip("no ../shared/data/ave with the real annotations")
    return Path(shutil.copytree(folder, tmp_path / "real", copy_function=shutil.copyfile))
