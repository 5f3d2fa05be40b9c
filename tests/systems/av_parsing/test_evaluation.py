"""Reports of networks that answer what is asked for, so that their numbers are known."""

from __future__ import annotations

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import ops
from sklearn.metrics import precision_recall_fscore_support

from kavc.data.store import VideoStore
from kavc.errors import DataError
from kavc.evaluation.report import Report
from kavc.layers.network import Network
from kavc.metrics.parsing import METRICS, class_counts, class_scores, parsing_metrics, predictions
from kavc.systems.av_parsing import paper, scoring
from kavc.systems.av_parsing.config import AVParsingConfig
from kavc.systems.av_parsing.evaluation import chosen_video, evaluate
from kavc.systems.av_parsing.held import NOTHING, PROBE, WEAK, Held, known_lines
from kavc.systems.av_parsing.scoring import asker
from kavc.systems.av_parsing.tables import ELSEWHERE, HERE, parsing_table

CLASSES = ["Speech", "Frying_(food)", "", "Tabs and | pipes", "Dog"]
CONFIG = AVParsingConfig(classes=5, audio_dim=5, visual_dim=5, visual_3d_dim=None)
VIDEOS = 130


class Telling(Network):
    """Takes probabilities of segments as features, and answers with them.

    Args:
        video: float. What the video's probability, the largest of all, is multiplied by.
        threshold: float. What a fit has found, as `AttentiveMMILPooling` keeps it.
    """

    def __init__(self, video=1.0, threshold=0.5):
        inputs = {name: keras.Input((10, 5), name=name) for name in ("audio", "visual")}
        segment = ops.stack([inputs["audio"], inputs["visual"]], axis=2)
        streams = ops.max(segment, axis=1)
        self.features = {"encoded": ops.swapaxes(segment, 1, 2)}
        self.features["joint"] = 0.0 * self.features["encoded"]
        outputs = {
            "segment_probability": segment,
            "video_probability": video * ops.max(streams, axis=1),
            "audio_probability": streams[:, 0],
            "visual_probability": streams[:, 1],
        }
        super().__init__(inputs, outputs, config={})
        self.pooling = SimpleNamespace(thresholds=(threshold, threshold))


def random_truth(videos, seed):
    """What is heard and seen, `(videos, 10, 2, 5)` bool; the third class never occurs."""
    draw = np.random.default_rng(seed)
    occurs = draw.random((videos, 1, 2, 5)) < [0.9, 0.3, 0, 0.3, 0.2]
    return occurs & (draw.random((videos, 10, 2, 5)) < 0.8)


def make_store(truth, probability):
    """Videos of some truth, whose features are the probabilities that `Telling` answers with."""
    arrays = {
        "audio": probability[:, :, 0],
        "visual": probability[:, :, 1],
        "audio_events": truth[:, :, 0],
        "visual_events": truth[:, :, 1],
    }
    lengths = np.full(len(truth), 10)
    return VideoStore(
        np.array([b"video-%03d" % video for video in range(len(truth))], object),
        {name: (x.reshape(-1, 5).astype(np.float32), lengths) for name, x in arrays.items()},
        {"labels": truth.any(axis=(1, 2)).astype(np.float32)},
        dropped={"duplicate": 0, "without audio": 2},
    )


def make_held(answer, **options):
    """Held-out videos, whose features are what `answer` makes of their truth."""
    truths = random_truth(VIDEOS, 1), random_truth(40, 2)
    test, validation = (make_store(truth, answer(truth)) for truth in truths)
    return Held(
        test, validation, CLASSES, "made up", known_lines(test, 10), notes=["A note."], **options
    )


def records(report, table):
    """Rows by their first column."""
    return {next(iter(row.values())): row for row in report.table(table).to_records()}


def numbers(report, table, row):
    return [x for x in records(report, table)[row].values() if not isinstance(x, str)]


def noisy(truth):
    """Probabilities that tell something of the truth."""
    return 0.3 * truth + 0.7 * np.random.default_rng(len(truth)).random(truth.shape)


@pytest.fixture(scope="module")
def held():
    return make_held(noisy, published=True)


@pytest.fixture(scope="module")
def report(held):
    return evaluate(Telling(), held, CONFIG)


@pytest.fixture(scope="module")
def knowing():
    return evaluate(Telling(), make_held(lambda truth: truth), CONFIG)


def test_a_network_that_knows_the_truth_has_100_everywhere(knowing):
    assert knowing.headline.value == 100 and knowing.headline.interval is None
    assert numbers(knowing, "parsing", "this network") == [100] * 10
    assert numbers(knowing, "exclusive", "this network") == [100] * 4
    assert all(numbers(knowing, "video", row) == [100] * 6 for row in records(knowing, "video"))
    classes = records(knowing, "classes")
    assert all(x == 100 for x in list(classes["Speech"].values())[4:])
    assert list(classes[""].values())[1:] == [0, 0, 0, *[None] * 6]


