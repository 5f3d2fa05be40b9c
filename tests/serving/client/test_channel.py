"""Addresses, limits and certificates."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import shutil
import socket
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest

from kavc.errors import ConfigError, ServingError
from kavc.serving.client.aio import AsyncClient
from kavc.serving.client.blocking import Client
from kavc.serving.client.channel import ClientTLS, channel, proxy_options
from kavc.serving.client.retry import Retry
from kavc.serving.protos import grpc

spec = importlib.util.spec_from_file_location("fake", Path(__file__).parent / "fake.py")
fake = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fake)

ONE = np.ones((1, 3), "float32")
ONCE = Retry(attempts=1)


def certify(folder, name, *more):
    """Writes a key and a certificate for `name`, signed by itself."""
    words = f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN={name}"
    alternative = ["-addext", f"subjectAltName=DNS:{name}"]
    files = ["-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem"]
    subprocess.run(
        ["openssl", *words.split(), *alternative, *files],
        check=True,
        capture_output=True,
    )


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make certificates with")
    folder = tmp_path_factory.mktemp("keys")
    for name in ("localhost", "elsewhere", "me"):
        certify(folder, name)
    return folder


def credentials(keys, name="localhost", clients=None):
    pair = ((keys / f"{name}.key").read_bytes(), (keys / f"{name}.pem").read_bytes())
    roots = (keys / f"{clients}.pem").read_bytes() if clients else None
    return grpc.ssl_server_credentials([pair], roots, require_client_auth=clients is not None)


def ask(server, tls):
    with (
        fake.serving(fake.Fake(), credentials=server) as address,
        Client(address, tls=tls, retries=ONCE, timeout=5) as client,
    ):
        return client.predict("fake", {"x": ONE})["y"]


def test_tls(keys):
    tls = ClientTLS(root_cert=keys / "localhost.pem")
    np.testing.assert_array_equal(ask(credentials(keys), tls), ONE)


def test_tls_from_asyncio(keys):
    async def go(address):
        async with AsyncClient(address, tls=ClientTLS(keys / "localhost.pem")) as client:
            return await client.predict("fake", {"x": ONE})

    with fake.serving(fake.Fake(), credentials=credentials(keys)) as address:
        np.testing.assert_array_equal(asyncio.run(go(address))["y"], ONE)


def test_a_certificate_for_another_name(keys):
    tls = {"root_cert": keys / "elsewhere.pem"}
    with pytest.raises(ServingError):
        ask(credentials(keys, "elsewhere"), ClientTLS(**tls))
    found = ask(credentials(keys, "elsewhere"), ClientTLS(**tls, server_name="elsewhere"))
    np.testing.assert_array_equal(found, ONE)


def test_a_server_that_asks_who_calls(keys):
    tls = {"root_cert": keys / "localhost.pem"}
    mine = {"key": keys / "me.key", "cert": keys / "me.pem"}
    np.testing.assert_array_equal(
        ask(credentials(keys, clients="me"), ClientTLS(**tls, **mine)), ONE
    )
    with pytest.raises(ServingError) as caught:
        ask(credentials(keys, clients="me"), ClientTLS(**tls))
    assert caught.value.code == "UNAVAILABLE"


@pytest.mark.parametrize("tls", [None, "elsewhere.pem"])
def test_without_the_servers_authority_nobody_answers(keys, tls):
    with pytest.raises(ServingError) as caught:
        ask(credentials(keys), tls and ClientTLS(root_cert=keys / tls))
    assert caught.value.code == "UNAVAILABLE"


def test_a_broken_connection_is_tried_again_as_often_as_calls_are():
    """gRPC's own rest is a second, by which all attempts would be over."""

    class Recorder:
        @staticmethod
        def insecure_channel(address, options):
            return dict(options)

    retries = Retry(wait=0.25, longest=1.5)
    options = channel(Recorder, "a:1", tls=None, retries=retries, max_message_bytes=77)
    assert options["grpc.initial_reconnect_backoff_ms"] == 250
    assert options["grpc.max_reconnect_backoff_ms"] == 1500
    assert options["grpc.max_send_message_length"] == 77
    assert options["grpc.max_receive_message_length"] == 77
    options = channel(Recorder, "a:1", tls=None, retries=Retry(wait=0), max_message_bytes=1)
    assert options["grpc.initial_reconnect_backoff_ms"] == 100  # gRPC takes no less
    retries = Retry(wait=1e300, longest=1e300)
    options = channel(Recorder, "a:1", tls=None, retries=retries, max_message_bytes=1)
    assert options["grpc.max_reconnect_backoff_ms"] == 2**31 - 1


