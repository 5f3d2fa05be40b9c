"""Lengths that a caller leaves out."""

from __future__ import annotations

import numpy as np
import pytest

from kavc.errors import DataError
from kavc.serving.lengths import with_lengths
from kavc.serving.signature import SignatureInfo, TensorInfo

INFO = SignatureInfo(
    {
        "audio": TensorInfo("float32", (None, None, 3)),
        "audio_length": TensorInfo("int32", (None,)),
        "theme": TensorInfo("int32", (None,)),
    },
    {},
)


@pytest.mark.parametrize("audio", [np.zeros((2, 5, 3)), np.zeros((2, 5, 3)).tolist()])
def test_a_missing_length_is_that_of_the_whole_sequence(audio):
    found = with_lengths({"audio": audio}, INFO)
    assert found["audio"] is audio
    assert found["audio_length"].dtype == np.int32
    assert found["audio_length"].tolist() == [5, 5]


def test_what_is_given_stays():
    given = {"audio": np.zeros((2, 5, 3)), "audio_length": [1, 2], "theme": [0, 0]}
    assert with_lengths(given, INFO) == given
    assert with_lengths({"theme": [0]}, INFO) == {"theme": [0]}  # the sequence is missing itself


def test_no_sequence_gets_no_length():
    assert with_lengths({"audio": np.zeros(3)}, INFO).keys() == {"audio"}


def test_ragged_lists_say_how_to_give_lengths():
    with pytest.raises(DataError, match=r"ragged list; fill .* as 'audio_length'"):
        with_lengths({"audio": [[[0, 0, 0]], [[0, 0, 0]] * 2]}, INFO)
