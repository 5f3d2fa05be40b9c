import pytest

from kavc.data.damage import data_errors
from kavc.data.youtube8m_frames import read_frames
from kavc.data.youtube8m_records import Release
from kavc.errors import DataError


@pytest.mark.parametrize("key", ["id", "video_id"])
@pytest.mark.parametrize(
    ("odd", "labels", "words"),
    [
        ("", [1], r"\(id \): KEY is empty"),
        ((), [1], r"\(id \): KEY must be one value; this record holds 0"),
        (("b", "c"), [1], r"\(id bc\): KEY must be one value; this record holds 2"),
        ("b", [2, 9], r"\(id b\): labels is not one of 0 to 8; this record holds 9"),
        ("b", [-1], r"\(id b\): labels is not one of 0 to 8; this record holds -1"),
    ],
)
def test_unfit_records_are_named(tmp_path, shard, key, odd, labels, words):
    file = shard(tmp_path / "x", {"a": [], odd: labels}, key=key, level="frame")
    words = words.replace("KEY", key)
    with pytest.raises(DataError, match=rf"x, record 1 {words}"), data_errors():
        list(read_frames([file], Release("frame", key), None, None, classes=9))


def test_the_key_of_the_other_release_is_no_id(tmp_path, shard):
    file = shard(tmp_path / "x", {"a": []}, key="video_id", level="frame")
    with pytest.raises(DataError, match=r"record 0 .*: id must be one value"), data_errors():
        list(read_frames([file], Release("frame", "id"), None, None))
