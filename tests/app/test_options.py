"""What can be set of the page."""

from __future__ import annotations

import pytest

from kavc.app.options import AppOptions
from kavc.app.questions import Questions
from kavc.errors import ConfigError, DataError


@pytest.mark.parametrize(
    "options, words",
    [
        ({"server": "nowhere"}, "expected HOST:PORT"),
        ({"server": "a:1", "port": 65536}, "expected 0 to 65535"),
        ({"server": "a:1", "max_upload_mb": 0}, "expected 1 to 4,096"),
    ],
)
def test_what_does_not_fit_is_refused(options, words):
    with pytest.raises(ConfigError, match=words):
        AppOptions(**options)


@pytest.mark.parametrize(
    "host, local",
    [("127.0.0.1", True), ("127.0.0.9", True), ("::1", True), ("localhost", True),
     ("0.0.0.0", False), ("::", False), ("192.168.1.7", False), ("gpu-7", False)],
)  # fmt: skip
def test_who_reaches_the_page(host, local):
    assert AppOptions("a:1", host=host).is_local is local


def test_folders_and_files_are_asked_for_before_a_server_is(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        Questions(AppOptions("a:1", tracks=tmp_path / "nosuch"))
    with pytest.raises(DataError, match="no media files"):
        Questions(AppOptions("a:1", tracks=tmp_path))
    with pytest.raises(ConfigError, match="no weights of YAMNet"):
        Questions(AppOptions("a:1", weights=tmp_path))
