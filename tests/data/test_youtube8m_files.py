import pytest

from kavc.data.source import Source
from kavc.data.youtube8m_files import open_files, words_near, words_of
from kavc.data.youtube8m_records import Release
from kavc.errors import DataError

OF_2018, OF_2017 = Release("video", "id"), Release("frame", "video_id")


def vocabulary(folder, classes):
    rows = "".join(f"{i},Class {i},Theme\n" for i in range(classes))
    (folder / "vocabulary.csv").write_text("Index,Name,Vertical1\n" + rows)
    return Source("youtube8m", folder)


@pytest.mark.parametrize(
    ("release", "classes"),
    [(OF_2018, 4716), (OF_2017, 3862), (OF_2018, 3863), (OF_2017, 4717), (OF_2018, 5000)],
)
def test_the_vocabulary_of_another_release_is_refused(tmp_path, release, classes):
    source = vocabulary(tmp_path, classes)
    words = rf"vocabulary.csv: the {classes} classes of another release; .* {release.classes}: put"
    with pytest.raises(DataError, match=words) as caught:
        words_of(source, release)
    assert str(release) in str(caught.value)
    with pytest.raises(DataError, match=words):
        words_near(source, release)


@pytest.mark.parametrize(
    ("release", "classes"), [(OF_2018, 3862), (OF_2017, 4716), (OF_2018, 8), (OF_2017, 8)]
)
def test_its_own_and_a_small_one_are_read(tmp_path, release, classes):
    assert len(words_of(vocabulary(tmp_path, classes), release)) == classes


def test_no_vocabulary(tmp_path):
    source = Source("youtube8m", tmp_path)
    assert words_near(source, OF_2018) is None
    with pytest.raises(DataError, match=r"no vocabulary.csv"):
        words_of(source, OF_2018)


def test_another_vocabulary_at_the_same_place_is_read_again(tmp_path):
    assert len(words_of(vocabulary(tmp_path, 8), OF_2018)) == 8
    assert len(words_of(vocabulary(tmp_path, 80), OF_2018)) == 80


def test_linked_folders_are_read_and_circles_end(tmp_path):
    outside = tmp_path / "outside" / "deep"
    outside.mkdir(parents=True)
    folder = tmp_path / "corpus"
    (folder / "real" / "below").mkdir(parents=True)
    for place in (outside, folder, folder / "real" / "below"):
        (place / "train0.tfrecord").touch()
    (outside / ".hidden.tfrecord").touch()
    (folder / "linked").symlink_to(outside.parent)
    (folder / "real" / "up").symlink_to(folder)
    (outside / "round").symlink_to(outside.parent)
    (folder / "itself").symlink_to("itself")
    (folder / "broken").symlink_to("nowhere")
    opened = open_files(Source("youtube8m", folder))
    names = [file.relative_to(folder).as_posix() for file in opened.files]
    assert names == [
        "linked/deep/train0.tfrecord",
        "real/below/train0.tfrecord",
        "train0.tfrecord",
    ]
    splits = tmp_path / "splits.json"
    splits.write_text('{"train": ["**/deep/train*"], "test": ["real/**/*.tfrecord"]}')
    opened = open_files(Source("youtube8m", folder, splits))
    assert opened.of("train") == [folder / names[0]]
    assert opened.of("test") == [folder / names[1]]


def test_which_files_are_taken(tmp_path):
    for name in ("train1", "train0", "test0", "other"):
        (tmp_path / f"{name}.tfrecord").touch()
    opened = open_files(Source("youtube8m", tmp_path))
    assert opened.present() == ["train", "test"]
    names = [file.stem for file in opened.taken()]
    assert names == ["test0", "train0", "train1"]
    assert len(opened.files) == 4
