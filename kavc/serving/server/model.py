"""One served version of a model: requests in, responses out."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping

import numpy as np
import tensorflow as tf

from kavc.errors import DataError, ServingError
from kavc.serving import wire
from kavc.serving.configs import BatchingConfig
from kavc.serving.protos import (
    DEFAULT_SIGNATURE,
    ModelSpec,
    PredictRequest,
    PredictResponse,
    SignatureDef,
)
from kavc.serving.server.batching import BatchScheduler
from kavc.serving.server.graph import ServedGraph, told
from kavc.serving.server.leases import Leases
from kavc.serving.server.slots import Slots, Waiting
from kavc.serving.signature import SignatureInfo
from kavc.texts import one_line, quoted

THREADS = 8  # calls that run at a time
SHOWN = 5  # of many names
LONGEST = 80  # bytes of one that are told back


class Model:
    """A loaded version of a model. Calls may come from many threads.

    Args:
        name: of the model.
        version: its number.
        folder: the SavedModel.
        batching: how simultaneous requests are put together; None serves each alone.
        threads: calls that run at a time.
        waiting: the calls that wait for that, of all models of a server.
        allow_ops: names of ops that its graph may hold beside those that are known as harmless.
        opened: is given a function that ends whatever its loading is at.

    Attributes:
        name, version: as given.
        leases: of the requests that use it.
        slots: for the requests that it works on.

    Raises:
        ServingError: the folder can't be loaded.

    Example:
        model = Model("ti-avc", 3, "models/ti-avc/3", BatchingConfig(max_batch_size=32))
        response = model.predict(request)
    """

    def __init__(
        self,
        name: str,
        version: int,
        folder: str | os.PathLike,
        batching: BatchingConfig | None = None,
        *,
        threads: int = THREADS,
        waiting: Waiting | None = None,
        allow_ops: Collection[str] = (),
        opened: Callable[[Callable[[], None]], None] = lambda end: None,
    ):
        self.name = name
        self.version = version
        self._graph = ServedGraph(folder, allow_ops=allow_ops, opened=opened)
        self._scheduler = BatchScheduler(batching) if batching else None
        self.leases = Leases()
        self.slots = Slots(threads, waiting)

    @property
    def definitions(self) -> Mapping[str, SignatureDef]:
        """Signature name to `SignatureDef`, as the file has them."""
        return self._graph.definitions

    def predict(
        self, request: PredictRequest, wanted: Callable[[], bool] = lambda: True
    ) -> PredictResponse:
        """Answers a request, whatever model and version it names.

        Args:
            request: with the inputs of a signature, and optionally an output filter.
            wanted: whether the caller still waits.

        Raises:
            ServingError: FAILED_PRECONDITION for an unknown signature, INVALID_ARGUMENT for
                inputs or a filter that don't fit it: TensorFlow Serving's codes. Or too many
                requests wait, or the caller waits no longer.
            tf.errors.OpError: the graph refuses the values.

        Reference:
            TensorFlow Serving, `apis/predict.proto`.
        """
        signature = request.model_spec.signature_name or DEFAULT_SIGNATURE
        info = self._info(signature)
        try:
            inputs = _inputs(info, request.inputs)
            names = _asked(info, request.output_filter)
        except DataError as error:
            raise ServingError(str(error), "INVALID_ARGUMENT") from None
        with self.slots.one(wanted):  # what does not fit was refused without one
            outputs = self._run(signature, inputs)
        response = PredictResponse(
            model_spec=ModelSpec(name=self.name, signature_name=signature),
            outputs={key: wire.to_proto(outputs[key]) for key in names},
        )
        response.model_spec.version.value = self.version
        return response

    def warm_up(self, requests: Iterable[PredictRequest]) -> None:
        """Runs requests for their side effect: the first calls of a graph are slow.

        Raises:
            ServingError: the model refuses one.
        """
        for number, request in enumerate(requests, 1):
            try:
                signature = request.model_spec.signature_name or DEFAULT_SIGNATURE
                inputs = _inputs(self._info(signature), request.inputs)
                self._graph.warm_up(signature, inputs)
            except (ServingError, DataError, tf.errors.OpError) as error:
                line = f"warm-up request {number} is refused: {told(error)}"
                raise ServingError(line) from error

    def close(self) -> None:
        """Frees the graph; a call that is running ends with an error."""
        self._graph.close()
        if self._scheduler is not None:
            self._scheduler.stop(0)

    def _run(self, signature: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        if self._scheduler is None:
            return self._graph(signature, inputs)
        return self._scheduler(self._graph, signature, inputs)

    def _info(self, signature: str) -> SignatureInfo:
        info = self._graph.signatures.get(signature)
        if info is None:
            known = ", ".join(sorted(self._graph.signatures))
            raise ServingError(
                f"Serving signature key {quoted(signature)} not found in model {self.name!r}, "
                f"version {self.version}; known: {known}",
                "FAILED_PRECONDITION",
            )
        return info


def _inputs(info: SignatureInfo, protos: Mapping) -> dict[str, np.ndarray]:
    """Unpacks the inputs only when all of them fit."""
    info.check_names(protos)
    for name, proto in protos.items():
        info.inputs[name].check(name, *wire.describe(proto, name))
    return {name: wire.to_array(proto, name) for name, proto in protos.items()}


def _asked(info: SignatureInfo, output_filter: Iterable[str]) -> list[str]:
    names = list(output_filter) or list(info.outputs)
    for name in names:
        if name not in info.outputs:
            raise DataError(
                f"output tensor alias not found in signature: {one_line(name, LONGEST)}; "
                f"known: {', '.join(info.outputs)}"
            )
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(f"duplicate output tensor alias: {', '.join(twice[:SHOWN])}")
    return names
