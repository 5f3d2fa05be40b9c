"""The page as its visitors have it, in a browser: what it answers, refuses, keeps and forgets.

The models and the processes of server, page and browser are made once for all tests here: that is
what takes longer than ten seconds.
"""

from __future__ import annotations

import base64
import json
import shutil
import time
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import pytest
from typer.testing import CliRunner

from kavc.app.options import AppOptions
from kavc.app.questions import Questions
from kavc.app.uploads import Uploads
from kavc.cli.main import app

from . import models

WAIT = 60_000  # ms, on a busy machine
DROPPED = """([bytes, name]) => {
  const content = Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0));
  const dropped = new DataTransfer();
  dropped.items.add(new File([content], name));
  return dropped;
}"""
OVERFLOWS = "document.documentElement.scrollWidth > window.innerWidth"


def cli(*words):
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.stderr or result.exception
    return json.loads(result.stdout)


class Visit:
    """A visitor with a page of its own, who notes what was requested and what went wrong."""

    def __init__(self, browser, shown, **options):
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(WAIT)
        self.faults, self.requested = [], []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", self._console)
        self.page.on("request", lambda request: self.requested.append(request.url))
        self.page.goto(shown.url)
        self.page.wait_for_selector("article.card")

    def _console(self, message):
        if message.type == "error":
            self.faults.append(message.text)

    def drop(self, content, name):
        given = [base64.b64encode(content).decode(), name]
        dropped = self.page.evaluate_handle(DROPPED, given)
        self.page.dispatch_event("button.drop", "drop", {"dataTransfer": dropped})

    def card(self, kind, state="answered"):
        """Returns a card once it is in a state, or in that of a failure."""
        wanted = f":is([data-state={state}], [data-state=failed])"
        found = self.page.wait_for_selector(f"article[data-kind={kind}]{wanted}")
        assert found.get_attribute("data-state") == state, found.text_content()
        return found

    def rows(self, kind):
        """The cells of a card's tables, as text."""
        rows = self.card(kind).query_selector_all("tbody tr")
        return [[cell.text_content() for cell in row.query_selector_all("td")] for row in rows]

    def state(self, words):
        self.page.wait_for_function(
            "(words) => document.querySelector('.state').textContent.includes(words)", arg=words
        )
        return self.page.text_content(".state")


@pytest.fixture(scope="module")
def visitor(browser, shown):
    """A visitor who dropped the film."""
    visit = Visit(browser, shown, viewport={"width": 1280, "height": 900})
    visit.drop(shown.clip.read_bytes(), "holiday & <u>co<u>.mp4")
    yield visit
    visit.context.close()


def test_what_is_asked_without_a_page(served, films, tmp_path):
    songs = tmp_path / "songs"
    songs.mkdir()
    shutil.copy(films / "tracks" / "m0001.m4a", songs)
    (songs / "text.mp3").write_text("no song\n")
    options = AppOptions(served, tracks=songs, timeout=100)
    with Questions(options) as questions, Uploads() as uploads:
        path = shutil.copy(films / "clips" / "v0000.mp4", uploads.new_path())
        clip = uploads.opened(path, "holiday.mp4")
        asked = [offer for offer in questions.offers() if not offer.missing]
        found = {offer.kind: questions.ask(offer, clip, 1) for offer in asked}
        again = {offer.kind: questions.ask(offer, clip, 1) for offer in asked}
    assert list(found) == ["parse", "retrieve", "rank", "score"] and again == found
    assert [item.name for item in found["rank"].items] == ["m0001"]
    assert len(found["rank"].left_out) == 1 and "text.mp3" in found["rank"].left_out[0]
    assert found["score"].theme == models.THEMES[1]


def signed(score):
    return f"{score:.3f}".replace("-", "−")


def test_a_timeline_as_the_command_parses(visitor, shown):
    found = cli(
        "parse", "--server", shown.server, "--media", shown.clip, "--timeout", 100, "--json"
    )
    words = {"audio": "heard", "visual": "seen", "audio-visual": "seen and heard"}
    assert found
    assert visitor.rows("parse") == [
        [f"{each['start']:.1f}", f"{each['end']:.1f}", words[each["modality"]], each["label"],
         f"{each['score']:.3f}"]
        for each in found
    ]  # fmt: skip
    spans = visitor.card("parse").query_selector_all("button.span")
    assert len(spans) == len(found)
    ticks = visitor.card("parse").query_selector_all(".tick")
    assert [tick.text_content() for tick in ticks] == ["0", "1", "2", "3", "4", "5"]


def test_matches_as_the_command_retrieves(visitor, shown):
    words = "--server", shown.server, "--media", shown.clip, "--timeout", 100, "--json"
    found = cli("retrieve", *words)
    assert [[row[1], row[2]] for row in visitor.rows("retrieve")] == [
        [name, signed(score)]
        for name, score in zip(found["ids"][0], found["scores"][0], strict=True)
    ]


def test_tracks_as_the_command_ranks(visitor, shown):
    words = "--server", shown.server, "--media", shown.clip, "--tracks", shown.films / "tracks"
    found = cli("rank", *words, "--timeout", 100, "--json")
    assert len(found) == 3
    assert visitor.rows("rank") == [
        [str(place), each["track"], signed(each["score"]), f"{100 * each['chance']:.0f} %"]
        for place, each in enumerate(found, 1)
    ]


