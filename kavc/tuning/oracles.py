"""KerasTuner's oracles, made to survive a kill at any moment with the same trials as without.

They propose what KerasTuner's do, and differ in this alone:

- `oracle.json` and `trial.json` are written whole. A trial that one of them does not know yet is
  forgotten, and proposed again.
- The first trial is the default point: the preset's own configuration.
- A proposal is a function of the seed and of the trials so far, not of the process; none is made
  twice.
- The grid keeps its queue.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from typing import Any

import keras_tuner
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from kavc.errors import ConfigError
from kavc.files import write_json
from kavc.tuning.space import count

# Draws of what was proposed before, after which a space counts as exhausted.
MOST_COLLISIONS = 1000
# Never reached: `SweepTuner` has its own rule, and KerasTuner's leaves the oracle locked.
MOST_FAILURES = 10**9


class Resumable(keras_tuner.Oracle):
    """What all of the oracles have: whole files, the first trial, reproducible proposals."""

    trials: dict[str, Any]
    _retry_queue: list[str]

    def __init__(self, *, seed: int, **options: Any):
        # KerasTuner takes seed 0 for none.
        super().__init__(seed=seed + 1, max_consecutive_failed_trials=MOST_FAILURES, **options)
        self._max_collisions = MOST_COLLISIONS

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        self._seed_state = self._seed_of_proposal()
        return super().populate_space(trial_id)

    def _seed_of_proposal(self) -> int:
        """Returns a number for the next trial; neighbouring seeds have no draw in common."""
        sequence = np.random.SeedSequence([self.seed, len(self.start_order)])
        return int(sequence.generate_state(1)[0])

    def _random_values(self) -> dict[str, Any] | None:
        if self.start_order:
            return super()._random_values()
        return default_values(self.hyperparameters)

    def save(self) -> None:
        write_json(self._get_oracle_fname(), self.get_state())

    def _save_trial(self, trial: Any) -> None:
        path = os.path.join(self._get_trial_dir(trial.trial_id), "trial.json")
        write_json(path, trial.get_state())

    def reload(self) -> None:
        super().reload()
        # In the order of their beginning, on which sums depend; files come in any order.
        self.trials = {trial_id: self.trials[trial_id] for trial_id in self.start_order}
        # What was killed between its end and the next one's beginning has ended.
        self._retry_queue = [each for each in self._retry_queue if each not in self.end_order]


class RandomOracle(Resumable, keras_tuner.oracles.RandomSearchOracle):
    """Random search.

    Reference:
        Bergstra and Bengio, 2012.
    """


class GridOracle(Resumable, keras_tuner.oracles.GridSearchOracle):
    """Every combination, from the default point on."""

    _queued = 0  # ended trials that have come into `_populate_next`

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Queues each trial when it begins, for workers that train at the same time.

        KerasTuner waits for its end, in case of new parameters; here all are known.
        """
        found = super().populate_space(trial_id)
        if self.start_order and found["status"] == keras_tuner.engine.trial.TrialStatus.RUNNING:
            self._populate_next.append(trial_id)
        return found

    def end_trial(self, trial: Any) -> None:
        super().end_trial(trial)
        self._queued = len(self.end_order)

    def get_state(self) -> dict[str, Any]:
        waiting = [*self._populate_next, *self.end_order[self._queued :]]
        ordered = list(self._in_order())
        return super().get_state() | {"ordered_ids": ordered, "populate_next": waiting}

    def set_state(self, state: dict[str, Any]) -> None:
        super().set_state(state)
        for trial_id in state["ordered_ids"]:
            self._ordered_ids.insert(trial_id)
        self._populate_next = list(state["populate_next"])
        self._queued = len(self.end_order)

    def _in_order(self) -> Iterator[str]:
        """Yields the ids of the linked list, which has no iterator."""
        linked = self._ordered_ids
        index = linked._next_index[None]
        while index is not None:
            yield linked._memory[index]
            index = linked._next_index[index]


class BayesianOracle(Resumable, keras_tuner.oracles.BayesianOptimizationOracle):
    """A Gaussian process over the trials so far, after a number of random ones.

    Reference:
        Snoek et al., 2012 (a Gaussian process over trials); Srinivas et al., 2010 (the upper
        confidence bound); Ginsbourger et al., 2010 (what trials that still run count as).
    """

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        self._random_state = np.random.RandomState(self._seed_of_proposal())
        # Threads make these many small products slower, and their sums another order.
        with warnings.catch_warnings(), threadpool_limits(1):
            warnings.simplefilter("ignore", ConvergenceWarning)  # of lengths at their bounds
            found = super().populate_space(trial_id)
        if found["values"] and self._duplicate(found["values"]):
            return self._random_populate_space()
        return found

    def _vectorize_trials(self) -> tuple[np.ndarray, np.ndarray]:
        """As KerasTuner, which asks the process of the last proposal what running trials may score.

        Here it is fitted to what has completed, and so the same in every process.
        """
        if self.ongoing_trials:
            everything = self.trials
            self.trials = {key: each for key, each in everything.items() if each.score is not None}
            self.gpr.fit(*super()._vectorize_trials())
            self.trials = everything
        return super()._vectorize_trials()


