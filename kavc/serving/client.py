"""A client of TensorFlow Serving's gRPC interface, for any server that speaks it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from kavc.errors import ConfigError, DataError, ServingError, unknown
from kavc.serving.arrays import load_inputs, save_outputs
from kavc.serving.cast import cast
from kavc.serving.signature import SignatureInfo, read_signature

if TYPE_CHECKING:
    from kavc.serving.protos import ModelSpec

__all__ = ["Client", "load_inputs", "save_outputs"]

METADATA_TIMEOUT = 10.0


class Client:
    """Asks one server.

    Args:
        address: "HOST:PORT".

    Raises:
        ConfigError: the address has no port.

    Example:
        with Client("127.0.0.1:8500") as client:
            outputs = client.predict("ti-avc", load_inputs("inputs.npz"))
    """

    def __init__(self, address: str):
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise ConfigError(f"server {address!r} is not an address; expected HOST:PORT")
        from kavc.serving import protos

        self.address = address
        self._protos = protos
        size = protos.MAX_MESSAGE_BYTES
        self._channel = protos.grpc.insecure_channel(
            address,
            options=[
                ("grpc.max_receive_message_length", size),
                ("grpc.max_send_message_length", size),
            ],
        )
        self._predictions = protos.PredictionServiceStub(self._channel)
        self._models = protos.ModelServiceStub(self._channel)
        self._metadata: dict[tuple[str, int | None], dict[str, SignatureInfo]] = {}

    def predict(
        self,
        model: str,
        inputs: Mapping[str, Any],
        *,
        signature: str = "serving_default",
        version: int | None = None,
        timeout: float = 10.0,
    ) -> dict[str, np.ndarray]:
        """Calls one function of a model.

        Args:
            model: its name.
            inputs: input name to array (or nested lists), with a batch axis in front. float64 is
                cast to float32 and int64 to int32 where the signature says so.
            signature: name of the function.
            version: latest by default.
            timeout: seconds for this call.

        Returns:
            Output name to array; strings as objects of type bytes.

        Raises:
            DataError: an input is missing, unknown, or of another dtype or shape.
            ConfigError: the model has no such signature.
            ServingError: no server answers, or it refused; `code` is the gRPC status.
        """
        from kavc.serving import wire

        request = self._protos.PredictRequest(
            model_spec=self._spec(model, version, signature),
            inputs={
                name: wire.to_proto(value)
                for name, value in self._fit(model, version, signature, inputs, timeout).items()
            },
        )
        response = self._call(self._predictions.Predict, request, timeout)
        return {name: wire.to_array(proto, name) for name, proto in response.outputs.items()}

    def metadata(
        self, model: str, version: int | None = None, *, timeout: float = METADATA_TIMEOUT
    ) -> dict[str, SignatureInfo]:
        """Returns a model's functions by name, with the dtypes and shapes they take and give.

        Raises:
            ServingError: no server answers, or it has no such model or version.
        """
        request = self._protos.GetModelMetadataRequest(
            model_spec=self._spec(model, version), metadata_field=["signature_def"]
        )
        response = self._call(self._predictions.GetModelMetadata, request, timeout)
        definitions = self._protos.SignatureDefMap()
        if not response.metadata["signature_def"].Unpack(definitions):
            raise ServingError(f"{self.address} sent no signatures of {model!r}", "INTERNAL")
        return {
            name: read_signature(definition)
            for name, definition in sorted(definitions.signature_def.items())
            if definition.method_name  # has none: __saved_model_init_op
        }

    def status(
        self, model: str, version: int | None = None, *, timeout: float = METADATA_TIMEOUT
    ) -> dict[int, str]:
        """Returns a model's versions and their states, as {3: "AVAILABLE"}.

        Raises:
            ServingError: no server answers, or it has no such model or version.
        """
        request = self._protos.GetModelStatusRequest(model_spec=self._spec(model, version))
        response = self._call(self._models.GetModelStatus, request, timeout)
        name = self._protos.ModelVersionStatus.State.Name
        return {s.version: name(s.state) for s in response.model_version_status}

    def close(self) -> None:
        """Closes the connection."""
        self._channel.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _spec(self, model: str, version: int | None, signature: str = "") -> ModelSpec:
        spec = self._protos.ModelSpec(name=model, signature_name=signature)
        if version is not None:
            spec.version.value = version
        return spec

    def _fit(
        self,
        model: str,
        version: int | None,
        signature: str,
        inputs: Mapping[str, Any],
        timeout: float,
    ) -> dict[str, np.ndarray]:
        """Casts and checks the inputs by the server's metadata.

        A refusal by remembered metadata is no proof: the server may have a newer version by now.
        """
        key = (model, version)
        if key in self._metadata:
            try:
                return _fitted(self._metadata[key], model, signature, inputs)
            except (ConfigError, DataError):
                pass
        self._metadata[key] = self.metadata(model, version, timeout=timeout)
        return _fitted(self._metadata[key], model, signature, inputs)

    def _call(self, method: Callable, request: Any, timeout: float) -> Any:
        grpc = self._protos.grpc
        try:
            return method(request, timeout=timeout)
        except grpc.RpcError as error:
            code = error.code()
            told = " ".join((error.details() or "").split())
        if code == grpc.StatusCode.UNAVAILABLE:
            line = f"no server answers at {self.address} ({told}); is `kavc serve` running there?"
        elif code == grpc.StatusCode.DEADLINE_EXCEEDED:
            line = f"{self.address} did not answer within {timeout:g} s"
        else:
            line = f"{self.address} refused, {code.name}: {told}"
        raise ServingError(line, code.name)


def _fitted(
    signatures: Mapping[str, SignatureInfo], model: str, signature: str, inputs: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    if signature not in signatures:
        raise ConfigError(f"model {model!r}: {unknown('signature', signature, signatures)}")
    info = signatures[signature]
    info.check_names(inputs)
    return {name: cast(value, info.inputs[name], name) for name, value in inputs.items()}
