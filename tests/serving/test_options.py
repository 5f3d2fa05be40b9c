"""What a server may be told."""

from __future__ import annotations

import pytest

from kavc.errors import ConfigError
from kavc.serving.options import ServerOptions


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"port": 65536}, "port is 65536; expected 0 to 65535"),
        ({"monitoring_port": -1}, "monitoring_port is -1"),
        ({"port": 8500, "monitoring_port": 8500}, "are both 8500; give two ports"),
        ({"threads": 0}, "threads is 0"),
        ({"max_message_bytes": 2**31}, "max_message_bytes is 2147483648"),
        ({"poll_seconds": 0.0}, "poll_seconds is 0"),
        ({"poll_seconds": float("nan")}, "poll_seconds is nan"),
        ({"poll_seconds": float("inf")}, "poll_seconds is inf; expected more than 0, up to 2147"),
        ({"grace_seconds": -1.0}, "grace_seconds is -1"),
        ({"grace_seconds": float("inf")}, "grace_seconds is inf; expected 0 to 2147"),
        ({"grace_seconds": 1e300}, r"grace_seconds is 1e\+300"),
        ({"allow_ops": ("ReadFile", "MyOp")}, "unknown op of TensorFlow 'MyOp'"),
    ],
)
def test_out_of_range(given, says):
    with pytest.raises(ConfigError, match=says):
        ServerOptions(**given)


def test_two_free_ports_may_be_asked_for():
    assert ServerOptions(port=0, monitoring_port=0).port == 0
