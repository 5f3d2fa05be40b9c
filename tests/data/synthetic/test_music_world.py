import numpy as np
import pytest

from kavc.data.synthetic.music_knobs import knobs
from kavc.data.synthetic.music_world import FAMILIES, GENRE_NAMES, SCENES, MusicWorld

N = 50_000


@pytest.fixture(scope="module")
def world():
    return MusicWorld(knobs("clear"), world_seed=3)


@pytest.fixture(scope="module")
def drawn(world):
    return judgements(world)


def judgements(world, count=N):
    rng = np.random.default_rng(0)
    songs = world.songs(1, 5000)
    first = rng.integers(5000, size=count)
    second = (first + rng.integers(1, 5000, size=count)) % 5000
    return world.scenes(1, count), songs.take(first), songs.take(second)


def accuracy(says, chance):
    return np.where(says > 0.5, chance, 1 - chance).mean()


def test_names():
    assert len(GENRE_NAMES) == len(set(GENRE_NAMES)) == len(FAMILIES) == 25
    assert len(set(FAMILIES)) == 5 and len(SCENES) == 4


@pytest.mark.parametrize("wanted", [0.55, 0.6, 0.75, 0.95])
def test_the_oracle_is_as_good_as_the_knob_says(wanted):
    made = MusicWorld(knobs("default", oracle_accuracy=wanted), world_seed=1)
    scenes, a, b = judgements(made, 200_000)
    chance = made.preference(scenes, a, b)
    assert np.maximum(chance, 1 - chance).mean() == pytest.approx(wanted, abs=0.005)


def test_fit_is_the_formula(world):
    scenes, songs = world.scenes(0, 10), world.songs(0, 10)
    turned = np.array([world.rotation @ latents[:3] for latents in songs.latents])
    near = np.sum((scenes.latents[:, :3] - turned) ** 2, axis=1)
    tempo = (scenes.latents[:, 3] - songs.latents[:, 3]) ** 2
    np.testing.assert_allclose(
        world.fit(scenes, songs), -near - 0.7 * tempo + songs.popularity, rtol=1e-12
    )
    np.testing.assert_allclose(world.rotation @ world.rotation.T, np.eye(3), atol=1e-12)


def test_who_knows_less_is_right_less_often(world, drawn):
    scenes, a, b = drawn
    chance = world.preference(*drawn)
    parts = {name: world.parts(scenes, a)[name] - world.parts(scenes, b)[name]
             for name in ("mood", "tempo", "popularity")}  # fmt: skip
    known = {
        name: accuracy(world.given(parts[name], tuple(set(parts) - {name})), chance)
        for name in parts
    }
    sound = accuracy(world.without_video(a, b), chance)
    still = accuracy(world.without_tempo(scenes, a, b), chance)
    best = accuracy(chance, chance)
    assert known["popularity"] < known["tempo"] < known["mood"] < best - 0.03
    assert sound < best - 0.05 and sound < still < best - 0.005


def test_without_the_video_is_the_mean_over_videos(world):
    songs = world.songs(0, 6)
    a, b = songs.take(np.arange(3)), songs.take(np.arange(3, 6))
    scenes = world.scenes(5, 40_000)
    for row in range(3):
        same = np.full(len(scenes.kind), row)
        drawn = world.preference(scenes, a.take(same), b.take(same)).mean()
        assert world.without_video(a, b)[row] == pytest.approx(drawn, abs=0.01)


def test_without_tempo_is_the_mean_over_tempos(world):
    scene, songs = world.scenes(0, 1), world.songs(0, 2)
    a, b = songs.take(np.zeros(1, int)), songs.take(np.ones(1, int))
    many = scene.take(np.zeros(40_000, int))
    rng = np.random.default_rng(0)
    many.latents[:, 3] = world.types[scene.kind[0], 3] + 0.4 * rng.standard_normal(40_000)
    same = np.zeros(40_000, int)
    mean = world.preference(many, a.take(same), b.take(same)).mean()
    assert world.without_tempo(scene, a, b)[0] == pytest.approx(mean, abs=0.01)


