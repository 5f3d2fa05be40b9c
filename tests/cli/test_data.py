"""`kavc data`: what it prints, and damaged or unfit data by way of the command line."""

from __future__ import annotations

import json
import shutil
import struct

import numpy as np
import pytest
import tensorflow as tf

from kavc.data.features.header import read_header
from kavc.data.features.members import members_path
from kavc.data.features.writer import write_corpus
from kavc.data.layouts import View
from kavc.data.source import Source
from kavc.data.tfrecord import write_records
from kavc.systems.av_parsing.pseudo_labels import read_modalities

TRAIN = "train-00000.tfrecord"


@pytest.fixture
def corpus(tiny_corpus, tmp_path):
    """A copy that may be damaged."""
    return shutil.copytree(tiny_corpus, tmp_path / "corpus")


def cut_at_record(file):
    content = file.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    file.write_bytes(content[: length + 16])


DAMAGES = {
    "missing": (lambda file: file.unlink(), "train-00000.tfrecord: no such file"),
    "truncated": (
        lambda file: file.write_bytes(file.read_bytes()[:-100]),
        "train-00000.tfrecord: cut off or damaged inside record 239 of 240",
    ),
    "empty": (lambda file: file.write_bytes(b""), "train-00000.tfrecord: empty (0 bytes)"),
    "cut between records": (
        cut_at_record,
        "train-00000.tfrecord: ends after record 0: 1 records, its manifest says 240",
    ),
}


@pytest.mark.parametrize("command", ["describe", "train"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_files_are_named_and_nothing_is_written(refused, corpus, tmp_path, command, damage):
    spoil, message = DAMAGES[damage]
    spoil(corpus / TRAIN)
    source, out = f"synthetic:{corpus}", tmp_path / "run"
    if command == "describe":
        line = refused("data", "describe", source)
    else:
        line = refused("train", "ti-avc", "--data", source, "--out", out)
    assert message in line
    assert not out.exists()


def test_damage_inside_a_record_is_found_while_it_is_read(refused, corpus, tmp_path, small_options):
    file = corpus / TRAIN
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)
    line = refused(*training(corpus, tmp_path / "run", small_options))
    assert "damaged" in line


def test_features_of_another_width_than_the_corpus_says(refused, corpus):
    description = json.loads((corpus / "corpus.json").read_text())
    description["fields"]["visual"]["shape"] = [None, 31]
    (corpus / "corpus.json").write_text(json.dumps(description))
    line = refused("data", "describe", f"synthetic:{corpus}")
    assert f"{TRAIN}: visual is (any, 32) float32 by its manifest" in line
    assert "(any, 31) float32 is expected" in line


def video(number, **changes):
    return {
        "id": f"video-{number}",
        "audio": np.ones((4, 3), np.float32),
        "visual": np.ones((2, 5), np.float32),
        "labels": [number % 2],
    } | changes


def splits(**changes):
    """Six videos a split, of which the fourth training video is changed."""
    found = {
        name: [video(10 * place + n) for n in range(6)]
        for place, name in enumerate(("train", "validation", "test"))
    }
    found["train"][3] |= changes
    return found


def training(corpus, out, options):
    changes = [word for name, value in options.items() for word in ("--set", f"{name}={value}")]
    return ["train", "ti-avc", "--data", f"features:{corpus}", "--out", out, *changes]


def write_nan_into(file):
    """Turns the first feature of the first record into NaN; the writer would refuse it."""
    records = list(tf.data.TFRecordDataset(str(file)).as_numpy_iterator())
    one, nan = np.float32(1).tobytes(), np.float32(np.nan).tobytes()
    with tf.io.TFRecordWriter(str(file)) as writer:
        for record in (records[0].replace(one, nan, 1), *records[1:]):
            writer.write(record)


def test_features_that_were_changed_in_the_file_are_refused(refused, tmp_path, small_options):
    folder = tmp_path / "corpus"
    write_corpus(folder, splits(), ["Cars", "Food"])
    write_nan_into(folder / TRAIN)
    line = refused(*training(folder, tmp_path / "run", small_options))
    assert f"{TRAIN}: the content changed after it was written" in line


def test_a_theme_outside_the_list_is_named_by_file_record_and_id(refused, tmp_path, small_options):
    folder = tmp_path / "corpus"
    write_corpus(folder, splits(), ["Cars", "Food"])
    write_records(folder / TRAIN, splits(labels=[7])["train"], read_header(folder).spec)
    assert "not the members of the file beside it" in refused(
        *training(folder, tmp_path / "run", small_options)
    )
    members_path(folder / TRAIN).unlink()
    line = refused(*training(folder, tmp_path / "run", small_options))
    assert f"{TRAIN}, record 3 (id video-3): labels is not one of 0 to 1" in line


def test_videos_without_audio_are_dropped_and_counted(cli, tmp_path, small_options):
    folder, out = tmp_path / "corpus", tmp_path / "run"
    videos = splits()
    videos["test"][2]["audio"] = np.zeros((0, 3), np.float32)
    write_corpus(folder, videos, ["Cars", "Food"])
    result = cli(*training(folder, out, small_options), "--set", "variant=baseline-1")
    assert result.exit_code == 0, result.stderr
    assert "Test videos: 5; left out: 1 without audio" in " ".join(result.stdout.split())


@pytest.mark.parametrize("command", [("data", "describe"), ("train", "ti-avc", "--data")])
def test_a_split_that_matches_no_file(refused, tiny_corpus, tmp_path, command):
    file = tmp_path / "splits.json"
    file.write_text(json.dumps({"train": ["part-*"], "validation": ["v*"], "test": ["t*"]}))
    out = () if command[0] == "data" else ("--out", tmp_path / "run")
    line = refused(*command, f"synthetic:{tiny_corpus}", "--splits", file, *out)
    assert line.startswith("no file of split 'train': part-* matches none of train-00000.tfrecord")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("corpus", "source 'corpus' is not of the form LAYOUT:PATH"),
        ("syntetic:corpus", "unknown layout 'syntetic'; did you mean 'synthetic'?"),
        ("synthetic:nowhere", "source synthetic:nowhere: no such folder"),
    ],
)
def test_sources_that_cannot_be_opened(refused, text, message):
    assert refused("data", "describe", text).startswith(message)


