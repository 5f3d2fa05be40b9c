"""How messages come in: counted, under a limit of their bytes, and parsed by who works on them.

gRPC parses messages in the one thread that all calls go through, and knows a unary call's handler
only once its message is there. So methods are registered as ones that take a stream, of which they
read one message, as bytes. On the wire these are the same.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

from kavc.errors import ServingError
from kavc.serving.protos import grpc
from kavc.serving.server.arrivals import Arrivals
from kavc.serving.server.memory import FreedMemory

MOST_HELD = 8  # messages of the largest size that may wait and be worked on


class Held:
    """The bytes of all messages that are not answered yet. Used from many threads.

    Args:
        most: bytes.
    """

    def __init__(self, most: int):
        self._most = most
        self._lock = threading.Lock()
        self._bytes = 0

    @contextlib.contextmanager
    def message(self, size: int) -> Iterator[None]:
        """Counts one message of `size` bytes.

        Raises:
            ServingError: RESOURCE_EXHAUSTED: the server holds too many bytes.
        """
        with self._lock:
            if self._bytes + size > self._most:
                raise ServingError(
                    f"the server holds {self._bytes >> 20} MiB of requests; ask again later",
                    "RESOURCE_EXHAUSTED",
                )
            self._bytes += size
        try:
            yield
        finally:
            with self._lock:
                self._bytes -= size


class Receiving(grpc.ServerInterceptor):
    """Wraps every method of a server, whatever its service.

    Args:
        arrivals: counts the calls whose message is awaited.
        largest: bytes of the largest message.
        freed: is told the size of every message.
    """

    def __init__(self, arrivals: Arrivals, largest: int, freed: FreedMemory):
        self._arrivals = arrivals
        self._held = Held(MOST_HELD * largest)
        self._freed = freed
        self._wrapped: dict[Any, Any] = {}

    def intercept_service(self, continuation: Callable, details: Any) -> Any:
        handler = continuation(details)
        if handler is None:  # there is no such method
            return None
        if handler not in self._wrapped:
            self._wrapped[handler] = self._wrap(handler)
        return self._wrapped[handler]

    def _wrap(self, handler: Any) -> Any:
        if handler.unary_unary:
            return grpc.stream_unary_rpc_method_handler(
                self._of_one(handler.unary_unary, handler.request_deserializer),
                response_serializer=handler.response_serializer,
            )
        if handler.unary_stream:
            method = self._of_one(handler.unary_stream, handler.request_deserializer)
            method.experimental_non_blocking = True  # type: ignore[attr-defined]
            return grpc.stream_stream_rpc_method_handler(
                method, response_serializer=handler.response_serializer
            )
        return grpc.stream_stream_rpc_method_handler(
            self._of_many(handler.stream_stream),
            handler.request_deserializer,
            handler.response_serializer,
        )

    def _of_one(self, method: Callable, parse: Callable[[bytes], Any]) -> Callable:
        """Makes a method that takes a stream of one that takes its first message."""

        def answer(messages: Iterator[bytes], context: Any, *callback: Callable) -> Any:
            message = self._first(messages, context)
            self._freed.note(len(message))
            try:
                with self._held.message(len(message)):
                    return method(_parsed(parse, message), context, *callback)
            except ServingError as error:
                context.abort(grpc.StatusCode[error.code or "INTERNAL"], str(error))

        return answer

    def _of_many(self, method: Callable) -> Callable:
        """Makes a method whose stream may rest without barring others."""

        def answer(messages: Iterator[Any], context: Any) -> Any:
            return method(self._each(messages, context), context)

        return answer

    def _first(self, messages: Iterator[bytes], context: Any) -> bytes:
        with self._arrivals.awaited(context.peer(), context.cancel):
            try:
                message: Any = next(messages, None)
            except grpc.RpcError:
                self._freed.note_unknown()  # of what had come
                raise
        if message is None:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "the call has no message; expected one")
        return message

    def _each(self, messages: Iterator[Any], context: Any) -> Iterator[Any]:
        while True:
            with self._arrivals.awaited(context.peer(), context.cancel, upload=False):
                message = next(messages, None)
            if message is None:
                return
            yield message


def _parsed(parse: Callable[[bytes], Any], message: bytes) -> Any:
    try:
        return parse(message)
    except Exception:  # protobuf raises several kinds
        raise ServingError("the message can't be parsed", "INTERNAL") from None
