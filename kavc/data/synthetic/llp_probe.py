"""What a linear probe makes of single segments when it is told what is heard and seen in each.

Its training labels are those that a system of weak labels never sees, so its scores are a reference
line beside a system's. It looks at one segment at a time: pooling over time can beat it where one
segment says little.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

MODALITIES = (("audio",), ("visual", "visual_3d"))  # what each is heard or seen by
COMPONENTS = 64
PENALTY = 1.0


def linear_probe(
    train: Mapping[str, np.ndarray],
    truth: np.ndarray,
    test: Mapping[str, np.ndarray],
    *,
    components: int = COMPONENTS,
    penalty: float = PENALTY,
) -> np.ndarray:
    """Fits a linear classifier of segments to each modality, and asks it about other videos.

    Features are standardised and reduced to their leading principal components (randomised SVD,
    seed 0); on these, scikit-learn's logistic regression (L-BFGS) for each class.

    Args:
        train: "audio" (videos, segments, width), "visual" and, if there are such, "visual_3d"
            likewise; the frames of a segment pooled to one row.
        truth: (videos, segments, 2, classes) bool or 0/1. What is heard and seen in `train`.
        test: as `train`, of other videos.
        components: most principal components of a modality.
        penalty: weight of half the squared length of a class's coefficients, against the sum of
            the cross-entropies of all segments.

    Returns:
        (test videos, segments, 2, classes) float32. Probabilities; of a class that is in no
        training segment, or in each, 0 or 1.

    Raises:
        ValueError: the truth is of other videos or segments than the features.

    Reference:
        Halko et al., 2011, of the randomised SVD.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> truth = rng.random((8, 10, 2, 3)) < 0.3
        >>> train = {"audio": truth[:, :, 0] + 0.01, "visual": truth[:, :, 1] + 0.01}
        >>> found = linear_probe(train, truth, train)
        >>> found.shape, bool(np.all((found > 0.5) == truth))
        ((8, 10, 2, 3), True)
    """
    if truth.shape[:2] != train["audio"].shape[:2] or truth.ndim != 4 or truth.shape[2] != 2:
        raise ValueError(
            f"truth has shape {truth.shape}; expected (videos, segments, 2, classes) for features"
            f" of shape {train['audio'].shape}"
        )
    return np.stack(
        [
            _probabilities(
                _rows(train, names), truth[:, :, m], _rows(test, names), components, penalty
            ).reshape(*test["audio"].shape[:2], -1)
            for m, names in enumerate(MODALITIES)
        ],
        axis=2,
    )


def _rows(features: Mapping[str, np.ndarray], names: tuple[str, ...]) -> np.ndarray:
    """Returns (videos · segments, width), the arrays side by side."""
    joined = np.concatenate([features[name] for name in names if name in features], axis=-1)
    return joined.reshape(-1, joined.shape[-1])


def _probabilities(
    rows: np.ndarray, truth: np.ndarray, asked: np.ndarray, components: int, penalty: float
) -> np.ndarray:
    """Returns (asked rows, classes) float32."""
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    truth = truth.reshape(len(rows), -1) > 0
    found = np.empty((len(asked), truth.shape[1]), np.float32)
    pca = PCA(min(components, *rows.shape), svd_solver="randomized", random_state=0)
    with threadpool_limits(1):  # on small products more threads wait for each other
        reduce = make_pipeline(StandardScaler(), pca, StandardScaler()).fit(rows)
        rows, asked = reduce.transform(rows), reduce.transform(asked)
        for c, active in enumerate(truth.T):
            if active.all() or not active.any():
                found[:, c] = active[0]
                continue
            model = LogisticRegression(C=1 / penalty, max_iter=1000).fit(rows, active)
            found[:, c] = model.predict_proba(asked)[:, 1]
    return found