@contextlib.contextmanager
def proxy():
    """Yields the URL of a proxy that hangs up on everybody, and the list of what it was told."""
    told = []

    def listen():
        with contextlib.suppress(OSError):  # closed
            while True:
                caller, _ = listener.accept()
                with caller:
                    told.append(caller.recv(1000).split(b"\r\n")[0])

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=listen)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", told
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


@pytest.mark.parametrize("variable", ["http_proxy", "https_proxy", "grpc_proxy"])
def test_a_server_on_this_machine_is_asked_without_a_proxy(monkeypatch, variable):
    for name in ("no_proxy", "no_grpc_proxy"):
        monkeypatch.delenv(name, raising=False)
    with proxy() as (url, told), fake.serving(fake.Fake()) as address:
        monkeypatch.setenv(variable, url)
        with Client(address, retries=ONCE, timeout=5) as client:
            np.testing.assert_array_equal(client.predict("fake", {"x": ONE})["y"], ONE)
        assert told == []
        with (
            Client("gpu-7.invalid:8500", retries=ONCE, timeout=5) as client,
            pytest.raises(ServingError),
        ):
            client.status("fake")
        assert told[0].startswith(b"CONNECT gpu-7.invalid:8500")


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("localhost", True),
        ("LocalHost.", True),
        ("a.localhost", True),
        ("127.8.0.1", True),
        ("0.0.0.0", True),
        ("[::1]", True),
        ("[::]", True),
        ("[::ffff:127.0.0.1]", True),
        ("dns:localhost", True),
        ("dns:///localhost", True),
        ("ipv4:127.0.0.1", True),
        ("ipv6:[::1]", True),
        ("localhost.example.org", False),
        ("notlocalhost", False),
        ("128.0.0.1", False),
        ("[2001:db8::1]", False),
        ("dns://127.0.0.1/gpu-7", False),
    ],
)
def test_which_servers_are_on_this_machine(host, here):
    assert bool(proxy_options(f"{host}:8500")) is here


def test_files_that_are_none(tmp_path):
    with pytest.raises(ConfigError, match="only the client's key was given"):
        ClientTLS(key="mine.key")
    with pytest.raises(ConfigError, match=r"none\.pem: no such file"):
        Client("localhost:1", tls=ClientTLS(root_cert=tmp_path / "none.pem"))
    (tmp_path / "der.pem").write_bytes(b"\x30\x82")
    with pytest.raises(ConfigError, match=r"der\.pem is not PEM"):
        Client("localhost:1", tls=ClientTLS(root_cert=tmp_path / "der.pem"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"timeout": 0}, "timeout is 0; expected a positive number"),
        ({"timeout": float("nan")}, "timeout is nan"),
        ({"timeout": float("inf")}, "timeout is inf"),
        ({"timeout": 1e10}, "timeout is 10000000000.0; expected .* up to 2147483647"),
        ({"max_message_bytes": 0}, "max_message_bytes is 0; expected 1 to 2147483647"),
        ({"max_message_bytes": 2**31}, "max_message_bytes is 2147483648"),
    ],
)
def test_arguments(options, message):
    for client in (Client, AsyncClient):
        with pytest.raises(ConfigError, match=message):
            client("localhost:1", **options)
