"""The asking: a clip and a question, and what comes of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from kavc.app import answers
from kavc.app.listening import Listening
from kavc.app.offers import DEFAULT, MATCH, THEMES, Offer, offers
from kavc.app.options import AppOptions
from kavc.errors import ConfigError, DataError

if TYPE_CHECKING:
    from kavc.app.uploads import Clip
    from kavc.systems.music_match.ranking import Moments

AT_ONCE = 2  # questions that decode at a time
SHOWN = 10  # items of an index

Result = TypeVar("Result")


class Questions:
    """Asks a server about clips. Threads may share it.

    Args:
        options: of the page.

    Raises:
        ConfigError, DataError: a folder or a file in the options is none.

    Example:
        with Questions(AppOptions("127.0.0.1:8500")) as questions:
            for offer in questions.offers():
                print(offer.title, offer.missing or questions.ask(offer, clip))
    """

    def __init__(self, options: AppOptions):
        from kavc.serving.client.blocking import Client

        self.options = options
        self._tracks = None if options.tracks is None else _Tracks(options.tracks)
        self._listening = None if options.weights is None else Listening(options.weights)
        self._client = Client(options.server, timeout=options.timeout)
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="questions")

    def offers(self) -> list[Offer]:
        """Returns what can be asked now: see `kavc.app.offers.offers`."""
        return offers(self._client, self.options)

    def ask(self, offer: Offer, clip: Clip, theme: int | None = None) -> answers.Answer:
        """Asks one question about a clip.

        Args:
            offer: the question.
            clip: that it is about.
            theme: index of the theme of its pictures, where the question names one.

        Raises:
            ConfigError: the model was exported otherwise than it says, or no theme is given where
                the question names one.
            DataError: the clip can't be read, or lacks what the question is about.
            ServingError: no server answers, or it refused.
        """
        asked: dict[str, Callable[[Offer, Clip], answers.Answer]] = {
            "listen": self._listen,
            "parse": self._parse,
            "retrieve": self._retrieve,
            "rank": self._rank,
        }
        if offer.kind == "score":
            return self._score(offer, clip, theme)
        return asked[offer.kind](offer, clip)

    async def run(self, work: Callable[..., Result], *arguments: Any) -> Result:
        """Does something that blocks, as `ask`, on a thread; two at a time, the others wait.

        A task that is cancelled gives its place back if it has not begun.
        """
        return await asyncio.wrap_future(self._threads.submit(work, *arguments))

    def close(self) -> None:
        """Closes the connection, and ends what listens and what reads clips."""
        from kavc.media.child import nothing_read

        self._client.close()
        if self._listening is not None:
            self._listening.close()
        with nothing_read():  # so that nobody waits for a clip to be read
            self._threads.shutdown(cancel_futures=True)

    def __enter__(self) -> Questions:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _listen(self, offer: Offer, clip: Clip) -> answers.Timeline:
        assert self._listening is not None
        return answers.listened(self._listening.spans(clip.path), clip.seconds)

    def _parse(self, offer: Offer, clip: Clip) -> answers.Timeline:
        from kavc.systems.av_parsing.asking import parse_clip

        return answers.parsed(parse_clip(self._client, offer.model, clip.path), clip.seconds)

    def _retrieve(self, offer: Offer, clip: Clip) -> answers.Ranking:
        from kavc.systems.cross_modal_embedding.asking import retrieve

        return answers.retrieved(retrieve(self._client, offer.model, clip=clip.path, top=SHOWN))

    def _rank(self, offer: Offer, clip: Clip) -> answers.Ranking:
        from kavc.extraction.served import served_request
        from kavc.systems.music_match import asking, ranking

        assert self._tracks is not None
        called: dict[str, str] = {}
        video: dict[str, np.ndarray] = {}
        offered = self._client.signatures(offer.model)
        if asking.seen_by(offered):  # before the tracks, which take longer
            called[ranking.RANK], video = served_request(
                self._client, offer.model, ranking.RANK, clip.path
            )
        names, moments, left_out = self._tracks.embedded(self._client, offer.model, offered.version)
        ask = asking.asking(self._client, offer.model, called)
        return answers.ranked(ranking.ranked(ask, video, names, moments), left_out)

    def _score(self, offer: Offer, clip: Clip, theme: int | None) -> answers.Verdict:
        from kavc.extraction.served import served_request

        said = theme if offer.themes else None
        if offer.themes and said is None:
            raise ConfigError(f"{offer.model}: expected the theme of the pictures")
        signature, values = served_request(self._client, offer.model, DEFAULT, clip.path)
        if said is not None:
            values["theme"] = np.array([said], np.int32)
        found = self._client.predict(offer.model, values, signature=signature)
        likely = found[THEMES][0].tolist() if THEMES in found else None
        return answers.verdict(float(found[MATCH][0]), said, likely, offer.themes)


class _Tracks:
    """Tracks to be ranked, whose vectors are made once for each version of a model."""

    def __init__(self, folder: Path):
        from kavc.systems.music_match import tracks

        if not folder.is_dir():
            raise DataError(f"{folder}: {'no folder' if folder.exists() else 'no such folder'}")
        self.folder = folder
        self._bad: list[str] = []
        self.clips = None if tracks.is_corpus(folder) else tracks.media_in(folder, self._bad.append)
        self._lock = threading.Lock()
        self._made: dict[tuple[str, int | None], tuple[list[str], Moments, tuple[str, ...]]] = {}

    def embedded(
        self, client: Any, model: str, version: int | None
    ) -> tuple[list[str], Moments, Sequence[str]]:
        """Returns ids and vectors of the tracks, and a line for each that has none.

        Args:
            client: of the server.
            model: that makes the vectors.
            version: of it that the server has now.
        """
        from kavc.systems.music_match import asking

        key = model, version
        with self._lock:  # who asks meanwhile would make the same
            if key not in self._made:
                told = list(self._bad)
                more: Any = {"seconds": None, "tell": told.append}
                if self.clips is None:
                    found = asking.tracks_of_corpus(client, model, self.folder, **more)
                else:
                    found = asking.tracks_of_media(client, model, self.clips, **more)
                lines = tuple(line.removeprefix("error: ") for line in told)
                others = {each: made for each, made in self._made.items() if each[0] != model}
                self._made = others | {key: (*found, lines)}  # no earlier version is needed
            return self._made[key]
