"""A small folder in the layout of LLP, and a copy of the real tables."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

SHAPES = {"vggish": (10, 128), "res152": (80, 2048), "r2plus1d_18": (10, 512)}
TABLES = {
    "AVVP_train.csv": (
        "filename\tevent_labels\n"
        "-a_b-c_d-e0_10_20\tDog,Speech\n"
        "train_00001_101.8_111.8\tCat\n"
        "__train__-2_0_10\tClapping,Car,Dog\n"
    ),
    "AVVP_val_pd.csv": (
        "filename\tevent_labels\nval_______1_30_40\tSpeech\n-val-----_2_0_10\tCello\n"
    ),
    "AVVP_test_pd.csv": (
        "filename\tevent_labels\n_test_____1_0_10\tDog\ntest_-_-_-2_5_15\tSinging,Car\n"
    ),
    "AVVP_eval_audio.csv": (
        "filename\tonset\toffset\tevent_labels\n"
        "val_______1_30_40\t0\t10\tSpeech\n"
        "_test_____1_0_10\t2\t4\tDog\n"
        "_test_____1_0_10\t3\t6\tDog\n"
        "test_-_-_-2_5_15\t9\t10\tSinging\n"
    ),
    "AVVP_eval_visual.csv": (
        "filename\tonset\toffset\tevent_labels\n-val-----_2_0_10\t0\t1\tCello\n"
        "test_-_-_-2_5_15\t0\t10\tCar\n"
    ),
}
IDS = {
    "train": ["-a_b-c_d-e0", "train_00001", "__train__-2"],
    "validation": ["val_______1", "-val-----_2"],
    "test": ["_test_____1", "test_-_-_-2"],
}


@pytest.fixture
def llp(tmp_path) -> Callable[..., Path]:
    """Writes a folder: tables and features each where it is said, and returns it."""

    def write(name: str = "llp", *, tables: str = "", features: str = "", seed: int = 0) -> Path:
        path = tmp_path / name
        (path / tables).mkdir(parents=True)
        for file, text in TABLES.items():
            (path / tables / file).write_text(text, encoding="utf-8")
        rng = np.random.default_rng(seed)
        for folder, shape in SHAPES.items():
            (path / features / folder).mkdir(parents=True)
            for id_ in (id_ for ids in IDS.values() for id_ in ids):
                values = rng.normal(size=shape).astype(np.float32)
                np.save(path / features / folder / f"{id_}.npy", values)
        return path

    return write


@pytest.fixture
def real(shared, tmp_path) -> Path:
    """A copy of the real tables, which may be changed; skips where there are none."""
    folder = shared / "data" / "llp"
    if not folder.is_dir():
        pytest.skip("no ../shared/data/llp with the real annotations")
    return Path(shutil.copytree(folder, tmp_path / "real", copy_function=shutil.copyfile))
