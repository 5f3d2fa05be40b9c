"""Settings of Keras from outside: without effect on the command line, refused by the library."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kavc import keras_settings
from kavc.errors import ConfigError

HOSTILE_VARIABLES = {
    "KERAS_BACKEND": "jax",
    "KERAS_MAX_EPOCHS": "1",
    "KERAS_MAX_STEPS_PER_EPOCH": "1",
    "KERAS_NNX_ENABLED": "1",
}
# Of float32 sums that threads take in an order of their own, over 6 steps.
TOLERANCE = 1e-6
HOSTILE = {
    "floatx": "float64",
    "dtype_policy": "mixed_bfloat16",
    "max_epochs": 1,
    "max_steps_per_epoch": 2,
}


def video_batch():
    draw = np.random.default_rng(0).normal
    return {
        "audio": draw(size=(8, 5, 4)).astype("float32"),
        "visual": draw(size=(8, 6, 5)).astype("float32"),
        "audio_length": np.array([5, 3, 1, 0] * 2, "int32"),
        "visual_length": np.array([6, 2, 1, 0] * 2, "int32"),
        "theme": np.array([0, 1, 2, 1] * 2, "int32"),
    }


def network(dtype="float32"):
    import keras

    from kavc.systems.ti_avc import TiAVC

    keras.utils.set_random_seed(0)
    sizes = {"embedding_dim": 4, "normalize": "layer"}
    fusion = {"filters": 4, "units": 4, "interaction": "product"}
    forms = {"predicted_theme": "onehot", "dtype": dtype}
    return TiAVC(3, 4, 5, audio={"attention": "mha", **sizes}, visual=sizes, fusion=fusion, **forms)


def answers(dtype="float32"):
    found = network(dtype)(video_batch())
    return {name: np.asarray(found[name], "float64") for name in found}


def numbers():
    """Forward pass, and the losses of a fit of 3 epochs of 2 batches, as JSON takes them."""
    import keras

    from kavc.systems.ti_avc.stages import match_loss
    from kavc.systems.ti_avc.subnetworks import fusion_network

    outputs = answers()
    keras.utils.set_random_seed(0)
    model = fusion_network(1, 4, 5, filters=4, units=4)
    model.compile("adam", match_loss())
    draw = np.random.default_rng(0).normal
    x = {"audio_embedding": draw(size=(8, 4)), "visual_embedding": draw(size=(8, 6, 5))}
    x["visual_length"] = video_batch()["visual_length"]
    y = np.array([[0.0], [1.0]] * 4)
    history = model.fit(x, y, batch_size=4, epochs=3, shuffle=False, verbose=0).history
    found = {name: value.ravel().tolist() for name, value in outputs.items()}
    return found | {"loss": history["loss"], "backend": keras.config.backend()}


def process(folder, *arguments, file=None, variables=()):
    """Runs Python with a keras.json of `file`; returns the completed process."""
    folder.mkdir(exist_ok=True)
    if file is not None:
        (folder / "keras.json").write_text(file)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("KERAS_")}
    return subprocess.run(
        [sys.executable, *arguments],
        env=clean | {"KERAS_HOME": str(folder)} | dict(variables),
        capture_output=True,
        text=True,
        check=False,
    )


def as_a_command():
    """What a process of the command line does: a command, then numbers, and the user's weights."""
    from kavc.cli.main import main

    sys.argv = ["kavc", "systems", "--json"]
    try:
        main()
    except SystemExit as end:
        assert end.code in (0, None)
    import keras

    weights = keras.utils.get_file("mine.h5", "http://localhost/", cache_subdir="models")
    print(json.dumps(numbers() | {"weights": str(Path(weights).resolve())}))


def test_the_command_line_gives_the_same_numbers_whatever_the_user_has_set(tmp_path):
    home = tmp_path / "home"
    (home / "models").mkdir(parents=True)
    (home / "models/mine.h5").touch()
    text = json.dumps({"floatx": "bfloat16", "image_data_format": "channels_first"})
    done = process(home, __file__, file=text, variables=HOSTILE_VARIABLES)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found.pop("weights") == str((home / "models/mine.h5").resolve())
    assert found.pop("backend") == "tensorflow"
    assert (home / "keras.json").read_text() == text
    expected = numbers()
    for name, value in found.items():
        np.testing.assert_allclose(value, expected[name], rtol=TOLERANCE, atol=TOLERANCE)


def test_a_users_floatx_and_broken_values_reach_no_command(tmp_path):
    text = json.dumps({"floatx": "float64", "epsilon": 1e-3, "backend": "torch"})
    done = process(tmp_path, "-m", "kavc", "systems", "--json", file=text)
    assert done.returncode == 0, done.stderr
    assert [system["name"] for system in json.loads(done.stdout)]


