"""Elements that the page is made of, each an answer or a piece of one.

Whatever comes from files and servers goes in as text or as a number, never as HTML.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nicegui import ui
from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement

from kavc.app.answers import (
    BOTH,
    HEARD,
    SEEN,
    Answer,
    Item,
    Lane,
    Ranking,
    Span,
    Timeline,
    Verdict,
)
from kavc.texts import printable

WORDS = {HEARD: "heard", SEEN: "seen", BOTH: "seen and heard"}
PLAYER = "player"  # id of the element that plays the clip


def text(tag: str, content: str, classes: str = "", **attributes: str) -> TextElement:
    """Adds an element of HTML with some text in it."""
    element = TextElement(tag=tag, text=printable(content)).classes(classes)
    _with(element, attributes)
    return element


def box(tag: str = "div", classes: str = "", **attributes: str) -> Element:
    """Adds an element of HTML that holds others."""
    element = ui.element(tag).classes(classes)
    _with(element, attributes)
    return element


def _with(element: Element, attributes: Mapping[str, str]) -> None:
    for name, value in attributes.items():
        element.props[name.replace("_", "-")] = value


def draw(answer: Answer) -> None:
    """Adds what shows an answer."""
    if isinstance(answer, Timeline):
        timeline(answer)
    elif isinstance(answer, Ranking):
        ranking(answer)
    else:
        verdict(answer)


def timeline(answer: Timeline) -> None:
    """Adds lanes of spans over an axis of seconds, and their table."""
    lanes = answer.lanes()
    if not lanes:
        text("p", "Nothing is above the model's threshold.", "quiet")
        return
    with box(
        classes="timeline", role="group", aria_label="Timeline; a span plays its part"
    ) as whole:
        whole.props["data-seconds"] = f"{answer.seconds:.3f}"
        with box(classes="ruled", aria_hidden="true"):
            for tick in answer.ticks():
                box(classes="rule").style(f"left: {_share(tick, answer.seconds)}")
            box(classes="playhead")
        for lane in lanes:
            _lane(lane, answer, named=len(answer.streams) > 1)
        with box(classes="axis", aria_hidden="true"):
            for tick in answer.ticks():
                text("span", f"{tick:g}", "tick").style(f"left: {_share(tick, answer.seconds)}")
        text("div", "seconds", "unit", aria_hidden="true")
    if more := answer.not_drawn:
        text("p", f"{more} more {'classes are' if more > 1 else 'class is'} in the table.", "quiet")
    rows = [
        (
            f"{each.start:.1f}",
            f"{each.end:.1f}",
            WORDS[each.stream],
            each.label,
            f"{each.score:.3f}",
        )
        for each in answer.spans
    ]
    _folded(["start (s)", "end (s)", "where", "class", "score"], rows, numbers=(0, 1, 4))


def _lane(lane: Lane, answer: Timeline, *, named: bool) -> None:
    with box(classes="lane first" if lane.is_first else "lane"):
        text("span", lane.label if lane.is_first else "", "class")
        text("span", lane.stream if named else "", f"stream {lane.stream}")
        with box(classes="track"):
            for span in lane.spans:
                _span(span, answer.seconds)


def _span(span: Span, seconds: float) -> None:
    words = f"{span.label}, {WORDS[span.stream]}, {span.start:g} to {span.end:g} s"
    shown = text("button", "", f"span {span.stream}", type="button")
    shown.props["aria-label"] = printable(f"{words}, score {span.score:.2f}; play")
    shown.props["title"] = printable(f"{words} · {span.score:.2f}")
    left, width = _share(span.start, seconds), _share(span.end - span.start, seconds)
    shown.style(f"left: {left}; width: {width}; --score: {min(max(span.score, 0), 1):.2f}")
    seek = f"p.currentTime = {span.start:.3f}; p.play()"
    shown.on("click", js_handler=f"() => {{ const p = document.getElementById('{PLAYER}'); "
             f"if (p) {{ {seek} }} }}")  # fmt: skip


def ranking(answer: Ranking) -> None:
    """Adds a table of items, the best first, each with a bar."""
    with box("table", "ranking"):
        with box("thead"), box("tr"):
            for label in ("rank", answer.what, answer.value, *answer.notes):
                text("th", label, scope="col")
        with box("tbody"):
            for place, item in enumerate(answer.items, 1):
                _item(place, item)
    if answer.total > len(answer.items):
        text("p", f"{len(answer.items)} of {answer.total:,}", "quiet")
    if answer.left_out:
        with box("details", "folded"):
            text("summary", f"{len(answer.left_out)} left out")
            for line in answer.left_out[:50]:
                text("p", line, "quiet")


def _item(place: int, item: Item) -> None:
    with box("tr"):
        text("td", str(place), "place")
        with box("td", "name"):
            text("span", item.name)
            if item.detail:
                text("span", item.detail, "quiet")
            with box(classes="bar", aria_hidden="true"):
                box(classes="fill").style(f"left: {item.start:.2%}; width: {item.width:.2%}")
        text("td", item.value, "number")
        for note in item.notes:
            text("td", note, "number")


def verdict(answer: Verdict) -> None:
    """Adds a probability, and what sound and picture convey together."""
    with box(classes="verdict"):
        text("span", f"{100 * answer.probability:.0f} %", "figure")
        said = "" if answer.theme is None else f"; theme of the pictures: {answer.theme}"
        text("span", f"probability that sound and picture belong together{said}")
        with box(classes="bar", aria_hidden="true"):
            box(classes="fill").style(f"left: 0; width: {answer.probability:.2%}")
    if answer.themes is not None:
        text("h3", "Theme that both convey")
        ranking(answer.themes)


def _folded(labels: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int]) -> None:
    with box("details", "folded"):
        text("summary", f"As a table, {len(rows)} row{'s' if len(rows) > 1 else ''}")
        with box(classes="scrolled", tabindex="0"), box("table"):
            with box("thead"), box("tr"):
                for place, label in enumerate(labels):
                    text("th", label, "number" if place in numbers else "", scope="col")
            with box("tbody"):
                for row in rows:
                    with box("tr"):
                        for place, cell in enumerate(row):
                            text("td", cell, "number" if place in numbers else "")


def _share(part: float, whole: float) -> str:
    return f"{min(max(part / whole, 0), 1):.3%}"
