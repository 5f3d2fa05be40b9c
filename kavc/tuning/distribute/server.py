"""The chief's port."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any

import grpc

from kavc.errors import ServingError
from kavc.tuning.distribute.messages import ASKED, SERVICE, SIZES, Refusal, dump, parse

THREADS = 8
# Two chiefs on one port would share its workers.
OPTIONS = [*SIZES, ("grpc.so_reuseport", 0)]

Answer = Callable[[str, dict[str, Any]], dict[str, Any]]


@contextlib.contextmanager
def serving(answer: Answer, address: str) -> Iterator[str]:
    """Answers requests until the block ends; yields the address, with the port that was chosen.

    Args:
        answer: takes a method's name and the request; called from several threads.
        address: "HOST:PORT", port 0 for any free one, or "unix:PATH".

    Raises:
        ServingError: nobody can listen there.
    """
    server = grpc.server(futures.ThreadPoolExecutor(THREADS), options=OPTIONS)
    handlers = {
        method: grpc.unary_unary_rpc_method_handler(_handler(method, answer)) for method in ASKED
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    try:
        port = server.add_insecure_port(address)
    except RuntimeError:
        raise ServingError(f"{address}: can't listen there; is the port in use?") from None
    server.start()
    try:
        yield address if address.startswith("unix:") else f"{address.rpartition(':')[0]}:{port}"
    finally:
        server.stop(grace=1).wait()


def _handler(method: str, answer: Answer) -> Callable[[bytes, grpc.ServicerContext], bytes]:
    def handle(raw: bytes, context: grpc.ServicerContext) -> bytes:
        try:
            return dump(answer(method, parse(method, raw)))
        except Refusal as refusal:
            code, text = grpc.StatusCode[refusal.code], str(refusal)
        except Exception as error:
            code, text = grpc.StatusCode.INTERNAL, f"the chief failed: {error}"
        context.abort(code, " ".join(text.split()))
        raise AssertionError("abort raises")

    return handle
