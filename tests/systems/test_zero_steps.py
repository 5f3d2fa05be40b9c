"""Requests of no rows and of no steps: every signature of a system answers or refuses them alike.

In the graph, by stock ops, so that any server says the same: asked here through the local one.
"""

from __future__ import annotations

import keras
import numpy as np
import pytest

from kavc.errors import ServingError
from kavc.export.savedmodel import export
from kavc.layers.fingerprint import weights_fingerprint
from kavc.retrieval.index import Index
from kavc.serving.client.blocking import Client
from kavc.serving.server.local import LocalServer
from kavc.systems.registry import get

AUDIO, VISUAL, WIDTH, THEMES = 4, 5, 6, 3
TI_AVC = {
    "themes": THEMES, "audio_dim": AUDIO, "visual_dim": VISUAL,
    "embedding_dim": WIDTH, "filters": WIDTH, "units": WIDTH,
}  # fmt: skip
MODELS = {
    "paper": ("ti-avc", {}),
    "improved": ("ti-avc", {"preset": "improved"}),
    "baseline-1": ("ti-avc", {"variant": "baseline-1"}),
    "crossed": ("cross-modal-embedding", {}),
}
EMBEDDING = {
    "classes": 5, "audio_dim": AUDIO, "visual_dim": VISUAL, "audio_units_1_2": 8,
    "audio_units_3_4": 8, "visual_units_1_2": 8, "visual_units_3_4": 8, "embedding_dim": WIDTH,
}  # fmt: skip


def exported(folder, name):
    system, values = get(MODELS[name][0]), dict(MODELS[name][1])
    small = TI_AVC if system.name == "ti-avc" else EMBEDDING
    config = system.Config.preset(values.pop("preset", "paper")).replace(**values, **small)
    keras.utils.set_random_seed(1)
    network = system.build(config)
    assets = None
    if system.name != "ti-avc":
        index = Index(WIDTH, modality="audio", model=weights_fingerprint(network))
        index.add(["a", "b"], np.eye(2, WIDTH, dtype="float32"))
        index.save(folder / "index")
        assets = {"index": folder / "index"}
    signatures = system.signatures(network, config, assets)
    export(network, signatures, folder / "models", name=name, card="")


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    folder = tmp_path_factory.mktemp("zero")
    for name in MODELS:
        exported(folder, name)
    with LocalServer(folder / "models", port=0) as server, Client(server.address) as client:
        yield client


def request(info, rows, steps, frames):
    """Zeros; where time varies, all of it is valid."""
    times = {"audio": steps, "visual": frames}
    lengths = {f"{name}_length": np.full(rows, time, "int32") for name, time in times.items()}
    sizes = {"audio": AUDIO, "visual": VISUAL}

    def array(name, tensor):
        if name in lengths:
            return lengths[name]
        if name == "theme":
            return np.zeros(rows, "int32")
        time = (times[name],) if len(tensor.shape) == 3 else ()
        return np.zeros((rows, *time, sizes[name]), "float32")

    return {name: array(name, tensor) for name, tensor in info.inputs.items()}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("steps", [0, 3])
def test_no_rows_are_answered_by_no_rows(client, model, steps):
    for signature, info in client.signatures(model).items():
        outputs = client.predict(model, request(info, 0, steps, 2), signature=signature)
        shapes = {name: value.shape for name, value in outputs.items()}
        expected = {
            name: (0, *(2 if size is None else size for size in tensor.shape[1:]))
            for name, tensor in info.outputs.items()
        }
        assert shapes == expected


@pytest.mark.parametrize("model", ["paper", "improved", "baseline-1"])
def test_sound_of_no_steps_is_no_sound(client, model):
    """As one that has steps, none of which is valid."""
    for signature in ("serving_default", "embed_audio"):
        info = client.signatures(model)[signature]
        none, some = (request(info, 2, steps, 2) for steps in (0, 4))
        some["audio_length"][:] = 0
        some["audio"][:] = np.nan
        found, expected = (
            client.predict(model, inputs, signature=signature) for inputs in (none, some)
        )
        for name, value in expected.items():
            assert np.isfinite(value).all()
            np.testing.assert_array_equal(found[name], value)


@pytest.mark.parametrize("model", ["paper", "improved", "baseline-1"])
@pytest.mark.parametrize("rows", [0, 2])
@pytest.mark.parametrize("steps", [0, 3])
def test_frames_there_must_be(client, model, rows, steps):
    for signature in ("serving_default", "embed_visual"):
        inputs = request(client.signatures(model)[signature], rows, steps, 0)
        with pytest.raises(ServingError, match=r"\[visual: give at least one frame\]$") as caught:
            client.predict(model, inputs, signature=signature)
        assert caught.value.code == "INVALID_ARGUMENT"


def test_a_length_of_steps_that_are_not_there(client):
    for signature in ("serving_default", "embed_audio"):
        inputs = request(client.signatures("paper")[signature], 2, 0, 2)
        inputs["audio_length"][:] = 1
        with pytest.raises(ServingError, match="audio_length: expected 0 to") as caught:
            client.predict("paper", inputs, signature=signature)
        assert caught.value.code == "INVALID_ARGUMENT"
