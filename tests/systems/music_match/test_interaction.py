"""Pictures help by what they and a track have in common: taken out of the world, they don't."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from kavc.data.source import Source
from kavc.data.synthetic import music
from kavc.data.synthetic.music_knobs import knobs
from kavc.systems.music_match.config import MusicMatchConfig
from kavc.systems.music_match.evaluation import expected
from kavc.systems.music_match.scoring import score
from kavc.systems.music_match.stages import PreferenceStage, load_judgements
from kavc.systems.music_match.system import MusicMatchSystem

WIDTHS = {"visual_dim": 32, "flow_dim": 16, "audio_dim": 16, "rated_videos": 2}
CLEARLY = 0.05


def accuracies(folder, interaction):
    """What is to be expected of `improved` that sees, and of one that only hears."""
    world = knobs("small", interaction=interaction, **WIDTHS)
    music.write(folder, world, videos=3000)
    system, source = MusicMatchSystem(), Source.parse(f"synthetic:{folder}")
    seen = MusicMatchConfig.preset("improved").replace(
        epochs=20,
        batch_size=64,
        dropout=0.2,
        units=64,
        visual_row="32",
        flow_row="16",
        audio_row="16",
    )
    stores = {s: load_judgements(system.read(source, s, seen), seen) for s in ("train", "test")}
    truth = music.Truth.read(folder).select(stores["test"].ids).probability
    found = {}
    for variant in ("two-stream", "sound"):
        config = seen.replace(variant=variant)
        keras.utils.set_random_seed(0)
        stage, network = PreferenceStage(config), system.build(config)
        examples = stage.prepare(network, lambda: stores["train"], Path("train"))
        model = stage.trainee(network)
        model.compile(**stage.compile_arguments(), steps_per_execution=8)
        for epoch in range(config.epochs):
            model.fit(stage.dataset(examples, epoch, 0), verbose=0, shuffle=False)
        found[variant] = expected(score(network, stores["test"]).logit, truth)
    return found, float(np.maximum(truth, 1 - truth).mean())


@pytest.mark.parametrize("interaction", [1.0, 0.0])
def test_seeing_helps_where_video_and_track_have_something_in_common(tmp_path, interaction):
    """Longer than ten seconds: a corpus and two trainings, which are long enough to learn it."""
    found, best = accuracies(tmp_path / "corpus", interaction)
    gain = found["two-stream"] - found["sound"]
    assert best > 0.88 and found["two-stream"] > best - 2 * CLEARLY
    assert gain > CLEARLY if interaction else gain < CLEARLY / 5
