"""Arrays of a user, under names of his own and without labels."""

import keras
import numpy as np
import pytest

from kavc.data.features.convert import convert
from kavc.data.source import Source
from kavc.errors import DataError
from kavc.systems.cross_modal_embedding.system import CrossModalEmbeddingSystem


@pytest.fixture
def source(tmp_path):
    rng = np.random.default_rng(0)
    for name, shape in {"vggish": (4, 6), "clip": (8,), "flow": (3, 5)}.items():
        (tmp_path / "own" / name).mkdir(parents=True)
        for i in range(60):
            np.save(tmp_path / "own" / name / f"v{i}.npy", rng.normal(size=shape).astype("f4"))
    convert(tmp_path / "own", None, tmp_path / "corpus")
    return Source.parse(f"features:{tmp_path / 'corpus'}")


def test_three_arrays_and_no_theme(source):
    system = CrossModalEmbeddingSystem()
    with pytest.raises(DataError, match=r"it has clip, flow, vggish; .*--set audio_array=NAME"):
        system.describe(source)
    config = system.Config(audio_array="vggish", visual_array="clip", embedding_dim=8)
    info = system.describe(source, config)
    assert info.widths == {"audio": 6, "visual": 8} and not info.classes
    config = system.adapt(config, info)
    assert (config.classes, config.class_weight) == (1, 0)  # nothing to classify
    spec = system.read(source, "train", config).element_spec
    assert {name: spec[name].shape for name in ("audio", "visual")} == {
        "audio": (6,), "visual": (8,),
    }  # fmt: skip
    keras.utils.set_random_seed(0)  # untrained: what it finds is chance
    network = system.build(config)
    report = system.evaluate(network, source, config)
    assert report.headline.value > 0
    assert "own features (corpus)" in report.to_markdown()
