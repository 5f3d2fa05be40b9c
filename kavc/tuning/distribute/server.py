"""The chief's port."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any

import grpc

from kavc.errors import ServingError
from kavc.tuning.distribute.messages import ASKED, PINGS, SERVICE, SIZES, Refusal, dump, parse

THREADS = 8
# Two chiefs on one port would share its workers.
OPTIONS = [*SIZES, *PINGS, ("grpc.so_reuseport", 0)]
UNIX = "unix:"
LONGEST_PATH = 107  # bytes of a Unix socket's path, of Linux

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
    is_unix = address.startswith(UNIX)
    if is_unix:
        _check_path(address)
    server = grpc.server(futures.ThreadPoolExecutor(THREADS), options=OPTIONS)
    handlers = {
        method: grpc.unary_unary_rpc_method_handler(_handler(method, answer)) for method in ASKED
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    try:
        port = server.add_insecure_port(address)
    except RuntimeError:
        what = "is its folder there, and yours?" if is_unix else "is the port in use?"
        raise ServingError(f"{address}: can't listen there; {what}") from None
    server.start()
    try:
        yield address if is_unix else f"{address.rpartition(':')[0]}:{port}"
    finally:
        server.stop(grace=1).wait()


def _check_path(address: str) -> None:
    size = len(os.fsencode(address.removeprefix(UNIX)))
    if size > LONGEST_PATH:
        raise ServingError(
            f"{address}: a Unix socket's path has at most {LONGEST_PATH} bytes, this one {size}; "
            "choose a shorter one, or a shorter TMPDIR"
        )


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
