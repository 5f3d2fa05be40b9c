"""What one function of a served model takes and gives, and the check of what came against it.

The server checks requests with it before it unpacks a byte, and the client its arguments before it
sends one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kavc.errors import DataError, unknown

if TYPE_CHECKING:
    from tensorflow.core.protobuf.meta_graph_pb2 import TensorInfo as TensorInfoProto

    from kavc.serving.protos import SignatureDef


@dataclass(frozen=True)
class TensorInfo:
    """One tensor of a signature.

    Args:
        dtype: name, as "float32".
        shape: with the batch axis; None where any size goes, None as a whole for any rank.
    """

    dtype: str
    shape: tuple[int | None, ...] | None

    def __str__(self) -> str:
        if self.shape is None:
            return f"{self.dtype} of any shape"
        return describe(self.dtype, self.shape)

    def check(self, name: str, dtype: str, shape: Sequence[int]) -> None:
        """Raises unless an input fits.

        Args:
            name: of the input, for the message.
            dtype, shape: what came.

        Raises:
            DataError: another dtype, rank or static size than the signature's.
        """
        if dtype == self.dtype and self._takes(shape):
            return
        raise DataError(f"input {name!r} is {describe(dtype, shape)}; expected {self}")

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

    def check_names(self, names: Iterable[str]) -> None:
        """Raises unless these are the names of the inputs, all and no others.

        Raises:
            DataError: an input is missing, or one is unknown; the nearest name is given.
        """
        names = set(names)
        extra = sorted(names - set(self.inputs))
        if extra:
            raise DataError(unknown("input", extra[0], self.inputs))
        missing = sorted(set(self.inputs) - names)
        if missing:
            wanted = ", ".join(f"{name!r}, {self.inputs[name]}" for name in missing)
            raise DataError(f"missing input {wanted}")


def describe(dtype: str, shape: Sequence[int | None]) -> str:
    """Returns "float32 (?, 128)" for ("float32", (None, 128))."""
    sizes = ", ".join("?" if size is None else str(size) for size in shape)
    return f"{dtype} ({sizes}{',' if len(shape) == 1 else ''})"


def read_signature(signature: SignatureDef) -> SignatureInfo:
    """Returns what a `SignatureDef` says about inputs and outputs."""
    return SignatureInfo(
        inputs={name: _tensor(info) for name, info in sorted(signature.inputs.items())},
        outputs={name: _tensor(info) for name, info in sorted(signature.outputs.items())},
    )


def _tensor(info: TensorInfoProto) -> TensorInfo:
    import tensorflow as tf

    shape = info.tensor_shape
    sizes = None
    if not shape.unknown_rank:
        sizes = tuple(None if axis.size < 0 else axis.size for axis in shape.dim)
    return TensorInfo(tf.dtypes.as_dtype(info.dtype).name, sizes)