def test_describe(cli, tiny_corpus):
    result = cli("data", "describe", f"synthetic:{tiny_corpus}")
    assert result.exit_code == 0
    assert "240" in result.stdout
    assert "feature widths: audio 128, visual 32" in result.stdout
    info = json.loads(cli("data", "describe", f"synthetic:{tiny_corpus}", "--json").stdout)
    assert info["counts"] == {"train": 240, "validation": 30, "test": 30}
    assert len(info["classes"]) == 12
    printed = {"counts", "widths", "classes", "fingerprint", "notes", "splits", "statistics"}
    assert set(info) == printed
    looks = {array["looks"] for array in info["statistics"]["arrays"].values()}
    assert looks == {"made up by this package: compared with nothing"}
    assert list(info["splits"]) == ["train", "validation", "test"]
    assert {len(digest) for digest in info["splits"].values()} == {64}


def test_describe_says_what_features_look_like(cli, tmp_path):
    """Below all else; what the data say of them stands beside it."""
    draw = np.random.default_rng(0)

    def videos(split, count):
        for number in range(count):
            audio = draw.normal(size=(4, 128)).astype(np.float32)
            times = np.arange(4, dtype=np.float32) / 2
            extra = draw.normal(size=(2, 3, 7)).astype(np.float32)
            extras = {"audio_times": times, "extra": extra}
            yield video(number, id=f"{split}{number}", audio=audio, **extras)

    folder = tmp_path / "corpus"
    arrays = {"audio": {"extractor": "VGGish\nof mine"}, "extra": "extra.npy"}
    write_corpus(
        folder, {s: videos(s, 6) for s in ("train", "test")}, ["Cars", "Food"],
        provenance={"arrays": arrays},
    )  # fmt: skip
    result = cli("data", "describe", f"features:{folder}")
    assert result.exit_code == 0, result.stderr
    said = " ".join(result.stdout.split())
    assert "2 classes: Cars, Food features, first 6 videos of train" in said
    assert "- audio: unlike any that is known, 128 wide; nearest: VGGish" in said
    assert "- audio: made by VGGish of mine: does not fit" in said
    assert "- extra: features 7 wide: none that is known is" in said
    info = json.loads(cli("data", "describe", f"features:{folder}", "--json").stdout)
    told = info["statistics"]
    assert told["sample"] == "first 6 videos of train"
    assert list(told["arrays"]) == ["audio", "visual", "extra"]
    audio = told["arrays"]["audio"]
    assert (audio["rows"], audio["width"], audio["hop"], audio["fits"]) == (24, 128, 0.5, False)
    plain = cli("data", "describe", f"features:{folder}", "--no-statistics").stdout
    assert result.stdout.startswith(plain) and "known" not in plain
    words = ["data", "describe", f"features:{folder}", "--no-statistics", "--json"]
    assert json.loads(cli(*words).stdout) == {n: info[n] for n in info if n != "statistics"}


def test_the_digests_of_splits_follow_the_splits_file(cli, tiny_corpus, tmp_path):
    def digests(*options):
        words = ["data", "describe", f"synthetic:{tiny_corpus}", "--json", "--no-statistics"]
        result = cli(*words, *options)
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)["splits"]

    file = tmp_path / "splits.json"
    published = {name: [f"{name}-*"] for name in ("train", "validation", "test")}
    file.write_text(json.dumps(published))
    before = digests()
    assert digests("--splits", file) == before
    file.write_text(json.dumps(published | {"validation": ["test-*"], "test": ["validation-*"]}))
    swapped = {"validation": before["test"], "test": before["validation"]}
    assert digests("--splits", file) == before | swapped


def test_a_split_that_holds_the_videos_of_another(refused, tiny_corpus, tmp_path):
    videos = Source("synthetic", tiny_corpus).read("test", View())
    ids = [video["id"].decode() for video in videos.as_numpy_iterator()]
    file = tmp_path / "splits.json"
    file.write_text(json.dumps({"train": ["t*"], "validation": ["v*"], "test": {"ids": ids}}))
    line = refused("data", "describe", f"synthetic:{tiny_corpus}", "--splits", file)
    assert f"{len(ids)} ids (such as " in line
    assert "are both in train and in test" in line


