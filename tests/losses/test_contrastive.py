"""The contrast of a video's segments against a loop of NumPy, in float64."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from kavc.losses.contrastive import segment_contrastive_loss

EXACT = 1e-12 if keras.backend.backend() == "tensorflow" else 1e-6


@pytest.mark.parametrize(("temperature", "smoothing"), [(0.2, 0.1), (1.0, 0.0), (0.5, 0.3)])
def test_it_is_the_smoothed_cross_entropy_over_a_videos_pictures(temperature, smoothing):
    audio, visual = np.random.default_rng(0).normal(size=(2, 3, 4, 5))
    wanted = []
    for sounds, pictures in zip(audio, visual, strict=True):
        losses = []
        for t, sound in enumerate(sounds):
            near = [x @ sound / np.linalg.norm(x) / np.linalg.norm(sound) for x in pictures]
            chance = np.exp(np.array(near) / temperature)
            target = np.where(np.arange(4) == t, 1 - smoothing, smoothing / 3)
            losses.append(-(target * np.log(chance / chance.sum())).sum())
        wanted.append(np.mean(losses))
    found = segment_contrastive_loss(audio, visual, temperature=temperature, smoothing=smoothing)
    np.testing.assert_allclose(found, wanted, rtol=EXACT)
