"""From a run folder to a version, and the files beside it."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from kavc.errors import ConfigError
from kavc.export.run import export_run
from kavc.export.savedmodel import export
from kavc.serving.configs import read_batching, read_models
from kavc.serving.warmup import read_warmup
from kavc.systems.ti_avc.recipe import TiAVCConfig, build
from kavc.systems.ti_avc.signatures import signatures
from kavc.training.run import load_run

SMALL = {
    "themes": 3, "audio_dim": 4, "visual_dim": 5,
    "embedding_dim": 6, "filters": 6, "units": 6, "dtype": "mixed_bfloat16",
}  # fmt: skip


def test_a_run_is_exported_with_warm_up_and_configs(tiny_run, tmp_path):
    folder = export_run(tiny_run, tmp_path / "models")
    assert len(read_warmup(folder)) == 3
    assert read_batching(tmp_path / "models" / "batching.config").pad_variable_length_inputs
    (entry,) = read_models(tmp_path / "models" / "models.config").model_config_list.config
    assert (entry.name, entry.base_path) == ("ti-avc", "/models/ti-avc")


@pytest.mark.parametrize(
    ("fixture", "file"), [("tiny_run", "themes.txt"), ("embedding_run", "labels.txt")]
)
def test_classes_are_listed_under_the_systems_word_for_them(fixture, file, request, tmp_path):
    run = load_run(request.getfixturevalue(fixture))
    folder = export_run(run, tmp_path / "models")
    (listed,) = (folder / "assets").iterdir()
    assert listed.name == file
    assert listed.read_text(encoding="utf-8").splitlines() == list(run.data["classes"])


def test_a_config_that_can_not_be_read_comes_before_the_export(tiny_run, tmp_path):
    (tmp_path / "models.config").write_text("models {}")
    with pytest.raises(ConfigError, match="not a ModelServerConfig"):
        export_run(tiny_run, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["models.config"]


def test_an_index_that_nobody_takes(tiny_run, tmp_path):
    with pytest.raises(ConfigError, match="ti-avc serves no index; export it without --index"):
        export_run(tiny_run, tmp_path / "models", index=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_index_is_handed_to_the_system(tiny_run, tmp_path, monkeypatch):
    run = load_run(tiny_run)
    seen = []

    def spy(network, config, assets=None):
        seen.append(assets)
        return signatures(network, config)

    monkeypatch.setattr(type(run.system), "assets", ("index",))
    monkeypatch.setattr(run.system, "signatures", spy)
    export_run(run, tmp_path / "models", index=tmp_path / "index")
    assert seen == [{"index": tmp_path / "index"}]


@pytest.mark.parametrize("variant", ["ti-avc", "joint", "baseline-2"])
def test_a_mixed_bfloat16_network_answers_in_float32_as_it_does_live(tmp_path, variant):
    config = TiAVCConfig(**SMALL, variant=variant)
    keras.utils.set_random_seed(1)
    network = build(config)
    assert {layer.compute_dtype for layer in network._flatten_layers()} >= {"bfloat16"}
    offered = signatures(network, config)
    folder = export(network, offered, tmp_path, name="ti-avc", card="")
    loaded = tf.saved_model.load(str(folder))
    for name, signature in offered.items():
        inputs = {key: tf.constant(value) for key, value in signature.example.items()}
        live = signature.function(**inputs)
        for key, value in loaded.signatures[name](**inputs).items():
            assert value.dtype == tf.float32
            assert np.isfinite(value).all()
            # Measured: no difference. A step of bfloat16 would be 4e-3.
            np.testing.assert_allclose(value, live[key], atol=1e-6, rtol=0)
