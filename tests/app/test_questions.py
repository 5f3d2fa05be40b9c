"""What is asked of a server, without one."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from kavc.app.offers import Offer
from kavc.app.options import AppOptions
from kavc.app.questions import Questions
from kavc.app.uploads import Clip
from kavc.errors import ConfigError, KavcError
from kavc.serving.client.discovery import Signatures
from kavc.serving.signature import SignatureInfo, TensorInfo
from kavc.systems.music_match import asking, ranking

CLIP = Clip("secret", Path("secret"), "holiday.mp4", 5.0, True, True)


class Server:
    """Stands for a client of a server whose models rank, and see nothing of a video."""

    def __init__(self):
        self.versions = {"music": 1, "other": 1}

    def signatures(self, model, version=None):
        rank = SignatureInfo({"tracks": TensorInfo("float32", (None, 4))}, {})
        return Signatures(model, self.versions[model], {"rank": rank})

    def close(self):
        pass


@pytest.fixture
def server():
    return Server()


@pytest.fixture
def questions(server, tmp_path):
    (tmp_path / "song.mp3").write_bytes(b"")
    with Questions(AppOptions("a:1", tracks=tmp_path)) as made:
        made._client.close()
        made._client = server
        yield made


def test_vectors_of_tracks_are_those_of_the_model_that_ranks(server, questions, monkeypatch):
    made, ranked = [], []

    def vectors(client, model, clips, **_):
        made.append((model, client.versions[model]))
        return ["song"], made[-1]

    def ranks(ask, video, names, moments):
        ranked.append(moments)
        return []

    monkeypatch.setattr(asking, "tracks_of_media", vectors)
    monkeypatch.setattr(ranking, "ranked", ranks)
    opened = Offer("rank", "music", 1)  # a page that stays open
    questions.ask(opened, CLIP)
    questions.ask(Offer("rank", "other", 1), CLIP)
    server.versions["music"] = 2
    for offer in (opened, Offer("rank", "other", 1), opened):
        questions.ask(offer, CLIP)
    assert made == [("music", 1), ("other", 1), ("music", 2)]
    assert ranked == [("music", 1), ("other", 1), ("music", 2), ("other", 1), ("music", 2)]


def test_a_theme_that_is_asked_for_is_none_of_its_own_accord(questions):
    with pytest.raises(ConfigError, match="ti-avc: expected the theme of the pictures"):
        questions.ask(Offer("score", "ti-avc", themes=("dog", "rain")), CLIP)


def test_closing_waits_for_no_clip_that_is_read(tmp_path):
    from kavc.media.decoders import Decoders

    begun = threading.Event()

    def hangs():
        with Decoders(seconds=90) as decoders:
            decoders.run(eval, "1")
            begun.set()
            return decoders.run(eval, "__import__('time').sleep(100)")

    questions = Questions(AppOptions("a:1"))
    waiting = questions._threads.submit(hangs)
    assert begun.wait(60)
    questions.close()
    assert isinstance(waiting.exception(0), KavcError)
