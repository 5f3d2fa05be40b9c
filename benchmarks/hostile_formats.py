"""Damages as in `hostile_bytes.py`, of formats that TensorFlow and HDF5 write."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable, Mapping
from typing import Any

import h5py
import numpy as np
import tensorflow as tf
from hostile_bytes import ANY, MIB, ZIP, Damage, archive, members_of

from kavc.inputs.crc32c import masked_crc32c

Change = Callable[[h5py.File], Any]
KERNEL = "layers/dense/vars/0"  # of the network that `network` makes
AVE_VIDEOS = 14  # of the folder that `hostile_folders.py` makes
CONFIG, WEIGHTS = "config.json", "model.weights.h5"


def framed(content: bytes, length: int | None = None) -> bytes:
    """Returns a record of a TFRecord file, whose length may say something else."""
    size = struct.pack("<Q", len(content) if length is None else length)
    return (
        size
        + struct.pack("<I", masked_crc32c(size))
        + content
        + struct.pack("<I", masked_crc32c(content))
    )


def example(**changes: Any) -> bytes:
    """Returns a video as YouTube-8M has it, with other features."""
    values = {"id": [b"v0"], "labels": [1], "mean_rgb": [0.5] * 1024, "mean_audio": [0.5] * 128}
    lists = {bytes: "bytes_list", int: "int64_list", float: "float_list"}
    feature = {}
    for name, value in (values | changes).items():
        if value is not None:
            kind = lists[type(value[0])] if value else "int64_list"
            feature[name] = tf.train.Feature(**{kind: {"value": value}})
    return tf.train.Example(features={"feature": feature}).SerializeToString()


def _flipped(content: bytes, place: int) -> bytes:
    made = bytearray(content)
    made[place % len(made)] ^= 1
    return bytes(made)


RECORDS: Mapping[str, Damage] = {
    **ANY,
    "error of a bucket": lambda b: b'<?xml version="1.0"?><Error><Code>NoSuchKey</Code></Error>',
    "JSON": lambda b: b'{"error": "not found", "code": 404}',
    "zip": lambda b: archive({"train0000.tfrecord": b}),
    "pointer of Git LFS": lambda b: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
    "length of 2**60": lambda b: framed(b"x", 2**60),
    "length of all but the end": lambda b: framed(b"x" * 99, 2**20) + b,
    "no example": lambda b: framed(b"\xff" * 50),
    "empty record": lambda b: framed(b""),
    "example of other features": lambda b: framed(example(id=None, x=[1])),
    "empty id": lambda b: framed(example(id=[b""])),
    "two ids": lambda b: framed(example(id=[b"a", b"b"])),
    "no id": lambda b: b + framed(example(id=None)),
    "a class beyond all": lambda b: framed(example(labels=[10**6])),
    "a class below 0": lambda b: framed(example(labels=[-1])),
    "wider": lambda b: framed(example(mean_audio=[0.5] * 129)),
    "narrower": lambda b: framed(example(mean_rgb=[0.5] * 1023)),
    "not a number": lambda b: framed(example(mean_rgb=[float("nan")] * 1024)),
    "whole numbers for floats": lambda b: b + framed(example(mean_rgb=[1] * 1024)),
    "first record spoilt": lambda b: _flipped(b, 40),
    "last record spoilt": lambda b: _flipped(b, -40),
    "last length spoilt": lambda b: b + _flipped(framed(example(id=[b"z"])), 3),
    "a byte more": lambda b: b + b"\0",
    "a web page behind": lambda b: b + b"<html></html>",
}


def with_weights(content: bytes, change: Change) -> bytes:
    """Returns a file of weights after a change by h5py."""
    stream = io.BytesIO(content)
    with h5py.File(stream, "r+") as file:
        change(file)
    return stream.getvalue()


def _stored(at: str, **options: Any) -> Damage:
    """Puts another data set in the place of one."""

    def change(file: h5py.File) -> None:
        del file[at]
        file.create_dataset(at, **options)

    return lambda content: with_weights(content, change)


def _linked(link: Any, at: str) -> Damage:
    def change(file: h5py.File) -> None:
        if at in file:
            del file[at]
        file[at] = link(file) if callable(link) else link

    return lambda content: with_weights(content, change)


def _virtual(at: str) -> Damage:
    def change(file: h5py.File) -> None:
        shape = file[at].shape
        layout = h5py.VirtualLayout(shape, np.float32)
        layout[...] = h5py.VirtualSource("/etc/passwd", "x", shape)
        del file[at]
        file.create_virtual_dataset(at, layout)

    return lambda content: with_weights(content, change)


def _deep(file: h5py.File) -> None:
    group = file
    for _ in range(200):
        group = group.create_group("g")


def _behind_a_block(content: bytes) -> bytes:
    stream = io.BytesIO()
    with h5py.File(stream, "w", userblock_size=512) as file:
        file.create_dataset("x", data=np.ones(3))
    return stream.getvalue()


def _array(at: str, shape: tuple[int, ...]) -> Mapping[str, Damage]:
    """Damages of a file of HDF5 and of one array in it, which has that shape."""
    many, wide = (2**36, *shape[1:]), (MIB, *shape[1:])
    return {
        **ANY,
        "signature alone": lambda b: b[:8],
        "behind a user block": _behind_a_block,
        "claims 1 PiB, in parts": _stored(at, shape=(2**48,), dtype="f4", chunks=(1024,)),
        "claims 1 TiB, never written": _stored(at, shape=(2**38,), dtype="f4"),
        "claims rows, in parts": _stored(at, shape=many, dtype="f4", chunks=(1, *shape[1:])),
        "claims rows, never written": _stored(at, shape=wide, dtype="f4"),
        "bomb of 256 MiB": _stored(
            at, data=np.zeros(64 * MIB, "f4"), chunks=(MIB,), compression="gzip"
        ),
        "soft link to itself": _linked(h5py.SoftLink("/" + at), at),
        "link to another file": _linked(h5py.ExternalLink("/etc/passwd", "/x"), at),
        "virtual data set": _virtual(at),
        "data in another file": _stored(at, shape=shape, dtype="f4", external="/etc/passwd"),
        "text": _stored(at, data="weights"),
        "records": _stored(at, data=np.zeros(3, "f4,i4")),
        "no value": _stored(at, data=h5py.Empty("f4")),
        "another shape": _stored(at, data=np.ones(shape[::-1], "f4")),
        "not there": lambda b: with_weights(b, lambda file: file.__delitem__(at)),
    }


HDF5: Mapping[str, Damage] = {
    **_array(KERNEL, (16, 3)),
    "soft link": _linked(h5py.SoftLink("/layers/dense/vars/1"), KERNEL),
    "group in itself": _linked(lambda file: file["layers"], "layers/dense/again"),
    "one data set twice": _linked(lambda file: file["layers/dense/vars/1"], KERNEL),
    "200 groups in groups": lambda b: with_weights(b, _deep),
    "no layer": lambda b: with_weights(b, lambda file: file.__delitem__("layers")),
    **{
        f"byte {at} flipped (either)": lambda b, at=at: _flipped(b, at) for at in range(8, 3000, 83)
    },
}
AVE_SHAPE = (AVE_VIDEOS, 10, 128)
AVE: Mapping[str, Damage] = {
    **_array("avadataset", AVE_SHAPE),
    "200 groups beside it (good)": lambda b: with_weights(b, _deep),
    "in a group of its name": _linked(lambda file: file.create_group("x"), "avadataset"),
    "one video less": _stored("avadataset", data=np.ones((AVE_VIDEOS - 1, 10, 128), "f4")),
    "not a number": _stored("avadataset", data=np.full(AVE_SHAPE, np.nan, "f4")),
    "other byte order (good)": _stored("avadataset", data=np.ones(AVE_SHAPE, ">f8")),
    "compressed (good)": _stored("avadataset", data=np.ones(AVE_SHAPE), compression="gzip"),
    **{f"byte {at} flipped (either)": lambda b, at=at: _flipped(b, at) for at in range(8, 900, 23)},
}


def _config(change: Callable[[Any], Any]) -> Damage:
    def damage(content: bytes) -> bytes:
        members = members_of(content)
        return archive(members | {CONFIG: json.dumps(change(json.loads(members[CONFIG]))).encode()})

    return damage


def _member(name: str, content: bytes | Damage) -> Damage:
    def damage(whole: bytes) -> bytes:
        members = members_of(whole)
        return archive(members | {name: content(members[name]) if callable(content) else content})

    return damage


def _lambda(config: Any) -> Any:
    code = {"class_name": "__lambda__", "config": {"code": "4wAAAA==", "defaults": None}}
    layer = {"module": "keras.layers", "class_name": "Lambda", "config": {"function": code}}
    config["config"]["layers"].append(layer)
    return config


def _named(name: str) -> Damage:
    return _config(lambda config: config | {"class_name": name})


KERAS: Mapping[str, Damage] = {
    **ZIP,
    "no config": lambda b: archive({WEIGHTS: members_of(b)[WEIGHTS]}),
    "no weights": lambda b: archive({CONFIG: members_of(b)[CONFIG]}),
    "config nested": _member(CONFIG, b'{"config": ' + b"[" * 10**5 + b"]" * 10**5 + b"}"),
    "config of 20 MiB": _member(CONFIG, b'"' + b"x" * 20 * MIB + b'"'),
    "config of a million layers": _member(CONFIG, b'{"layers": [' + b'{"a":1},' * 10**6 + b"{}]}"),
    "config is a list": _config(lambda config: [config]),
    "config is empty": _config(lambda config: {}),
    "config without layers": _config(lambda config: config | {"config": {}}),
    "config of text": _config(lambda config: config | {"config": "text"}),
    "class that is none": _named("Sequentail"),
    "module of the system": _config(lambda c: c | {"module": "os", "class_name": "system"}),
    "a layer of code": _config(_lambda),
    **{f"weights: {name}": _member(WEIGHTS, damage) for name, damage in HDF5.items()
       if "flipped" not in name and "UTF" not in name},
}  # fmt: skip
