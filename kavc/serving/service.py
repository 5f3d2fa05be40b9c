"""The gRPC services of TensorFlow Serving, answered from a catalogue.

Status codes and the wording of lookups follow TensorFlow Serving's sources (`predict_util.cc`,
`get_model_metadata_impl.cc`, `get_model_status_impl.cc`). Classify, Regress and MultiInference
answer UNIMPLEMENTED.
"""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from kavc.errors import ServingError
from kavc.serving.catalogue import Catalogue, Model
from kavc.serving.protos import (
    DEFAULT_SIGNATURE,
    GetModelMetadataRequest,
    GetModelMetadataResponse,
    GetModelStatusRequest,
    GetModelStatusResponse,
    ModelServiceServicer,
    ModelSpec,
    ModelVersionStatus,
    PredictionServiceServicer,
    PredictRequest,
    PredictResponse,
    SignatureDefMap,
    grpc,
)

log = logging.getLogger(__name__)
SIGNATURES = "signature_def"
GRAPH_ERRORS = {
    tf.errors.InvalidArgumentError: grpc.StatusCode.INVALID_ARGUMENT,
    tf.errors.ResourceExhaustedError: grpc.StatusCode.RESOURCE_EXHAUSTED,
}
# Of a graph's error, all but what the failing op said; the first op's, where several failed.
ROOT = re.compile(r"\(0\) \w+:\s+")
NOISE = re.compile(
    r"Graph execution error|Detected at node|<stack traces|\d+ root error|\s+(?!\(0\))\S"
)


def answering(method: Callable) -> Callable:
    """Makes a servicer's method end every failure with a status and one line.

    What nobody foresaw is logged here and told to the caller as INTERNAL, without a traceback.
    """

    @functools.wraps(method)
    def answer(self: Any, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return method(self, request)
        except ServingError as error:
            status, line = grpc.StatusCode[error.code or "INTERNAL"], str(error)
        except tuple(GRAPH_ERRORS) as error:
            status, line = GRAPH_ERRORS[type(error)], _graph_message(error)
        except Exception:
            log.exception("%s failed", method.__name__)
            status, line = grpc.StatusCode.INTERNAL, "internal error; see the server's log"
        return context.abort(status, line)

    return answer


class Predictions(PredictionServiceServicer):
    """`PredictionService`: Predict and GetModelMetadata.

    Args:
        catalogue: the models to answer for.
    """

    def __init__(self, catalogue: Catalogue):
        self.catalogue = catalogue

    @answering
    def Predict(self, request: PredictRequest) -> PredictResponse:
        model = _model(self.catalogue, request)
        return model.predict(request, request.model_spec.signature_name or DEFAULT_SIGNATURE)

    @answering
    def GetModelMetadata(self, request: GetModelMetadataRequest) -> GetModelMetadataResponse:
        model = _model(self.catalogue, request)
        if list(request.metadata_field) != [SIGNATURES]:
            raise ServingError(
                f"metadata_field must be [{SIGNATURES!r}]; got {list(request.metadata_field)}",
                "INVALID_ARGUMENT",
            )
        response = GetModelMetadataResponse(model_spec=ModelSpec(name=model.name))
        response.model_spec.version.value = model.version
        response.metadata[SIGNATURES].Pack(SignatureDefMap(signature_def=model.definitions))
        return response


class Models(ModelServiceServicer):
    """`ModelService`: GetModelStatus.

    Args:
        catalogue: the models to answer for.
    """

    def __init__(self, catalogue: Catalogue):
        self.catalogue = catalogue

    @answering
    def GetModelStatus(self, request: GetModelStatusRequest) -> GetModelStatusResponse:
        name, version = _asked(request)
        versions = self.catalogue.versions(name)
        if version is not None:
            versions = [found for found in versions if found == version]
        if not versions:
            which = "any versions" if version is None else f"version {version}"
            raise ServingError(f"Could not find {which} of model {name}", "NOT_FOUND")
        response = GetModelStatusResponse()
        for found in versions:
            status = response.model_version_status.add()
            status.version, status.state = found, ModelVersionStatus.AVAILABLE
            status.status.SetInParent()
        return response


def _asked(request: Any) -> tuple[str, int | None]:
    """Returns the name and version that a request asks for."""
    if not request.HasField("model_spec"):
        raise ServingError("Missing ModelSpec", "INVALID_ARGUMENT")
    spec = request.model_spec
    if spec.version_label:
        raise ServingError(
            f"Unrecognized servable version label: {spec.version_label}", "INVALID_ARGUMENT"
        )
    return spec.name, spec.version.value if spec.HasField("version") else None


def _model(catalogue: Catalogue, request: Any) -> Model:
    return catalogue.get(*_asked(request))


def _graph_message(error: tf.errors.OpError) -> str:
    """Returns what the op said, without the stack of the program that built the graph."""
    lines = [line for line in (error.message or "").splitlines() if line.strip()]
    told = [line.strip() for line in lines if not NOISE.match(line)]
    return ROOT.sub("", told[0]) if told else type(error).__name__
