"""What `hostile_files.py` does to files: by format, the name of a damage to what it leaves.

A damage is a function of the bytes of a good file. What a name calls (good) is odd and is to be
read all the same; what it calls (either) may be read or refused.
"""

from __future__ import annotations

import io
import json
import os
import socket
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

MIB = 2**20


def bind_socket(path: Path) -> None:
    """Makes a socket where a file is expected."""
    before = os.getcwd()
    os.chdir(path.parent)  # the path of a socket may have 107 characters
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(before)


Damage = Callable[[bytes], bytes]

ANY: Mapping[str, Damage] = {
    "empty": lambda b: b"",
    "one byte": lambda b: b[:1],
    "cut in half": lambda b: b[: len(b) // 2],
    "last byte gone": lambda b: b.rstrip()[:-1],
    "zeros": lambda b: bytes(len(b)),
    "noise": lambda b: np.random.default_rng(0).bytes(max(len(b), 999)),
    "web page": lambda b: b"<!DOCTYPE html><html><body>404 Not Found</body></html>\n",
    "gzip": lambda b: b"\x1f\x8b\x08\0\0\0\0\0\0\3" + zlib.compress(b, wbits=-15),
    "UTF-16": lambda b: b.decode("latin-1").encode("utf-16"),
}

TEXT: Mapping[str, Damage] = {
    "byte order mark (good)": lambda b: b"\xef\xbb\xbf" + b,
    "Windows line ends (good)": lambda b: b.replace(b"\n", b"\r\n"),
    "byte that is no UTF-8": lambda b: b[:-3] + b"\xff" + b[-3:],
    "zero byte": lambda b: b[:-3] + b"\0" + b[-3:],
}

JSON: Mapping[str, Damage] = {
    **ANY,
    **TEXT,
    "spaces": lambda b: b" " * MIB,
    "lists in lists": lambda b: b"[" * 10**5 + b"]" * 10**5,
    "objects in objects": lambda b: b'{"a":' * 10**5 + b"1" + b"}" * 10**5,
    "lists in a value": lambda b: _put(b, b"[" * 10**5 + b"]" * 10**5),
    "whole number of 5,000 digits": lambda b: _put(b, b"9" * 5000),
    "whole number of 400 digits": lambda b: _put(b, b"1" + b"0" * 400),
    "number beyond floats": lambda b: _put(b, b"1e999"),
    "NaN": lambda b: _put(b, b"NaN"),
    "Infinity": lambda b: _put(b, b"-Infinity"),
    "half a surrogate pair": lambda b: _put(b, b'"\\ud800"'),
    "a key twice": lambda b: _put(b, b'1, "odd": 2'),
    "more behind": lambda b: b + b"{}",
    "single quotes": lambda b: b.replace(b'"', b"'"),
    "a comment": lambda b: b"// odd\n" + b,
    "million empty lists (either)": lambda b: _put(b, b"[" + b"[]," * 10**6 + b"[]]"),
    "million objects, cut": lambda b: b"[" + b'{"a":1},' * 10**6,
    "17 MiB of text": lambda b: _put(b, b'"' + b"x" * 17 * MIB + b'"'),
    "65 MiB of zeros": lambda b: bytes(65 * MIB),
    "7 MiB of numbers, damaged at the end": lambda b: b"[" + b"1.25," * 3 * (MIB // 2) + b"nope]",
}

WHOLE = {
    name: damage for name, damage in ANY.items() if name not in ("cut in half", "last byte gone")
}
YAML: Mapping[str, Damage] = {
    **WHOLE,
    **TEXT,
    "aliases": lambda b: b + b"set: {a: &a [1, 1], b: [*a, *a]}\n",
    "billion laughs": lambda b: b + b"set:\n" + _laughs(),
    "flow lists in lists": lambda b: b + b"set: " + b"[" * 5000 + b"]" * 5000,
    "block lists in lists": lambda b: b + b"set:\n " + b"- " * 5000 + b"1\n",
    "a key twice": lambda b: b + b"seed: 1\nseed: 2\n",
    "sexagesimal": lambda b: b + b"trials: 1:30\n",
    "octal": lambda b: b + b"trials: 010\n",
    "whole number of 9,000 digits": lambda b: b + b"seed: " + b"9" * 9000,
    "hexadecimal of 9,000 digits": lambda b: b + b"seed: 0x" + b"f" * 9000,
    "infinite": lambda b: b + b"set: {learning_rate: .inf}\n",
    "tag of Python's": lambda b: b + b"set: !!python/object/apply:os.system [id]\n",
    "binary tag": lambda b: b + b"set: !!binary aGk=\n",
    "two documents": lambda b: b + b"---\nseed: 1\n",
    "a list as a key": lambda b: b + b"? [1]\n: 2\n",
    "a tab": lambda b: b + b"\tseed: 1\n",
    "a list at the top": lambda b: b"- 1\n- 2\n",
    "a date": lambda b: b + b"set: {epochs: 2020-01-01}\n",
    "a date that is none": lambda b: b + b"set: {epochs: 2020-13-45}\n",
    "16 KiB of short values (good)": lambda b: b + b"set: {x: [" + b"1," * 8000 + b"1]}",
    "2 MiB": lambda b: b + b"set: {a: " + b"x" * 2 * MIB + b"}",
    "open quote": lambda b: b + b"preset: 'paper\n" * 100,
}

CSV: Mapping[str, Damage] = {
    **WHOLE,
    **TEXT,
    "open quote": lambda b: b + b'"' + b"x\n" * 1000,
    "open quote, 3 MiB": lambda b: b + b'"' + b"x,\n" * MIB,
    "text behind a quote": lambda b: b + b'"a"b,c\n',
    "header alone": lambda b: b.partition(b"\n")[0],
    "a column twice": lambda b: _in_header(b, lambda h: h + b"," + h.split(b",")[0].upper()),
    "no columns of ours": lambda b: _in_header(b, lambda h: b"x" * len(h)),
    "header in capitals, spaced (good)": lambda b: _in_header(
        b, lambda h: b" , ".join(h.upper().split(b","))
    ),
    "a row too short": lambda b: b + b"x\n",
    "a row too long": lambda b: b + b"x" + b"," * 40 + b"\n",
    "field of 2 MiB": lambda b: b + b"x" * 2 * MIB + b"\n",
    "million columns": lambda b: b"a," * MIB,
    "line of 20 MiB": lambda b: b + b"x," * 10 * MIB,
    "line break in a field": lambda b: b.replace(b"Car", b'"C\nr"'),
    "300 MiB": lambda b: b + bytes(300 * MIB),
    "semicolons": lambda b: b.replace(b",", b";"),
}


def numpy_file(
    array: np.ndarray, header: bytes | None = None, *, version: tuple[int, int] = (1, 0)
) -> bytes:
    """Returns an `.npy` file of an array, under a header that may say something else."""
    if header is None:
        stream = io.BytesIO()
        np.lib.format.write_array(stream, array, version=version)
        return stream.getvalue()
    length = struct.pack("<H" if version == (1, 0) else "<I", len(header))
    return b"\x93NUMPY" + bytes(version) + length + header + array.tobytes()


def said(descr: str = "'<f4'", shape: str = "(2, 3)", order: str = "False") -> bytes:
    """Returns the header of an `.npy` file."""
    text = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n"
    return text.encode()


SMALL = np.ones((2, 3), np.float32)
NPY: Mapping[str, Damage] = {
    **ANY,
    "format version 2 (good)": lambda b: numpy_file(SMALL, version=(2, 0)),
    "format version 3 (good)": lambda b: numpy_file(SMALL, version=(3, 0)),
    "Fortran order (good)": lambda b: numpy_file(np.asfortranarray(SMALL)),
    "format version 9": lambda b: b[:6] + b"\x09" + b[7:],
    "claims 4 TiB": lambda b: numpy_file(SMALL, said(shape="(1048576, 1048576)")),
    "claims 2**64 values": lambda b: numpy_file(SMALL, said(shape="(4294967296, 4294967296)")),
    "claims no less than infinity": lambda b: numpy_file(SMALL, said(shape=f"({'9' * 900},)")),
    "negative axis": lambda b: numpy_file(SMALL, said(shape="(-2, -3)")),
    "300 axes": lambda b: numpy_file(SMALL, said(shape=f"({'1, ' * 300})")),
    "longer than it claims": lambda b: numpy_file(SMALL, said(shape="(1, 3)")),
    "pickled": lambda b: numpy_file(SMALL, said("'|O'")),
    "records": lambda b: numpy_file(SMALL, said("[('a', '<f4'), ('b', 'O')]")),
    "dates": lambda b: numpy_file(SMALL, said("'<M8[s]'")),
    "no dtype": lambda b: numpy_file(SMALL, said("'<f3'")),
    "text of 2**31 characters": lambda b: numpy_file(SMALL, said("'<U2147483647'")),
    "truth values of 9": lambda b: numpy_file(np.full(6, 9, np.uint8), said("'|b1'")),
    "text that is no Unicode": lambda b: numpy_file(np.full(6, 2**31, "u4"), said("'<U1'")),
    "header of code": lambda b: numpy_file(SMALL, b"__import__('os').abort()\n"),
    "header of 5,000 brackets": lambda b: numpy_file(SMALL, b"(" * 5000),
    "header of 5,000 signs": lambda b: numpy_file(SMALL, b"-" * 5000 + b"1"),
    "header that claims 4 GiB": lambda b: b"\x93NUMPY\2\0\xff\xff\xff\xff" + b"{" * 999,
    "header without a shape": lambda b: numpy_file(SMALL, b"{'descr': '<f4'}"),
    "300 MiB": lambda b: b + bytes(300 * MIB),
}


def archive(members: Mapping[str, bytes], packing: int = zipfile.ZIP_STORED) -> bytes:
    """Returns a zip archive."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", packing) as made:
        for name, content in members.items():
            made.writestr(zipfile.ZipInfo(name), content, packing)
    return stream.getvalue()


def members_of(content: bytes) -> dict[str, bytes]:
    """Returns the members of a zip archive, by name."""
    with zipfile.ZipFile(io.BytesIO(content)) as made:
        return {name: made.read(name) for name in made.namelist()}


ZIP: Mapping[str, Damage] = {
    **ANY,
    "no member": lambda b: archive({}),
    "a member twice": lambda b: _twice(b),
    "bzip2": lambda b: archive(members_of(b), zipfile.ZIP_BZIP2),
    "lzma": lambda b: archive(members_of(b), zipfile.ZIP_LZMA),
    "encrypted": lambda b: _patched(b, 8, 1),
    "a method that is none": lambda b: _patched(b, 10, 77),
    "needs version 99": lambda b: _patched(b, 6, 9900),
    "a checksum that does not fit": lambda b: _patched(b, 16, 0x1234),
    "members that begin elsewhere": lambda b: _patched(b, 42, 0xFFFF),
    "claims 4 GiB": lambda b: _patched(b, 26, 0xFFFF),
    "200,000 members": lambda b: _many(200_000),
    "bomb of 3 GiB": lambda b: _bomb(b),
    "stored bytes spoilt": lambda b: _spoilt(b),
    "name leads out (either)": lambda b: archive({f"../{n}": c for n, c in members_of(b).items()}),
}
NPZ: Mapping[str, Damage] = {
    **ZIP,
    "a member that is no array": lambda b: archive(members_of(b) | {"x.txt": b"text"}),
    "deflated, spoilt": lambda b: _spoilt(archive(members_of(b), zipfile.ZIP_DEFLATED)),
    "deflated (good)": lambda b: archive(members_of(b), zipfile.ZIP_DEFLATED),
}


def inside(damage: Damage, content: bytes) -> bytes:
    """Returns an `.npz` file whose first array is damaged."""
    members = members_of(content)
    first = next(iter(members))
    return archive(members | {first: damage(members[first])})


def wrong_types(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yields a JSON object with each of its entries, in turn, of another type or missing."""
    value = json.loads(content)
    for name, entry in value.items():
        for other in ([1], {"a": None}, "text", -7, True, None, 1e300):
            if type(other) is not type(entry):
                yield f"{name} is {json.dumps(other)} (either)", _dump(value | {name: other})
        yield (
            f"no {name} (either)",
            _dump({key: each for key, each in value.items() if key != name}),
        )


def _dump(value: Any) -> bytes:
    return json.dumps(value, indent=2).encode()


def _put(content: bytes, value: bytes) -> bytes:
    """Puts an odd value first into a JSON object."""
    return content.replace(b"{", b'{"odd": ' + value + b",", 1)


def _laughs() -> bytes:
    lines = [b" a0: &a0 [x, x]"]
    lines += [b" a%d: &a%d [%s]" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 9)) for n in range(1, 9)]
    return b"\n".join(lines) + b"\n"


