"""The gRPC services of TensorFlow Serving, answered from a catalogue.

Status codes and the wording of lookups follow TensorFlow Serving's sources (`predict_util.cc`,
`get_model_metadata_impl.cc`, `get_model_status_impl.cc`). Classify, Regress and MultiInference
answer UNIMPLEMENTED.
"""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from kavc.errors import ServingError
from kavc.serving.protos import (
    GetModelMetadataRequest,
    GetModelMetadataResponse,
    GetModelStatusRequest,
    GetModelStatusResponse,
    ModelServiceServicer,
    ModelSpec,
    PredictionServiceServicer,
    PredictRequest,
    PredictResponse,
    SignatureDefMap,
    grpc,
)
from kavc.serving.server.catalogue import Catalogue
from kavc.serving.server.graph import graph_message
from kavc.texts import one_line, quoted

log = logging.getLogger(__name__)
SIGNATURES = "signature_def"
SHOWN = 3  # of many names that a caller sent
LONGEST = 80  # bytes of one that are told back
GRAPH_ERRORS = {
    tf.errors.InvalidArgumentError: grpc.StatusCode.INVALID_ARGUMENT,
    tf.errors.ResourceExhaustedError: grpc.StatusCode.RESOURCE_EXHAUSTED,
}


def answering(method: Callable) -> Callable:
    """Makes a servicer's method end every failure with a status and one line.

    What nobody foresaw is logged here and told to the caller as INTERNAL, without a traceback.
    """
    name = method.__name__

    @functools.wraps(method)
    def answer(self: Any, request: Any, context: grpc.ServicerContext) -> Any:
        with self.counted(name, request.model_spec.name) as ended:
            try:
                response = method(self, request, context)
                ended("OK")
                return response
            except ServingError as error:
                status, line = grpc.StatusCode[error.code or "INTERNAL"], str(error)
            except tf.errors.OpError as error:
                status = GRAPH_ERRORS.get(type(error), grpc.StatusCode.INTERNAL)
                line = graph_message(error)
            except Exception:
                log.exception("%s failed", name)
                status, line = grpc.StatusCode.INTERNAL, "internal error; see the server's log"
            ended(status.name)
        return context.abort(status, one_line(line))

    return answer


@contextlib.contextmanager
def uncounted(method: str, model: str) -> Any:
    """Stands for `Metrics.request` where nobody asks for metrics."""
    yield lambda code: None


class Predictions(PredictionServiceServicer):
    """`PredictionService`: Predict and GetModelMetadata.

    Args:
        catalogue: the models to answer for.
        counted: makes a context of (method, model) that is told the status of each request.

    Reference:
        TensorFlow Serving, `apis/prediction_service.proto`.
    """

    def __init__(self, catalogue: Catalogue, counted: Callable = uncounted):
        self.catalogue = catalogue
        self.counted = counted

    @answering
    def Predict(self, request: PredictRequest, context: grpc.ServicerContext) -> PredictResponse:
        with self.catalogue.lease(*_asked(request)) as model:
            return model.predict(request, context.is_active)

    @answering
    def GetModelMetadata(
        self, request: GetModelMetadataRequest, context: grpc.ServicerContext
    ) -> GetModelMetadataResponse:
        with self.catalogue.lease(*_asked(request)) as model:
            if list(request.metadata_field) != [SIGNATURES]:
                asked = ", ".join(map(quoted, request.metadata_field[:SHOWN])) or "none"
                raise ServingError(
                    f"metadata_field must be [{SIGNATURES!r}]; got {asked}", "INVALID_ARGUMENT"
                )
            response = GetModelMetadataResponse(model_spec=ModelSpec(name=model.name))
            response.model_spec.version.value = model.version
            response.metadata[SIGNATURES].Pack(SignatureDefMap(signature_def=model.definitions))
        return response


class Models(ModelServiceServicer):
    """`ModelService`: GetModelStatus.

    Args:
        catalogue: the models to answer for.
        counted: as for `Predictions`.

    Reference:
        TensorFlow Serving, `apis/model_service.proto`.
    """

    def __init__(self, catalogue: Catalogue, counted: Callable = uncounted):
        self.catalogue = catalogue
        self.counted = counted

    @answering
    def GetModelStatus(
        self, request: GetModelStatusRequest, context: grpc.ServicerContext
    ) -> GetModelStatusResponse:
        name, version = _asked(request)
        states = self.catalogue.states(name)
        if version is not None:
            states = {key: state for key, state in states.items() if key == version}
        if not states:
            which = "any versions" if version is None else f"version {version}"
            raise ServingError(
                f"Could not find {which} of model {one_line(name, LONGEST)}", "NOT_FOUND"
            )
        response = GetModelStatusResponse()
        for found, state in states.items():
            status = response.model_version_status.add()
            status.version, status.state = found, state.state
            status.status.SetInParent()
            if state.error:
                status.status.error_code = grpc.StatusCode.UNKNOWN.value[0]
                status.status.error_message = state.error
        return response


def _asked(request: Any) -> tuple[str, int | None]:
    """Returns the name and version that a request asks for."""
    if not request.HasField("model_spec"):
        raise ServingError("Missing ModelSpec", "INVALID_ARGUMENT")
    spec = request.model_spec
    if spec.HasField("version_label"):
        raise ServingError(
            f"Unrecognized servable version label: {one_line(spec.version_label, LONGEST)}",
            "INVALID_ARGUMENT",
        )
    # A version of 0 that was sent is that version: there is a folder of this name, or none.
    return spec.name, spec.version.value if spec.HasField("version") else None
