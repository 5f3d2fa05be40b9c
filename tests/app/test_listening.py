"""What is heard, by a process of its own."""

from __future__ import annotations

import pytest

from kavc.app.listening import Listening
from kavc.errors import DataError, KavcError


@pytest.fixture(scope="module")
def listening(shared):
    made = Listening(shared / "data" / "yamnet")
    yield made
    made.close()


def test_it_hears_what_the_command_hears(listening, shared, films):
    """Two processes that load TensorFlow, one after the other, take longer than ten seconds."""
    from kavc.media.listening import Listener

    film = films / "clips" / "v0000.mp4"
    expected = Listener.load(shared / "data" / "yamnet").events(film)
    found = listening.spans(film)
    assert expected and [(each.start, each.end, each.label) for each in found] == [
        (each.start, each.end, each.label) for each in expected
    ]
    assert {each.stream for each in found} == {"heard"}


def test_an_error_comes_as_it_is_and_the_process_goes_on(listening, tmp_path, films):
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"no film")
    with pytest.raises(DataError, match="no video or sound"):
        listening.spans(bad)
    assert listening.spans(films / "clips" / "v0001.mp4")


def test_a_process_that_died_is_told_and_another_one_started(listening, films):
    film = films / "clips" / "v0001.mp4"
    listening.spans(film)
    (process,) = listening._pool._processes.values()
    process.kill()
    process.join()
    with pytest.raises(KavcError, match="drop the clip again"):
        listening.spans(film)
    assert listening._pool is None
