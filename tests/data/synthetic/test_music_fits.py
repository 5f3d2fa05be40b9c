import json

import numpy as np
import pytest

from kavc.data.comparisons import read_comparisons
from kavc.data.synthetic import music, music_fits
from kavc.data.synthetic.music import Truth, knobs
from kavc.errors import DataError


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("music") / "corpus"
    music.write(folder, knobs("small"), videos=60, sample_seed=1, world_seed=2)
    return folder


def test_fits_are_those_that_answers_were_drawn_from(corpus):
    judged = read_comparisons(corpus / "triples.csv")
    truth = Truth.read(corpus).select(judged.ids)
    noise = music.MusicWorld.read(corpus).noise
    for row in range(0, len(judged), 7):
        a, b = music_fits.fits(
            corpus, [judged.video[row]], [judged.track_a[row], judged.track_b[row]]
        )[0]
        unbiased = 1 / (1 + np.exp(-(a - b) / noise))
        np.testing.assert_allclose(unbiased, truth.unbiased[row], rtol=1e-9)


def test_shape_order_and_text(corpus):
    videos, tracks = ["v2-1-000059", "v2-1-000000"], ["t2-1-000003", "t2-1-000001", "t2-1-000059"]
    found = music_fits.fits(corpus, videos, tracks)
    assert found.shape == (2, 3) and found.dtype == np.float64
    turned = music_fits.fits(corpus, [each.encode() for each in videos[::-1]], tracks[::-1])
    np.testing.assert_array_equal(found, turned[::-1, ::-1])
    assert music_fits.fits(corpus, [], tracks).shape == (0, 3)
    assert music_fits.fits(str(corpus), videos, []).shape == (2, 0)


@pytest.mark.parametrize(
    "video", ["v2-1-000060", "v2-0-000000", "t2-1-000000", "v2-1-00000", "v2-1-00000x", ""]
)
def test_an_id_of_another_corpus(corpus, video):
    with pytest.raises(DataError, match=r"no video '.*'; expected one of 60, v2-1-000000 to"):
        music_fits.fits(corpus, [video], ["t2-1-000000"])
    with pytest.raises(DataError, match="no track"):
        music_fits.fits(corpus, ["v2-1-000000"], [video.replace("t", "v")])


def test_a_corpus_of_no_world(corpus, tmp_path):
    told = json.loads((corpus / "corpus.json").read_text())
    for change in ({"tracks": "many"}, {"counts": {"train": None}}, {"world": {}}):
        (tmp_path / "corpus.json").write_text(json.dumps(told | change))
        with pytest.raises(DataError, match=r"corpus\.json"):
            music_fits.fits(tmp_path, ["v2-1-000000"], ["t2-1-000000"])
