"""The names of TensorFlow Serving's gRPC interface, and the largest message that is sent by it."""

from __future__ import annotations

PREDICTION_SERVICE = "tensorflow.serving.PredictionService"
MODEL_SERVICE = "tensorflow.serving.ModelService"
HEALTH_SERVICE = "grpc.health.v1.Health"
DEFAULT_SIGNATURE = "serving_default"
MAX_MESSAGE_BYTES = 256 * 2**20  # the local server's own limit, and a client's unless told another