class HyperbandOracle(Resumable, keras_tuner.oracles.HyperbandOracle):
    """Many configurations on few epochs, the best of them on more.

    Reference:
        Li et al., 2018.
    """

    def planned(self) -> list[int]:
        """Returns the budgets of all trials, if none fails.

        Reference:
            Li et al., 2018.

        Example:
            >>> hp = keras_tuner.HyperParameters()
            >>> _ = hp.Float("dropout", 0.0, 0.5)
            >>> loss = keras_tuner.Objective("val_loss", "min")
            >>> oracle = HyperbandOracle(seed=0, objective=loss, hyperparameters=hp, max_epochs=9)
            >>> oracle.planned(), oracle.first_bracket()
            ([1, 1, 1, 1, 1, 1, 1, 1, 1, 3, 3, 3, 9, 3, 3, 3, 3, 3, 9, 9, 9, 9, 9], 9)
        """
        return [
            self._get_epochs(bracket, number)
            for bracket in reversed(range(self._get_num_brackets()))
            for number in range(self._get_num_rounds(bracket))
            for _ in range(self._get_size(bracket, number))
        ]

    def first_bracket(self) -> int:
        """Returns with how many configurations it begins.

        Reference:
            Li et al., 2018.
        """
        return self._get_size(self._get_num_brackets() - 1, 0)


def default_values(hp: keras_tuner.HyperParameters) -> dict[str, Any]:
    """Returns the default point of a space: active parameters alone.

    Example:
        >>> hp = keras_tuner.HyperParameters()
        >>> _ = hp.Choice("units", [32, 64], default=64)
        >>> default_values(hp)
        {'units': 64}
    """
    fresh = keras_tuner.HyperParameters()
    fresh.merge(hp.space)
    return fresh.values


def make_oracle(
    tuner: str,
    objective: keras_tuner.Objective,
    space: keras_tuner.HyperParameters,
    *,
    trials: int | None,
    epochs: int,
    seed: int = 0,
) -> keras_tuner.Oracle:
    """Returns the oracle of a sweep.

    Args:
        tuner: "random", "grid", "bayesian" or "hyperband".
        objective: what trials report, and its direction.
        space: what varies.
        trials: at most so many; None for all of a grid or of Hyperband's brackets.
        epochs: of the last stage, in full: what Hyperband gives the best.
        seed: of the proposals.

    Raises:
        ConfigError: the space is too small for Hyperband's first bracket.

    Example:
        >>> hp = keras_tuner.HyperParameters()
        >>> _ = hp.Choice("units", [32, 64])
        >>> loss = keras_tuner.Objective("val_loss", "min")
        >>> planned(make_oracle("grid", loss, hp, trials=None, epochs=10), 10)
        {'trials': 2, 'epochs': 20}
        >>> planned(make_oracle("random", loss, hp, trials=1, epochs=10), 10)
        {'trials': 1, 'epochs': 10}

    Reference:
        Bergstra and Bengio, 2012 (random); Snoek et al., 2012 (Bayesian); Li et al., 2018
        (Hyperband).
    """
    common = {
        "objective": objective,
        "seed": seed,
        # What stands in the space already; asking again changes nothing.
        "hyperparameters": space.copy(),
    }
    if tuner == "hyperband":
        oracle = HyperbandOracle(max_epochs=epochs, **common)
        _check_bracket(oracle, count(space))
        oracle.max_trials = trials
        return oracle
    common["max_trials"] = trials
    if tuner == "bayesian":
        # KerasTuner's three a parameter would make most sweeps random ones.
        return BayesianOracle(num_initial_points=max(3, (trials or 0) // 4), **common)
    return {"random": RandomOracle, "grid": GridOracle}[tuner](**common)


def planned(oracle: keras_tuner.Oracle, epochs: int) -> dict[str, int]:
    """Returns the "trials" that a sweep will hold and the sum of their "epochs", if none fails.

    Args:
        oracle: as `make_oracle` gives it.
        epochs: of the last stage, in full.
    """
    if isinstance(oracle, HyperbandOracle):
        budgets = oracle.planned()[: oracle.max_trials]
        return {"trials": len(budgets), "epochs": sum(budgets)}
    size = count(oracle.hyperparameters, grid=isinstance(oracle, GridOracle))
    trials = int(min(size, oracle.max_trials or size))
    return {"trials": trials, "epochs": trials * epochs}


def _check_bracket(oracle: HyperbandOracle, size: float) -> None:
    """KerasTuner's Hyperband ends in silence when it finds no new configuration."""
    if size < oracle.first_bracket():
        raise ConfigError(
            f"the space has {size:g} configurations and Hyperband's first bracket begins with "
            f"{oracle.first_bracket()}; vary more, or use the tuner grid"
        )
