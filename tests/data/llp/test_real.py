"""The counts of the published annotations, as their README gives them."""

import re

import numpy as np
import pytest

from kavc.data.llp import CLASSES, dense_masks
from kavc.data.llp.folder import open_folder
from kavc.data.llp.truth import FILES
from kavc.errors import DataError

LABELS = {  # videos with 1, 2, ... labels as given, of which one comes twice
    "train": [4032, 5879, 89],
    "validation": [212, 367, 56, 14],
    "test": [403, 650, 118, 25, 3, 0, 1],
}
PER_CLASS = {
    "train": "4988 624 528 761 192 343 455 218 299 602 186 1172 437 1457 495 146 445 224 411 587"
    " 503 99 430 291 164",
    "validation": "365 43 46 59 21 18 35 12 18 33 14 84 34 73 41 12 29 16 22 35 51 8 34 22 45",
    "test": "625 91 86 110 36 47 46 24 27 89 31 181 64 159 58 20 52 28 60 68 104 11 43 34 85",
}
# Of audio, visual and audio-visual; of the last two rows, weak labels without an event and events
# without a weak label.
EVENTS = {
    "validation": {
        "runs": (1440, 856, 872), "seconds": (8089, 6115, 5078), "pairs": (1138, 754, 706),
        "without": (4, 70, 93), "both": 708, "unlike": (13, 27),
    },
    "test": {
        "runs": (2638, 1625, 1617), "seconds": (14576, 11789, 9592), "pairs": (2083, 1444, 1330),
        "without": (6, 121, 174), "both": 1336, "unlike": (25, 38),
    },
}  # fmt: skip
ODD = (
    "AVVP_test_pd.csv: a label given twice, in 1 of 1200 videos (LcFWKgFphXI_20_30)",
    "AVVP_eval_audio.csv: 14 of 4131 rows name no video of validation or test",
    "AVVP_eval_audio.csv: 5 of 4131 rows have no length",
    "AVVP_eval_audio.csv: 1 of 4131 rows end before they begin (such as '8DF2PxdT5tE_390_400')",
    "AVVP_eval_audio.csv: 8 of 4131 rows repeat another row",
    "AVVP_eval_visual.csv: 11 of 2495 rows name no video of validation or test",
)


def test_videos_and_weak_labels(real):
    videos = open_folder(real).videos
    assert {split: len(rows) for split, rows in videos.items()} == {
        "train": 10_000, "validation": 649, "test": 1200,
    }  # fmt: skip
    for split, rows in videos.items():
        assert np.bincount([len(v.given) for v in rows])[1:].tolist() == LABELS[split]
        labels = [label for video in rows for label in video.given]
        counts = " ".join(map(str, np.bincount(labels, minlength=25)))
        assert counts == PER_CLASS[split]
    ids = [video.id for rows in videos.values() for video in rows]
    assert len(set(ids)) == 11_849
    assert sum("_" in id_ for id_ in ids) == 1470 and sum(id_[0] == "-" for id_ in ids) == 151


@pytest.mark.parametrize("split", EVENTS)
def test_what_is_heard_and_seen(real, split):
    videos = open_folder(real).videos[split]
    names = [video.name for video in videos]
    audio, visual = (dense_masks(real / file, names) for file in FILES.values())
    assert audio.shape == (len(names), 10, 25) and audio.dtype == bool
    streams = (audio, visual, audio & visual)
    before = [np.pad(mask, ((0, 0), (1, 0), (0, 0)))[:, :-1] for mask in streams]
    either = (audio | visual).any(axis=1)
    weak = np.zeros_like(either)
    for row, video in enumerate(videos):
        weak[row, video.labels] = True
    heard, seen = audio.any(axis=1), visual.any(axis=1)
    assert EVENTS[split] == {
        "runs": tuple(int((m & ~b).sum()) for m, b in zip(streams, before, strict=True)),
        "seconds": tuple(int(mask.sum()) for mask in streams),
        "pairs": tuple(int(mask.any(axis=1).sum()) for mask in streams),
        "without": tuple(int((~mask.any(axis=(1, 2))).sum()) for mask in streams),
        "both": int((heard & seen).sum()),
        "unlike": (int((weak & ~either).sum()), int((either & ~weak).sum())),
    }


def test_oddities_are_told_and_with_strict_refused(real):
    folder = open_folder(real)
    *told, last = folder.notes((), strict=False)
    assert len(told) == len(ODD)
    assert all(note.startswith(odd) for note, odd in zip(told, ODD, strict=True))
    assert last == "AVVP_eval_audio.csv: as published since 16 April 2024"
    with pytest.raises(DataError, match=r"LcFWKgFphXI.*14 of 4131.*11 of 2495.*without --strict"):
        folder.notes((), strict=True)


def test_the_table_that_was_mended_in_april_2024(real):
    path = real / FILES["audio"]
    later = path.read_text()
    older = re.sub("JfZEqeLZqWk_30_40(?=\t.*Speech)", "Baby_cry_infant_cry", later)
    path.write_text(older.replace("KvIjsmANkxI_10_20\t0\t1\t", "KvIjsmANkxI_10_20`\t0\t1\t"))
    assert path.stat().st_size == 134_360
    folder = open_folder(real)
    notes = folder.notes((), strict=False)
    assert "14 of 4131" not in notes[1] and "17 of 4131 rows name no video" in notes[1]
    assert notes[-1].startswith(ODD[-1])
    assert sum("until 16 April 2024 (134,360 bytes)" in note for note in notes) == 1
    assert not any("since" in note for note in notes)
    names = ["JfZEqeLZqWk_30_40", "KvIjsmANkxI_10_20"]
    masks = dense_masks(path, names)
    assert not masks[0, :, CLASSES.index("Speech")].any()
    assert not masks[1, 0, CLASSES.index("Cat")]


def test_crlf_and_a_byte_order_mark_change_nothing(real):
    before = open_folder(real)
    for file in real.glob("AVVP_*.csv"):
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    after = open_folder(real)
    assert after.events == before.events
    for split, videos in before.videos.items():
        assert [(v.name, v.given) for v in after.videos[split]] == [
            (v.name, v.given) for v in videos
        ]