def test_numbers_are_those_of_the_decisions(report, held):
    truth, probability = truth_of(held)
    predicted = predictions(probability, probability.max(axis=(1, 2)))
    expected = parsing_metrics(predicted, truth)
    found = numbers(report, "parsing", "this network")
    np.testing.assert_allclose(found, list(expected.as_dict().values()), rtol=1e-12)
    stored = report.predictions
    np.testing.assert_array_equal(stored["predicted"], predicted)
    np.testing.assert_array_equal(stored["truth"], truth)
    both = np.concatenate([stored["segment"], stored["event"]], axis=1)
    np.testing.assert_allclose(both.mean(axis=0), found)
    np.testing.assert_array_equal(stored["id"], held.test.ids.astype(bytes))
    np.testing.assert_array_equal(stored["thresholds"], [0.5, 0.5])
    low, high = report.headline.interval
    assert report.headline.value == pytest.approx(expected.segment_type_at_av)
    assert low < report.headline.value < high
    ends = [np.array(numbers(report, "parsing-intervals", end)) for end in ("low", "high")]
    assert (ends[0] < found).all() and (found < ends[1]).all()
    assert (ends[0][3], ends[1][3]) == pytest.approx((low, high))


def truth_of(held):
    """Truth and probabilities of the test videos."""
    truth = random_truth(len(held.test), 1)
    return truth, noisy(truth).astype(np.float32)


def test_reference_lines_stand_beside_it(report, held):
    truth, _ = truth_of(held)
    nothing = parsing_metrics(np.zeros_like(truth), truth)
    assert numbers(report, "parsing", NOTHING) == pytest.approx(list(nothing.as_dict().values()))
    labels = truth.any(axis=(1, 2))
    everywhere = np.broadcast_to(labels[:, None, None], truth.shape)
    weak = parsing_metrics(everywhere, truth)
    assert numbers(report, "parsing", WEAK) == pytest.approx(list(weak.as_dict().values()))


@pytest.mark.parametrize("label", ["HAN", "Base + GCAA"])
@pytest.mark.parametrize("corpus", [HERE, ELSEWHERE])
def test_the_papers_row(held, label, corpus):
    truth, _ = truth_of(held)
    table = parsing_table({}, truth, label, corpus, "made up")
    assert table.rows == ((f"{label}, {corpus}", *paper.SEGMENT[label], *paper.EVENT[label]),)


def test_gates_and_thresholds_are_those_of_the_config():
    truth = random_truth(VIDEOS, 1)
    held = make_held(lambda truth: 0.4 * truth + 0.05)
    nothing = parsing_metrics(np.zeros_like(truth), truth).segment_type_at_av
    for gate, threshold, kept, value in (
        ("video", "half", 0.5, nothing),
        ("modality", "half", 0.5, nothing),
        ("modality", "validation", 0.06, 100),
        ("none", "validation", 0.06, 100),
        ("none", "validation", 0.46, nothing),  # whatever is best on these data
    ):
        # Its videos' probabilities reach no threshold that cuts anything.
        timid = Telling(video=0.1, threshold=kept)
        found = evaluate(timid, held, CONFIG.replace(gate=gate, threshold=threshold))
        assert found.headline.value == pytest.approx(value)
        rows = found.table("gates").to_records()
        (chosen,) = [row for row in rows if row["config"]]
        assert (chosen["gate"], chosen["threshold by"]) == (gate, threshold)
        assert chosen["segment, Type@AV"] == pytest.approx(value)
        assert chosen["threshold"] == kept
        assert chosen["gate's threshold"] == (None if gate == "none" else kept)
        np.testing.assert_array_equal(found.predictions["thresholds"], [kept, kept])
    fitted = {row["gate"]: row for row in rows if row["threshold by"] == "validation"}
    # The smallest twentieths at which no segment is wrong, of probabilities 0.05 and 0.45.
    assert fitted["modality"]["threshold"] == pytest.approx(0.1)
    assert fitted["modality"]["gate's threshold"] == pytest.approx(0.05)
    assert fitted["video"]["segment, Type@AV"] < 100


def test_what_is_only_heard_is_scored_by_itself():
    truth = np.zeros((VIDEOS, 10, 2, 5), bool)
    truth[:, :5, 0, 0] = True  # heard in every video, never seen

    def answer(_):
        both = np.zeros((len(_), 10, 2, 5))
        both[:, :5, :, 0] = 1
        return both

    test = make_store(truth, answer(truth))
    held = Held(test, test, CLASSES, "made up", known_lines(test, 10))
    found = evaluate(Telling(), held, CONFIG)
    assert numbers(found, "parsing", "this network")[:3] == [100, 0, 0]
    assert numbers(found, "exclusive", "this network") == [0, 100, 0, 100]


