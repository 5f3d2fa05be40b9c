"""The client for `asyncio`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from kavc.errors import ConfigError
from kavc.serving.client.blocking import TIMEOUT
from kavc.serving.client.channel import ClientTLS, channel, check_address, check_limit
from kavc.serving.client.retry import RETRY, Retry
from kavc.serving.interface import DEFAULT_SIGNATURE, MAX_MESSAGE_BYTES

if TYPE_CHECKING:
    from kavc.serving.client.calls import Method
    from kavc.serving.client.discovery import Signatures, VersionStatus

CONCURRENCY = 4


class AsyncClient:
    """Asks one server from one event loop. Its calls are those of `Client`.

    The parts of a large batch travel `concurrency` at a time once the first is answered. A task
    that is cancelled cancels its requests. Arrays are packed and unpacked in the loop's thread:
    about a millisecond for a few MiB.

    Args:
        address, timeout, retries, max_message_bytes, tls: as `Client` takes them.
        concurrency: parts of one call that travel at a time.

    Raises:
        ConfigError: the address has no port, a number is out of range, or (at the first call) a
            TLS file is missing.

    Example:
        async with AsyncClient("127.0.0.1:8500") as client:
            outputs = await client.predict("ti-avc", inputs)

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
        concurrency: int = CONCURRENCY,
    ):
        self.address = check_address(address)
        limit = check_limit(max_message_bytes)
        if concurrency < 1:
            raise ConfigError(f"concurrency is {concurrency}; expected at least 1")
        from kavc.serving.client.calls import Calls
        from kavc.serving.messages import grpc

        def connect() -> Any:
            return channel(grpc.aio, address, tls=tls, retries=retries, max_message_bytes=limit)

        self._transport = _Awaiting(connect, concurrency)
        self._calls = Calls(address, self._transport, timeout=timeout, retries=retries, limit=limit)

    def __repr__(self) -> str:
        return f"AsyncClient({self.address!r})"

    async def predict(
        self,
        model: str,
        inputs: Mapping[str, Any],
        *,
        signature: str = DEFAULT_SIGNATURE,
        version: int | None = None,
        timeout: float | None = None,
        outputs: Sequence[str] | None = None,
    ) -> dict[str, np.ndarray]:
        """Calls one function of a model: see `kavc.serving.client.blocking.Client.predict`."""
        from kavc.serving.client.calls import Question

        question = Question(model, inputs, signature, version, outputs)
        return await self._calls.predict(question, timeout)

    async def signatures(
        self, model: str, version: int | None = None, *, timeout: float | None = None
    ) -> Signatures:
        """Asks for a model's functions: see `kavc.serving.client.blocking.Client.signatures`."""
        return await self._calls.signatures(model, version, timeout)

    async def status(
        self, model: str, version: int | None = None, *, timeout: float | None = None
    ) -> dict[int, VersionStatus]:
        """Asks for a model's versions: see `kavc.serving.client.blocking.Client.status`."""
        return await self._calls.status(model, version, timeout)

    async def health(self, service: str = "", *, timeout: float | None = None) -> str:
        """Asks gRPC's health service: see `kavc.serving.client.blocking.Client.health`."""
        return await self._calls.health(service, timeout)

    async def close(self) -> None:
        """Closes the connection; requests that are under way are cancelled."""
        self._calls.closed = True
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class _Awaiting:
    """A transport on the running event loop; the channel is opened there, at the first call."""

    def __init__(self, connect: Callable[[], Any], concurrency: int):
        self._connect = connect
        self._concurrency = concurrency
        self._channel: Any = None
        self._methods: dict[str, Callable] = {}

    async def call(self, method: Method, request: bytes, timeout: float) -> Any:
        remote = self._methods.get(method.path)
        if remote is None:
            if self._channel is None:
                self._channel = self._connect()
            remote = self._methods[method.path] = self._channel.unary_unary(
                method.path, response_deserializer=method.response.FromString
            )
        return await remote(request, timeout=timeout)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def together(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._concurrency):
                    group.create_task(work())
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None

    async def close(self) -> None:
        if self._channel is not None:
            await self._channel.close()
