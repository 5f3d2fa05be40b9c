import pytest

from kavc.data.damage import data_errors
from kavc.data.youtube8m_records import Release, read_videos, release_of
from kavc.errors import DataError


def test_files_of_one_layout(tmp_path, shard):
    files = [shard(tmp_path / name, {"a": []}, level="frame") for name in "xy"]
    assert release_of(files) == Release("frame", "id")
    shard(files[1], {"a": []}, level="frame", key="video_id")  # another file by the same name
    assert release_of(files[1:]) == Release("frame", "video_id")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"key": "video_id"}, r"x is video level of 2018, but .*y is video level of 2017"),
        ({"level": "frame"}, r"x is video level of 2018, but .*y is frame level of 2018"),
    ],
)
def test_files_of_two_layouts_are_refused(tmp_path, shard, options, words):
    files = [shard(tmp_path / "x", {"a": []}), shard(tmp_path / "y", {"b": []}, **options)]
    with pytest.raises(DataError, match=words):
        release_of(files)


def test_a_missing_file(tmp_path, shard):
    with pytest.raises(DataError, match="y: no such file"):
        release_of([shard(tmp_path / "x", {"a": []}), tmp_path / "y"])


@pytest.mark.parametrize("key", ["id", "video_id"])
@pytest.mark.parametrize(
    ("odd", "labels", "words"),
    [
        ("", [1], "is empty"),
        ((), [1], "is 1 wide by its schema, this record holds 0 values"),
        (("b", "c"), [1], "is 1 wide by its schema, this record holds 2 values"),
        ("b", [2, 9, -1], "labels is not one of 0 to 8; this record holds 9"),
        ("b", [2, -1], "labels is not one of 0 to 8; this record holds -1"),
    ],
)
def test_unfit_records_are_named(tmp_path, shard, key, odd, labels, words):
    file = shard(tmp_path / "x", {"a": [8], odd: labels}, key=key)
    id_ = odd if isinstance(odd, str) else "".join(odd)
    with (
        pytest.raises(DataError, match=rf"x, record 1 \(id {id_}\): .*{words}"),
        data_errors(),
    ):
        list(read_videos([file], Release("video", key), classes=9))
