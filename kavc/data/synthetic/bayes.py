"""The best scores that any system could give to pairs of the KWAI-like corpus.

Given the theme, and whether and which theme-free picture is shown, the means of a pair's steps and
frames are jointly Gaussian, and say all that the features do. The sums over what is not known are
finite, so every likelihood ratio has a closed form. Which steps are distractors is taken as
known; their mark makes them almost that.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import logsumexp

from kavc.data.pairing import Pairs
from kavc.data.synthetic.kwai import KwaiWorld, Truth
from kavc.errors import DataError


def scores(world: KwaiWorld, truth: Truth, pairs: Pairs) -> dict[str, np.ndarray]:
    """Computes log-likelihood ratios of "both are of one video"; their AUCs are upper bounds.

    Args:
        world: what the videos were drawn from.
        truth: of the videos, in the rows that `pairs` counts.
        pairs: the pairs to score.

    Returns:
        Three scores, each (pairs,) float64. With a and v the statistics of sound and pictures
        and k the theme of the pictures:
        "no_theme", log p(a, v) − log p(a) − log p(v), what can be reached without the theme;
        "theme", log p(a | v, k) − log p(a), what can be reached where it is given; and
        "within_theme", log p(a | v, k) − log p(a | k), against mismatched sound of theme k.

    Raises:
        DataError: a pair's video has no audio.

    Reference:
        Neyman and Pearson, 1933: no score is better than a likelihood ratio.

    Example:
        >>> from kavc.data.pairing import pairs
        >>> from kavc.data.synthetic.kwai import knobs
        >>> world = KwaiWorld(knobs("default", visual_dim=32, missing=0.0))
        >>> truth = Truth.stack([row for _, row in world.sample(50, sample_seed=0)])
        >>> found = scores(world, truth, pairs(truth.theme, seed=0, epoch=0))
        >>> {name: score.shape for name, score in found.items()}
        {'no_theme': (100,), 'theme': (100,), 'within_theme': (100,)}
    """
    steps = truth.informative.sum(axis=1)[pairs.audio]
    if np.any(steps == 0):
        raise DataError("a video without audio is among the pairs; select those that have audio")
    theme = truth.theme[pairs.visual]
    audio, visual = truth.audio_mean[pairs.audio], truth.visual_mean[pairs.visual]
    result = {name: np.empty(len(theme)) for name in ("no_theme", "theme", "within_theme")}
    for count in np.unique(steps):
        rows = np.flatnonzero(steps == count)
        log_p = _log_densities(world, int(count), audio[rows], visual[rows])
        for name, values in _ratios(*log_p, world.theme_probability, theme[rows]).items():
            result[name][rows] = values
    return result


def _ratios(
    log_av: np.ndarray, log_a: np.ndarray, log_v: np.ndarray, prior: np.ndarray, theme: np.ndarray
) -> dict[str, np.ndarray]:
    """Takes log p(a, v | k), log p(a | k), log p(v | k), (pairs, themes), and p(k)."""
    a, v, av = (logsumexp(log_p, axis=1, b=prior) for log_p in (log_a, log_v, log_av))
    given = np.arange(len(theme)), theme
    a_given_vk = log_av[given] - log_v[given]
    return {
        "no_theme": av - a - v,
        "theme": a_given_vk - a,
        "within_theme": a_given_vk - log_a[given],
    }


def _log_densities(
    world: KwaiWorld, steps: int, audio: np.ndarray, visual: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns log p(a, v | k), log p(a | k) and log p(v | k), each (pairs, themes)."""
    k = world.knobs
    covariance = _covariance(world, steps)
    means_a = k.audio_theme * world.audio_prototypes  # (themes, D)
    hidden = np.broadcast_to(world.themeless_pictures, (k.themes, *world.themeless_pictures.shape))
    shown = k.visual_theme * world.visual_prototypes
    means_v = np.concatenate([shown[:, None], hidden], axis=1)  # (themes, 1 + pictures, D)
    weights = np.r_[1 - k.themeless, np.full(hidden.shape[1], k.themeless / hidden.shape[1])]
    means_av = np.concatenate([np.broadcast_to(means_a[:, None], means_v.shape), means_v], axis=2)

    dim = k.latent_dim
    log_av = _log_normal(np.concatenate([audio, visual], axis=1), means_av, covariance)
    log_a = _log_normal(audio, means_a, covariance[:dim, :dim])
    log_v = _log_normal(visual, means_v, covariance[dim:, dim:])
    return logsumexp(log_av, axis=2, b=weights), log_a, logsumexp(log_v, axis=2, b=weights)


def _covariance(world: KwaiWorld, steps: int) -> np.ndarray:
    """Returns the covariance of (a, v) around their means, for `steps` informative steps."""
    k = world.knobs
    shared = np.concatenate(
        [k.audio_shared * world.audio_shared_map, k.visual_shared * world.visual_shared_map]
    )
    own = (
        k.audio_private**2 + k.audio_noise**2 / steps,
        k.visual_private**2 + k.visual_noise**2 / k.frames,
    )
    return shared @ shared.T + np.diag(np.repeat(own, k.latent_dim))


def _log_normal(x: np.ndarray, means: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Log density of each row of x, (n, d), at each of the means, (..., d); returns (n, ...)."""
    root = np.linalg.cholesky(covariance)
    x = solve_triangular(root, x.T, lower=True).T
    centres = solve_triangular(root, means.reshape(-1, means.shape[-1]).T, lower=True).T
    squares = np.sum(x**2, axis=1)[:, None] + np.sum(centres**2, axis=1) - 2 * x @ centres.T
    log_p = -0.5 * (squares + x.shape[1] * np.log(2 * np.pi)) - np.log(np.diag(root)).sum()
    return log_p.reshape(len(x), *means.shape[:-1])