@pytest.mark.parametrize("name", HOSTILE)
def test_the_library_refuses_in_one_line_that_says_what_sets_it_right(name):
    import keras

    from kavc.systems.registry import get

    before = getattr(keras.config, name)()
    setter = getattr(keras.config, f"set_{name}")
    try:
        setter(HOSTILE[name])
        with pytest.raises(ConfigError, match=rf"^Keras' {name} is {HOSTILE[name]!r}; .*$") as told:
            get("ti-avc")
        assert len(str(told.value).splitlines()) == 1
        line = re.search(rf"set it by: keras\.config\.set_{name}\((\S+)\)", str(told.value))
        setter(ast.literal_eval(line[1]))
        get("ti-avc")
    finally:
        setter(before)


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed")
def test_on_another_backend_networks_run_and_systems_are_refused(tmp_path):
    code = """
from kavc.systems import get
from kavc.systems.cross_modal_embedding import CrossModalEmbedding
CrossModalEmbedding()
get("ti-avc")
"""
    done = process(tmp_path, "-c", code, variables={"KERAS_BACKEND": "jax"})
    assert done.stderr.splitlines()[-1] == (
        "kavc.errors.ConfigError: Keras' backend is 'jax'; kavc needs 'tensorflow'; set it by: "
        'os.environ["KERAS_BACKEND"] = "tensorflow"  # before Keras is imported'
    )


def test_a_network_refuses_a_backend_that_it_was_never_tried_on(monkeypatch):
    import keras

    monkeypatch.setattr(keras.config, "backend", lambda: "torch")
    with pytest.raises(ConfigError, match=r"is 'torch'; kavc needs 'tensorflow' or 'jax'"):
        network()


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_a_network_that_is_given_its_dtype_depends_on_no_setting(dtype):
    import keras

    expected = answers(dtype)
    config = keras.config
    settings = [
        (config.set_floatx, "float64", "float32"),
        (config.set_floatx, "float16", "float32"),
        (config.set_dtype_policy, "mixed_bfloat16", "float32"),
        (config.set_dtype_policy, "float64", "float32"),
        (config.set_image_data_format, "channels_first", "channels_last"),
        (config.set_epsilon, 1e-2, 1e-7),
    ]
    for setter, hostile, usual in settings:
        try:
            setter(hostile)
            found = answers(dtype)
        finally:
            setter(usual)
        for name, value in expected.items():
            np.testing.assert_array_equal(found[name], value, err_msg=f"{setter} {hostile}")


@pytest.fixture
def environment(monkeypatch, tmp_path):
    for name in (*HOSTILE_VARIABLES, "KERAS_HOME"):
        monkeypatch.setenv(name, "")  # so that it is put back
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))


def own():
    return Path(os.environ["KERAS_HOME"])


def test_taking_over_sets_a_keras_that_is_loaded(environment):
    import keras

    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("mixed_bfloat16")
    keras.config.set_epsilon(1e-3)
    keras.config.set_image_data_format("channels_first")
    keras.config.set_max_epochs(1)
    keras.config.set_max_steps_per_epoch(1)
    keras_settings.take_over()
    keras_settings.check()
    assert keras.config.epsilon() == 1e-7
    assert keras.config.image_data_format() == "channels_last"


def test_a_process_that_a_command_starts_has_the_same_settings(environment, tmp_path):
    keras_settings.take_over()
    first = own()
    assert first.parent == tmp_path
    assert os.environ["KERAS_BACKEND"] == "tensorflow"
    assert not set(keras_settings.UNSET) & set(os.environ)
    keras_settings.take_over()
    assert own() == first


def test_a_file_of_ours_that_was_changed_is_written_again(environment):
    keras_settings.take_over()
    for content in (b'{"floatx": "float64"}', b"{", b"\xff"):
        (own() / "keras.json").write_bytes(content)
        os.environ["KERAS_HOME"] = str(own().parent)
        keras_settings.take_over()
        assert json.loads((own() / "keras.json").read_text()) == keras_settings.FILE


def test_a_folder_that_cannot_be_made_stops_nobody(environment, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "file/below"))
    keras_settings.take_over()
    assert not own().exists()


def test_without_a_variable_the_folder_is_in_the_users_home(environment, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KERAS_HOME", "")
    keras_settings.take_over()
    assert own().parent == tmp_path / ".keras"
    assert (own() / "models").resolve() == tmp_path / ".keras/models"


if __name__ == "__main__":
    as_a_command()
