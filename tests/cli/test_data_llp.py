"""`kavc data` on LLP: what is odd and what is missing, and packing it."""

from __future__ import annotations

import json

import numpy as np
import pytest

SHAPES = {"vggish": (10, 128), "res152": (10, 2048), "r2plus1d_18": (10, 512)}
ROWS = {
    "AVVP_train.csv": ["filename\tevent_labels", "-a_b-c_d-e0_0_10\tDog", "train_____2_0_10\tCat"],
    "AVVP_test_pd.csv": ["filename\tevent_labels", "test______1_0_10\tDog"],
    "AVVP_eval_audio.csv": [
        "filename\tonset\toffset\tevent_labels",
        "test______1_0_10\t3\t3\tDog",
    ],
    "AVVP_eval_visual.csv": ["filename\tonset\toffset\tevent_labels"],
}
MISSING = ["vggish/train_____2.npy", "r2plus1d_18/-a_b-c_d-e0.npy"]
ODD = "- AVVP_eval_audio.csv: 1 of 1 rows have no length (such as 'test______1_0_10')"


@pytest.fixture
def folder(tmp_path):
    """Two training videos, each of which lacks a file, and one for the test."""
    path = tmp_path / "llp"
    path.mkdir()
    for name, rows in ROWS.items():
        (path / name).write_text("\n".join(rows))
    for name, shape in SHAPES.items():
        (path / name).mkdir()
        for id_ in ("-a_b-c_d-e0", "train_____2", "test______1"):
            if f"{name}/{id_}.npy" not in MISSING:
                np.save(path / name / f"{id_}.npy", np.ones(shape, np.float32))
    return path


def test_what_is_odd_and_what_is_missing(cli, refused, folder, tmp_path):
    lacking = tmp_path / "missing.txt"
    result = cli("data", "describe", f"llp:{folder}", "--missing", lacking)
    assert result.exit_code == 0, result.stderr
    assert f"2 missing files of features are listed in {lacking}\n" in result.stderr
    assert lacking.read_text().splitlines() == MISSING
    lines = result.stdout.splitlines()
    assert "feature widths: audio 128, visual 2048" in lines
    missing = "- train: left out for want of vggish/ID.npy: 1 of 2 videos (train_____2)"
    assert missing in lines and any(line.startswith(ODD) for line in lines)
    line = refused("data", "describe", f"llp:{folder}", "--strict")
    assert line.endswith("mend the files, or read them without --strict")


def test_packing(cli, refused, folder, tmp_path):
    out = tmp_path / "packed"
    line = refused("data", "convert", f"llp:{folder}", "--out", out)
    assert "none of the 2 videos of train has its features (vggish, res152, r2plus1d_18)" in line
    for name in MISSING:
        np.save(folder / name, np.ones(SHAPES[name.partition("/")[0]], np.float32))
    assert "have no length" in refused("data", "convert", f"llp:{folder}", "--out", out, "--strict")
    assert not out.exists()
    result = cli("data", "convert", f"llp:{folder}", "--out", out)
    assert (result.exit_code, result.stdout) == (0, f"features:{out}\n"), result.stderr
    first, *told = result.stderr.splitlines()
    assert first.startswith(f"packing llp:{folder} into ")
    assert {"train: 2 videos", "test: 1 videos"} <= set(told)
    info = json.loads(cli("data", "describe", f"features:{out}", "--json").stdout)
    assert info["counts"] == {"train": 2, "test": 1} and len(info["classes"]) == 25


def test_strict_is_for_llp(refused, folder, tmp_path):
    """A folder that was named without `llp:` would be taken for arrays of one's own."""
    line = refused("data", "convert", folder, "--out", tmp_path / "out", "--strict")
    assert line.endswith(f"--strict is for LLP; for its folder, write llp:{folder}")
    assert not (tmp_path / "out").exists()