def test_synth(cli, refused, tmp_path):
    out = tmp_path / "corpus"
    words = ["data", "synth", "ti-avc", "--out", out, "--videos", 20, "--set", "visual_dim=16"]
    result = cli(*words)
    assert (result.exit_code, result.stdout) == (0, f"synthetic:{out}\n")
    assert result.stderr.startswith(f"generating 20 videos for ti-avc, into {out}\n")
    assert refused(*words) == f"{out}: exists; choose another folder or remove it"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--set", "them=3"), "unknown knob 'them'; did you mean 'themes'?"),
        (("--set", "themes=x"), "knob themes must be a whole number from 1 to 1000000; got 'x'"),
        (("--knobs", "defalt"), "unknown set of knobs 'defalt'; did you mean 'default'?"),
    ],
)
def test_wrong_knobs_leave_nothing_behind(refused, tmp_path, options, message):
    out = tmp_path / "corpus"
    assert refused("data", "synth", "ti-avc", "--out", out, *options).startswith(message)
    assert not out.exists()


def test_synth_below_a_file(refused, tmp_path):
    (tmp_path / "file").touch()
    line = refused("data", "synth", "ti-avc", "--out", tmp_path / "file" / "corpus")
    assert line.startswith(f"{tmp_path / 'file'}")


def test_convert(cli, tmp_path):
    npz = tmp_path / "npz"
    npz.mkdir()
    for number in range(4):
        audio, visual = np.ones((3, 4), np.float32), np.ones((2, 5), np.float32)
        np.savez(npz / f"v{number}.npz", audio=audio, visual=visual)
    rows = [f"v{n},Cars,{s}" for n, s in enumerate(("train", "train", "validation", "test"))]
    table = tmp_path / "table.csv"
    table.write_text("\n".join(["id,theme,split", *rows]) + "\n")
    out = tmp_path / "out"
    result = cli("data", "convert", npz, table, "--out", out)
    assert (result.exit_code, result.stdout) == (0, f"features:{out}\n"), result.stderr
    info = json.loads(cli("data", "describe", f"features:{out}", "--json").stdout)
    assert info["counts"] == {"train": 2, "validation": 1, "test": 1}


def test_published_refined_labels_become_an_options_file(cli, tmp_path):
    table = tmp_path / "AVVP_train.csv"
    table.write_text(
        "filename\tevent_labels\nBjCEufrlXm4_20_30\tSpeech,Dog\n7nSYwyaP4QE_50_60\tSpeech\n"
    )
    np.savez(
        tmp_path / "published.npz", audio_row=[0], audio_class=[3], visual_row=[0, 1],
        visual_class=[0, 0],
    )  # fmt: skip
    out = tmp_path / "out.npz"
    words = ["data", "refined", tmp_path / "published.npz", "--table", table, "--out", out]
    result = cli(*words)
    assert result.exit_code == 0, result.output
    labels = np.zeros((2, 25))
    labels[[0, 0, 1], [0, 3, 0]] = 1
    kept = read_modalities(out, [b"7nSYwyaP4QE", b"BjCEufrlXm4"], labels[::-1])
    assert kept.sum(axis=(1, 2)).tolist() == [1, 2]
    again = cli(*words)
    assert again.exit_code != 0 and "exists; choose another" in again.stderr


@pytest.fixture
def published_ave(tmp_path):
    """AVE's files without what says that this package made them."""
    from kavc.data.synthetic import ave
    from kavc.data.synthetic.ave_knobs import knobs

    counts = {"train": 8, "validation": 4, "test": 4}
    ave.write(tmp_path / "ave", knobs("default"), counts=counts, sample_seed=5)
    (tmp_path / "ave" / "corpus.json").unlink()
    return tmp_path / "ave"


def test_a_corpus_like_real_data_has_its_rows_and_splits(cli, published_ave, tmp_path):
    made = tmp_path / "made"
    result = cli("data", "synth", "ms-vae", "--out", made, "--like", f"ave:{published_ave}")
    assert result.exit_code == 0, result.stderr
    names = ["Annotations.txt", *(path.name for path in published_ave.glob("*_order*.h5"))]
    assert len(names) == 7
    for name in names:
        assert (made / name).read_bytes() == (published_ave / name).read_bytes()


def test_not_every_corpus_can_be_like_real_data(refused, published_ave, tmp_path):
    like = f"ave:{published_ave}"
    said = refused_of(refused, "ti-avc", like, tmp_path)
    assert said == f"--like {like}: a corpus for ti-avc can be made like no real data"
    assert "no such folder" in refused_of(
        refused, "ms-vae", f"ave:{tmp_path / 'nowhere'}", tmp_path
    )
    assert not (tmp_path / "made").exists()


def refused_of(refused, system, like, tmp_path):
    return refused("data", "synth", system, "--out", tmp_path / "made", "--like", like)
