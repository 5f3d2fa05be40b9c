"""Labels of segments from a file: read, refused, learnt from, part of a run's identity."""

from __future__ import annotations

import numpy as np
import pytest

from kavc.data.source import Source
from kavc.data.store import VideoStore
from kavc.data.synthetic import llp
from kavc.data.synthetic.llp_knobs import knobs
from kavc.errors import ConfigError, DataError
from kavc.systems.av_parsing import pseudo_labels
from kavc.systems.av_parsing.config import AVParsingConfig
from kavc.systems.av_parsing.recipe import build, stages
from kavc.systems.av_parsing.system import AVParsingSystem
from kavc.training.fit import train

pytestmark = [
    pytest.mark.usefixtures("without_graphs"),
    pytest.mark.filterwarnings("ignore:Even though the .tf.config.experimental_run_functions"),
]
IDS = [b"a", b"b", b"c"]
SHAPE = (3, 2, 2, 4)  # videos, segments, modalities, classes


@pytest.fixture
def labels():
    return np.random.default_rng(0).random(SHAPE)


def test_labels_come_in_the_order_that_is_asked_for(tmp_path, labels):
    pseudo_labels.write(tmp_path / "labels.npz", IDS, labels)
    found = pseudo_labels.read(tmp_path / "labels.npz", [b"c", b"a"], 2, 4)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, labels[[2, 0]].astype(np.float32))


def test_ids_may_be_text(tmp_path, labels):
    np.savez(tmp_path / "labels.npz", ids=np.array(["a", "b", "c"]), segments=labels)
    assert len(pseudo_labels.read(tmp_path / "labels.npz", IDS, 2, 4)) == 3


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"ids": np.array(IDS)}, "holds no 'segments'"),
        ({"segments": np.zeros(SHAPE)}, "holds no 'ids'"),
        ({"ids": np.array(IDS), "segments": np.zeros((3, 2, 4))}, r"expected floats \(3, 2, 2, 4"),
        ({"ids": np.array(IDS), "segments": np.zeros(SHAPE, int)}, "int64 of shape"),
        ({"ids": np.array(IDS), "segments": np.full(SHAPE, 1.5)}, "must lie in 0 to 1"),
        ({"ids": np.array(IDS), "segments": np.full(SHAPE, np.nan)}, "must lie in 0 to 1"),
        ({"ids": np.array(IDS[:2]), "segments": np.zeros((2, *SHAPE[1:]))}, "1 of 3 training vide"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, arrays, said):
    np.savez(tmp_path / "labels.npz", **arrays)
    with pytest.raises(DataError, match=said) as error:
        pseudo_labels.read(tmp_path / "labels.npz", IDS, 2, 4)
    assert "\n" not in str(error.value)


def test_a_stage_gives_them_to_segments_and_modalities(tmp_path, labels):
    pseudo_labels.write(tmp_path / "labels.npz", IDS, labels)
    config = AVParsingConfig(
        variant="han", classes=4, segments=2, audio_dim=5, visual_dim=5, visual_3d_dim=5, dim=4,
        units=4, pseudo_labels=str(tmp_path / "labels.npz"), segment_weight=0.5, positive_weight=2,
    )  # fmt: skip
    rows = np.repeat(np.arange(3, dtype="float32"), 2)[:, None] * np.ones((1, 5), "float32")
    every = np.full(3, 2)
    sequences = dict.fromkeys(("audio", "visual", "visual_3d"), (rows, every))
    nothing = np.zeros((6, 4), "float32"), every
    sequences |= {"audio_events": nothing, "visual_events": nothing}
    store = VideoStore(np.array(IDS), sequences, {"labels": np.ones((3, 4), "float32")})
    (stage,) = stages(config)
    prepared = stage.prepare(build(config), lambda: store, tmp_path / "train")
    for inputs, targets in stage.dataset(prepared, 0, 0).as_numpy_iterator():
        chosen = labels[inputs["audio"][:, 0, 0].astype(int)].astype("float32")
        np.testing.assert_array_equal(targets["segments"], chosen)
        np.testing.assert_array_equal(targets["audio"], chosen[:, :, 0].max(axis=1))
        np.testing.assert_array_equal(targets["visual"], chosen[:, :, 1].max(axis=1))
        assert (targets["video"] == 1).all()
    trainee = stage.trainee(build(config))
    assert (trainee.segment_weight, trainee.positive_weight) == (0.5, 2.0)
    held = stage.prepare(build(config), lambda: store, tmp_path / "validation")
    ((_, targets),) = stage.dataset(held, None, 0).as_numpy_iterator()
    assert targets.keys() == {"video", "audio", "visual"}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("llp") / "corpus"
    small = knobs("default", latent_dim=8, audio_dim=12, visual_dim=16, visual_3d_dim=12)
    llp.write(folder, small, videos=24, sample_seed=0, world_seed=0)
    return Source.parse(f"synthetic:{folder}")


def test_a_run_is_of_one_file(tmp_path, corpus):
    """Trained on a corpus' truth, an oracle; other labels under the same name are refused."""
    file = tmp_path / "labels.npz"
    ids, *streams = llp.read_truth(corpus.path, "train")
    told = np.stack(streams, axis=2).astype("float32")
    options = {"variant": "han", "dim": 4, "units": 4, "epochs": 1, "pseudo_labels": str(file)}
    system = AVParsingSystem()
    with pytest.raises(DataError, match=r"labels\.npz: no such file"):
        train(system, corpus, tmp_path / "run", overrides=options)
    assert not (tmp_path / "run").exists()
    pseudo_labels.write(file, ids[1:], told[1:])
    with pytest.raises(DataError, match="training videos have no labels"):
        train(system, corpus, tmp_path / "run", overrides=options)
    assert not (tmp_path / "run").exists()
    pseudo_labels.write(file, ids, told)
    run = train(system, corpus, tmp_path / "run", overrides=options)
    assert run.config.pseudo_labels_sha256 == pseudo_labels.digest(file)
    pseudo_labels.write(file, ids, 1 - told)
    with pytest.raises(ConfigError, match="pseudo_labels_sha256"):
        train(system, corpus, tmp_path / "run", overrides=options, resume=True)