def test_the_order_counts(world, drawn):
    scenes, a, b = drawn
    chance, turned = world.preference(scenes, a, b), world.preference(scenes, b, a)
    open_ = (chance > 0.01) & (chance < 0.99)  # of what is all but sure, digits are lost
    odds = np.log(chance / (1 - chance)) + np.log(turned / (1 - turned))
    np.testing.assert_allclose(odds[open_], 2 * 0.05, atol=1e-9)
    unbiased = world.preference(scenes, a, b, biased=False)
    assert (chance[open_] > unbiased[open_]).all()
    fair = MusicWorld(knobs("clear", order_bias=0), world_seed=3)
    np.testing.assert_allclose(
        fair.preference(scenes, a, b) + fair.preference(scenes, b, a), 1, atol=1e-12
    )


def test_without_interaction_all_videos_prefer_the_same():
    made = MusicWorld(knobs("no-interaction"), world_seed=0)
    scenes, songs = made.scenes(0, 50), made.songs(0, 2)
    a, b = songs.take(np.zeros(50, int)), songs.take(np.ones(50, int))
    assert np.ptp(made.preference(scenes, a, b)) == 0
    with_video = MusicWorld(knobs("default"), world_seed=0)
    assert np.ptp(with_video.preference(scenes, a, b)) > 0.01
    drawn = judgements(made)
    np.testing.assert_allclose(made.preference(*drawn), made.without_video(*drawn[1:]), atol=1e-12)


def test_movement_matters_where_it_is_said_to():
    made = MusicWorld(knobs("motion"), world_seed=0)
    scenes, a, b = judgements(made)
    chance = made.preference(scenes, a, b)
    assert accuracy(made.without_tempo(scenes, a, b), chance) < accuracy(chance, chance) - 0.05


def test_a_video_is_the_same_in_any_sample_that_has_it(world):
    few, many = world.scenes(2, 10), world.scenes(2, 700)
    np.testing.assert_array_equal(few.latents, many.latents[:10])
    assert not np.array_equal(few.latents, world.scenes(4, 10).latents)
    np.testing.assert_array_equal(world.songs(2, 30).latents, world.songs(2, 300).latents[:30])
    twin = MusicWorld(knobs("clear"), world_seed=3)
    np.testing.assert_array_equal(twin.scenes(2, 10).latents, few.latents)
    assert twin.noise == world.noise
    assert MusicWorld(knobs("clear"), world_seed=4).noise != world.noise


def test_features():
    made = MusicWorld(knobs("small"), world_seed=0)
    scenes, songs = made.scenes(0, 256), made.songs(0, 256)
    shown, heard = made.shown(scenes, 0, 0), made.heard(songs, 0, 0)
    assert {name: (part.shape, part.dtype) for name, part in shown.items()} == {
        name: ((256, width), np.float32)
        for name, width in (("visual", 16), ("flow", 16), ("i3d", 8))
    }
    assert heard.shape == (256, 2, 8) and heard.dtype == np.float32
    assert min(part.min() for part in shown.values()) >= 0

    def told(features, latent):
        """Share of a latent's variance that a linear map of the features tells."""
        x = np.c_[features, np.ones(len(features))]
        left = latent - x @ np.linalg.lstsq(x, latent, rcond=None)[0]
        return 1 - left.var() / latent.var()

    mood, tempo = scenes.latents[:, 0], scenes.latents[:, 3]
    own = tempo - made.types[scenes.kind, 3]  # what the type of scene does not tell
    assert told(shown["visual"], mood) > 0.9 and told(heard.mean(1), songs.latents[:, 3]) > 0.9
    assert told(shown["flow"], tempo) > 0.85 and told(shown["i3d"], tempo) > 0.85
    assert told(shown["visual"], own) < 0.2 < told(shown["flow"], own)
    assert told(heard.mean(1), songs.popularity) > 0.8
