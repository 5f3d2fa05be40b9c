"""What a `SignatureDef` says, whoever wrote it."""

from __future__ import annotations

import pytest

from kavc.errors import DataError
from kavc.serving import protos
from kavc.serving.signature import SignatureInfo, TensorInfo, read_signature

FLOAT32, FLOAT32_REF, VARIANT = 1, 101, 21


def tensor(dtype=FLOAT32, sizes=(), unknown_rank=False):
    dim = [{"size": size} for size in sizes]
    return {"dtype": dtype, "tensor_shape": {"dim": dim, "unknown_rank": unknown_rank}}


def read(tensors, side="inputs"):
    definition = protos.SignatureDef()
    for name, fields in tensors.items():
        info = getattr(definition, side)[name]
        info.CopyFrom(type(info)(**fields))
    return read_signature(definition)


def test_what_is_read():
    tensors = {"b": tensor(sizes=(-1, 3)), "a": tensor(VARIANT), "c": tensor(unknown_rank=True)}
    found = read(tensors | {"d": tensor(FLOAT32_REF)}).inputs
    assert found == {
        "a": TensorInfo("variant", ()),
        "b": TensorInfo("float32", (None, 3)),
        "c": TensorInfo("float32", None),
        "d": TensorInfo("float32", ()),  # what a variable gives is its value
    }
    assert [name for name, info in found.items() if info.batched] == ["b"]


@pytest.mark.parametrize("side", ["inputs", "outputs"])
@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"x": tensor(9999)}, "{} 'x' has dtype 9999, which TensorFlow hasn't"),
        ({"x": tensor(0)}, "{} 'x' has dtype 0, which TensorFlow hasn't"),
        ({"x": tensor(-3)}, "{} 'x' has dtype -3, which TensorFlow hasn't"),
        ({"x": tensor(sizes=[1] * 255)}, "{} 'x' has 255 axes; expected at most 254"),
        ({"x": tensor(sizes=(1, -7))}, "{} 'x' has an axis of size -7; expected -1 for any size"),
        ({"x\x1b[2J\n": tensor(9999)}, r"{} 'x\x1b[2J\n' has dtype 9999, which TensorFlow hasn't"),
        ({str(n): tensor() for n in range(10_001)}, "10,001 {}s; expected at most 10,000"),
    ],
    ids=["dtype", "no-dtype", "negative-dtype", "rank", "size", "name", "many"],
)
def test_what_is_none(side, tensors, message):
    with pytest.raises(DataError) as caught:
        read(tensors, side)
    assert str(caught.value) == message.format(side.removesuffix("s"))


def test_names_in_messages_are_short():
    info = SignatureInfo({f"{n}" * 1000: TensorInfo("float32", ()) for n in range(500)}, {})
    with pytest.raises(DataError) as caught:
        info.check_names([])
    line = str(caught.value)
    assert line.startswith(f"missing input '{80 * '0'}…' (1,000 characters), float32 (), '1")
    assert len(line) < 200 * 150
    with pytest.raises(DataError, match=r"input 'aaa.*a…' \(1,000 characters\) is int32 \(\);"):
        TensorInfo("float32", ()).check("a" * 1000, "int32", ())


def test_a_single_example_is_told_of_its_batch_axis():
    info = TensorInfo("float32", (None, None, 3))
    with pytest.raises(DataError, match=r"a single example .* float32 \(1, 4, 3\)"):
        info.check("audio", "float32", (4, 3))
    with pytest.raises(DataError, match=r"expected float32 \(\?, \?, 3\)$"):
        info.check("audio", "float32", (4, 2))