def test_classes_are_in_the_order_of_their_events(report, held):
    truth, _ = truth_of(held)
    counts = class_counts(truth)
    rows = report.table("classes").rows
    order = [CLASSES.index(row[0]) for row in rows]
    assert order[0] == 0 and order[-1] == 2
    assert np.array([row[1:4] for row in rows]).T.tolist() == counts[:, order].tolist()
    expected = 100 * class_scores(report.predictions["predicted"], truth, "event")[:, order]
    np.testing.assert_array_equal(np.array([row[7:] for row in rows], float).T, expected)


def test_classification_of_videos_is_scikit_learns(report, held):
    truth, probability = truth_of(held)
    kinds = {
        "video, weak labels": (probability.max(axis=(1, 2)), truth.any(axis=(1, 2))),
        "audio, what is heard": (probability[:, :, 0].max(axis=1), truth[:, :, 0].any(axis=1)),
    }
    for row, (found, true) in kinds.items():
        for average, first in (("micro", 0), ("macro", 3)):
            p, r, f, _ = precision_recall_fscore_support(
                true, found >= 0.5, average=average, zero_division=np.nan
            )
            values = numbers(report, "video", row)[first : first + 3]
            np.testing.assert_allclose(values, [100 * f, 100 * p, 100 * r])


def test_probes_see_the_features(report):
    probes = records(report, "modality-probes")
    assert list(probes) == ["encoded", "joint"]
    assert numbers(report, "modality-probes", "joint") == [50, 50]  # zeros, whatever it was
    assert max(numbers(report, "modality-probes", "encoded")) < 80


def test_notes_say_what_was_left_out_and_whose_numbers_the_papers_are(report, knowing):
    assert "A note." in report.notes
    assert f"Test videos: {VIDEOS}; left out: 2 without audio." in report.notes
    other = "The paper's numbers belong to another corpus, LLP."
    assert other in knowing.notes and other not in report.notes
    assert not any(PROBE[1:] in note for note in report.notes)
    assert f"Base + Adv+Skip+GCAA, {HERE}" in records(report, "parsing")
    assert f"Base + Adv+Skip+GCAA, {ELSEWHERE}" in records(knowing, "parsing")


def test_the_timeline_shows_a_usual_video_of_many_events():
    truth = np.zeros((4, 10, 2, 2), bool)
    truth[[0, 2, 3], 2, 0, 0] = True
    truth[[0, 2, 3], 4, 1, 1] = True
    truth[1, 2, 0, 0] = True
    assert chosen_video(truth, np.array([90.0, 50.0, 60.0, 0.0])) == 2
    assert chosen_video(truth, np.array([60.0, 50.0, 60.0, 0.0])) == 0
    truth[3, 8, 0, 0] = True
    assert chosen_video(truth, np.array([90.0, 50.0, 60.0, 0.0])) == 3


def test_a_report_is_stored_whole(report, tmp_path):
    report.save(tmp_path / "report")
    loaded = Report.load(tmp_path / "report")
    assert [figure.name for figure in loaded.figures] == [
        "class-events", "class-scores", "timeline",
    ]  # fmt: skip
    for name, values in report.predictions.items():
        np.testing.assert_array_equal(loaded.predictions[name], values)
        assert loaded.predictions[name].dtype == values.dtype
    assert all(table.source == "made up" for table in loaded.tables)


def test_answers_do_not_depend_on_the_batch(held, monkeypatch):
    rows = np.array([129, 3, 64])
    ask = asker(Telling())
    whole = ask(held.test, np.arange(VIDEOS))
    monkeypatch.setattr(scoring, "BATCH_SIZE", 2)
    some = ask(held.test, rows)
    assert some.keys() == whole.keys()
    for name, values in some.items():
        np.testing.assert_array_equal(values, whole[name][rows])


def test_a_network_that_diverged_is_refused():
    held = make_held(lambda truth: np.full(truth.shape, np.nan))
    with pytest.raises(DataError, match="did training diverge"):
        evaluate(Telling(), held, CONFIG)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (NOTHING, (0.5, 10.1, 14.5, 8.4, 0.0, 0.5, 10.1, 14.5, 8.4, 0.0)),
        (WEAK, (76.1, 60.3, 52.6, 63.0, 71.7, 63.0, 55.8, 44.7, 54.5, 61.6)),
    ],
)
def test_reference_lines_of_llp(shared, row, expected):
    from kavc.data.llp import truth as of_tables
    from kavc.data.llp.folder import open_folder

    folder = open_folder(shared / "data" / "llp")
    videos = folder.videos["test"]
    names = [video.name for video in videos]
    truth = np.stack(
        [of_tables.masks(folder.events[kind], names) for kind in ("audio", "visual")], axis=2
    )
    labels = np.zeros((len(videos), 25), np.float32)
    for row_of, video in enumerate(videos):
        labels[row_of, list(video.labels)] = 1
    store = VideoStore(np.array(names, object), {}, {"labels": labels})
    lines = known_lines(store, 10)
    found = parsing_table({row: lines[row]}, truth, "HAN", HERE, "LLP").rows[0][1:]
    np.testing.assert_allclose(found, expected, atol=0.051)  # rounded to a tenth
    assert len(found) == len(METRICS)
