"""What puts a network's numbers in proportion: pictures of another video, and a linear analysis."""

from __future__ import annotations

import numpy as np

from kavc.data.canonical import canonical_correlation
from kavc.systems.ms_vae.scoring import Coded, Space
from kavc.systems.ms_vae.videos import MODALITIES, Videos

LINEAR = "linear canonical correlation, by cosine"
COORDINATES = 16  # as many as `improved` begins with
PERMUTATIONS = 10


def shuffled(coded: Coded, seed: int = 0) -> dict[str, np.ndarray]:
    """Exact matches where pictures are of another query's video, in per cent, by direction.

    What asks is the event of its own video, be it heard or seen; so a network whose answers come
    from both modalities is right as often as chance, unless onsets themselves are alike.

    Returns:
        (permutations,) each.
    """
    rng = np.random.default_rng(seed)
    queries = coded.videos.queries
    found = []
    for _ in range(PERMUTATIONS):
        order = rng.permutation(len(queries))
        partner = queries[np.roll(order, 1)[np.argsort(order)]]
        hits = coded.accuracy(coded.found(coded.between(partner), partner), partner)
        found.append({way: 100 * float(each.mean()) for way, each in hits.items()})
    return {way: np.array([one[way] for one in found]) for way in found[0]}


def two_errors(shares: np.ndarray) -> float:
    """Returns two standard errors of the mean of permutations; 0 for one.

    Example:
        >>> round(two_errors(np.array([20.0, 22.0, 21.0, 21.0])), 3), two_errors(np.array([20.0]))
        (0.816, 0.0)
    """
    if len(shares) < 2:
        return 0.0
    return float(2 * shares.std(ddof=1) / np.sqrt(len(shares)))


def linear_coded(train: Videos, test: Videos) -> Coded:
    """Codes test videos by the linear canonical correlation of training events.

    Reference:
        Hotelling, 1936.
    """
    rows = {kind: getattr(train, kind)[train.event] for kind in MODALITIES}
    agreed = canonical_correlation(rows["audio"], rows["visual"], dimensions=COORDINATES)
    codes = {}
    for kind in MODALITIES:
        features = getattr(test, kind)
        flat = features.reshape(-1, features.shape[-1])
        embedded = agreed.embed(kind, flat, COORDINATES, power=1.0)
        codes[kind] = {"embedding": embedded.reshape(*features.shape[:-1], -1)}
    return Coded(test, codes["audio"], codes["visual"], (Space("embedding"),))
