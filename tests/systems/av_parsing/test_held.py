from __future__ import annotations

import json

import numpy as np
import pytest

from kavc.data.source import Source
from kavc.data.store import VideoStore
from kavc.data.synthetic.llp import knobs, read_truth, write
from kavc.errors import DataError
from kavc.systems.av_parsing import held
from kavc.systems.av_parsing.config import AVParsingConfig
from kavc.systems.av_parsing.held import NOTHING, PROBE, WEAK, is_published, read_held
from kavc.systems.av_parsing.system import AVParsingSystem
from kavc.systems.av_parsing.videos import check_events, truth


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("held") / "corpus"
    small = knobs("clear", latent_dim=8, audio_dim=12, visual_dim=16, visual_3d_dim=12)
    write(folder, small, counts={"train": 50, "validation": 10, "test": 30})
    return Source("synthetic", folder)


@pytest.fixture
def fits(monkeypatch):
    """The arguments of each fit of a probe, which is not done; earlier ones are forgotten."""
    calls = []

    def fit(*arguments):
        calls.append(arguments)
        return np.random.default_rng(0).random((len(arguments[-1]["audio"]), 10, 2, 25))

    monkeypatch.setattr(held, "linear_probe", fit)
    monkeypatch.setattr(held, "_probes", {})
    return calls


@pytest.fixture
def config():
    return AVParsingConfig(audio_dim=12, visual_dim=16, visual_3d_dim=12)


def test_both_splits_and_the_lines(source, config, fits):
    found = read_held(AVParsingSystem(), source, config)
    assert (len(found.test), len(found.validation)) == (30, 10)
    assert found.source.startswith("synthetic LLP-like corpus")
    assert not found.published
    assert len(found.classes) == 25
    assert list(found.reference) == [NOTHING, WEAK, PROBE]
    _, *streams = read_truth(source.path, "test")
    np.testing.assert_array_equal(truth(found.test, 10), np.stack(streams, axis=2))
    labels = found.test.columns["labels"] == 1
    assert not found.reference[NOTHING].any()
    assert (found.reference[WEAK] == labels[:, None, None]).all()
    for masks in found.reference.values():
        assert masks.shape == (30, 10, 2, 25) and masks.dtype == bool
    (fit,) = fits
    train, told, asked = fit
    assert len(train["audio"]) == 50 and len(asked["audio"]) == 40
    _, *streams = read_truth(source.path, "train")
    assert told.shape == (50, 10, 2, 25)
    np.testing.assert_array_equal(told, np.stack(streams, axis=2))


def test_the_probe_is_fitted_once_for_all_runs_and_anew_for_other_features(source, config, fits):
    system = AVParsingSystem()
    first = read_held(system, source, config).reference[PROBE]
    again = read_held(AVParsingSystem(), source, config.replace(variant="han", gate="none"))
    assert again.reference[PROBE] is first
    assert len(fits) == 1
    blind = config.replace(visual_3d_array=None, visual_3d_dim=None)
    read_held(system, source, blind)
    assert len(fits) == 2
    assert "visual_3d" not in fits[1][0]


def test_a_probe_that_is_told_all_gets_it_right(source, config, fits, monkeypatch):
    """Its threshold is the best on validation, not one half."""
    system = AVParsingSystem()

    def knowing(train, told, asked):
        masks = [np.stack(read_truth(source.path, s)[1:], axis=2) for s in ("validation", "test")]
        return 0.01 + 0.2 * np.concatenate(masks).astype(np.float32)

    monkeypatch.setattr(held, "linear_probe", knowing)
    found = read_held(system, source, config)
    np.testing.assert_array_equal(found.reference[PROBE], truth(found.test, 10))


def test_other_splits_have_no_probe(source, config, fits, tmp_path):
    splits = tmp_path / "splits.json"
    rest = {s: read_truth(source.path, s)[0] for s in ("validation", "test")}
    ids = {split: [id_.decode() for id_ in found] for split, found in rest.items()}
    parts = {"test": ids["validation"], "validation": ids["test"]}
    splits.write_text(json.dumps({split: {"ids": found} for split, found in parts.items()}))
    found = read_held(AVParsingSystem(), Source.parse(str(source), splits=splits), config)
    assert len(found.test) == 10
    assert list(found.reference) == [NOTHING, WEAK]
    assert not fits


def test_only_the_published_split_is_the_papers(tmp_path):
    llp = Source("llp", tmp_path)
    assert is_published(llp)
    assert not is_published(Source("features", tmp_path))
    assert not is_published(Source("llp", tmp_path, said={}))
    (tmp_path / "corpus.json").write_text("{}")
    assert not is_published(llp)


def test_a_split_whose_events_are_not_known_is_refused():
    zeros = {
        "audio_events": (np.zeros((10, 3), np.float32), np.array([10, 0, 0])),
        "visual_events": (np.zeros((30, 3), np.float32), np.full(3, 10)),
    }
    store = VideoStore(np.array([b"a", b"-b_", b"c"], object), zeros)
    message = r"^split 'test': video '-b_' has no rows of 'audio_events' \(2 of 3 have none\)"
    with pytest.raises(DataError, match=message):
        check_events("test", store)
