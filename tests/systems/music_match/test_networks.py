"""The graph beside Figure 4, and what the symmetric head promises."""

import keras
import numpy as np
import pytest
from keras import ops

from kavc.systems.music_match import networks
from kavc.systems.music_match.networks import MusicMatch

from .conftest import network, swapped


def preference(model, inputs):
    return ops.convert_to_numpy(model(inputs)["preference"])[:, 0]


def test_the_papers_network_has_the_papers_widths():
    model = MusicMatch({"visual": 2048, "flow": 2048}, 128)
    assert model.video_network.output.shape == (None, 4096)
    assert model.track_network.output.shape == (None, 128)
    hidden = model.get_layer("hidden")
    assert [tuple(kernel.shape) for kernel in hidden.kernels] == [
        (4096, 512), (128, 512), (128, 512),
    ]  # fmt: skip
    norms = 2 * (2048 + 2048 + 128)
    assert model.count_params() == 512 * (4096 + 256) + 512 + 513 + norms + 128  # its reference


@pytest.mark.parametrize("normalize", networks.NORMALIZE)
def test_the_plain_head_is_a_hidden_layer_on_a_concatenation(asked, normalize):
    model = network(normalize=normalize)
    streams = []
    for name in ("visual", "flow", "audio_a", "audio_b"):
        norm = model.norms["audio" if name.startswith("audio") else name]
        mean = asked[name].mean(axis=1)
        streams.append(mean if norm is None else ops.convert_to_numpy(norm(mean)))
    hidden, logit = model.get_layer("hidden"), model.get_layer("logit")
    kernel = np.concatenate([ops.convert_to_numpy(each) for each in hidden.kernels])
    x = np.concatenate(streams, axis=1) @ kernel + ops.convert_to_numpy(hidden.bias)
    expected = np.maximum(x, 0) @ ops.convert_to_numpy(logit.kernel)[:, 0]
    expected = expected + ops.convert_to_numpy(logit.bias)
    np.testing.assert_allclose(preference(model, asked), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("streams", [None, {"flow": 5}, {}], ids=str)
@pytest.mark.parametrize("interaction", networks.INTERACTIONS)
def test_the_symmetric_head_changes_sign_and_is_0_for_one_track_twice(asked, interaction, streams):
    model = network(streams, head="symmetric", interaction=interaction)
    there, back = preference(model, asked), preference(model, swapped(asked))
    scale = np.abs(there).max()
    np.testing.assert_allclose(there, -back, atol=1e-6 * scale)
    same = preference(model, asked | {"audio_b": asked["audio_a"]})
    np.testing.assert_allclose(same, 0, atol=1e-6 * scale)
    scores = ops.convert_to_numpy(model(asked)["score"])
    np.testing.assert_array_equal(scores[:, 0] - scores[:, 1], there)


def test_the_plain_head_does_not(asked):
    model = network()
    assert np.abs(preference(model, asked) + preference(model, swapped(asked))).min() > 0.01


def test_the_plain_heads_score_is_its_preference_to_the_mean_track(asked):
    model = network(normalize="none")
    mean = ops.convert_to_numpy(model.get_layer("reference").vector)
    against = np.broadcast_to(mean, (8, 1, 4)).astype("f4")
    first = preference(model, asked | {"audio_b": against, "audio_b_length": np.ones(8, "i4")})
    second = preference(
        model,
        asked
        | {"audio_b": asked["audio_a"], "audio_a": against, "audio_a_length": np.ones(8, "i4")},
    )
    found = ops.convert_to_numpy(model(asked)["score"])[:, 0]
    np.testing.assert_allclose(found, (first - second) / 2, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("interaction", networks.INTERACTIONS)
@pytest.mark.parametrize("head", networks.HEADS)
def test_many_tracks_get_the_score_that_each_gets_alone(asked, head, interaction):
    model = network(head=head, interaction=interaction)
    lengths = {"visual_length": np.full(8, 3), "flow_length": np.full(8, 2)}
    video = model.video_network({name: asked[name] for name in ("visual", "flow")} | lengths)
    tracks = model.track_network({"audio": asked["audio_a"], "audio_length": np.full(8, 4)})
    all_ = ops.convert_to_numpy(model.scores(video, ops.stack([tracks] * 3, axis=1)))
    alone = ops.convert_to_numpy(model(asked)["score"])[:, 0]
    np.testing.assert_allclose(all_, np.repeat(alone[:, None], 3, axis=1), rtol=1e-5, atol=1e-6)


def test_nothing_seen_changes_a_linear_preference_but_by_the_same_for_both(asked):
    """Why a linear head says nothing of correspondence."""
    model = network(interaction="linear", head="symmetric")
    other = asked | {"visual": asked["visual"][::-1], "flow": asked["flow"][::-1]}
    np.testing.assert_allclose(
        preference(model, other), preference(model, asked), rtol=1e-5, atol=1e-5
    )


def test_principal_components_have_variance_1_and_don_t_correlate():
    rng = np.random.default_rng(0)
    rows = (rng.normal(size=(500, 3)) @ rng.normal(size=(3, 6)) + 5).astype("f4")
    model = network(normalize="principal")
    model.fit_normalization(visual=rows, flow=rows[:, :5], audio=rows[:, :4])
    found = ops.convert_to_numpy(model.norms["visual"](rows))
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(np.cov(found.T, bias=True), np.eye(3), atol=1e-3)


def test_a_direction_without_variance_gives_0():
    rows = np.ones((10, 4), "f4") * np.arange(10)[:, None]
    model = network({}, normalize="principal")
    model.fit_normalization(audio=rows)
    found = ops.convert_to_numpy(model.norms["audio"](rows))
    assert found[:, 0].std() == pytest.approx(1, rel=1e-4)
    np.testing.assert_array_equal(found[:, 1:], 0)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"head": "plane"}, "head must be one of plain, symmetric; received: 'plane'"),
        ({"interaction": "sum"}, "interaction must be one of linear, hidden, product"),
        ({"normalize": "l1"}, "normalize must be one of none, l2, layer"),
    ],
)
def test_what_it_does_not_know_is_told(options, said):
    with pytest.raises(ValueError, match=said):
        MusicMatch({"flow": 3}, 2, **options)


def test_it_trains_without_any_code_of_ours(asked):
    model = network(head="symmetric", dropout=0.0)
    label = (np.arange(8) % 2).astype("f4")[:, None]
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), {"preference": loss})
    history = model.fit(asked, {"preference": label}, epochs=30, verbose=0).history["loss"]
    assert history[-1] < 0.5 * history[0]
