"""The messages that a client sends and gets, and gRPC, imported in one place, without TensorFlow.

The modules of tensorflow-serving-api import TensorFlow, which takes seconds and half a gigabyte. So
what a client needs of them is described here with the published names and numbers (`predict.proto`,
`get_model_metadata.proto`, `get_model_status.proto`, `model.proto`, `status.proto` of
tensorflow/serving; `tensor.proto`, `tensor_shape.proto`, `types.proto`, `meta_graph.proto` of
tensorflow/tensorflow; `health.proto` of gRPC). Fields that a client has no use for are left out:
protobuf skips them. The server has the originals, in `kavc.serving.protos`.
"""

from __future__ import annotations

from kavc.errors import ServingError
from kavc.serving.dtypes import ENUM, REFERENCE

try:
    import grpc
    import grpc.aio

    from kavc.serving.descriptors import (
        BOOL,
        BYTES,
        DOUBLE,
        FLOAT,
        INT32,
        INT64,
        STRING,
        UINT32,
        UINT64,
        Enum,
        Map,
        Messages,
        Package,
        Repeated,
    )
except ImportError as error:
    raise ServingError(
        f"a client needs packages that are not installed ({error}); pip install 'kavc[serve]'"
    ) from error

TENSORFLOW = Package(
    "tensorflow",
    {
        "TensorShapeProto": [
            ("dim", 2, Repeated("tensorflow.TensorShapeProto.Dim")),
            ("unknown_rank", 3, BOOL),
        ],
        "TensorShapeProto.Dim": [("size", 1, INT64)],
        "TensorProto": [
            ("dtype", 1, Enum("tensorflow.DataType")),
            ("tensor_shape", 2, "tensorflow.TensorShapeProto"),
            ("tensor_content", 4, BYTES),
            ("float_val", 5, Repeated(FLOAT)),
            ("double_val", 6, Repeated(DOUBLE)),
            ("int_val", 7, Repeated(INT32)),
            ("string_val", 8, Repeated(BYTES)),
            ("int64_val", 10, Repeated(INT64)),
            ("bool_val", 11, Repeated(BOOL)),
            ("half_val", 13, Repeated(INT32)),
            ("uint32_val", 16, Repeated(UINT32)),
            ("uint64_val", 17, Repeated(UINT64)),
        ],
        "TensorInfo": [
            ("dtype", 2, Enum("tensorflow.DataType")),
            ("tensor_shape", 3, "tensorflow.TensorShapeProto"),
        ],
        "SignatureDef": [
            ("inputs", 1, Map("tensorflow.TensorInfo")),
            ("outputs", 2, Map("tensorflow.TensorInfo")),
            ("method_name", 3, STRING),
        ],
    },
    {"DataType": ENUM | {f"{name}_REF": REFERENCE + n for name, n in ENUM.items() if n}},
)
ERRORS = Package(
    "tensorflow.error",
    {},
    {
        "Code": {
            "OK": 0, "CANCELLED": 1, "UNKNOWN": 2, "INVALID_ARGUMENT": 3, "DEADLINE_EXCEEDED": 4,
            "NOT_FOUND": 5, "ALREADY_EXISTS": 6, "PERMISSION_DENIED": 7, "RESOURCE_EXHAUSTED": 8,
            "FAILED_PRECONDITION": 9, "ABORTED": 10, "OUT_OF_RANGE": 11, "UNIMPLEMENTED": 12,
            "INTERNAL": 13, "UNAVAILABLE": 14, "DATA_LOSS": 15, "UNAUTHENTICATED": 16,
        }
    },
)  # fmt: skip
SERVING = Package(
    "tensorflow.serving",
    {
        "ModelSpec": [
            ("name", 1, STRING),
            ("version", 2, "google.protobuf.Int64Value"),
            ("signature_name", 3, STRING),
        ],
        "PredictRequest": [
            ("model_spec", 1, "tensorflow.serving.ModelSpec"),
            ("inputs", 2, Map("tensorflow.TensorProto")),
            ("output_filter", 3, Repeated(STRING)),
        ],
        "PredictResponse": [
            ("outputs", 1, Map("tensorflow.TensorProto")),
            ("model_spec", 2, "tensorflow.serving.ModelSpec"),
        ],
        "GetModelMetadataRequest": [
            ("model_spec", 1, "tensorflow.serving.ModelSpec"),
            ("metadata_field", 2, Repeated(STRING)),
        ],
        "GetModelMetadataResponse": [
            ("model_spec", 1, "tensorflow.serving.ModelSpec"),
            ("metadata", 2, Map("google.protobuf.Any")),
        ],
        "SignatureDefMap": [("signature_def", 1, Map("tensorflow.SignatureDef"))],
        "GetModelStatusRequest": [("model_spec", 1, "tensorflow.serving.ModelSpec")],
        "GetModelStatusResponse": [
            ("model_version_status", 1, Repeated("tensorflow.serving.ModelVersionStatus"))
        ],
        "ModelVersionStatus": [
            ("version", 1, INT64),
            ("state", 2, Enum("tensorflow.serving.ModelVersionStatus.State")),
            ("status", 3, "tensorflow.serving.StatusProto"),
        ],
        "StatusProto": [
            ("error_code", 1, Enum("tensorflow.error.Code")),
            ("error_message", 2, STRING),
        ],
    },
    {
        "ModelVersionStatus.State": {
            "UNKNOWN": 0, "START": 10, "LOADING": 20, "AVAILABLE": 30, "UNLOADING": 40, "END": 50,
        }
    },
    needs=("tensorflow", "tensorflow.error"),
)  # fmt: skip
HEALTH = Package(
    "grpc.health.v1",
    {
        "HealthCheckRequest": [("service", 1, STRING)],
        "HealthCheckResponse": [
            ("status", 1, Enum("grpc.health.v1.HealthCheckResponse.ServingStatus"))
        ],
    },
    {
        "HealthCheckResponse.ServingStatus": {
            "UNKNOWN": 0, "SERVING": 1, "NOT_SERVING": 2, "SERVICE_UNKNOWN": 3,
        }
    },
)  # fmt: skip
PACKAGES = (TENSORFLOW, ERRORS, SERVING, HEALTH)

_messages = Messages(*PACKAGES)
TensorProto = _messages["tensorflow.TensorProto"]
SignatureDef = _messages["tensorflow.SignatureDef"]
ModelSpec = _messages["tensorflow.serving.ModelSpec"]
PredictRequest = _messages["tensorflow.serving.PredictRequest"]
PredictResponse = _messages["tensorflow.serving.PredictResponse"]
GetModelMetadataRequest = _messages["tensorflow.serving.GetModelMetadataRequest"]
GetModelMetadataResponse = _messages["tensorflow.serving.GetModelMetadataResponse"]
SignatureDefMap = _messages["tensorflow.serving.SignatureDefMap"]
GetModelStatusRequest = _messages["tensorflow.serving.GetModelStatusRequest"]
GetModelStatusResponse = _messages["tensorflow.serving.GetModelStatusResponse"]
HealthCheckRequest = _messages["grpc.health.v1.HealthCheckRequest"]
HealthCheckResponse = _messages["grpc.health.v1.HealthCheckResponse"]

__all__ = [
    "GetModelMetadataRequest",
    "GetModelMetadataResponse",
    "GetModelStatusRequest",
    "GetModelStatusResponse",
    "HealthCheckRequest",
    "HealthCheckResponse",
    "ModelSpec",
    "PredictRequest",
    "PredictResponse",
    "SignatureDef",
    "SignatureDefMap",
    "TensorProto",
    "grpc",
]
