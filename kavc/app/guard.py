"""Which requests are let in: of this page, and no larger than a file may be.

A page on this machine is reached by any site that its user has open: by a form or a WebSocket, or
by a name that resolves to 127.0.0.1. So the host must be one of ours, and whoever says where a
request comes from must say the same host. Where other machines reach the page, any name
passes, and the second alone is asked.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from typing import Any
from urllib.parse import urlsplit

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

FORM = 2**16  # bytes of a request beside the file in it
POLICY = (  # what a page may load: nothing from elsewhere
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' "
    "'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; media-src 'self' blob:; "
    "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


class TooLarge(Exception):
    """A request has more bytes than it may."""


class Guard:
    """Wraps an ASGI application.

    Args:
        app: to be guarded.
        hosts: names by which it is reached, without a port; None for any.
        most: bytes of a request's body.

    Reference:
        W3C, Content Security Policy Level 3.

    Example:
        app.add_middleware(Guard, hosts=["localhost"], most=200 * 2**20)
    """

    def __init__(self, app: Application, *, hosts: Collection[str] | None, most: int):
        self.app, self.hosts, self.most = app, hosts, most + FORM

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if not is_ours(headers, self.hosts):
            await _refuse(scope, send, 403, "not from this page")
        elif not (said := headers.get(b"content-length", "0")).isdecimal():
            await _refuse(scope, send, 400, "no such length")
        elif int(said) > self.most:
            await _refuse(scope, send, 413, "too large")
        else:
            await self._passed(scope, receive, send)

    async def _passed(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        came, begun = 0, False

        async def counted() -> Message:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            if scope["type"] == "http" and came > self.most:
                raise TooLarge
            return message

        async def with_headers(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                message["headers"] = [*message.get("headers", ()), *HEADERS]
            await send(message)

        try:
            await self.app(scope, counted, with_headers)
        except TooLarge:
            if not begun:
                await _refuse(scope, send, 413, "too large")


def is_ours(headers: Mapping[bytes, str], hosts: Collection[str] | None) -> bool:
    """Returns whether a request was made to this page's host, and by this page if by any.

    >>> is_ours({b"host": "localhost:8080"}, ["localhost"])
    True
    >>> is_ours({b"host": "localhost:8080", b"origin": "http://elsewhere.org"}, ["localhost"])
    False

    Args:
        headers: lower-case name to value.
        hosts: as of `Guard`.

    Reference:
        RFC 6454 (the web origin concept).
    """
    host = headers.get(b"host", "")
    try:
        name = urlsplit(f"//{host}").hostname or ""
        origin = headers.get(b"origin")
        came_from = host if origin is None else urlsplit(origin).netloc
    except ValueError:
        return False
    return (hosts is None or name in hosts) and came_from == host


async def _refuse(scope: MutableMapping[str, Any], send: Send, status: int, why: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": why})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8"), *HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": f"{why}\n".encode()})
