"""The messages and stubs of TensorFlow Serving's gRPC interface that a server uses, in one place.

They import TensorFlow, which takes seconds: import this module only where a server is made; a
client has `kavc.serving.messages`. They come with the extra `serve`.
"""

from __future__ import annotations

import contextlib
import importlib

from kavc.errors import ServingError
from kavc.serving.interface import (
    DEFAULT_SIGNATURE,
    MAX_MESSAGE_BYTES,
    MODEL_SERVICE,
    PREDICTION_SERVICE,
)

try:
    import grpc
    from grpc_health.v1.health import HealthServicer
    from grpc_health.v1.health_pb2 import HealthCheckResponse
    from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server
    from grpc_reflection.v1alpha.reflection import enable_server_reflection
    from tensorflow.core.framework.tensor_pb2 import TensorProto
    from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
    from tensorflow_serving.apis.get_model_metadata_pb2 import (
        GetModelMetadataRequest,
        GetModelMetadataResponse,
        SignatureDefMap,
    )
    from tensorflow_serving.apis.get_model_status_pb2 import (
        GetModelStatusRequest,
        GetModelStatusResponse,
        ModelVersionStatus,
    )
    from tensorflow_serving.apis.model_pb2 import ModelSpec
    from tensorflow_serving.apis.model_service_pb2_grpc import (
        ModelServiceServicer,
        ModelServiceStub,
        add_ModelServiceServicer_to_server,
    )
    from tensorflow_serving.apis.predict_pb2 import PredictRequest, PredictResponse
    from tensorflow_serving.apis.prediction_service_pb2_grpc import (
        PredictionServiceServicer,
        PredictionServiceStub,
        add_PredictionServiceServicer_to_server,
    )
except ImportError as error:
    raise ServingError(
        f"serving needs packages that are not installed ({error}); pip install 'kavc[serve]'"
    ) from error

# Reflection shows the services from protobuf's pool, which importing their modules fills. Those of
# tensorflow-serving-api 2.17 were generated for an older protobuf and stumble right after that.
for _module in ("prediction_service_pb2", "model_service_pb2"):
    with contextlib.suppress(AttributeError):
        importlib.import_module(f"tensorflow_serving.apis.{_module}")

__all__ = [
    "DEFAULT_SIGNATURE",
    "MAX_MESSAGE_BYTES",
    "MODEL_SERVICE",
    "PREDICTION_SERVICE",
    "GetModelMetadataRequest",
    "GetModelMetadataResponse",
    "GetModelStatusRequest",
    "GetModelStatusResponse",
    "HealthCheckResponse",
    "HealthServicer",
    "ModelServiceServicer",
    "ModelServiceStub",
    "ModelSpec",
    "ModelVersionStatus",
    "PredictRequest",
    "PredictResponse",
    "PredictionServiceServicer",
    "PredictionServiceStub",
    "SavedModel",
    "SignatureDef",
    "SignatureDefMap",
    "TensorProto",
    "add_HealthServicer_to_server",
    "add_ModelServiceServicer_to_server",
    "add_PredictionServiceServicer_to_server",
    "enable_server_reflection",
    "grpc",
]
