"""What an export answers, against what the evaluation computes."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from kavc.errors import ConfigError, DataError, ExportError
from kavc.metrics.localization import localize as by_metric
from kavc.metrics.localization import window_costs
from kavc.systems.ms_vae import asking, recipe
from kavc.systems.ms_vae.config import MSVAEConfig
from kavc.systems.ms_vae.scoring import coder, distances, spaces
from kavc.systems.ms_vae.signatures import cheapest_window, signatures

SMALL = {
    "audio_dim": 3, "visual_dim": 4, "latent_dim": 2, "visual_units": 4, "code_units": 4,
    "decoder_units": 4, "embedding_units": 4, "embedding_dim": 2,
}  # fmt: skip
WIDTHS = {"audio": 3, "visual": 4}
CLOSE = 1e-5


def made(**options):
    config = MSVAEConfig(**SMALL, **options)
    network = recipe.build(config)
    return network, config, signatures(network, config)


def rows(seconds, width, seed=0):
    return np.random.default_rng([seed, seconds]).normal(size=(seconds, width)).astype("float32")


def asker_of(found):
    def ask(name, inputs):
        tensors = {key: tf.constant(value) for key, value in inputs.items()}
        return {key: x.numpy() for key, x in found[name].function(**tensors).items()}

    return ask


OPTIONS = [
    {},
    {"latent_distance": "gaussians", "scaling": "peak"},
    {"scaling": "peak-in-evaluation"},
    {"variant": "avdln"},
    {"variant": "avsdn"},
]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("query", ["audio", "visual"])
def test_localize_is_what_is_evaluated(options, query):
    network, config, found = made(**options)
    start, length = 3, 4
    features = {kind: rows(10, width) for kind, width in WIDTHS.items()}
    code = coder(network, config)
    codes = {kind: code(kind, x) for kind, x in features.items()}
    between = distances(codes["audio"], codes["visual"], spaces(config))
    between = between if query == "audio" else between.T
    costs = window_costs(between[None], np.array([start]), np.array([length]))[0]
    asked = features | {query: features[query][start : start + length]}
    answer = asking.localize(asker_of(found), asked, WIDTHS, query)
    np.testing.assert_allclose(answer.costs, costs[:7], CLOSE, CLOSE)
    onset = by_metric(between[None], np.array([start]), np.array([length]))[0]
    assert (answer.query, answer.start, answer.end) == (query, onset, onset + length)


def test_windows_of_a_batch_of_unequal_lengths():
    rng = np.random.default_rng(0)
    between = rng.random((20, 6, 9)).astype("float32")
    audio, visual = rng.integers(1, 7, 20), rng.integers(1, 10, 20)
    found = cheapest_window(between, tf.constant(audio, tf.int32), tf.constant(visual, tf.int32))
    for at in range(20):
        one = between[at, : audio[at], : visual[at]]
        one = one if audio[at] <= visual[at] else one.T
        length, windows = one.shape[0], one.shape[1] - one.shape[0] + 1
        costs = [sum(one[k, t + k] for k in range(length)) for t in range(windows)]
        assert found["windows"][at] == windows
        np.testing.assert_allclose(found["costs"][at, :windows], costs, 1e-5)
        assert not found["costs"][at, windows:].numpy().any()
        assert found["start"][at] == int(np.argmin(costs))


def test_what_is_generated_is_the_networks_pair():
    network, _, found = made()
    audio = rows(5, 3)
    answer = asking.generate(asker_of(found), {"audio": audio}, WIDTHS)
    pair = network({"audio": audio, "visual": rows(5, 4)})["from_audio"].numpy()
    np.testing.assert_allclose(answer.pair["visual"], pair[:, :4], CLOSE)
    np.testing.assert_allclose(answer.pair["audio"], pair[:, 4:], CLOSE)
    assert answer.given == "audio"
    expected = np.square(pair[:, 4:] - audio).mean()
    assert abs(answer.errors["audio"] - expected) < CLOSE


def refused(ask, features, *given, kind=DataError, of=asking.localize):
    with pytest.raises(kind) as error:
        of(ask, features, WIDTHS, *given)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_bad_questions_are_one_line():
    ask = asker_of(made()[2])
    both = {"audio": rows(10, 3), "visual": rows(4, 4)}
    said = refused(ask, both, "audio")
    assert "the query, 'audio', has 10 rows and 'visual' 4" in said
    assert "no array 'visual'" in refused(ask, {"audio": rows(3, 3)})
    assert "(3, 5)" in refused(ask, both | {"visual": rows(3, 5)})
    assert "NaN" in refused(ask, both | {"visual": np.full((3, 4), np.nan, "float32")})
    assert "at least one" in refused(ask, both | {"visual": rows(4, 4)[:0]})
    assert "which one generates" in refused(ask, both, kind=ConfigError, of=asking.generate)
    assert set(asking.generate(ask, both, WIDTHS, "audio").errors) == {"audio"}


def test_networks_of_maps_are_not_served():
    config = MSVAEConfig(**SMALL, variant="dmrn")
    with pytest.raises(ExportError, match="labels segments"):
        signatures(recipe.build(config), config)


def test_rows_of_zeros_give_numbers():
    _, _, found = made(scaling="peak")
    zeros = {kind: np.zeros((4, width), "float32") for kind, width in WIDTHS.items()}
    assert np.isfinite(asking.localize(asker_of(found), zeros, WIDTHS).costs).all()
