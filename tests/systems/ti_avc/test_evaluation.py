"""What an evaluation of Ti-AVC reports, and the shortcuts that its pairs must not offer."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf

from kavc.data.features.writer import write_corpus
from kavc.data.source import Source
from kavc.errors import ConfigError
from kavc.evaluation.estimate import FEWEST
from kavc.metrics.auc import roc_auc
from kavc.systems.ti_avc.evaluation import INTERVALS, evaluate, theme_bars
from kavc.systems.ti_avc.held import Held
from kavc.systems.ti_avc.recipe import build, stages
from kavc.systems.ti_avc.scoring import (
    evaluation_pairs,
    measured_contributions,
    pooled_contributions,
    score,
)
from kavc.systems.ti_avc.system import TiAVCSystem
from kavc.systems.ti_avc.videos import gather_pairs, load_videos
from kavc.training.run import Run

KINDS = pytest.mark.parametrize("same_theme", [False, True])


@KINDS
@pytest.mark.parametrize("modality", ["audio", "visual"])
def test_one_modality_alone_ranks_at_chance_exactly(stores, same_theme, modality):
    store = stores["test"]
    drawn = evaluation_pairs(store, same_theme=same_theme)
    rows = getattr(drawn, modality)
    anything = np.random.default_rng(0).normal(size=len(store))
    for of_a_video in (anything, store.lengths["audio"], store.columns["theme"]):
        assert roc_auc(drawn.label, of_a_video[rows]) == 0.5


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_one_modality_alone_ranks_at_chance_in_training(small_config, stores, share):
    stage = stages(small_config.replace(variant="joint", same_theme_share=share))[0]
    audio, visual, label = stage.draw(stores["train"], 4, 0)
    anything = np.random.default_rng(0).normal(size=len(stores["train"]))
    assert roc_auc(label, anything[audio]) == 0.5
    assert roc_auc(label, anything[visual]) == 0.5


@KINDS
def test_negatives_are_of_two_videos_and_same_theme_ones_of_one_theme(stores, same_theme):
    store = stores["test"]
    drawn = evaluation_pairs(store, same_theme=same_theme)
    negative = drawn.label == 0
    assert (store.ids[drawn.audio] != store.ids[drawn.visual])[negative].all()
    assert (store.ids[drawn.audio] == store.ids[drawn.visual])[~negative].all()
    themes_agree = (store.columns["theme"][drawn.audio] == store.columns["theme"][drawn.visual])[
        negative
    ]
    assert themes_agree.all() == same_theme


def test_a_system_that_knows_the_theme_alone_has_the_auc_of_the_note(stores):
    store = stores["train"]
    drawn = evaluation_pairs(store, same_theme=False)
    agree = store.columns["theme"][drawn.audio] == store.columns["theme"][drawn.visual]
    expected = 1 - np.sum((np.bincount(store.columns["theme"]) / len(store)) ** 2) / 2
    assert roc_auc(drawn.label, agree) == pytest.approx(expected, abs=0.03)  # 235 negatives
    drawn = evaluation_pairs(store, same_theme=True)
    agree = store.columns["theme"][drawn.audio] == store.columns["theme"][drawn.visual]
    assert roc_auc(drawn.label, agree) == 0.5


def test_uploads_of_the_same_id_are_one_video():
    videos = [video(n, id_="again" if n < 3 else f"video-{n}") for n in range(8)]
    store = load_videos(in_memory(videos))
    assert store.dropped["duplicate"] == 2
    assert len(set(store.ids)) == len(store) == 6


def test_silent_videos_are_left_out_as_sound_and_as_pictures(stores, tiny_source, small_config):
    system = TiAVCSystem()
    read = list(system.read(tiny_source, "test", small_config).as_numpy_iterator())
    silent = {v["id"] for v in read if not len(v["audio"])}
    assert silent
    store = stores["test"]
    assert store.dropped["without audio"] == len(silent)
    assert silent.isdisjoint(store.ids)
    assert (store.lengths["audio"] > 0).all()
    kept = load_videos(system.read(tiny_source, "test", small_config), silent="keep")
    assert silent < set(kept.ids)


def video(number, id_=None):
    return {
        "id": id_ or f"video-{number}",
        "audio": np.full((2 + number % 5, 3), number, np.float32),
        "visual": np.full((1 + number % 3, 5), number, np.float32),
        "theme": number % 4,
    }


def labelled(number):
    """The same as a corpus is written from it."""
    example = video(number)
    return {"labels": [example.pop("theme")], **example}


def in_memory(videos):
    signature = {
        "id": tf.TensorSpec((), tf.string),
        "audio": tf.TensorSpec((None, 3), tf.float32),
        "visual": tf.TensorSpec((None, 5), tf.float32),
        "theme": tf.TensorSpec((), tf.int32),
    }
    return tf.data.Dataset.from_generator(lambda: videos, output_signature=signature)


@pytest.mark.parametrize("variant", ["joint", "ti-avc"])
def test_positives_are_aligned_from_the_file_to_the_batch(tmp_path, small_config, variant):
    """Every feature of a video is its number, so a pair tells which videos it is made of."""
    numbers = range(1, 301)  # a sound of nothing but zeros is none
    splits = {"train": map(labelled, numbers), "test": map(labelled, (301, 302))}
    write_corpus(tmp_path / "corpus", splits, ["a", "b", "c", "d"], shard=64)
    config = small_config.replace(variant=variant, theme_stage_on="all", batch_size=16)
    stage = stages(config)[0]
    examples = TiAVCSystem().read(Source("features", tmp_path / "corpus"), "train", config)
    store = stage.load(examples)
    seen = []
    for inputs, targets, *_ in stage.dataset(store, 0, 0):
        sound, pictures = inputs["audio"][:, 0, 0].numpy(), inputs["visual"][:, 0, 0].numpy()
        np.testing.assert_array_equal(inputs["audio_length"], 2 + sound % 5)
        np.testing.assert_array_equal(inputs["visual_length"], 1 + pictures % 3)
        if variant == "joint":
            np.testing.assert_array_equal(targets["match"], sound == pictures)
            targets = targets["theme"]
        np.testing.assert_array_equal(targets, pictures % 4)
        seen += pictures.tolist()
    assert sorted(seen) == sorted([*numbers] * 2)


def frame_level(number, seconds):
    """A video of YouTube-8M at frame level: as many frames as steps of audio."""

    def rows(width):
        row = tf.train.Feature(bytes_list=tf.train.BytesList(value=[bytes([number]) * width]))
        return tf.train.FeatureList(feature=[row] * seconds)

    context = {
        "id": tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"v%d" % number])),
        "labels": tf.train.Feature(int64_list=tf.train.Int64List(value=[0])),
    }
    lists = {"rgb": rows(1024), "audio": rows(128)}
    return tf.train.SequenceExample(
        context=tf.train.Features(feature=context),
        feature_lists=tf.train.FeatureLists(feature_list=lists),
    )


def test_the_number_of_frames_does_not_give_matched_pairs_away(tmp_path, small_config):
    """Where both were sampled once a second, equal lengths would occur in positives alone."""
    (tmp_path / "vocabulary.csv").write_text("Index,Name,Vertical1\n0,car,Cars\n")
    with tf.io.TFRecordWriter(str(tmp_path / "train0000.tfrecord")) as writer:
        for number in range(1, 7):
            writer.write(frame_level(number, 10 * number).SerializeToString())
    source = Source("youtube8m", tmp_path)
    store = load_videos(TiAVCSystem().read(source, "train", small_config))
    assert store.lengths["audio"].tolist() == [10, 20, 30, 40, 50, 60]
    assert store.lengths["visual"].tolist() == [8] * 6


@pytest.fixture(scope="module")
def network(small_config):
    return build(small_config)


def test_scores_depend_on_the_pair_alone(network, stores):
    store = stores["test"]
    drawn = evaluation_pairs(store, same_theme=False)
    scored = score(network, store, drawn)
    for place in (0, 7, len(drawn) - 1):
        batch = gather_pairs(store, drawn.audio[place : place + 1], drawn.visual[place : place + 1])
        alone = network(batch, training=False)
        # float32: other batch shapes, other order of sums
        np.testing.assert_allclose(scored.match[place], alone["match"][0, 0], atol=2e-5)
        np.testing.assert_allclose(scored.theme_logits[place], alone["theme"][0], atol=2e-5)
    np.testing.assert_array_equal(scored.theme, store.columns["theme"][drawn.visual])


@pytest.mark.parametrize("theme_input", ["conv", "dense"])
def test_contributions_are_measured_on_every_pair(small_config, stores, theme_input):
    network = build(small_config.replace(theme_input=theme_input, interaction="product"))
    drawn = evaluation_pairs(stores["test"], same_theme=False)
    sums = measured_contributions(
        network, stores["test"], drawn, kind="elementwise", max_steps=None
    )
    pooled = pooled_contributions(sums)
    names = {"vision", "audio", "product"}
    names |= {"predicted theme", "true theme"} if theme_input == "conv" else set()
    assert set(pooled["pooled"]) == names
    for name in names:
        both = pooled["positives"][name] + pooled["negatives"][name]
        assert pooled["pooled"][name] == pytest.approx(both)
    # Each sound and each picture occurs once in either class.
    assert pooled["positives"]["vision"] == pytest.approx(pooled["negatives"]["vision"], rel=1e-5)
    assert pooled["positives"]["audio"] == pytest.approx(pooled["negatives"]["audio"], rel=1e-5)


@pytest.fixture(scope="module")
def report(tiny_run):
    return Run(tiny_run).report


def test_the_headline_is_the_exact_auc_of_the_stored_predictions(report):
    found = report.predictions
    exact = 100 * roc_auc(found["random_label"], found["random_match"])
    assert report.headline.value == pytest.approx(exact, abs=1e-9)
    low, high = report.headline.interval
    assert low < exact < high


def test_tables_of_the_paper(report, stores):
    assert [table.name for table in report.tables] == [
        "match", "themes", "calibration", "contributions",
    ]  # fmt: skip
    match = {row[0]: row[1] for row in report.table("match").rows}
    assert match["paper, KWAI-AD-AudVis (another corpus)"] == 78.73
    bound = match["bound with the theme, random"]
    assert match["bound without the theme, random"] < bound <= 100
    for row in report.table("contributions").rows[:3]:
        assert sum(row[1:]) == pytest.approx(100)
    themes = report.table("themes").rows
    assert sum(row[1] for row in themes) == len(stores["test"])


@pytest.fixture(scope="module")
def larger(small_config, stores, network):
    """A report on the training split, which has themes of more than a handful of videos."""
    themes = [f"theme {number}" for number in range(12)]
    held = Held(stores["train"], stores["validation"], themes, "made up", {}, ())
    return evaluate(network, held, small_config)


def test_a_theme_of_a_handful_of_videos_has_no_auc(larger, stores):
    counts = np.bincount(stores["train"].columns["theme"], minlength=12)
    assert counts.min() < FEWEST <= counts.max()
    found = larger.predictions
    for theme, (row, count) in enumerate(zip(larger.table("themes").rows, counts, strict=True)):
        _, videos, *measured, pairs_b = row
        assert videos == count
        assert pairs_b == (2 * count if count > 1 else 0)
        if count < FEWEST:
            assert measured == [None] * 6
            continue
        for kind, (auc, low, high) in zip(
            ("random", "same_theme"), (measured[:3], measured[3:]), strict=True
        ):
            inside = found[f"{kind}_theme"] == theme
            expected = roc_auc(found[f"{kind}_label"][inside], found[f"{kind}_match"][inside])
            assert auc == pytest.approx(100 * expected)
            assert (low is None) == (auc in (0, 100))
            assert low is None or 0 < low < auc < high < 100


def drawn(figure):
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas()
    figure.draw(canvas)
    (axes,) = canvas.axes
    return axes


def test_figure_2_has_one_axis_chance_and_the_most_frequent_theme_first():
    auc, videos = np.array([0.7, 0.0, 1.0, 0.8]), np.array([10, 12, 1, 2000])
    intervals = np.array([[0.5, 0.9], [np.nan] * 2, [0.9, 1.0], [0.7, 0.9]])
    figure = theme_bars("ABCD", auc, videos, "made up", 0.65, intervals=intervals, remark="So.")
    axes = drawn(figure)
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["D (2,000)", "B (12)", "A (10)", "C (1)"]
    assert axes.get_xlim() == (0, 100)
    # An AUC of 0 is seen; that of a theme with one video is not stated.
    lengths = axes.lines[0].get_xdata()
    np.testing.assert_array_equal(lengths, [80, 0, 70, np.nan])
    assert [text.get_text() for text in axes.texts] == ["n/a"]
    whiskers = [line[:, 0] for line in axes.collections[0].get_segments() if len(line)]
    np.testing.assert_allclose(whiskers, [[70, 90], [50, 90]])
    assert {line.get_label() for line in axes.lines[1:]} == {
        "chance: 50 %", "baseline-1, all pairs: 65.00 %",
    }  # fmt: skip
    assert f"n/a: fewer than {FEWEST} of them. So." in figure.caption


def test_the_figure_shows_the_aucs_of_the_table(larger):
    (figure,) = (one for one in larger.figures if one.name == "themes")
    rows = sorted(larger.table("themes").rows, key=lambda row: -row[1])
    axes = drawn(figure)
    lengths = [np.nan if row[2] is None else row[2] for row in rows]
    np.testing.assert_allclose(axes.lines[0].get_xdata(), lengths)
    whiskers = [line[:, 0] for line in axes.collections[0].get_segments() if len(line)]
    np.testing.assert_allclose(whiskers, [row[3:5] for row in rows if row[3] is not None])


def test_every_share_is_in_per_cent_or_its_table_in_fractions(report):
    counts = {"pairs", "videos", "pairs (B)"}
    units = {
        table.name: {column.unit for column in table.columns if column.format} - {""}
        for table in report.tables
    }
    assert units.pop("calibration") == {"fraction"}
    assert set(map(frozenset, units.values())) == {frozenset("%")}
    for table in report.tables:
        assert {c.name for c in table.columns if c.format and not c.unit} <= counts
    assert INTERVALS in report.notes


def test_a_report_is_strict_json_and_says_what_was_left_out(report, tiny_run):
    text = (tiny_run / "report.json").read_text()
    json.loads(text, parse_constant=pytest.fail)
    assert any("without audio" in note for note in report.notes)
    assert any("belong to another corpus" in note for note in report.notes)


def test_runs_on_other_pairs_are_not_compared(report, tiny_run):
    other = Run(tiny_run).report
    swapped = dict(other.predictions)
    swapped["random_audio"] = swapped["random_audio"][::-1]
    object.__setattr__(other, "predictions", swapped)
    with pytest.raises(ConfigError, match="scored on different pairs"):
        TiAVCSystem().compare({"a": report, "b": other})


def test_a_run_compared_with_itself_differs_by_nothing(report):
    rows = TiAVCSystem().compare({"a": report, "b": report}).table("comparison").rows
    assert rows[1][-2:] == (0, None)  # no variance, no p
    assert rows[0][1:5] == rows[1][1:5]
