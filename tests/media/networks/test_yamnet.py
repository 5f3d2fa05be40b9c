"""YAMNet's network: its layers, Coral's real weights, and the published format."""

from __future__ import annotations

import csv

import keras
import numpy as np
import pytest

from kavc.errors import DataError
from kavc.media.front_ends import YAMNET, LogMel
from kavc.media.networks.yamnet import YAMNet, load_coral, load_published


@pytest.fixture(scope="module")
def folder(shared):
    return shared / "data" / "yamnet"


@pytest.fixture(scope="module")
def coral(folder):
    return load_coral(folder / "yamnet_coral_int8.npz")


def answers(network, patches):
    found = network({"patches": patches})
    return {name: keras.ops.convert_to_numpy(x) for name, x in found.items()}


def test_layers_and_parameters():
    network = YAMNet()
    assert network.count_params() == 3_751_369
    assert len(network.convolutions()) == 27
    strides = [layer.strides[0] for layer, _ in network.convolutions()]
    assert [at for at, stride in enumerate(strides) if stride == 2] == [0, 3, 7, 11, 23]
    assert {name: x.shape for name, x in network.output.items()} == {
        "embedding": (None, 1024),
        "scores": (None, 521),
    }


def test_round_its_config():
    network = YAMNet(activation="relu6", width=0.1, classes=5)
    assert YAMNet.from_config(network.get_config()).get_config() == network.get_config()


def test_corals_network_hears_speech(coral, folder):
    with open(folder / "yamnet_class_map.csv", encoding="utf-8") as file:
        names = [row["display_name"] for row in csv.DictReader(file)]
    spectrum = np.fromfile(folder / "yamnet_test_spectra.bin", "<f4").reshape(1, 96, 64)
    sound = np.fromfile(folder / "yamnet_test_audio.bin", "<i2") / np.float32(32768)
    for patches in (spectrum, LogMel(YAMNET)(sound[None])[0]):
        (scores,) = answers(coral, patches)["scores"]
        assert names[scores.argmax()] == "Speech" and 0.92 < scores.max() < 0.98


def test_it_answers_as_the_int8_network_does(coral, folder):
    """Whose rounding of activations ours has not."""
    import tensorflow as tf

    interpreter = tf.lite.Interpreter(str(folder / "yamnet_spectra_in.tflite"))
    interpreter.allocate_tensors()
    (given,), (told,) = interpreter.get_input_details(), interpreter.get_output_details()
    seconds = np.arange(15_600, dtype="float32") / 16_000
    noise = np.random.default_rng(0).normal(size=15_600).astype("float32")
    sounds = [np.sin(2 * np.pi * 440 * seconds), 0.1 * noise, noise * (seconds % 0.2 < 0.02)]
    patches = keras.ops.convert_to_numpy(LogMel(YAMNET)(np.stack(sounds)))[:, 0]
    found = answers(coral, patches)["scores"]
    for patch, scores in zip(patches, found, strict=True):
        interpreter.set_tensor(given["index"], patch.reshape(given["shape"]))
        interpreter.invoke()
        expected = interpreter.get_tensor(told["index"])[0]
        assert scores.argmax() == expected.argmax() and expected.max() > 0.2
        np.testing.assert_allclose(scores, expected, 0, 0.08)
        assert np.abs(scores - expected).mean() < 1e-3


def test_a_file_that_lacks_a_layer(tmp_path):
    np.savez(tmp_path / "less.npz", x=np.zeros(3))
    with pytest.raises(DataError, match="no array 'layer00/kernel_int8'; Coral's YAMNet has 28"):
        load_coral(tmp_path / "less.npz")
    arrays = {"kernel_int8": np.zeros((7, 3, 3, 1), "i1"), "scale": np.ones(9), "bias": np.ones(7)}
    np.savez(tmp_path / "odd.npz", **{f"layer00/{name}": x for name, x in arrays.items()})
    with pytest.raises(DataError, match="'layer00/kernel_int8' and 'layer00/scale' don't fit"):
        load_coral(tmp_path / "odd.npz")


def written_as_published(network, path):
    """Keras' former HDF5: a group a layer, whose names the file and each group list."""
    import h5py

    groups = []
    with h5py.File(path, "w") as file:
        for layer in [each for each in network.layers if each.weights]:
            name = layer.name.replace("_", "/", 1)
            group = file.create_group(name)
            weights = {f"{name}/{each.name}:0": each.numpy() for each in layer.weights}
            for key, value in weights.items():
                group[key] = value
            group.attrs["weight_names"] = [key.encode() for key in weights]
            groups.append(name.encode())
        file.attrs.update({"layer_names": groups, "backend": b"tensorflow"})
        file.attrs["keras_version"] = b"2.7.0"


def test_the_published_format_there_and_back(tmp_path):
    keras.utils.set_random_seed(0)
    network = YAMNet()
    written_as_published(network, tmp_path / "yamnet.h5")
    again = load_published(tmp_path / "yamnet.h5")
    for ours, theirs in zip(network.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_other_published_files_are_refused(tmp_path):
    written_as_published(YAMNet(classes=3), tmp_path / "other.h5")
    with pytest.raises(DataError, match=r"other\.h5: no weights of yamnet"):
        load_published(tmp_path / "other.h5")
    (tmp_path / "text.h5").write_text("hello")
    with pytest.raises(DataError, match="no HDF5"):
        load_published(tmp_path / "text.h5")
