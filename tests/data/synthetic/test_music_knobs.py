import pytest

from kavc.data.synthetic.music import KNOB_SETS, MusicKnobs, knobs
from kavc.errors import ConfigError


def test_sets():
    assert knobs("default") == MusicKnobs()
    assert knobs("clear", raters=5).raters == 5
    assert all(isinstance(knobs(name), MusicKnobs) for name in KNOB_SETS)
    assert knobs("no-interaction").interaction == 0


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"oracle_accuracy": 0.96}, "must be a number from 0.55 to 0.95; got 0.96"),
        ({"raters": 0}, "raters must be a whole number from 1"),
        ({"raters": 21}, r"raters \(21\) must not be above rater_pool \(20\)"),
        ({"apart": "track"}, "apart must be one of both, video; got 'track'"),
        ({"interaction": -1}, "interaction must be a number from 0 to 1"),
        ({"flow_dim": 3}, r"flow_dim \(3\) must be 4 or more"),
        ({"order_bias": 0.4, "oracle_accuracy": 0.6}, "must be 0.609 or more: the order alone"),
        ({"interactoin": 1}, "did you mean 'interaction'"),
    ],
)
def test_mistakes(changed, words):
    with pytest.raises(ConfigError, match=words):
        knobs("default", **changed)


def test_no_such_set():
    with pytest.raises(ConfigError, match="unknown set of knobs 'cleer'; did you mean 'clear'"):
        knobs("cleer")
