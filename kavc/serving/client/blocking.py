"""A client of TensorFlow Serving's gRPC interface, for any server that speaks it."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np

from kavc.serving.client.channel import ClientTLS, channel, check_address, check_limit
from kavc.serving.client.retry import RETRY, Retry
from kavc.serving.interface import DEFAULT_SIGNATURE, MAX_MESSAGE_BYTES

if TYPE_CHECKING:
    from kavc.serving.client.calls import Method
    from kavc.serving.client.discovery import Signatures, VersionStatus

TIMEOUT = 10.0

Result = TypeVar("Result")


class Client:
    """Asks one server. Threads may share a client.

    Calls do not use gRPC's `wait_for_ready`: it would let a wrong address look like a slow server
    until the deadline. A call that finds no server fails at once, and is tried again as `retries`
    says.

    Args:
        address: "HOST:PORT".
        timeout: seconds of a call that names none, all its attempts and parts included.
        retries: when a call is tried again whose server is gone. By default 4 attempts, with 0.1,
            0.2 and 0.4 s between them, each ±20 %.
        max_message_bytes: no request is larger, and no answer may be: a larger batch is sent in
            parts. 256 MiB by default, the local server's own limit. A server whose limit is lower
            refuses, and gets smaller parts then; to give its limit here saves these refusals.
        tls: certificates; plain text by default.

    Raises:
        ConfigError: the address has no port, a number is out of range, or a TLS file is missing.

    Example:
        with Client("127.0.0.1:8500") as client:
            print(client.signatures("ti-avc"))
            outputs = client.predict("ti-avc", load_inputs("inputs.npz"))

    Reference:
        TensorFlow Serving, `apis/prediction_service.proto` and `apis/model_service.proto`.
    """

    def __init__(
        self,
        address: str,
        *,
        timeout: float = TIMEOUT,
        retries: Retry = RETRY,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        tls: ClientTLS | None = None,
    ):
        self.address = check_address(address)
        limit = check_limit(max_message_bytes)
        from kavc.serving.client.calls import Calls
        from kavc.serving.messages import grpc

        self._channel = channel(grpc, address, tls=tls, retries=retries, max_message_bytes=limit)
        transport = _Blocking(self._channel)
        self._calls = Calls(address, transport, timeout=timeout, retries=retries, limit=limit)

    def __repr__(self) -> str:
        return f"Client({self.address!r})"

    def predict(
        self,
        model: str,
        inputs: Mapping[str, Any],
        *,
        signature: str = DEFAULT_SIGNATURE,
        version: int | None = None,
        timeout: float | None = None,
        outputs: Sequence[str] | None = None,
    ) -> dict[str, np.ndarray]:
        """Calls one function of a model.

        A batch over the message limit is sent in parts along the batch axis, one after another,
        and one version answers all of them. If that version is withdrawn on the way, the call
        starts once more; in any other failure nothing is returned.

        Args:
            model: its name.
            inputs: input name to array (or nested lists), with a batch axis in front. float64 is
                cast to float32 and int64 to int32 where the signature says so. A NAME_length beside
                a NAME may be left out: then all of its steps are valid.
            signature: name of the function.
            version: latest by default; 0 is a version like any other.
            timeout: seconds for this call; the client's by default.
            outputs: names of those to ask for; all by default.

        Returns:
            Output name to array, writable; strings as objects of type bytes.

        Raises:
            DataError: an input is missing, unknown, or of another dtype or shape, or the inputs
                have different batch sizes.
            ConfigError: the model has no such signature or output; the message lists those it has.
                Or the version is no number that a version may have.
            ServingError: no server answers, or it refused; `code` is the gRPC status.
                RESOURCE_EXHAUSTED: a single row is over the limit. OUT_OF_RANGE: an output has no
                batch axis, and the batch was too large for one message. INTERNAL: the answer is not
                what the model's signature says: outputs, dtypes, shapes, a row for each row of
                the inputs where the first axis of all inputs and of the output is of any size.

        Reference:
            TensorFlow Serving, `apis/predict.proto`.

        Example:
            found = client.predict("ti-avc", {"audio": audio}, signature="embed_audio")["embedding"]
            scores = client.predict("ti-avc", inputs, version=3, outputs=["match_score"])
        """
        from kavc.serving.client.calls import Question

        question = Question(model, inputs, signature, version, outputs)
        return _finish(self._calls.predict(question, timeout))

    def signatures(
        self, model: str, version: int | None = None, *, timeout: float | None = None
    ) -> Signatures:
        """Asks for a model's functions, with the dtypes and shapes that they take and give.

        Args:
            model: its name.
            version: latest by default.
            timeout: seconds for this call; the client's by default.

        Returns:
            Name to inputs and outputs; printed, it is a readable list.

        Raises:
            ServingError: no server answers, or it has no such model or version.

        Reference:
            TensorFlow Serving, `apis/get_model_metadata.proto`.

        Example:
            taken = client.signatures("ti-avc")["serving_default"].inputs
            print(taken["audio"])  # its dtype and shape
        """
        return _finish(self._calls.signatures(model, version, timeout))

    def status(
        self, model: str, version: int | None = None, *, timeout: float | None = None
    ) -> dict[int, VersionStatus]:
        """Asks for the states of a model's versions, with why one failed to load.

        Args:
            model: its name.
            version: all by default.
            timeout: seconds for this call; the client's by default.

        Returns:
            Version to status, as {3: VersionStatus("AVAILABLE")}.

        Raises:
            ServingError: no server answers, or it has no such model or version.

        Reference:
            TensorFlow Serving, `apis/get_model_status.proto`.

        Example:
            client.status("ti-avc", 3)[3].state == "AVAILABLE"
        """
        return _finish(self._calls.status(model, version, timeout))

    def health(self, service: str = "", *, timeout: float | None = None) -> str:
        """Asks gRPC's health service.

        TensorFlow Serving has it if started with `--enable_grpc_healthcheck_service`.

        Args:
            service: empty for the server as a whole.
            timeout: seconds for this call; the client's by default.

        Returns:
            "SERVING", "NOT_SERVING" or another name of gRPC's.

        Raises:
            ServingError: no server answers; NOT_FOUND: it doesn't know the service;
                UNIMPLEMENTED: it has no health service.

        Reference:
            gRPC's health checking protocol, `grpc/health/v1/health.proto`.

        Example:
            client.health() == "SERVING"
            client.health("tensorflow.serving.PredictionService")
        """
        return _finish(self._calls.health(service, timeout))

    def close(self) -> None:
        """Closes the connection."""
        self._calls.closed = True
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Blocking:
    """A transport whose coroutines never wait for an event loop: they block."""

    def __init__(self, channel: Any):
        self._channel = channel
        self._methods: dict[str, Callable] = {}

    async def call(self, method: Method, request: bytes, timeout: float) -> Any:
        remote = self._methods.get(method.path)
        if remote is None:
            remote = self._methods[method.path] = self._channel.unary_unary(
                method.path, response_deserializer=method.response.FromString
            )
        return remote(request, timeout=timeout)

    async def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    async def together(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        await work()


def _finish(call: Coroutine[Any, Any, Result]) -> Result:
    """Runs a coroutine that never waits to its end."""
    try:
        call.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("a blocking call waited")
