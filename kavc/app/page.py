"""The page: a clip on one side, what is said of it on the other."""

from __future__ import annotations

import asyncio
import logging
from importlib import resources
from typing import TYPE_CHECKING

from nicegui import ui
from nicegui.element import Element

from kavc.app.offers import Offer
from kavc.app.parts import PLAYER, box, draw, text
from kavc.app.uploads import named_again
from kavc.errors import DataError, KavcError
from kavc.evaluation.style import DARK, GREY, GRID, LIGHT, PALETTE
from kavc.texts import one_line

if TYPE_CHECKING:
    from nicegui.elements.upload_files import FileUpload
    from nicegui.events import UploadEventArguments

    from kavc.app.answers import Answer
    from kavc.app.questions import Questions
    from kavc.app.uploads import Clip, Uploads

log = logging.getLogger(__name__)

LONGEST_ERROR = 300  # bytes that are shown
COLOURS = {
    "ink": DARK, "muted": GREY, "line": LIGHT, "grid": GRID,
    "heard": PALETTE[0], "seen": PALETTE[1], "both": PALETTE[2],
    "heard-on-dark": PALETTE[5], "seen-on-dark": PALETTE[4],
}  # fmt: skip
FOLLOW = """(event) => document.querySelectorAll('.timeline').forEach((each) =>
  each.style.setProperty('--at', event.target.currentTime / each.dataset.seconds))"""


def style() -> str:
    """Returns the style sheet of the page: the house palette, and what is made of it."""
    colours = "".join(f"--{name}: {value}; " for name, value in COLOURS.items())
    sheet = resources.files("kavc.app").joinpath("page.css").read_text("utf-8")
    return f":root {{ {colours}}}\n{sheet}"


class Page:
    """What one visitor sees. It lives as long as its connection, and its clip with it.

    Args:
        questions: asks the server.
        uploads: keeps the clips.
    """

    def __init__(self, questions: Questions, uploads: Uploads):
        self._questions, self._uploads = questions, uploads
        self._clip: Clip | None = None
        self._cards: list[_Card] = []
        self._gone = False

    def build(self) -> None:
        """Adds everything to the page that is being made; what a server has, once it is shown."""
        ui.add_css(style())
        self._dark = ui.dark_mode(None)
        self._header()
        with box("main", "columns") as whole:
            with box("section", "clip", aria_label="Clip"):
                self._drop_zone(whole)
            self._answers = box("section", "answers", aria_label="Answers")
        ui.context.client.on_delete(self._leave)
        ui.timer(0.0, self._look, once=True)

    def _header(self) -> None:
        with box("header", "top"):
            text("h1", "Ask about a clip")
            with box(classes="whom"):
                text("span", self._questions.options.server, "server", title="Server of the models")
                switch = text("button", "Light or dark", "plain", type="button")
                switch.on("click", self._switch)

    def _drop_zone(self, whole: Element) -> None:
        """Adds what takes a file, which may be dropped anywhere."""
        most = self._questions.options
        self._upload = ui.upload(
            auto_upload=True,
            max_file_size=most.most_bytes,
            on_begin_upload=lambda: self._say("Uploading …", busy=True),
            on_upload=self._came,
            on_rejected=lambda: self._say(
                f"The file is larger than {most.max_upload_mb} MiB; cut it.", failed=True
            ),
        ).classes("uploader")
        self._upload.on(
            "failed", lambda: self._say("The upload failed; drop it again.", failed=True)
        )
        self._player = box(classes="stage")
        pick = f"() => getElement({self._upload.id}).$refs.qRef.pickFiles()"
        take = (
            "(event) => { event.preventDefault(); event.currentTarget.classList.remove('over');"
            f" const all = event.dataTransfer.files; if (all.length) getElement({self._upload.id})"
            ".$refs.qRef.addFiles([all[0]]); }"
        )
        with box("button", "drop", type="button") as button:
            text("span", "Drop a clip here, or choose one", "call")
            text("span", f"mp4, wav or other media, up to {most.max_upload_mb} MiB")
        button.on("click", js_handler=pick)
        whole.on("drop", js_handler=take)
        over = "event.preventDefault(); event.currentTarget.classList"
        whole.on("dragover", js_handler=f"(event) => {{ {over}.add('over'); }}")
        whole.on("dragleave", js_handler=f"(event) => {{ {over}.remove('over'); }}")
        self._state = box("p", "state", role="status", aria_live="polite")

    async def _look(self) -> None:
        """Asks the server what it has, and shows a card for each question."""
        self._clear()
        with self._answers:
            text("p", "Asking the server what it has …", "quiet")
        try:
            found = await asyncio.to_thread(self._questions.offers)
        except KavcError as error:
            self._clear()
            with self._answers, box(classes="card"):
                text("p", one_line(str(error), LONGEST_ERROR), "failed", role="alert")
                self._again("Try again")
            return
        self._clear()  # who looks twice at once sees one list
        with self._answers:
            self._cards = [_Card(offer, self) for offer in found if not offer.missing]
            if missing := [offer for offer in found if offer.missing]:
                self._unavailable(missing)
        self._ask_all()

    def _clear(self) -> None:
        self._stop()
        self._cards = []
        self._answers.clear()

    def _unavailable(self, missing: list[Offer]) -> None:
        with box("section", "unavailable"):
            text("h2", "Not available here")
            with box("dl"):
                for offer in missing:
                    text("dt", offer.title)
                    with box("dd"):
                        text("span", offer.missing)
                        text("code", offer.remedy)
            self._again("Look again")

    def _again(self, label: str) -> None:
        text("button", label, "plain", type="button").on("click", self._look)

    async def _switch(self) -> None:
        is_dark = await ui.run_javascript("Quasar.Dark.isActive")
        self._dark.value = not is_dark

    def _say(self, words: str, *, busy: bool = False, failed: bool = False) -> None:
        self._state.clear()
        with self._state:
            if busy:
                box("span", "busy", aria_hidden="true")
            text("span", words, "failed" if failed else "")

    async def _came(self, event: UploadEventArguments) -> None:
        """Takes a file, and asks everything about it."""
        self._say("Reading the clip …", busy=True)
        try:
            clip = await self._kept(event.file)
        except (KavcError, OSError) as error:
            self._say(one_line(str(error), LONGEST_ERROR), failed=True)
            return
        finally:
            self._upload.reset()
        if self._gone:
            self._uploads.remove(clip)
            return
        self._forget()
        self._clip = clip
        self._show(clip)
        self._ask_all()

    async def _kept(self, file: FileUpload) -> Clip:
        if file.size() > self._questions.options.most_bytes:
            raise DataError(f"larger than {self._questions.options.max_upload_mb} MiB; cut it")
        path = self._uploads.new_path()
        try:
            await file.save(path)
        except BaseException:  # as a full disk; who leaves meanwhile, too
            path.unlink(missing_ok=True)
            raise
        return await asyncio.to_thread(self._uploads.opened, path, file.name)

    def _show(self, clip: Clip) -> None:
        self._player.clear()
        with self._player:
            tag = "video" if clip.is_seen else "audio"
            player = box(tag, "player", id=PLAYER, src=f"/clip/{clip.secret}", preload="metadata")
            player.props["controls"] = True
            player.props["aria-label"] = clip.name
            player.on("timeupdate", js_handler=FOLLOW)
        self._state.clear()
        with self._state:
            text("strong", clip.name)
            text("span", clip.about)

    def _ask_all(self) -> None:
        for card in self._cards:
            card.ask(self._clip)

    def _stop(self) -> None:
        for card in self._cards:
            card.stop()

    def _forget(self) -> None:
        self._stop()
        if self._clip is not None:
            self._uploads.remove(self._clip)
            self._clip = None

    def _leave(self) -> None:
        self._gone = True
        self._forget()

    async def answer(self, offer: Offer, clip: Clip, theme: int | None) -> Answer:
        """Asks one question about a clip, away from the event loop."""
        return await self._questions.run(self._questions.ask, offer, clip, theme)


