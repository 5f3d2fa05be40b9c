"""How much each parameter of a sweep decides about the score, if that can be told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import rankdata
from sklearn.ensemble import RandomForestRegressor
from sklearn.model_selection import KFold

from kavc.tuning.sweep import Sweep
from kavc.tuning.trial import COMPLETED, Trial

FEWEST = 10
FOLDS = 5
REPEATS = 5
TREES = 50
BUDGET = "budget"


@dataclass(frozen=True)
class Importance:
    """What a random forest learnt from the trials, judged on trials that it did not see.

    Args:
        trials: how many completed.
        r2: share of the variance of held-out scores' ranks that the forest explains beyond the
            mean of their budget; NaN if there was nothing to learn from.
        names: the parameters, the most important first; "budget" among them where it varies.
        mean: `(names,) float64`, by how much `r2` drops when a parameter's values are shuffled.
        std: `(names,) float64`, standard deviation of `mean` over cross-validations.

    Reference:
        Breiman, 2001 (random forests, and importance by permutation).

    Example:
        >>> Importance(3, float("nan")).problem
        '3 completed trials are too few; 10 are the least'
        >>> Importance(40, 0.6, ("units",), np.array([0.5]), np.array([0.1])).problem is None
        True
    """

    trials: int
    r2: float
    names: tuple[str, ...] = ()
    mean: np.ndarray | tuple = ()
    std: np.ndarray | tuple = ()

    @property
    def problem(self) -> str | None:
        """Why importance can't be told; None where it can."""
        if self.trials < FEWEST:
            return f"{self.trials} completed trials are too few; {FEWEST} are the least"
        if np.isnan(self.r2):
            return "all trials score alike"
        if self.r2 <= 0:
            return (
                "a random forest predicts the score of a trial that it has not seen no better "
                f"than the mean does (R² {self.r2:.2f})"
            )
        return None


def importance_of(sweep: Sweep, *, seed: int = 0) -> Importance:
    """Permutation importance of each parameter, on cross-validated predictions of a random forest.

    The forest learns the rank of the score, so that one very bad trial does not decide. A parameter
    that makes sense only under another choice is shuffled among the trials where it does, and does
    not tell the forest in which ones: that is its parent's importance.

    Args:
        sweep: whose completed trials count.
        seed: of the forests, folds and permutations.

    Reference:
        Breiman, 2001.
    """
    trials = [trial for trial in sweep.trials if trial.status == COMPLETED]
    ranks = rankdata([trial.score for trial in trials])
    budgets = np.array([trial.budget for trial in trials])
    alone = _means(ranks, budgets)
    if len(trials) < FEWEST or np.allclose(ranks, alone):
        return Importance(len(trials), np.nan)
    names, features, active = _features(sweep, trials)
    repeats = [
        _cross_validated(features, active, ranks, seed + repeat) for repeat in range(REPEATS)
    ]
    r2 = 1 - np.array(repeats) / np.mean((ranks - alone) ** 2)  # (repeats, 1 + names)
    drops = r2[:, :1] - r2[:, 1:]
    order = np.argsort(-drops.mean(axis=0), kind="stable")
    return Importance(
        len(trials),
        float(r2[:, 0].mean()),
        tuple(names[at] for at in order),
        drops.mean(axis=0)[order],
        drops.std(axis=0, ddof=1)[order],
    )


def _means(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Returns the mean of each value's group."""
    _, group = np.unique(groups, return_inverse=True)
    return (np.bincount(group, values) / np.bincount(group))[group]


def _features(sweep: Sweep, trials: Sequence[Trial]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Returns names, values `(trials, names) float64`, and where these are active."""
    columns = {
        each["name"]: [_number(each, trial.values.get(each["name"])) for trial in trials]
        for each in sweep.varied
    }
    budgets = [float(trial.budget) for trial in trials]
    if len(set(budgets)) > 1:
        columns[BUDGET] = budgets
    features = np.array(list(columns.values())).T
    active = ~np.isnan(features)
    used = active.any(axis=0)
    names = [name for name, is_used in zip(columns, used, strict=True) if is_used]
    features, active = features[:, used], active[:, used]
    usual = np.nanquantile(features, 0.5, axis=0, method="lower")
    return names, np.where(active, features, usual), active


def _number(parameter: dict[str, Any], value: Any) -> float:
    if value is None:
        return np.nan
    return float(parameter["values"].index(value) if "values" in parameter else value)


def _cross_validated(
    features: np.ndarray, active: np.ndarray, targets: np.ndarray, seed: int
) -> np.ndarray:
    """Returns the mean squared error on held-out trials: first as they are, then a column shuffled.

    Returns:
        `(1 + columns,) float64`.
    """
    random = np.random.default_rng(seed)
    variants = np.repeat(features[None], 1 + features.shape[1], axis=0)
    for column, rows in enumerate(active.T):
        variants[1 + column, rows, column] = random.permutation(features[rows, column])
    predicted = np.empty(variants.shape[:2])
    for training, held in KFold(FOLDS, shuffle=True, random_state=seed).split(features):
        forest = RandomForestRegressor(TREES, random_state=seed)
        forest.fit(features[training], targets[training])
        flat = forest.predict(variants[:, held].reshape(-1, features.shape[1]))
        predicted[:, held] = flat.reshape(len(variants), -1)
    return np.mean((predicted - targets) ** 2, axis=1)
