"""What is shown of an answer: spans of time, ranked items, a score. Nothing here draws."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kavc.systems.av_parsing.events import Event
    from kavc.systems.cross_modal_embedding.asking import Retrieved
    from kavc.systems.music_match.ranking import Ranked

HEARD, SEEN, BOTH = "heard", "seen", "both"
STREAMS = {"audio": HEARD, "visual": SEEN, "audio-visual": BOTH}
STEPS = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)  # seconds between ticks
TICKS = 9  # of an axis, at most
CLASSES = 12  # that a timeline draws; its table has all


@dataclass(frozen=True)
class Span:
    """Something that is there for a while.

    Args:
        start, end: seconds; `end` is where it is over.
        stream: "heard", "seen" or "both".
        label: of its class.
        score: mean probability, 0 to 1.
    """

    start: float
    end: float
    stream: str
    label: str
    score: float


@dataclass(frozen=True)
class Lane:
    """The spans of one class in one stream.

    Args:
        label, stream: as of `Span`.
        spans: in the order of time; no two overlap.
        is_first: whether it is the first lane of its class.
    """

    label: str
    stream: str
    spans: tuple[Span, ...]
    is_first: bool


@dataclass(frozen=True)
class Timeline:
    """What happens in a clip.

    Args:
        spans: in the order of time.
        seconds: length of the axis.
        streams: that were looked for.
    """

    spans: tuple[Span, ...]
    seconds: float
    streams: tuple[str, ...]

    def lanes(self) -> list[Lane]:
        """Returns a lane for each class and stream in which something happens.

        Of many classes those that are there for longest are drawn, in the order in which they
        begin; the streams of each come in one order.

        >>> dog, cat = Span(2, 5, HEARD, "dog", 0.9), Span(0, 1, SEEN, "cat", 0.8)
        >>> timeline = Timeline((cat, dog, Span(3, 4, SEEN, "dog", 0.7)), 10.0, (HEARD, SEEN))
        >>> [(lane.label, lane.stream, lane.is_first) for lane in timeline.lanes()]
        [('cat', 'seen', True), ('dog', 'heard', True), ('dog', 'seen', False)]
        """
        lasting = self._lasting()
        drawn = sorted(lasting, key=lambda label: -lasting[label])[:CLASSES]
        found: list[Lane] = []
        for label in (label for label in lasting if label in drawn):
            own = [span for span in self.spans if span.label == label]
            for stream in self.streams:
                spans = tuple(span for span in own if span.stream == stream)
                if spans:
                    is_first = not any(lane.label == label for lane in found)
                    found.append(Lane(label, stream, spans, is_first))
        return found

    @property
    def not_drawn(self) -> int:
        """How many classes have no lane."""
        return max(0, len(self._lasting()) - CLASSES)

    def _lasting(self) -> dict[str, float]:
        """Returns for how many seconds each class is there, in the order in which they begin."""
        lasting: dict[str, float] = defaultdict(float)
        for span in self.spans:
            lasting[span.label] += span.end - span.start
        return lasting

    def ticks(self) -> list[float]:
        """Returns the seconds that the axis names, 0 the first."""
        return ticks(self.seconds)


@dataclass(frozen=True)
class Item:
    """One of several, the best first.

    Args:
        name: of it.
        value: as it is shown.
        start, width: of its bar, as shares of the row; a bar begins at zero.
        notes: whatever more is known of it, as numbers.
        detail: likewise, in words.
    """

    name: str
    value: str
    start: float
    width: float
    notes: tuple[str, ...] = ()
    detail: str = ""


@dataclass(frozen=True)
class Ranking:
    """Items, the best first.

    Args:
        items: those that are shown.
        what: the items are.
        value: what the values are.
        total: how many there are.
        notes: what stands above the notes of items.
        left_out: a line for each that could not be ranked.
    """

    items: tuple[Item, ...]
    what: str
    value: str
    total: int
    notes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """How likely sound and picture belong together.

    Args:
        probability: 0 to 1.
        theme: that the pictures were said to have; None where nothing was said.
        themes: what both together convey, the most likely first; None where the model says nothing.
    """

    probability: float
    theme: str | None
    themes: Ranking | None


Answer = Timeline | Ranking | Verdict


def ticks(seconds: float) -> list[float]:
    """Returns the marks of an axis of time.

    >>> ticks(10), ticks(95)
    ([0, 2, 4, 6, 8, 10], [0, 15, 30, 45, 60, 75, 90])
    """
    step: float = next((step for step in STEPS if seconds / step < TICKS), STEPS[-1])
    return [step * number for number in range(int(seconds / step + 1e-6) + 1)]


def parsed(found: Sequence[Event], seconds: float) -> Timeline:
    """Returns the timeline of a parser's events.

    Args:
        found: in the order of time.
        seconds: of the clip.

    Example:
        >>> from kavc.systems.av_parsing.events import Event
        >>> timeline = parsed([Event(0.0, 2.0, "audio-visual", "dog", 0.9)], seconds=10.0)
        >>> timeline.spans[0].stream, timeline.seconds
        ('both', 10.0)
    """
    spans = tuple(
        Span(each.start, each.end, STREAMS[each.modality], each.label, each.score) for each in found
    )
    return Timeline(spans, _length(spans, seconds), tuple(STREAMS.values()))


def listened(found: Sequence[Span], seconds: float) -> Timeline:
    """Returns the timeline of sounds. Args are as of `parsed`.

    >>> listened([Span(0, 1, HEARD, "dog", 0.9)], 10.0).streams
    ('heard',)
    """
    return Timeline(tuple(found), _length(found, seconds), (HEARD,))


def retrieved(found: Retrieved) -> Ranking:
    """Returns the items of an index that fit a clip, a query of one.

    >>> from kavc.systems.cross_modal_embedding.asking import Retrieved
    >>> [item] = retrieved(Retrieved([["bark"]], [[0.5]], [[("dog", "street")]])).items
    >>> item.name, item.value, item.detail
    ('bark', '0.500', 'dog, street')
    """
    ids, scores = found.ids[0], found.scores[0]
    labels = found.labels[0] if found.labels else [()] * len(ids)
    low, high = min([0.0, *scores]), max([0.0, *scores])
    items = tuple(
        Item(name, signed(score), *_bar(score, low, high), detail=", ".join(named))
        for name, score, named in zip(ids, scores, labels, strict=True)
    )
    return Ranking(items, "item", "score", len(items))


def ranked(found: Sequence[Ranked], left_out: Sequence[str] = (), *, shown: int = 20) -> Ranking:
    """Returns tracks by how well they fit; a bar is the share of others to which it is preferred.

    Args:
        found: the best first.
        left_out: a line for each track that could not be read.
        shown: so many at most.

    Example:
        >>> from kavc.systems.music_match.ranking import Ranked
        >>> ranking = ranked([Ranked("waltz", 1.5, 0.8), Ranked("march", -0.5, 0.2)], shown=1)
        >>> ranking.items[0].notes, ranking.total
        (('80 %',), 2)
    """
    items = tuple(
        Item(each.track, signed(each.score), 0.0, each.chance, (f"{100 * each.chance:.0f} %",))
        for each in found[:shown]
    )
    notes = ("preferred to others",)
    return Ranking(items, "track", "score", len(found), notes, tuple(left_out))


def verdict(
    probability: float, theme: int | None, likely: Sequence[float] | None, names: Sequence[str]
) -> Verdict:
    """Returns what a matcher says.

    Args:
        probability: that sound and picture belong together.
        theme: index of the theme that was said; None for none.
        likely: probability of each theme; None where there are none.
        names: of the themes, by index; those that are missing are numbered.

    Example:
        >>> found = verdict(0.9, 1, [0.25, 0.75], ["circle", "square"])
        >>> found.theme, [(item.name, item.value) for item in found.themes.items]
        ('square', [('square', '75 %'), ('circle', '25 %')])
    """
    said = None if theme is None else theme_name(theme, names)
    if likely is None:
        return Verdict(probability, said, None)
    order = sorted(range(len(likely)), key=lambda index: -likely[index])
    items = tuple(
        Item(theme_name(index, names), f"{100 * likely[index]:.0f} %", 0.0, likely[index])
        for index in order[:5]
    )
    return Verdict(probability, said, Ranking(items, "theme", "share", len(likely)))


def signed(value: float) -> str:
    """Returns a score as it is shown, with the sign that mathematics has.

    >>> signed(-0.25)
    '−0.250'
    """
    return f"{value:.3f}".replace("-", "−")


def theme_name(index: int, names: Sequence[str]) -> str:
    """Returns what a theme is called.

    >>> theme_name(1, ["circle", "square"]), theme_name(1, [])
    ('square', 'theme 1')
    """
    return names[index] if index < len(names) else f"theme {index}"


def _length(spans: Sequence[Span], seconds: float) -> float:
    return max([seconds, *(span.end for span in spans)]) or 1.0


def _bar(value: float, low: float, high: float) -> tuple[float, float]:
    """Returns where a bar from zero to a value begins and how wide it is, in shares of the axis."""
    whole = (high - low) or 1.0
    return (min(value, 0.0) - low) / whole, abs(value) / whole
