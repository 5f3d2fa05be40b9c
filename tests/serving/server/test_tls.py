"""TLS: who may talk to whom, and files that do not fit."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kavc.errors import ConfigError
from kavc.serving.configs import TLSConfig
from kavc.serving.protos import GetModelStatusRequest as Request
from kavc.serving.protos import ModelServiceStub, grpc
from kavc.serving.server.local import LocalServer

HERE = Path(__file__).parent / "certificates"
CA, KEY, CERT = HERE / "ca.pem", HERE / "server.key", HERE / "server.pem"


def read(name):
    return (HERE / name).read_bytes()


def ask(address, credentials=None):
    open_channel = grpc.insecure_channel
    arguments = [address]
    if credentials is not None:
        open_channel = grpc.secure_channel
        arguments.append(grpc.ssl_channel_credentials(**credentials))
    with open_channel(*arguments) as channel:
        return ModelServiceStub(channel).GetModelStatus(
            Request(model_spec={"name": "tiny"}), timeout=5
        )


@pytest.fixture(scope="module")
def secured(models_dir):
    with LocalServer(models_dir, port=0, tls=TLSConfig(KEY, CERT)) as server:
        yield server.address


def test_who_knows_the_authority_is_answered(secured):
    assert ask(secured, {"root_certificates": read("ca.pem")}).model_version_status


@pytest.mark.parametrize("credentials", [None, {"root_certificates": read("client.pem")}])
def test_who_does_not_is_cut_off(secured, credentials):
    with pytest.raises(grpc.RpcError) as caught:
        ask(secured, credentials)
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE


def test_callers_prove_themselves_if_asked_to(models_dir):
    tls = TLSConfig(KEY, CERT, custom_ca=CA, client_verify=True)
    known = {
        "root_certificates": read("ca.pem"),
        "private_key": read("client.key"),
        "certificate_chain": read("client.pem"),
    }
    with LocalServer(models_dir, port=0, tls=tls) as server:
        assert ask(server.address, known).model_version_status
        with pytest.raises(grpc.RpcError):
            ask(server.address, {"root_certificates": read("ca.pem")})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"server_key": HERE / "other.key"}, "server.pem and .*other.key do not fit together"),
        ({"server_key": HERE / "none.key"}, "none.key: no such file"),
        ({"server_cert": HERE / "README.md"}, "README.md: not PEM text"),
        ({"server_cert": HERE / "other.key"}, "other.key and .*server.key do not fit together"),
        ({"custom_ca": HERE / "other.key"}, "other.key holds no certificate"),
    ],
)
def test_files_that_do_not_fit(models_dir, changes, message):
    tls = TLSConfig(**({"server_key": KEY, "server_cert": CERT} | changes))
    with pytest.raises(ConfigError) as caught:
        LocalServer(models_dir, port=0, tls=tls).start()
    line = str(caught.value)
    assert re.search(message, line), line
    assert "\n" not in line
