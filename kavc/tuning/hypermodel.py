"""Any system as a hypermodel, for KerasTuner's own tuners as for `kavc tune`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import keras_tuner

from kavc.data.source import Source
from kavc.errors import ConfigError
from kavc.systems.base import System
from kavc.training.examples import Examples
from kavc.training.resolve import resolve
from kavc.tuning.space import Narrowed, limits_of, space_of
from kavc.tuning.trial_fit import TrialFit

OF_FIT = {"verbose", "initial_epoch"}


class SystemHyperModel(keras_tuner.HyperModel):
    """A system's search space, and the fits that train a point of it.

    Its default point is the preset with the overrides. Data are read once, whatever the number of
    trials (`kavc.training.examples.Examples`).

    Every trial is trained from scratch, also where Hyperband promotes it to more epochs: weights
    are not taken over, since a schedule ends with its fit and the optimizer's state is not kept by
    KerasTuner. So a trial is a function of (options, seed, epochs) alone.

    Args:
        system: its name, or the system itself.
        data: source, as "youtube8m:PATH".
        splits: optional splits file, when `data` is text.
        preset: named config to begin with.
        overrides: options that differ, by name; text is converted. They hold in all trials, but
            for what `space` names.
        space: what is left of the search space, as `kavc.tuning.space.parse_limits` takes it.
        seed: of weights, data and dropout in all trials.
        patience: epochs without improvement after which a stage stops. None for the stage's own,
            or else a quarter of its epochs.

    Attributes:
        base: the config of the preset with the overrides, and what the data fix.
        space: `keras_tuner.HyperParameters`, what varies.

    Raises:
        ConfigError, DataError: as `kavc.train`; or the space does not fit.

    Example:
        hypermodel = SystemHyperModel("ti-avc", "synthetic:corpus", preset="improved")
        tuner = keras_tuner.RandomSearch(
            hypermodel, objective=hypermodel.objective, max_trials=20, directory="sweeps"
        )
        tuner.search()
    """

    def __init__(
        self,
        system: str | System,
        data: str | Source,
        *,
        splits: str | os.PathLike | None = None,
        preset: str = "paper",
        overrides: Mapping[str, Any] | None = None,
        space: Mapping[str, Any] | None = None,
        seed: int = 0,
        patience: int | None = None,
    ):
        self.system, source, base = resolve(
            system, data, splits=splits, preset=preset, overrides=overrides
        )
        super().__init__(name=self.system.name)
        self.examples = Examples(self.system, source)
        self.base = self._adapted(base)
        self._limits = limits_of(self.system, self.base, space or {}, overrides or ())
        self.space = space_of(self.system, self.base, space, overrides or ())
        self.seed = seed
        self.patience = patience

    @property
    def objective(self) -> keras_tuner.Objective:
        """The headline metric as the last stage logs it, or what that follows."""
        last = self.system.stages(self.base)[-1]
        return keras_tuner.Objective(*(last.headline or (last.monitor, last.direction)))

    @property
    def epochs(self) -> int:
        """Epochs of the last stage in full: what Hyperband takes as `max_epochs`."""
        return self.system.stages(self.base)[-1].epochs

    def config(self, hp: keras_tuner.HyperParameters) -> Any:
        """Returns the config of a point of the space.

        Raises:
            ConfigError: its options do not go together.
        """
        return self._adapted(self.system.search_space(Narrowed(hp, self._limits), self.base))

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        """Returns the network of a point of the space, not compiled: stages bring their losses."""
        config = self.config(hp)
        keras.utils.set_random_seed(self.seed)
        return self.system.build(config)

    def fit(
        self,
        hp: keras_tuner.HyperParameters,
        model: keras.Model,
        *args: Any,
        epochs: int | None = None,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        **kwargs: Any,
    ) -> dict[str, float]:
        """Trains a network through all stages; it ends with the best epoch's weights.

        Args:
            hp: the point of the space that `model` was built from.
            model: what `build` returned; its weights are begun anew.
            epochs: of the last stage, the others in proportion; all, if None.
            callbacks: told of the last stage's epochs, with `model` as their model.
            args, kwargs: nothing else but "verbose" and "initial_epoch", which are ignored.

        Returns:
            What was logged at the epoch that is kept.

        Raises:
            ConfigError: data or other arguments of `keras.Model.fit` were given.
        """
        if args or set(kwargs) - OF_FIT:
            given = "data" if args else sorted(set(kwargs) - OF_FIT)[0]
            raise ConfigError(
                f"a system brings its own data and fits; don't give {given} to search"
            )
        model.set_weights(self.build(hp).get_weights())  # seeds, too, are now as after a build
        fit = self.trial_fit(self.config(hp), budget=epochs, callbacks=callbacks)
        fit.run(model)
        return fit.logs()

    def trial_fit(self, config: Any, *, budget: int | None = None, **options: Any) -> TrialFit:
        """Returns the fit of a configuration, which has not begun.

        Args:
            config: the configuration.
            budget: epochs of the last stage, the others in proportion; all, if None.
            options: "after_epoch", "callbacks" and "folder" of `TrialFit`.
        """
        share = 1.0 if budget is None else budget / self.epochs
        return TrialFit(
            self.examples, config, seed=self.seed, share=share, patience=self.patience, **options
        )

    def _adapted(self, config: Any) -> Any:
        return self.system.adapt(config, self.examples.info(config))
