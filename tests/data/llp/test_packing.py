import json

import numpy as np
import pytest

from kavc.data.features.header import read_header
from kavc.data.layouts import View
from kavc.data.llp import CLASSES, convert
from kavc.data.source import Source
from kavc.errors import ConfigError, DataError

NAMES = ("audio", "visual", "visual_3d", "audio_events", "visual_events")
ROWS = {"audio": (10,), "visual": (10,), "visual_3d": (10,), "audio_events": (0, 10)}
VIEWS = {
    "all": View({name: name for name in NAMES}, rows=ROWS),
    "renamed": View({"audio": "audio", "visual": "visual_3d"}),
    "means": View(means=True),
    "themes": View(theme=True),
}


@pytest.fixture
def both(llp, tmp_path):
    """The folder and what it is packed into; one video is silent."""
    path = llp()
    np.save(path / "vggish/test_-_-_-2.npy", np.zeros((10, 128), np.float32))
    counts, notes = convert(path, tmp_path / "packed")
    assert (counts, notes) == ({"train": 3, "validation": 2, "test": 2}, [])
    return Source.parse(f"llp:{path}"), Source.parse(f"features:{tmp_path / 'packed'}")


@pytest.mark.parametrize("view", VIEWS)
def test_what_is_packed_is_the_same_to_the_bit(both, view):
    view = VIEWS[view]
    infos = [source.describe(view) for source in both]
    for info in infos:
        del info["fingerprint"]
        rosters = info.pop("rosters")
        info["digests"] = {name: r.digest(CLASSES) for name, r in rosters.items()}
        info["heard"] = {name: r.heard.tolist() for name, r in rosters.items()}
    assert infos[0] == infos[1]
    specs = [source.read("train", view).element_spec for source in both]
    assert specs[0] == specs[1]
    for split in ("train", "validation", "test"):
        examples = [list(source.read(split, view).as_numpy_iterator()) for source in both]
        for one, other in zip(*examples, strict=True):
            assert one["id"] == other["id"]
            for name, value in one.items():
                np.testing.assert_array_equal(value, other[name], err_msg=name)


def test_it_takes_a_sixth_of_the_bytes_and_says_what_it_is(both):
    sizes = [sum(f.stat().st_size for f in s.path.rglob("*") if f.is_file()) for s in both]
    assert sizes[1] < sizes[0] / 6
    header = read_header(both[1].path)
    assert header.spec["visual"].meaning.startswith("ResNet-152 after global average pooling")
    assert [field.hop for field in header.arrays.values()] == [1.0] * 5
    assert both[1].title() == "LLP (packed)"
    assert both[1].describe(View())["classes"] == CLASSES


def test_nothing_is_left_of_what_can_not_be_packed(llp, tmp_path):
    path, out = llp(), tmp_path / "packed"
    (path / "vggish/train_00001.npy").unlink()
    with pytest.raises(DataError, match=r"1 of 3 videos \(train_00001\); mend the files"):
        convert(path, out, strict=True)
    np.save(path / "res152/__train__-2.npy", np.full((80, 2048), np.nan))
    with pytest.raises(DataError, match=r"res152/__train__-2.npy: NaN or infinity"):
        convert(path, out)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["llp"]
    np.save(path / "res152/__train__-2.npy", np.ones((80, 2048)))
    counts, notes = convert(path, out)
    assert counts == {"train": 2, "validation": 2, "test": 2}
    assert notes == ["train: left out for want of vggish/ID.npy: 1 of 3 videos (train_00001)"]
    assert json.loads((out / "corpus.json").read_text())["provenance"]["notes"] == notes
    with pytest.raises(ConfigError, match="packed: exists"):
        convert(path, out)
