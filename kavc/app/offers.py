"""What can be asked about a clip: what a server's models answer, and what is missing for the rest.

A server has no list of its models; so it is asked about those of the systems, and about names that
the user gave. What a model answers is known by its functions, not by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kavc.app.answers import theme_name
from kavc.app.options import AppOptions
from kavc.errors import ServingError
from kavc.extraction.served import RECIPE
from kavc.serving.classes import names_at
from kavc.systems.av_parsing.asking import NAMES, SIGNATURE
from kavc.systems.cross_modal_embedding.asking import RETRIEVES, search_of
from kavc.systems.music_match.ranking import EMBED, RANK

if TYPE_CHECKING:
    from kavc.serving.client.blocking import Client
    from kavc.serving.client.discovery import Signatures

DEFAULT, MATCH, THEMES = "serving_default", "match_score", "theme_probabilities"
EXPORT = "kavc export RUN --to MODELS --front-end"


@dataclass(frozen=True)
class Kind:
    """A question.

    Args:
        title: of what is shown.
        question: in one line.
        system: whose models answer it; "" where no served model does.
        answers: whether a model with these functions does.
    """

    title: str
    question: str
    system: str
    answers: Callable[[Signatures], bool]


KINDS: Mapping[str, Kind] = {
    "listen": Kind("Sounds", "What is heard, second by second?", "", lambda found: False),
    "parse": Kind(
        "Timeline",
        "What is heard, what is seen, and when?",
        "av-parsing",
        lambda found: SIGNATURE in found and NAMES in found[SIGNATURE].outputs,
    ),
    "retrieve": Kind(
        "Matches",
        "What in the index fits this clip?",
        "cross-modal-embedding",
        lambda found: search_of(found) is not None,
    ),
    "rank": Kind(
        "Music",
        "Which track fits this clip best?",
        "music-match",
        lambda found: RANK in found and EMBED in found,
    ),
    "score": Kind(
        "Agreement",
        "Do sound and picture belong together?",
        "ti-avc",
        lambda found: DEFAULT in found and MATCH in found[DEFAULT].outputs,
    ),
}


@dataclass(frozen=True)
class Offer:
    """A question that can be asked, or what is missing for it.

    Args:
        kind: key of `KINDS`.
        model: that answers; "" where no served model does.
        version: of the model, where it told.
        missing: what is; "" if nothing.
        remedy: the command that mends it.
        themes: what the themes are called of which the question names one; none if it doesn't.

    Example:
        >>> Offer("parse", "av-parsing").title, Offer("listen", missing="weights").question
        ('Timeline', 'What is heard, second by second?')
    """

    kind: str
    model: str = ""
    version: int | None = None
    missing: str = ""
    remedy: str = ""
    themes: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What its answer is called."""
        return KINDS[self.kind].title

    @property
    def question(self) -> str:
        """It, in words."""
        return KINDS[self.kind].question


def offers(client: Client, options: AppOptions) -> list[Offer]:
    """Returns what can be asked, in the order of `KINDS`; what can't be, with what is missing.

    Args:
        client: of the server.
        options: of the page.

    Raises:
        ServingError: no server answers.

    Example:
        options = AppOptions("127.0.0.1:8500")
        with Client(options.server) as client:
            print([offer.title for offer in offers(client, options) if not offer.missing])
    """
    systems = [kind.system for kind in KINDS.values() if kind.system]
    names = dict.fromkeys([*systems, *options.models])
    models = {name: found for name in names if (found := _functions(client, name)) is not None}
    offered = [_listening(options)]
    for name, kind in KINDS.items():
        if not kind.system:
            continue
        able = [
            _offer(name, model, found, client, options)
            for model, found in models.items()
            if kind.answers(found)
        ]
        offered += able or [_absent(name, models.get(kind.system))]
    return offered


def _functions(client: Client, model: str) -> Signatures | None:
    try:
        return client.signatures(model)
    except ServingError as error:
        if error.code == "NOT_FOUND":
            return None
        raise


def _listening(options: AppOptions) -> Offer:
    if options.weights is not None:
        return Offer("listen", "YAMNet")
    return Offer(
        "listen",
        missing="YAMNet's weights are not given.",
        remedy=f"kavc app --server {options.server} --weights FOLDER",
    )


def _offer(kind: str, model: str, found: Signatures, client: Client, options: AppOptions) -> Offer:
    if RECIPE not in found:
        return Offer(
            kind,
            model,
            missing=f"{model} takes features alone, and no clips.",
            remedy=EXPORT + (" --index INDEX" if kind == "retrieve" else ""),
        )
    if kind == "rank" and options.tracks is None:
        return Offer(
            kind,
            model,
            missing="No tracks to rank are given.",
            remedy=f"kavc app --server {options.server} --tracks FOLDER",
        )
    themes = _themes(client, model, found) if kind == "score" else ()
    return Offer(kind, model, found.version, themes=themes)


def _themes(client: Client, model: str, found: Signatures) -> tuple[str, ...]:
    """Returns the themes to choose from, numbered where they have no names; () if none is asked."""
    info = found[DEFAULT]
    if "theme" not in info.inputs:
        return ()
    shape = info.outputs[THEMES].shape if THEMES in info.outputs else None
    names = names_at(client, model, found.version)
    return tuple(theme_name(index, names) for index in range((shape[-1] if shape else None) or 1))


def _absent(kind: str, found: Signatures | None) -> Offer:
    system = KINDS[kind].system
    if kind == "retrieve" and found is not None:
        searches: Sequence[str] = [name for name in found if name.startswith(RETRIEVES)]
        if not searches:
            return Offer(
                kind,
                system,
                missing=f"{system} is served without an index.",
                remedy=f"{EXPORT} --index INDEX",
            )
    return Offer(
        kind,
        missing=f"No model of {system} is served under that name.",
        remedy=f"{EXPORT}, or kavc app --model NAME",
    )
