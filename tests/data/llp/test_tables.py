"""What may be wrong with the tables, each told in one line with its file and line."""

import shutil
import subprocess
import sys

import numpy as np
import pytest

from kavc.data.llp import CLASSES, dense_masks
from kavc.data.llp.folder import open_folder
from kavc.errors import DataError

WEAK, EVENTS = "filename\tevent_labels\n", "filename\tonset\toffset\tevent_labels\n"
TRAIN, TEST, AUDIO = "AVVP_train.csv", "AVVP_test_pd.csv", "AVVP_eval_audio.csv"
NAME = "train_00001_0_10"
WRONG = {
    "an unknown class": (
        TRAIN, f"{WEAK}{NAME}\tSpeech,Dgo\n", "line 2: unknown class 'Dgo'; did you mean 'Dog'?"
    ),
    "commas for tabs": (
        TRAIN, f"filename,event_labels\n{NAME},Dog\n", "line 1: commas between the columns; LLP's"
    ),
    "commas for tabs below the header": (
        TRAIN, f"{WEAK}{NAME},Dog\n", "line 2: 1 column between tabs, 2 are expected: filename, ev"
    ),
    "no header": (
        TRAIN, f"{NAME}\tDog\n", f"line 1: the columns {NAME}, Dog; filename, event_labels are"
    ),
    "other columns": (
        TRAIN, f"video\tlabels\n{NAME}\tDog\n", "line 1: the columns video, labels; filename, ev"
    ),
    "the columns of another table": (
        TRAIN, f"{EVENTS}{NAME}\t0\t1\tDog\n", "line 1: no header of LLP; 2 columns between tabs"
    ),
    "no label": (TRAIN, f"{WEAK}{NAME}\t\n", f"line 2: video '{NAME}' has no label"),
    "an empty label": (TRAIN, f"{WEAK}{NAME}\tDog,,Cat\n", "line 2: 'Dog,,Cat' holds an empty"),
    "a short id": (
        TRAIN, f"{WEAK}\n7X3oSVoA_90_100\tDog\n", "line 3: '7X3oSVoA_90_100' is no name of a video"
    ),
    "no seconds": (TRAIN, f"{WEAK}train_00001\tDog\n", "line 2: 'train_00001' is no name"),
    "no rows": (TRAIN, WEAK, "the table has no rows"),
    "nothing": (TRAIN, "", "line 1: no header of LLP; 2 columns between tabs are expected: file"),
    "twice in a table": (
        TRAIN, f"{WEAK}{NAME}\tDog\ntrain_00001_10_20\tDog\n",
        "AVVP_train.csv, line 3: video 'train_00001' comes a second time, after",
    ),
    "in two splits": (
        TEST, f"{WEAK}-val-----_2_0_10\tDog\n",
        "AVVP_test_pd.csv, line 2: video '-val-----_2' comes a second time, after",
    ),
    "UTF-16": (TRAIN, "\ufeff".encode("utf-16-le"), "text in UTF-16; save it as UTF-8"),
    "an unknown class of an event": (
        AUDIO, f"{EVENTS}{NAME}\t0\t1\tSpeech,Dog\n", "line 2: unknown class 'Speech,Dog'"
    ),
    "fractions of seconds": (
        AUDIO, f"{EVENTS}{NAME}\t0\t1.5\tDog\n", "line 2: offset is '1.5'; a whole second from 0 to"
    ),
    "seconds past the end": (
        AUDIO, f"{EVENTS}{NAME}\t11\t12\tDog\n", "line 2: onset is '11'; a whole second from 0 to"
    ),
    "a column too few": (
        AUDIO, f"{EVENTS}{NAME}\t0\tDog\n", "line 2: 3 columns between tabs, 4 are expected"
    ),
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_tables(llp, wrong):
    file, content, words = WRONG[wrong]
    path = llp()
    (path / file).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError) as caught:
        open_folder(path)
    line = str(caught.value)
    assert str(path / file) in line and words in line
    assert "\n" not in line


def test_tables_and_features_are_in_one_place(llp):
    path = llp()
    (path / "feats").mkdir()
    shutil.copytree(path / "vggish", path / "feats/vggish")
    with pytest.raises(DataError, match=r"vggish is in .*llp/vggish and in .*feats/vggish; remove"):
        open_folder(path)
    (path / "data").mkdir()
    shutil.copyfile(path / TRAIN, path / "data" / TRAIN)
    with pytest.raises(DataError, match=r"AVVP_test_pd.csv\) in .* and in .*llp/data; remove one"):
        open_folder(path)
    with pytest.raises(DataError, match=r"none of AVVP_train.csv.* in .*feats or in .*feats/data"):
        open_folder(path / "feats")


def test_rows_that_make_no_event(tmp_path):
    path = tmp_path / AUDIO
    rows = ["a\t3\t3\tDog", "a\t9\t0\tDog", "b\t0\t10\tDog", "a\t8\t10\tCat"]
    path.write_text(EVENTS + "\n".join(rows))
    masks = dense_masks(path, ["x", "a", "a"])
    wanted = np.zeros((3, 10, 25), bool)
    wanted[1:, 8:, CLASSES.index("Cat")] = True
    np.testing.assert_array_equal(masks, wanted)


def test_labels_with_crlf_a_byte_order_mark_and_space(llp):
    path = llp()
    (path / TRAIN).write_bytes(
        f"\ufeff{WEAK}{NAME}\tDog, Speech\n\n".replace("\n", "\r\n").encode()
    )
    assert [v.labels for v in open_folder(path).videos["train"]] == [[0, 3]]


def test_evaluation_needs_no_tensorflow():
    code = "from kavc.data.llp import CLASSES, convert, dense_masks, missing_features; import sys;"
    code += "print(len(CLASSES), 'tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "25 False\n"