class _Card:
    """A question with its answer, in one of four states: waiting, asking, answered, failed."""

    def __init__(self, offer: Offer, page: Page):
        self._offer, self._page = offer, page
        self._clip: Clip | None = None
        self._task: asyncio.Task | None = None
        with box("article", "card", data_kind=offer.kind) as self._whole:
            with box("header"):
                text("h2", offer.title)
                text("span", offer.model, "model")
            text("p", offer.question, "question")
            self._theme = self._choice() if offer.themes else None
            self._body: Element = box(classes="body")
            self._spoken = text("p", "", "spoken", role="status")
        self._wait()

    def _choice(self) -> ui.select:
        names = dict(enumerate(self._offer.themes))
        chosen = ui.select(names, label="Theme of the pictures", on_change=self._chosen)
        return chosen.props("outlined dense options-dense").classes("choice")

    def ask(self, clip: Clip | None) -> None:
        """Asks about a clip, if there is one and all is known that the question names."""
        self.stop()
        self._clip = clip
        if clip is None or (self._theme is not None and self._theme.value is None):
            self._wait()
        else:
            self._task = asyncio.create_task(self._asked(clip))

    def stop(self) -> None:
        """Asks no longer; an answer that comes is not shown."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _chosen(self) -> None:
        self.ask(self._clip)

    def _wait(self) -> None:
        self._state("waiting")
        if self._clip is not None:
            with self._body:
                text("p", "Choose a theme to ask.", "quiet")

    async def _asked(self, clip: Clip) -> None:
        self._state("asking")
        with self._body, box("p", "quiet"):
            box("span", "busy", aria_hidden="true")
            text("span", f"Decoding the clip and asking {self._offer.model} …")
        theme = None if self._theme is None else self._theme.value
        try:
            found = await self._page.answer(self._offer, clip, theme)
        except Exception as error:
            words = named_again(str(error), clip.path, clip.name)
            if not isinstance(error, KavcError):
                log.exception("%s of %s", self._offer.title, self._offer.model)
                words = f"a fault of the page, whose log says more: {type(error).__name__}: {words}"
            self._state("failed")
            with self._body:
                text("p", one_line(words, LONGEST_ERROR), "failed", role="alert")
            return
        self._state("answered")
        with self._body:
            draw(found)

    def _state(self, name: str) -> None:
        self._whole.props["data-state"] = name
        self._spoken.set_text("" if name == "waiting" else f"{self._offer.title}: {name}")
        self._body.clear()
