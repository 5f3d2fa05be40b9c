"""How messages come in and answers go out: counted, under limits, parsed by who works on them.

gRPC parses messages in the one thread that all calls go through, and knows a unary call's handler
only once its message is there. So methods are registered as ones that take a stream, of which they
read one message, as bytes. On the wire these are the same.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any

from kavc.errors import ServingError
from kavc.serving.protos import grpc
from kavc.serving.server.arrivals import Arrivals
from kavc.serving.server.memory import FreedMemory
from kavc.serving.server.message_checks import check_message

MOST_HELD = 8  # messages of the largest size, requests and answers
MOST_UNTAKEN, FLOOD_OF_ANSWERS = 1024, 4096


class Held:
    """The bytes of all requests that aren't answered, and answers that aren't taken yet.

    Used from many threads.

    Args:
        most: bytes.

    Example:
        >>> held = Held(10)
        >>> answered = held.take(8)
        >>> held.take(8)
        Traceback (most recent call last):
            ...
        kavc.errors.ServingError: the server holds 0 MiB of messages; ask again later
        >>> answered()
    """

    def __init__(self, most: int):
        self._most = most
        self._lock = threading.Lock()
        self._bytes = 0

    def take(self, size: int) -> Callable[[], None]:
        """Counts one message until the function that is returned is called.

        Raises:
            ServingError: RESOURCE_EXHAUSTED: the server holds too many bytes.
        """
        with self._lock:
            if self._bytes + size > self._most:
                raise ServingError(
                    f"the server holds {self._bytes >> 20} MiB of messages; ask again later",
                    "RESOURCE_EXHAUSTED",
                )
            self._bytes += size
        return functools.partial(self._give_back, size)

    def _give_back(self, size: int) -> None:
        with self._lock:
            self._bytes -= size


class Receiving(grpc.ServerInterceptor):
    """Wraps every method of a server, whatever its service.

    Args:
        seconds: that a message may take to come, and an answer to be taken.
        largest: bytes of the largest message.
        freed: is told the size of every message.

    Attributes:
        arrivals: the calls whose message is awaited.
        answers: the calls whose answer isn't taken yet.
    """

    def __init__(self, seconds: float, largest: int, freed: FreedMemory):
        self.arrivals = Arrivals(seconds)
        self.answers = Arrivals(seconds, MOST_UNTAKEN, FLOOD_OF_ANSWERS)
        self._held = Held(MOST_HELD * largest)
        self._freed = freed
        self._wrapped: dict[Any, Any] = {}

    def tidy(self) -> None:
        """Ends the calls that have waited too long for their callers; to be called now and then."""
        self.arrivals.tidy()
        self.answers.tidy()

    def on_their_way(self) -> int:
        """Returns how many requests and answers are."""
        return self.arrivals.uploads() + self.answers.uploads()

    def intercept_service(self, continuation: Callable, details: Any) -> Any:
        handler = continuation(details)
        if handler is None:  # there is no such method
            return None
        if handler not in self._wrapped:
            self._wrapped[handler] = self._wrap(handler)
        return self._wrapped[handler]

    def _wrap(self, handler: Any) -> Any:
        if handler.unary_unary:
            return grpc.stream_unary_rpc_method_handler(self._one_for_one(handler))
        if handler.unary_stream:
            return grpc.stream_stream_rpc_method_handler(
                functools.partial(self._answered, handler.unary_stream, handler),
                response_serializer=handler.response_serializer,
            )
        return grpc.stream_stream_rpc_method_handler(
            lambda messages, context: handler.stream_stream(self._each(messages, context), context),
            handler.request_deserializer,
            handler.response_serializer,
        )

    def _one_for_one(self, handler: Any) -> Callable:
        def answer(messages: Iterator[bytes], context: Any) -> bytes:
            response = self._answered(handler.unary_unary, handler, messages, context)
            answer = handler.response_serializer(response)
            try:
                give_back = self._held.take(len(answer))
            except ServingError as error:
                _refuse(context, error)
            taken = self.answers.begin(context.peer(), context.cancel)
            for end in (give_back, taken):
                if not context.add_callback(end):  # the caller has gone
                    end()
            self._freed.note(len(answer))
            return answer

        return answer

    def _answered(
        self, method: Callable, handler: Any, messages: Iterator[bytes], context: Any
    ) -> Any:
        """Calls a method with the one message of a call."""
        message = self._first(messages, context)
        self._freed.note(len(message))
        try:
            give_back = self._held.take(len(message))
            try:
                return method(_parsed(handler.request_deserializer, message), context)
            finally:
                give_back()
        except ServingError as error:
            _refuse(context, error)

    def _first(self, messages: Iterator[bytes], context: Any) -> bytes:
        with self.arrivals.awaited(context.peer(), context.cancel):
            try:
                message: Any = next(messages, None)
            except grpc.RpcError:
                self._freed.note_unknown()  # of what had come
                raise
        if message is None:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "the call has no message; expected one")
        return message

    def _each(self, messages: Iterator[Any], context: Any) -> Iterator[Any]:
        """Yields the messages of a stream, which counts until its end: it may rest, or not read."""
        with self.arrivals.awaited(context.peer(), context.cancel, upload=False):
            yield from messages


def _parsed(parse: Callable[[bytes], Any], message: bytes) -> Any:
    check_message(message)
    try:
        return parse(message)
    except Exception:  # protobuf raises several kinds
        raise ServingError("the message can't be parsed", "INTERNAL") from None


def _refuse(context: Any, error: ServingError) -> None:
    context.abort(grpc.StatusCode[error.code or "INTERNAL"], str(error))
