"""Which requests are let in."""

from __future__ import annotations

import asyncio

import pytest

from kavc.app.guard import FORM, Guard, is_ours

HOSTS = {"localhost", "127.0.0.1", "::1"}


@pytest.mark.parametrize(
    "host, origin, ours",
    [
        ("localhost:8080", None, True),
        ("127.0.0.1:8080", "http://127.0.0.1:8080", True),
        ("[::1]:8080", "http://[::1]:8080", True),
        ("elsewhere.org", None, False),  # a name that resolves to this machine
        ("localhost.elsewhere.org:8080", None, False),
        ("localhost:8080", "http://elsewhere.org", False),
        ("localhost:8080", "http://localhost:9090", False),
        ("localhost:8080", "null", False),
        ("localhost:8080", "", False),
        ("[::1", None, False),
        ("", None, False),
    ],
)
def test_whose_requests_are_ours(host, origin, ours):
    headers = {b"host": host} | ({} if origin is None else {b"origin": origin})
    assert is_ours(headers, HOSTS) is ours


def test_any_host_where_others_may_come_but_no_other_origin():
    assert is_ours({b"host": "gpu-7:8080"}, None)
    assert not is_ours({b"host": "gpu-7:8080", b"origin": "http://elsewhere.org"}, None)


async def _reads_all(scope, receive, send):
    body = b""
    while (message := await receive()).get("more_body"):
        body += message["body"]
    body += message["body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(len(body)).encode()})


def asked(parts, *, most, kind="http", **headers):
    """Sends a request in parts through a guard; returns what was answered."""
    sent, left = [], list(parts)

    async def receive():
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    async def send(message):
        sent.append(message)

    named = {"host": "localhost"} | {name.replace("_", "-"): x for name, x in headers.items()}
    scope = {"type": kind, "headers": [(n.encode(), x.encode()) for n, x in named.items()]}
    asyncio.run(Guard(_reads_all, hosts=HOSTS, most=most)(scope, receive, send))
    return sent


def test_what_is_let_in_is_answered_with_headers_that_bind_the_browser():
    start, body = asked([b"1234", b"5678"], most=100)
    assert start["status"] == 200 and body["body"] == b"8"
    names = dict(start["headers"])
    policy = names[b"content-security-policy"]
    assert b"default-src 'self'" in policy and b"connect-src 'self';" in policy
    assert names[b"x-content-type-options"] == b"nosniff"


def test_too_large_a_request_is_refused_by_what_it_says_and_by_what_comes():
    said = asked([b""], most=10, content_length=str(10 + FORM + 1))
    assert said[0]["status"] == 413
    came = asked([b"x" * FORM, b"x" * 100], most=10)
    assert came[0]["status"] == 413 and len(came) == 2
    assert asked([b"x" * FORM, b"x" * 10], most=10)[0]["status"] == 200


@pytest.mark.parametrize("length", ["-1", "many", ""])
def test_a_length_that_is_none(length):
    assert asked([b"1"], most=10, content_length=length)[0]["status"] == 400


def test_a_web_socket_of_another_site_is_closed():
    (closed,) = asked([], most=10, kind="websocket", origin="http://elsewhere.org")
    assert closed["type"] == "websocket.close" and closed["code"] == 1008
