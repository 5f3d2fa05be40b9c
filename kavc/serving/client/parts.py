"""One question to a model, cut into requests below the message limit, and its answers joined.

Nothing here sends: bytes go out, answers come in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kavc.errors import DataError, ServingError, unknown
from kavc.serving import wire
from kavc.serving.client.discovery import Signatures, answered_by
from kavc.serving.messages import ModelSpec, PredictRequest
from kavc.serving.signature import SignatureInfo, describe
from kavc.texts import listed, quoted

TOO_LARGE = "RESOURCE_EXHAUSTED"
FRAME = 64  # bytes of lengths and tags that one input may need beyond those of an empty one


class Parts:
    """The requests of one call, and what came back.

    A call is cut along the batch axis where every input has one: its first, of any size by the
    signature. The first answer's version is asked for by name in all further requests.

    Args:
        known: the model's functions.
        signature: name of the function.
        arrays: input name to array, as the signature takes them.
        version: that the caller asks for; None for the latest.
        outputs: names of those to ask for; None for all.
        limit: bytes that no request exceeds.

    Attributes:
        asked: the version as given.
        known: as given, later the functions of the version that answers.
        most: rows that a request carries at most; falls when one proves too large.
        version: as given, later the one that answers.
        pinned: whether an answer has come.

    Raises:
        DataError: the inputs have different batch sizes.
        ServingError: RESOURCE_EXHAUSTED: one row alone is over the limit.

    Example:
        >>> from kavc.serving.signature import TensorInfo
        >>> info = SignatureInfo({"audio": TensorInfo("float32", (None, 1000))}, {})
        >>> arrays = {"audio": np.zeros((5, 1000), np.float32)}
        >>> known = Signatures("tiny", 2, {"embed": info})
        >>> parts = Parts(known, "embed", arrays, version=None, outputs=None, limit=9000)
        >>> parts.most, parts.take(), parts.take(), parts.take()
        (2, (0, 2), (2, 4), (4, 5))
    """

    def __init__(
        self,
        known: Signatures,
        signature: str,
        arrays: Mapping[str, np.ndarray],
        *,
        version: int | None,
        outputs: Sequence[str] | None,
        limit: int,
    ):
        self.known = known
        self.asked = self.version = version
        self.pinned = False
        self._signature = signature
        self._info = known[signature]
        self._arrays = arrays
        self._outputs = outputs
        self._limit = limit
        self._batch = batch_size(self._info, arrays)
        self._rows = 1 if self._batch is None else self._batch  # 0 for a batch of none
        self._next = 0
        self._answers: dict[int, tuple[int, dict[str, np.ndarray]]] = {}
        self.most = self._fitting_rows()

    def take(self) -> tuple[int, int] | None:
        """Returns the next rows to be asked for, as (start, stop); None when all are taken."""
        if self._next >= max(self._rows, 1):  # a batch of none is asked for once
            return None
        start, self._next = self._next, min(self._next + self.most, max(self._rows, 1))
        return start, self._next

    def encode(self, start: int, stop: int) -> bytes:
        """Returns the request for some rows, serialised: what is measured is what is sent."""
        whole = self._batch is None or (start, stop) == (0, self._batch)
        request = PredictRequest(
            model_spec=ModelSpec(name=self.known.model, signature_name=self._signature),
            output_filter=self._outputs,
        )
        for name, array in self._arrays.items():
            wire.fill(request.inputs[name], array if whole else array[start:stop])
        if self.version is not None:
            request.model_spec.version.value = self.version
        return request.SerializeToString()

    def halve(self, rows: int, size: int, told: str = "") -> None:
        """Makes the requests smaller, after one of `rows` rows was too large.

        Args:
            rows: of that request.
            size: its bytes.
            told: what the server or gRPC said; empty if the request is over our own limit.

        Raises:
            ServingError: RESOURCE_EXHAUSTED: there is nothing to be cut.
        """
        if rows <= 1 or self._batch is None:
            raise self._too_large(size, told)
        self.most = max(1, min(self.most, rows // 2))

    def pin(self, response: Any) -> int | None:
        """Returns the version that answers, which all further requests ask for; None if untold.

        Raises:
            ServingError: INTERNAL: another model or version answers than was asked.
        """
        version = answered_by(response, self.known.model, self.version)
        self.version = version if self.version is None else self.version
        self.pinned = True
        return version

    def renew(self, known: Signatures) -> None:
        """Has answers checked by the functions of the version that gives them.

        Raises:
            ServingError: INTERNAL: it has no function of this name.
        """
        if self._signature not in known:
            line = f"version {known.version} of {known.model!r} answered as"
            raise ServingError(f"{line} {self._signature!r}, which it hasn't", "INTERNAL")
        self.known, self._info = known, known[self._signature]

    def keep(self, start: int, stop: int, response: Any) -> None:
        """Takes the answer of some rows.

        Raises:
            ServingError: INTERNAL: it can't be read, has other outputs than were asked for, or
                such as don't fit the signature or the rows; OUT_OF_RANGE: it can't be joined with
                others.
        """
        self._check_names(response)
        try:
            arrays = {
                name: wire.to_array(proto, name, side="output")
                for name, proto in response.outputs.items()
            }
        except DataError as error:
            raise ServingError(f"the answer can't be read: {error}", "INTERNAL") from None
        self._check_fit(response, min(stop, self._rows) - start)
        if stop - start < self._rows:
            self._check_joinable(arrays, stop - start)
        self._answers[start] = stop, arrays

    def told(self, error: ServingError) -> ServingError:
        """Returns a failure with how far the call came, if it was cut."""
        done = sum(stop - start for start, (stop, _) in self._answers.items())
        if self.most >= self._rows or self._batch is None:
            return error
        line = f"{error}; {done} of {self._rows} rows were answered, and none is returned"
        return ServingError(line, error.code)

    @property
    def left(self) -> bool:
        """Whether rows are still to be taken."""
        return self._next < self._rows

    def joined(self) -> dict[str, np.ndarray]:
        """Returns output name to array, in the order of the rows; arrays are the caller's own.

        Raises:
            ServingError: OUT_OF_RANGE: the answers do not fit each other.
        """
        answers = [self._answers[start][1] for start in sorted(self._answers)]
        if len(answers) == 1:
            return {name: array.copy() for name, array in answers[0].items()}
        joined = {}
        for name in answers[0]:
            try:
                joined[name] = np.concatenate([answer[name] for answer in answers])
            except ValueError:
                shapes = sorted({str(answer[name].shape) for answer in answers})
                raise self._unjoinable(name, f"came as {' and '.join(shapes[:3])}") from None
        return joined

    def _fitting_rows(self) -> int:
        """Returns the rows of a request just below the limit, by the arrays' sizes."""
        total = sum(_bytes(array) for array in self._arrays.values())
        rows = max(self._rows, 1)
        if total // rows > self._limit:
            raise self._too_large(total // rows, "")
        if self._batch is None or 2 * total <= self._limit:
            return rows
        if total <= self._limit and len(self.encode(0, rows)) <= self._limit:
            return rows
        room = self._limit - len(self.encode(0, 0)) - FRAME * len(self._arrays)
        return max(1, min(rows, room * rows // total))

    def _check_names(self, response: Any) -> None:
        wanted, came = set(self._outputs or self._info.outputs), set(response.outputs)
        if lacking := sorted(wanted - came):
            raise ServingError(f"the answer lacks the output {quoted(lacking[0])}", "INTERNAL")
        if more := sorted(came - wanted):
            line = f"the answer holds the output {quoted(more[0])}, which wasn't asked for"
            raise ServingError(line, "INTERNAL")

    def _check_fit(self, response: Any, rows: int) -> None:
        """Raises unless outputs are as the signature has them, with a row for each that was sent.

        An output has a row a row if its first axis is of any size, as that of all inputs is.
        """
        by_row = self._batch is not None and all(t.batched for t in self._info.inputs.values())
        try:
            for name, proto in response.outputs.items():
                if name not in self._info.outputs:
                    raise DataError(unknown("output", name, self._info.outputs))
                declared = self._info.outputs[name]
                dtype, shape = wire.describe(proto, name, side="output")
                declared.check(name, dtype, shape, side="output")
                if by_row and declared.batched and shape[0] != rows:
                    line = f"output {quoted(name)} is {describe(dtype, shape)}"
                    raise DataError(f"{line} for {rows} rows; expected {rows} rows")
        except DataError as error:
            line = f"the answer of {self.known.model!r} doesn't fit its signature: {error}"
            raise ServingError(line, "INTERNAL") from None

    def _check_joinable(self, arrays: Mapping[str, np.ndarray], rows: int) -> None:
        for name, array in arrays.items():
            declared = self._info.outputs[name]
            fixed = declared.shape is not None and not declared.batched
            if fixed or array.ndim == 0 or len(array) != rows:
                shape = describe(array.dtype.name, array.shape)
                raise self._unjoinable(name, f"is {shape} for {rows} rows")

    def _unjoinable(self, name: str, what: str) -> ServingError:
        return ServingError(
            f"output {quoted(name)} of {self.known.model!r} {what}, so the answers to the parts of "
            f"a large batch can't be joined; ask for at most {self.most} rows at a time, or for "
            "other outputs",
            "OUT_OF_RANGE",
        )

    def _too_large(self, size: int, told: str) -> ServingError:
        uncut = "the request (inputs without a batch axis can't be cut)"
        what = uncut if self._batch is None else "one row of the request"
        told = told or f"max_message_bytes is {self._limit}"
        return ServingError(f"{what} takes at least {size} bytes; {told}", TOO_LARGE)


def batch_size(info: SignatureInfo, arrays: Mapping[str, np.ndarray]) -> int | None:
    """Returns how many rows the inputs have; None where they can't be cut into rows.

    An input has a batch axis if its first one is of any size by the signature.

    Args:
        info: the signature.
        arrays: input name to array that fits it.

    Raises:
        DataError: inputs with a batch axis have different sizes.

    Example:
        >>> from kavc.serving.signature import TensorInfo
        >>> info = SignatureInfo({"audio": TensorInfo("float32", (None, 2))}, {})
        >>> batch_size(info, {"audio": np.zeros((5, 2))})
        5
    """
    sizes = {name: len(arrays[name]) for name, tensor in info.inputs.items() if tensor.batched}
    if len(set(sizes.values())) > 1:
        came = listed([f"{quoted(name)} has {size}" for name, size in sizes.items()])
        raise DataError(f"inputs differ in their batch size: {came}; expected one number of rows")
    return next(iter(sizes.values())) if sizes and len(sizes) == len(info.inputs) else None


def _bytes(array: np.ndarray) -> int:
    if array.dtype != object:
        return array.nbytes
    return sum(len(word) + 2 for word in array.ravel().tolist())
