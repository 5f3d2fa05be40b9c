"""An index on disk: whole, checked, and replaced in one step."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from kavc.errors import ConfigError, DataError
from kavc.files import fingerprint
from kavc.retrieval.index import Index

from .conftest import corrected

SAVE_FOR_EVER = """
import sys
import numpy as np
from kavc.retrieval.index import Index
states = []
for n in (20_000, 30_000):
    states.append(Index(8))
    states[-1].add([f"{n}-{row}" for row in range(n)], np.random.default_rng(n).normal(size=(n, 8)))
states[0].save(sys.argv[1])
print("saved", flush=True)
while True:
    for state in states:
        state.save(sys.argv[1])
"""


def header(folder):
    return json.loads((folder / "index.json").read_text())


def data(folder):
    return folder / header(folder)["data"]


def rewrite(folder, **changes):
    (folder / "index.json").write_text(json.dumps(header(folder) | changes))


def resealed(folder, names=("vectors.npy", "ids.txt")):
    """Makes the header fit files that were changed, as somebody who means harm would."""
    files = {name: data(folder) / name for name in names}
    # In the order of the package.
    order = ["vectors.npy", "ids.txt", "bias.npy", "hubs/hubs.json", "hubs/bank.npy",
             "hubs/weights.npy", "hubs/ids.txt", "labels.txt"]  # fmt: skip
    digest = fingerprint([files[name] for name in order if name in files])
    rewrite(folder, sizes={name: f.stat().st_size for name, f in files.items()}, sha256=digest)


def replace_vectors(folder, vectors):
    stream = io.BytesIO()
    np.save(stream, vectors, allow_pickle=True)
    (data(folder) / "vectors.npy").write_bytes(stream.getvalue())
    resealed(folder)


def test_what_lies_there(folder, index):
    assert sorted(path.name for path in folder.iterdir()) == [data(folder).name, "index.json"]
    assert sorted(path.name for path in data(folder).iterdir()) == ["ids.txt", "vectors.npy"]
    assert (data(folder) / "ids.txt").read_text().splitlines() == index.ids
    np.testing.assert_array_equal(np.load(data(folder) / "vectors.npy"), index.vectors)
    assert {name: header(folder)[name] for name in ("format", "dim", "count", "modality")} == {
        "format": 1,
        "dim": 6,
        "count": 40,
        "modality": "audio",
    }


@pytest.mark.parametrize("corrects", [False, True])
def test_a_format_has_its_files(tmp_path, index, corrects):
    """Without a correction it is what earlier versions wrote and read."""
    (corrected() if corrects else index).save(tmp_path / "sounds")
    assert header(tmp_path / "sounds")["format"] == 1 + corrects
    rewrite(tmp_path / "sounds", format=2 - corrects)
    with pytest.raises(DataError, match="'sizes' can't be"):
        Index.load(tmp_path / "sounds")


LABELLED = ("vectors.npy", "ids.txt", "labels.txt")


@pytest.fixture
def labelled(tmp_path):
    """Three sounds: of two labels, of none, and of one."""
    index = Index(2)
    index.add(["a", "b", "c"], np.eye(3, 2) + 1, [("dog", "straße"), (), ("dog",)])
    index.save(tmp_path / "labelled")
    return tmp_path / "labelled"


def test_labels_lie_a_line_an_item(labelled):
    assert header(labelled)["format"] == 3
    assert (data(labelled) / "labels.txt").read_text() == "dog\tstraße\n\ndog\n"
    assert Index.load(labelled).labels == [("dog", "straße"), (), ("dog",)]


def test_labels_beside_a_correction(tmp_path):
    made = corrected()
    made.add(["other"], np.ones((1, 6)), [["dog"]])
    made.save(tmp_path / "sounds")
    assert header(tmp_path / "sounds")["format"] == 3
    found = Index.load(tmp_path / "sounds")
    assert found.labels == [()] * 40 + [("dog",)]
    np.testing.assert_array_equal(found.bias, made.bias)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dog\n\n", "labels of 2 items for 3 vectors"),
        ("dog\n\n\x1b[2J\n", "of item 2 is empty or holds control characters"),
        ("dog\t\n\n\n", "label '' of item 0 is empty"),
        ("dog\n\n" + "d" * 257 + "\n", "of item 2 takes 257 bytes; at most 256"),
        ("dog\n\n" + "d\t" * 256 + "d\n", "labels of item 2: expected up to 256 texts, got 257"),
    ],
)
def test_labels_that_do_not_fit(labelled, text, message):
    (data(labelled) / "labels.txt").write_text(text)
    resealed(labelled, LABELLED)
    with pytest.raises(DataError, match=message):
        Index.load(labelled)


def test_labels_that_are_no_text(labelled):
    (data(labelled) / "labels.txt").write_bytes(b"\xff\n\n\n")
    resealed(labelled, LABELLED)
    with pytest.raises(DataError, match=r"labels.txt: .*utf-8"):
        Index.load(labelled)


def test_a_correction_lies_beside_the_vectors(tmp_path):
    made = corrected()
    made.save(tmp_path / "sounds")
    place = data(tmp_path / "sounds")
    names = sorted(p.relative_to(place).as_posix() for p in place.rglob("*") if p.is_file())
    assert names == [
        "bias.npy", "hubs/bank.npy", "hubs/hubs.json", "hubs/ids.txt", "hubs/weights.npy",
        "ids.txt", "vectors.npy",
    ]  # fmt: skip
    found = Index.load(tmp_path / "sounds")
    np.testing.assert_array_equal(found.vectors, made.vectors)
    np.testing.assert_array_equal(found.bias, made.bias)
    assert str(found.hubs) == str(made.hubs) and found.score == "cosine less hub bias"


CORRECTED = ["bias.npy", "hubs/bank.npy", "hubs/hubs.json", "hubs/ids.txt", "hubs/weights.npy"]


@pytest.mark.parametrize("name", CORRECTED)
def test_a_damaged_correction_is_named_in_one_line(tmp_path, name):
    corrected().save(tmp_path / "sounds")
    file = data(tmp_path / "sounds") / name
    content = file.read_bytes()
    for damaged, message in ((content[:-1], "bring it back"), (content[:-3] + b"xyz", "altered")):
        file.write_bytes(damaged)
        with pytest.raises(DataError, match=message) as error:
            Index.load(tmp_path / "sounds")
        assert "\n" not in str(error.value)
    file.unlink()
    with pytest.raises(DataError, match=f"{name}: missing"):
        Index.load(tmp_path / "sounds")


@pytest.mark.parametrize(
    ("bias", "message"),
    [
        (np.zeros(39, "f4"), r"float32 \(39,\); expected finite float32 \(40,\)"),
        (np.zeros(40), "float64"),
        (np.full(40, np.nan, "f4"), "expected finite"),
        (np.full(40, None), "not readable as .npy"),
    ],
)
def test_a_bias_is_not_trusted(tmp_path, bias, message):
    folder = tmp_path / "sounds"
    corrected().save(folder)
    np.save(data(folder) / "bias.npy", bias, allow_pickle=True)
    resealed(folder, ["vectors.npy", "ids.txt", *CORRECTED])
    with pytest.raises(DataError, match=message):
        Index.load(folder)


def test_a_bank_of_another_model_is_refused(tmp_path):
    folder = tmp_path / "sounds"
    corrected().save(folder)
    rewrite(folder, model="cd" * 32)
    with pytest.raises(DataError, match="the bank of queries was made by the model abab"):
        Index.load(folder)


def test_an_empty_one_can_be_kept(tmp_path):
    Index(3, modality="visual").save(tmp_path / "new")
    assert (len(Index.load(tmp_path / "new")), Index.load(tmp_path / "new").dim) == (0, 3)


def test_saving_over_an_index_leaves_no_rest(folder, index):
    former = data(folder)
    loaded = Index.load(folder)
    index.remove(["video-0"])
    index.save(folder)
    assert not former.exists()
    assert sorted(path.name for path in folder.iterdir()) == [data(folder).name, "index.json"]
    assert len(Index.load(folder)) == 39
    assert loaded.search(loaded.vectors, 1)[0][0] == "video-0"  # what is mapped stays


def cut(file, kept):
    file.write_bytes(file.read_bytes()[:kept])


def flip(file, at):
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize("name", ["vectors.npy", "ids.txt"])
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda file: file.unlink(), "{name}: missing; the index is not whole"),
        (lambda file: cut(file, 0), "{name}: 0 bytes, index.json says {size}; bring it back"),
        (lambda file: cut(file, 300), "{name}: 300 bytes, index.json says {size}; bring it back"),
        (lambda file: cut(file, -1), "{name}: {less} bytes, index.json says {size}"),
        (lambda file: file.write_bytes(file.read_bytes() + b"x"), "bytes, index.json says {size}"),
        (lambda file: flip(file, -3), "altered; it has not the SHA-256 of index.json"),
        (lambda file: flip(file, 0), "altered"),
    ],
)
def test_damaged_data_are_named_in_one_line(folder, name, damage, message):
    size = (data(folder) / name).stat().st_size
    damage(data(folder) / name)
    with pytest.raises(DataError, match=message.format(name=name, size=size, less=size - 1)) as e:
        Index.load(folder)
    assert str(folder) in str(e.value) and "\n" not in str(e.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 4}, 'expected an object with "format": 1, 2 or 3'),
        ({"format": 3}, "'sizes' can't be"),
        ({"format": [1]}, 'expected an object with "format": 1, 2 or 3'),
        ({"format": True}, "'format' is True; expected a whole number"),
        ({"more": 1}, "'more' is none of its entries, which are format, dim"),
        ({"dim": 0}, "'dim' can't be 0"),
        ({"dim": "6"}, "'dim' is '6'; expected a whole number"),
        ({"count": True}, "'count' is True; expected a whole number"),
        ({"count": -1}, "'count' can't be -1"),
        ({"model": None}, "'model' is None; expected text"),
        ({"data": "../elsewhere"}, "'data' can't be '../elsewhere'"),
        ({"data": "data-000000000000"}, "missing; the index is not whole"),
        ({"sizes": {"ids.txt": 1}}, "'sizes' can't be"),
        ({"sha256": "0" * 64}, "altered"),
        ({"count": 41}, r"float32 \(40, 6\); expected float32 \(41, 6\)"),
        ({"dim": 7}, r"float32 \(40, 6\); expected float32 \(40, 7\)"),
    ],
)
def test_a_header_that_does_not_fit(folder, changes, message):
    rewrite(folder, **changes)
    with pytest.raises(DataError, match=message) as error:
        Index.load(folder)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"format": 1}'])
def test_a_header_that_is_none(folder, text):
    (folder / "index.json").write_text(text)
    with pytest.raises(DataError, match=r"index\.json: "):
        Index.load(folder)


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (np.ones((40, 6), np.float32), "whose norm is not 1"),
        (np.full((40, 6), np.nan, np.float32), "whose norm is not 1"),
        (np.zeros((40, 6), np.float32), "whose norm is not 1"),
        (np.ones((40, 6)), r"float64 \(40, 6\); expected float32"),
        (np.asfortranarray(np.ones((40, 6), np.float32)), "in C order"),
        (np.full((40, 6), None), "not readable as .npy"),
    ],
)
def test_vectors_are_not_trusted(folder, vectors, message):
    replace_vectors(folder, vectors)
    with pytest.raises(DataError, match=rf"vectors\.npy: .*{message}"):
        Index.load(folder)


def test_a_shape_that_the_file_is_too_short_for(folder):
    file = data(folder) / "vectors.npy"
    claimed = file.read_bytes().replace(b"(40, 6), ", b"(4000, 6)")
    file.write_bytes(claimed)
    resealed(folder)
    with pytest.raises(DataError, match=r"vectors\.npy: not readable as \.npy"):
        Index.load(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a\n" * 40, "id 'a' .* is given twice"),
        (b"a\nb\n", "2 ids for 40 vectors"),
        (b"\xff" + b"\n" * 40, "can't decode byte"),
        (b"\n" * 40, "is empty"),
        (b"a" * 300 + b"\n" * 40, "takes 300 bytes"),
    ],
)
def test_ids_are_not_trusted(folder, content, message):
    (data(folder) / "ids.txt").write_bytes(content)
    resealed(folder)
    with pytest.raises(DataError, match=rf"ids\.txt: .*{message}"):
        Index.load(folder)


def test_where_no_index_is(tmp_path, index):
    with pytest.raises(DataError, match=r"nowhere: no index \(it holds no index\.json\)"):
        Index.load(tmp_path / "nowhere")
    (tmp_path / "mine").mkdir()
    with pytest.raises(ConfigError, match="mine: exists and holds no index; choose another folder"):
        index.save(tmp_path / "mine")
    assert list((tmp_path / "mine").iterdir()) == []


def test_a_damaged_one_is_not_written_over(folder, index):
    (folder / "index.json").write_text("{")
    before = sorted(folder.rglob("*"))
    with pytest.raises(DataError, match="not readable as JSON"):
        index.save(folder)
    assert sorted(folder.rglob("*")) == before


def test_readers_see_one_state_or_the_other_while_it_is_replaced(folder, index):
    states = [index, Index(6)]
    states[1].add(["other"], np.ones((1, 6)))
    done = threading.Event()

    def write():
        try:
            for turn in range(30):
                states[turn % 2].save(folder)
        finally:
            done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        found = Index.load(folder)
        assert (found.ids, found.vectors.tolist()) in [
            (state.ids, state.vectors.tolist()) for state in states
        ]
    writer.join()


@pytest.mark.parametrize("wait", [0.02, 0.1, 0.25])
def test_a_killed_writer_leaves_a_whole_index(tmp_path, wait):
    folder = tmp_path / "index"
    process = subprocess.Popen(
        [sys.executable, "-c", SAVE_FOR_EVER, folder], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "saved\n"
    time.sleep(wait)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    found = Index.load(folder)
    assert len(found) in (20_000, 30_000)
    assert {each.partition("-")[0] for each in found.ids} == {str(len(found))}
    found.save(folder)


def test_what_a_killed_save_left_goes_with_the_next_one(index, tmp_path):
    for name in (".partial-0-sounds", ".partial-0-others"):
        (tmp_path / name).mkdir()
    index.save(tmp_path / "sounds")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".partial-0-others", "sounds"]
