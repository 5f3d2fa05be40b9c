"""The page of one visitor, without a browser: what goes on in it, and what goes wrong."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Awaitable, Callable

import pytest

nicegui = pytest.importorskip("nicegui", reason="the extra app is not installed")

from kavc.app import answers, parts
from kavc.app.answers import Span
from kavc.app.offers import Offer
from kavc.app.options import AppOptions
from kavc.app.page import Page, _Card
from kavc.app.uploads import Clip, Uploads
from kavc.errors import DataError


class Asked:
    """Stands for the questions of a page; an answer is an error, or never comes."""

    def __init__(self, error=None):
        self.options = AppOptions("a:1", max_upload_mb=10)
        self.error = error
        self.running = 0
        self.looks, self.second = 0, threading.Event()

    def offers(self):
        """The second look ends after the first."""
        self.looks += 1
        if self.looks == 2:
            self.second.wait(60)
        return [Offer("parse", "av-parsing", 1)]

    def ask(self, offer, clip, theme):
        pass

    async def run(self, work, *arguments):
        if self.error is not None:
            raise self.error
        self.running += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.running -= 1


def in_a_page(work: Callable[[nicegui.ui.element], Awaitable[None]]) -> None:
    """Does something on an event loop, within an element of a page that nobody sees."""

    async def within():
        nicegui.core.loop = asyncio.get_running_loop()
        with nicegui.Client(nicegui.ui.page("")), parts.box() as whole:
            await work(whole)

    asyncio.run(within())


def words(element) -> list[str]:
    return [each.text for each in element.descendants() if hasattr(each, "text")]


@pytest.fixture
def uploads():
    with Uploads() as made:
        yield made


def clip_of(uploads):
    path = uploads.new_path()
    return Clip(path.name, path, "holiday.mp4", 5.0, True, True)


def test_two_looks_at_once_ask_once(uploads):
    asked = Asked()

    async def looked(whole):
        page = Page(asked, uploads)
        page.build()
        page._clip = clip_of(uploads)
        looks = [asyncio.create_task(page._look()) for _ in range(2)]
        await asyncio.wait(looks, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.sleep(0)
        assert asked.running == 1
        asked.second.set()
        await asyncio.gather(*looks)
        await asyncio.sleep(0.01)
        assert asked.running == 1

    in_a_page(looked)


@pytest.mark.parametrize(
    ("error", "told", "logged"),
    [
        (DataError("{path}: no sound"), "holiday.mp4: no sound", 0),
        (KeyError("ids"), "a fault of the page, whose log says more: KeyError: 'ids'", 1),
    ],
)
def test_a_fault_of_our_own_is_logged_and_told_as_one(uploads, caplog, error, told, logged):
    clip = clip_of(uploads)
    asked = Asked(type(error)(str(error.args[0]).format(path=clip.path)))

    async def failed(whole):
        card = _Card(Offer("parse", "av-parsing", 1), Page(asked, uploads))
        await card._asked(clip)
        assert told in words(whole)

    in_a_page(failed)
    assert [record.exc_info[0] for record in caplog.records] == [type(error)] * logged


class Full:
    """Stands for an upload for which the disk has no room."""

    name = "holiday.mp4"

    def size(self):
        return 100

    async def save(self, path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")


def test_of_what_can_not_be_saved_nothing_is_kept(uploads):
    async def kept(whole):
        with pytest.raises(OSError, match="No space left"):
            await Page(Asked(), uploads)._kept(Full())

    in_a_page(kept)
    assert list(uploads.folder.iterdir()) == []


def test_a_file_that_does_not_fit_into_memory(uploads, films):
    from nicegui.elements.upload_files import LargeFileUpload, create_file_upload
    from starlette.datastructures import UploadFile

    content = (films / "clips" / "v0000.mp4").read_bytes()
    content += (2**21).to_bytes(4, "big") + b"free" + bytes(2**21 - 8)  # a box that is skipped

    async def kept(whole):
        file = await create_file_upload(UploadFile(io.BytesIO(content), filename="long.mp4"))
        assert isinstance(file, LargeFileUpload)
        clip = await Page(Asked(), uploads)._kept(file)
        assert clip.about == "5.0 s · 64 × 48 · with sound"
        assert clip.path.read_bytes() == content

    in_a_page(kept)


@pytest.mark.parametrize(
    ("classes", "told"),
    [(12, None), (13, "1 more class is in the table."), (20, "8 more classes are in the table.")],
)
def test_a_timeline_says_what_it_does_not_draw(classes, told):
    spans = [Span(n, n + 1.0, "heard", f"class {n}", 0.5) for n in range(classes)]

    async def drawn(whole):
        parts.draw(answers.listened(spans, 20.0))
        assert [each for each in words(whole) if " more " in each] == ([told] if told else [])

    in_a_page(drawn)
