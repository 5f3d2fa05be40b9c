"""What one function of a served model takes and gives, and the check of what came against it.

The server checks requests with it before it unpacks a byte, and the client its arguments before it
sends one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kavc.errors import DataError, unknown
from kavc.serving.dtypes import name_of
from kavc.texts import listed, quoted

MAX_RANK = 254  # TensorFlow's own
MAX_TENSORS = 10_000  # inputs or outputs of one function


@dataclass(frozen=True)
class TensorInfo:
    """One tensor of a signature.

    Args:
        dtype: name, as "float32".
        shape: with the batch axis; None where any size goes, None as a whole for any rank.

    Example:
        >>> audio = TensorInfo("float32", (None, None, 128))
        >>> str(audio), audio.batched
        ('float32 (?, ?, 128)', True)
    """

    dtype: str
    shape: tuple[int | None, ...] | None

    def __str__(self) -> str:
        if self.shape is None:
            return f"{self.dtype} of any shape"
        return describe(self.dtype, self.shape)

    @property
    def batched(self) -> bool:
        """Whether the first axis is of any size: the batch. One of unknown rank may have none."""
        return self.shape is not None and self.shape[:1] == (None,)

    def check(self, name: str, dtype: str, shape: Sequence[int], *, side: str = "input") -> None:
        """Raises unless a tensor fits.

        Args:
            name: of the tensor, for the message.
            dtype, shape: what came.
            side: "input" or "output", for the message.

        Raises:
            DataError: another dtype, rank or static size than the signature's.

        Example:
            >>> audio = TensorInfo("float32", (None, 128))
            >>> audio.check("audio", "float32", (5, 128))
            >>> audio.check("audio", "float32", (128,))
            Traceback (most recent call last):
                ...
            kavc.errors.DataError: input 'audio' is float32 (128,); expected float32 (?, ...
        """
        if dtype == self.dtype and self._takes(shape):
            return
        came = f"{side} {quoted(name)} is {describe(dtype, shape)}; expected {self}"
        alone = (1, *shape)
        if side == "input" and self.batched and self._takes(alone):
            came += f"; a single example has a batch axis, too: {describe(dtype, alone)}"
        raise DataError(came)

    def _takes(self, shape: Sequence[int]) -> bool:
        if self.shape is None:
            return True
        return len(shape) == len(self.shape) and all(
            size in (None, came) for size, came in zip(self.shape, shape, strict=True)
        )


@dataclass(frozen=True)
class SignatureInfo:
    """The inputs and outputs of one function, by name."""

    inputs: Mapping[str, TensorInfo]
    outputs: Mapping[str, TensorInfo]

    def to_json(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Returns "inputs" and "outputs", each name to dtype and shape, as JSON has them.

        >>> SignatureInfo({"audio": TensorInfo("float32", (None, 128))}, {}).to_json()
        {'inputs': {'audio': {'dtype': 'float32', 'shape': (None, 128)}}, 'outputs': {}}
        """
        return {
            "inputs": {name: vars(tensor) for name, tensor in self.inputs.items()},
            "outputs": {name: vars(tensor) for name, tensor in self.outputs.items()},
        }

    def check_names(self, names: Iterable[str]) -> None:
        """Raises unless these are the names of the inputs, all and no others.

        Raises:
            DataError: an input is missing, or one is unknown; the nearest name is given.

        Example:
            >>> info = SignatureInfo({"audio": TensorInfo("float32", (None, 128))}, {})
            >>> info.check_names(["audoi"])
            Traceback (most recent call last):
                ...
            kavc.errors.DataError: unknown input 'audoi'; did you mean 'audio'? Known: audio
        """
        names = set(names)
        extra = sorted(names - set(self.inputs))
        if extra:
            raise DataError(unknown("input", extra[0], self.inputs))
        missing = sorted(set(self.inputs) - names)
        if missing:
            wanted = [f"{quoted(name)}, {self.inputs[name]}" for name in missing]
            raise DataError(f"missing input {listed(wanted)}")


def describe(dtype: str, shape: Sequence[int | None]) -> str:
    """Returns "float32 (?, 128)" for ("float32", (None, 128)).

    >>> describe("float32", (None, 128)), describe("int32", (3,))
    ('float32 (?, 128)', 'int32 (3,)')
    """
    sizes = ", ".join("?" if size is None else str(size) for size in shape)
    return f"{dtype} ({sizes}{',' if len(shape) == 1 else ''})"


def read_signature(signature: Any) -> SignatureInfo:
    """Returns what a `SignatureDef`, TensorFlow's or a client's, says about inputs and outputs.

    Raises:
        DataError: a dtype is none of TensorFlow's, a shape is no shape, or there are more than
            10,000 inputs or outputs.

    Reference:
        TensorFlow, `SignatureDef` in `core/protobuf/meta_graph.proto`.

    Example:
        >>> from kavc.serving.messages import SignatureDef
        >>> definition = SignatureDef()
        >>> definition.inputs["audio"].dtype = 1
        >>> _ = definition.inputs["audio"].tensor_shape.dim.add(size=-1)
        >>> str(read_signature(definition).inputs["audio"])
        'float32 (?,)'
    """
    return SignatureInfo(_tensors(signature.inputs, "input"), _tensors(signature.outputs, "output"))


def _tensors(protos: Mapping[str, Any], side: str) -> dict[str, TensorInfo]:
    if len(protos) > MAX_TENSORS:
        raise DataError(f"{len(protos):,} {side}s; expected at most {MAX_TENSORS:,}")
    return {name: _tensor(info, f"{side} {quoted(name)}") for name, info in sorted(protos.items())}


def _tensor(info: Any, where: str) -> TensorInfo:
    dtype = name_of(info.dtype)
    if dtype is None:
        raise DataError(f"{where} has dtype {info.dtype}, which TensorFlow hasn't")
    return TensorInfo(dtype, _shape(info.tensor_shape, where))


def _shape(shape: Any, where: str) -> tuple[int | None, ...] | None:
    if shape.unknown_rank:
        return None
    if len(shape.dim) > MAX_RANK:
        raise DataError(f"{where} has {len(shape.dim):,} axes; expected at most {MAX_RANK}")
    sizes = [axis.size for axis in shape.dim]
    if min(sizes, default=0) < -1:
        raise DataError(f"{where} has an axis of size {min(sizes)}; expected -1 for any size")
    return tuple(None if size < 0 else size for size in sizes)