def _in_header(content: bytes, change: Damage) -> bytes:
    header, line, rest = content.partition(b"\n")
    return change(header) + line + rest


def _patched(content: bytes, at: int, value: int) -> bytes:
    """Writes 16 bits into each entry of an archive's directory."""
    made, place = bytearray(content), content.find(b"PK\1\2")
    while place >= 0:
        struct.pack_into("<H", made, place + at, value)
        place = content.find(b"PK\1\2", place + 4)
    return bytes(made)


def _twice(content: bytes) -> bytes:
    members = list(members_of(content).items())
    made = archive(dict([*members, ("Z" * len(members[0][0]), members[0][1])]))
    return made.replace(b"Z" * len(members[0][0]), members[0][0].encode())


def _many(count: int) -> bytes:
    entry = struct.pack("<4s4B4HL2L5H2L", b"PK\1\2", 20, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0,
                        0, 0, 0, 0) + b"a"  # fmt: skip
    directory = entry * count
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, len(directory), 0, 0)
    return directory + end


def _bomb(content: bytes) -> bytes:
    """Returns an archive whose first member unpacks to 3 GiB of zeros."""
    name = next(iter(members_of(content)))
    packer = zlib.compressobj(9, wbits=-15)
    part = packer.compress(bytes(32 * MIB)) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(bytes(32 * MIB)) + packer.flush(zlib.Z_FULL_FLUSH)
    packed = part + again * 95 + packer.flush()
    size = 96 * 32 * MIB
    head = struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 8, 0, 0, 0, len(packed), size, len(name), 0)
    entry = struct.pack("<4s4B4HL2L5H2L", b"PK\1\2", 20, 0, 20, 0, 0, 8, 0, 0, 0, len(packed), size,
                        len(name), 0, 0, 0, 0, 0, 0)  # fmt: skip
    directory = entry + name.encode()
    start = len(head) + len(name) + len(packed)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, len(directory), start, 0)
    return head + name.encode() + packed + directory + end


def _spoilt(content: bytes) -> bytes:
    """Changes bytes in the middle of the first member."""
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        first = packed.infolist()[0]
    start = first.header_offset + 30 + len(first.filename)
    made = bytearray(content)
    for place in range(start + first.compress_size // 2, start + first.compress_size):
        made[place] ^= 0x55
    return bytes(made)
