"""Keras' process-wide settings: the command line sets them, the library asks for them.

Keras reads them when it is imported, from a file of the user's (`~/.keras/keras.json`) and from the
environment; some change the numbers of a fit in silence. The process of a command belongs to this
package, so there they are set; somebody's notebook does not, so there they are refused.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from kavc.errors import ConfigError, DataError
from kavc.files import write_text
from kavc.inputs.json_files import read_json

HOME = "KERAS_HOME"
BACKEND = "KERAS_BACKEND"
VARIABLES = {
    "max_epochs": "KERAS_MAX_EPOCHS",
    "max_steps_per_epoch": "KERAS_MAX_STEPS_PER_EPOCH",
}
UNSET = (*VARIABLES.values(), "KERAS_NNX_ENABLED")
FILE: dict[str, Any] = {
    "floatx": "float32",
    "epsilon": 1e-7,
    "backend": "tensorflow",
    "image_data_format": "channels_last",
}
OWN_FOLDER = "kavc-command-line"  # beside the user's keras.json
WEIGHTS = "models"  # where Keras Applications keep what they download


class Setting(NamedTuple):
    """A setting of Keras, what is expected of it, and the line of code that sets it.

    >>> OF_SYSTEMS[1]
    Setting(name='floatx', expected=('float32',), cure='keras.config.set_floatx("float32")')
    """

    name: str
    expected: tuple[Any, ...]
    cure: str


_BACKEND_LINE = 'os.environ["KERAS_BACKEND"] = "tensorflow"  # before Keras is imported'
# What a network is given names each dtype, axis and bound; the backend it can't choose.
OF_NETWORKS = (Setting("backend", ("tensorflow", "jax"), _BACKEND_LINE),)
# Losses, optimizers and metrics compute in floatx, layers that are given no dtype in the policy.
OF_SYSTEMS = (
    Setting("backend", ("tensorflow",), _BACKEND_LINE),
    Setting("floatx", ("float32",), 'keras.config.set_floatx("float32")'),
    Setting(
        "dtype_policy",
        ("float32",),
        'keras.config.set_dtype_policy("float32")  # a run\'s own is its option `dtype`',
    ),
    Setting("max_epochs", (None,), "keras.config.set_max_epochs(None)"),
    Setting("max_steps_per_epoch", (None,), "keras.config.set_max_steps_per_epoch(None)"),
)


def check(settings: Iterable[Setting] = OF_SYSTEMS) -> None:
    """Refuses settings under which this package would fail or give other numbers.

    Before Keras is imported, asks what it will read then: a mistake is not worth those seconds.

    Args:
        settings: what is asked for; `OF_SYSTEMS`, for all that trains, evaluates or exports, or
            `OF_NETWORKS`, for what builds a network.

    Raises:
        ConfigError: a setting is another than is expected; says which, and how to set it.

    Example:
        >>> check([Setting("floatx", ("float64",), 'keras.config.set_floatx("float64")')])
        Traceback (most recent call last):
            ...
        kavc.errors.ConfigError: Keras' floatx is 'float32'; kavc needs 'float64'; set ...
    """
    for name, expected, cure in settings:
        found = _current(name)
        if found not in expected:
            wanted = " or ".join(map(repr, expected))
            raise ConfigError(f"Keras' {name} is {found!r}; kavc needs {wanted}; set it by: {cure}")


def take_over() -> None:
    """Sets Keras' settings for this process and those it starts, whatever the user's file says.

    To be called before Keras is imported; where it is already, all but the backend is set. Keras
    gets a folder of its own below the user's, with a file of ours, and a link to the weights that
    the user has downloaded.
    """
    for name in UNSET:
        os.environ.pop(name, None)
    os.environ[BACKEND] = FILE["backend"]
    os.environ[HOME] = str(_own_home())
    if "keras" in sys.modules:
        _set()


def _current(name: str) -> Any:
    if "keras" not in sys.modules:
        return _foretold(name)
    import keras

    found = getattr(keras.config, name)()
    return found.name if isinstance(found, keras.DTypePolicy) else found


def _foretold(name: str) -> Any:
    """Returns what a setting will be once Keras is imported, by what it reads then."""
    if name in VARIABLES:
        return os.environ.get(VARIABLES[name])
    try:
        said = read_json(_users_home() / "keras.json")
    except DataError:  # Keras takes its defaults, too
        said = {}
    of_file = FILE | (said if isinstance(said, dict) else {})
    if name == "backend":
        return os.environ.get(BACKEND) or of_file[name]
    return of_file["floatx"]  # which is the dtype policy's default, too


def _set() -> None:
    import keras

    keras.config.set_floatx(FILE["floatx"])
    keras.config.set_epsilon(FILE["epsilon"])
    keras.config.set_image_data_format(FILE["image_data_format"])
    keras.config.set_dtype_policy(FILE["floatx"])
    keras.config.set_max_epochs(None)
    keras.config.set_max_steps_per_epoch(None)


def _own_home() -> Path:
    """Returns the folder that Keras is to read, made if it can be.

    Where it can't, Keras finds no file in it and takes its defaults, which are ours.
    """
    home = _users_home()
    if home.name == OWN_FOLDER:  # of the command that started this process
        return home
    own = home / OWN_FOLDER
    with contextlib.suppress(OSError):
        _write(own / "keras.json")
        (home / WEIGHTS).mkdir(exist_ok=True)
        with contextlib.suppress(FileExistsError):
            (own / WEIGHTS).symlink_to(home / WEIGHTS)
    return own


def _users_home() -> Path:
    """Returns the folder that Keras would read, absolute."""
    if os.environ.get(HOME):
        return Path(os.environ[HOME]).expanduser().absolute()
    home = os.path.expanduser("~")
    return Path(home if os.access(home, os.W_OK) else "/tmp", ".keras").absolute()


def _write(file: Path) -> None:
    content = json.dumps(FILE, indent=4)
    if not file.is_file() or file.read_bytes() != content.encode():
        write_text(file, content)