def test_a_score_for_the_theme_that_is_chosen(visitor, shown):
    assert "Choose a theme" in visitor.card("score", "waiting").text_content()
    visitor.page.click("article[data-kind=score] .q-select")
    visitor.page.click(".q-menu .q-item >> nth=1")
    found = cli("predict", "--server", shown.server, "--model", "ti-avc", "--media", shown.clip,
                "--theme", 1, "--timeout", 100, "--json")  # fmt: skip
    card = visitor.card("score")
    assert card.query_selector(".figure").text_content() == f"{100 * found['match_score'][0]:.0f} %"
    assert f"theme of the pictures: {models.THEMES[1]}" in card.text_content()
    likely = dict(zip(models.THEMES, found["theme_probabilities"][0], strict=True))
    assert {row[1]: row[2] for row in visitor.rows("score")} == {
        name: f"{100 * share:.0f} %" for name, share in likely.items()
    }


def test_what_is_missing_is_told_with_what_mends_it(visitor):
    told = visitor.page.text_content(".unavailable")
    assert "YAMNet's weights are not given" in told and "--weights FOLDER" in told


def test_names_are_text_and_nothing_else(visitor):
    visitor.card("retrieve"), visitor.card("parse")
    assert visitor.page.query_selector("main u, main td i, main td b, .lane b") is None
    assert visitor.page.text_content(".state strong").startswith("holiday & <u>co<u>.mp4")


def test_a_span_plays_its_part_by_the_keyboard(visitor):
    visitor.card("parse")
    span = visitor.page.query_selector_all("button.span")[-1]
    label = span.get_attribute("aria-label")
    begins = float(label.split(" to ")[0].rsplit(" ", 1)[1])
    visitor.page.wait_for_function("document.getElementById('player').readyState > 0")
    span.focus()
    visitor.page.keyboard.press("Enter")
    visitor.page.wait_for_function(
        "(begins) => document.getElementById('player').currentTime >= begins", arg=begins
    )


def test_all_comes_from_this_machine_and_nothing_fails(visitor, shown):
    visitor.card("parse"), visitor.card("rank")
    assert {urlsplit(url).netloc for url in visitor.requested} == {urlsplit(shown.url).netloc}
    assert visitor.faults == []


def test_headings_and_names_for_who_does_not_see(visitor):
    titles = [each.text_content() for each in visitor.page.query_selector_all("h1, h2")]
    assert titles[0] == "Ask about a clip"
    assert titles[1:] == ["Timeline", "Matches", "Music", "Agreement", "Not available here"]
    unnamed = """[...document.querySelectorAll('main button')].filter(
      (each) => !each.textContent.trim() && !each.getAttribute('aria-label')).length"""
    assert visitor.page.evaluate(unnamed) == 0
    assert visitor.page.get_attribute("html", "lang") == "en-GB"
    assert visitor.page.query_selector("#player").get_attribute("aria-label")


def test_another_visitor_sees_nothing_of_it_and_leaves_nothing(browser, shown, visitor):
    visitor.card("parse")
    before = len(shown.kept())
    other = Visit(browser, shown, viewport={"width": 420, "height": 800}, color_scheme="dark")
    assert other.page.query_selector("#player") is None
    assert other.page.query_selector("article[data-state=answered]") is None
    other.drop((shown.films / "clips" / "v0001.mp4").read_bytes(), "other.mp4")
    other.card("parse")
    assert not other.page.evaluate(OVERFLOWS)
    assert len(shown.kept()) == before + 1
    other.drop(shown.clip.read_bytes(), "next.mp4")  # in place of the one before
    other.state("next.mp4")
    assert len(shown.kept()) == before + 1
    other.context.close()
    until = time.monotonic() + 60  # the page waits for who may come back
    while len(shown.kept()) > before and time.monotonic() < until:
        time.sleep(0.2)
    assert len(shown.kept()) == before


def test_what_is_no_clip_is_told_in_a_line_and_not_kept(browser, shown, visitor):
    before = len(shown.kept())
    visit = Visit(browser, shown)
    visit.drop(b"no film\n" * 100, "notes.mp4")
    told = visit.state("notes.mp4: no video or sound that can be read")
    assert "kavc-app" not in told and "\n" not in told
    visit.drop(b"x" * (2**20 + 1), "large.mp4")
    assert "larger than 1 MiB" in visit.state("larger than")
    assert len(shown.kept()) == before
    visit.context.close()


def requested(url, **headers):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def test_who_comes_from_elsewhere_is_refused(shown, visitor):
    assert requested(shown.url) == 200
    assert requested(shown.url, Host="elsewhere.org") == 403
    assert requested(shown.url, Origin="http://elsewhere.org") == 403
    assert requested(f"{shown.url}/clip/nosuch") == 404
    clip = shown.url + urlsplit(visitor.page.get_attribute("#player", "src")).path
    assert requested(clip) == 200
    assert requested(clip, Origin="null") == 403


def test_it_ends_and_leaves_nothing(shown):
    """The last one here: the page is gone after it."""
    assert shown.end() == 0
    assert list(shown.temporary.glob("kavc-app-*")) == []
    assert list(shown.temporary.iterdir()) == []
