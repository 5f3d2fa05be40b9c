"""Warm-up requests: what a server runs on a new version before it answers, as TF Serving keeps it.

`VERSION/assets.extra/tf_serving_warmup_requests` is a TFRecord file of `PredictionLog` messages. A
server that finds it damaged, or whose graph refuses a request in it, refuses the version.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kavc.errors import DataError, ServingError
from kavc.inputs.opening import read_bytes
from kavc.inputs.tfrecords import records_of

if TYPE_CHECKING:
    from kavc.serving.protos import PredictRequest

FILE = "assets.extra/tf_serving_warmup_requests"
MAX_RECORDS = 1000  # TensorFlow Serving's, `WarmupConsts::kMaxNumRecords`
MAX_BYTES = 256 * 2**20


def write_warmup(
    version_folder: str | os.PathLike,
    model: str,
    requests: Mapping[str, Mapping[str, np.ndarray]],
) -> None:
    """Writes one request a signature.

    Args:
        version_folder: `MODELS_DIR/NAME/VERSION`, not yet served.
        model: its name.
        requests: signature name to inputs, by name, each with a batch axis in front.

    Raises:
        DataError: there are more requests than TensorFlow Serving takes.

    Reference:
        TensorFlow Serving, `g3doc/saved_model_warmup.md` and `apis/prediction_log.proto`.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_warmup(folder, "ti-avc", {"embed_audio": {"audio": np.zeros((1, 31, 128))}})
        ...     [request] = read_warmup(folder)
        >>> request.model_spec.signature_name, list(request.inputs)
        ('embed_audio', ['audio'])
    """
    import tensorflow as tf

    from kavc.serving import wire
    from kavc.serving.protos import ModelSpec, PredictRequest

    if len(requests) > MAX_RECORDS:
        raise DataError(f"{len(requests)} warm-up requests; TensorFlow Serving takes {MAX_RECORDS}")
    path = Path(version_folder) / FILE
    path.parent.mkdir(exist_ok=True)
    log, predict_log = _log_classes()
    with tf.io.TFRecordWriter(os.fspath(path)) as writer:
        for signature, inputs in requests.items():
            request = PredictRequest(
                model_spec=ModelSpec(name=model, signature_name=signature),
                inputs={name: wire.to_proto(value) for name, value in inputs.items()},
            )
            writer.write(log(predict_log=predict_log(request=request)).SerializeToString())


def read_warmup(version_folder: str | os.PathLike) -> list[PredictRequest]:
    """Reads the requests of a version; none if it has no such file.

    Args:
        version_folder: `MODELS_DIR/NAME/VERSION`.

    Raises:
        ServingError: the file is too large, damaged, holds too many records, or one that is no
            request to Predict. TensorFlow Serving refuses the version for the first three.

    Reference:
        TensorFlow Serving, `g3doc/saved_model_warmup.md` and `apis/prediction_log.proto`.
    """
    path = Path(version_folder) / FILE
    if not os.path.isfile(path):  # unlike that of `Path`, it raises nothing
        return []
    content = read_bytes(path, most=MAX_BYTES, error=ServingError)
    requests: list[PredictRequest] = []
    try:
        for record in records_of(content):
            if len(requests) == MAX_RECORDS:
                raise ServingError(f"{path}: more than {MAX_RECORDS} warm-up records")
            requests.append(_request(record, path, len(requests) + 1))
    except ValueError as damage:
        raise ServingError(f"{path}: damaged after record {len(requests)} ({damage})") from None
    return requests


def _request(record: bytes, path: Path, number: int) -> PredictRequest:
    from google.protobuf.message import DecodeError

    try:
        log = _log_classes()[0].FromString(record)
    except DecodeError:
        raise ServingError(f"{path}: record {number} is no PredictionLog") from None
    if log.WhichOneof("log_type") != "predict_log":
        raise ServingError(f"{path}: record {number} is no request to Predict")
    return log.predict_log.request


def _log_classes() -> tuple:
    try:
        from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog, PredictLog
    except ImportError as error:
        raise ServingError(
            f"serving needs packages that are not installed ({error}); pip install 'kavc[serve]'"
        ) from error
    return PredictionLog, PredictLog
