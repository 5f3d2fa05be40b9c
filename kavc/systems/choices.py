"""How a system's `search_space` asks a sweep: by option, with the config's value as the default."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from kavc.errors import ConfigError


class Choices:
    """Asks `keras_tuner.HyperParameters` for the values of options, and collects them.

    The default of each is the config's value, which is added where a range does not hold it: so
    the default point of a space is the config itself, whatever that is.

    Args:
        hp: `keras_tuner.HyperParameters`, or what looks like it.
        config: the starting point.

    Example:
        choices = Choices(hp, config)
        choices.one_of("units", 64, 128, 256)
        choices.one_of("kernel_features", 0, 4000)
        with choices.where("kernel_features", lambda features: features > 0):
            choices.one_of("kernel_width", 0.5, 1.0, 2.0)
        return choices.config()
    """

    def __init__(self, hp: Any, config: Any):
        self.hp = hp
        self._config = config
        self._chosen: dict[str, Any] = {}
        self._asking = True

    def one_of(self, name: str, *values: Any) -> None:
        """Asks for one of some values, all of one type; two truth values need not be given.

        Example:
            >>> import keras_tuner
            >>> from kavc.systems.registry import get
            >>> hp, config = keras_tuner.HyperParameters(), get("ti-avc").Config(filters=96)
            >>> Choices(hp, config).one_of("filters", 64, 128)
            >>> hp.space[0].values, hp.get("filters")
            ([64, 96, 128], 96)
        """
        default = getattr(self._config, name)
        if isinstance(default, bool):
            self._ask(self.hp.Boolean, name, default=default)
        else:
            self._ask(self.hp.Choice, name, sorted({*values, default}), default=default)

    def log_range(self, name: str, low: float, high: float) -> None:
        """Asks for a number from `low` to `high`, whose logarithm is evenly spread.

        Example:
            >>> import keras_tuner
            >>> from kavc.systems.registry import get
            >>> choices = Choices(keras_tuner.HyperParameters(), get("ti-avc").Config())
            >>> choices.log_range("learning_rate", 1e-3, 1e-2)
            >>> choices.config().learning_rate  # below the range, which is widened
            0.0001
        """
        default = getattr(self._config, name)
        low, high = min(low, default), max(high, default)
        self._ask(self.hp.Float, name, low, high, sampling="log", default=default)

    @contextlib.contextmanager
    def where(self, name: str, holds: Callable[[Any], bool]) -> Iterator[None]:
        """Asks for what stands in the block only where an option, asked for before, fits.

        Args:
            name: the option.
            holds: whether its value fits.

        Raises:
            ConfigError: the option was not asked for, or has a range of values, which can't be told
                one by one.
        """
        asked = next((entry for entry in self.hp.space if entry.name == name), None)
        if asked is None:
            raise ConfigError(f"{name!r} decides what else varies: ask for it first")
        if hasattr(asked, "sampling"):
            raise ConfigError(f"{name!r} decides what else varies: give a list of its values")
        fitting = [value for value in asked.values if holds(value)]
        outside, self._asking = self._asking, self._asking and bool(fitting)
        with self.hp.conditional_scope(name, fitting) if fitting else contextlib.nullcontext():
            yield
        self._asking = outside

    def config(self) -> Any:
        """Returns the config with all that was chosen."""
        return self._config.replace(**self._chosen)

    def _ask(self, kind: Callable[..., Any], name: str, *values: Any, **options: Any) -> None:
        value = kind(name, *values, **options) if self._asking else None
        if value is not None:  # else it makes no sense here, and stays as it is
            self._chosen[name] = value
