"""What a server has that can be asked about a clip, and what is missing for the rest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kavc.app.offers import offers
from kavc.app.options import AppOptions
from kavc.errors import ServingError
from kavc.serving.client.discovery import Signatures
from kavc.serving.signature import SignatureInfo, TensorInfo


def functions(version=1, **named):
    """Signatures by name, of names of inputs and of outputs."""
    infos = {
        name: SignatureInfo(
            {each: TensorInfo("float32", (None, 4)) for each in inputs},
            {each: TensorInfo("float32", (None, 7)) for each in outputs},
        )
        for name, (inputs, outputs) in named.items()
    }
    return Signatures("model", version, infos)


FRONT_END = {"front_end": (["request"], ["recipe"])}
PARSER = {"parse": (["audio"], ["events", "class_names"])}
RANKER = {"rank": (["visual", "tracks"], ["scores"]), "embed_track": (["audio"], ["vector"])}
MATCHER = {"serving_default": (["audio", "theme"], ["match_score", "theme_probabilities"])}
EMBEDDING = {"serving_default": (["audio", "visual"], ["similarity"])}
CATALOGUE = EMBEDDING | {"retrieve_audio": (["visual"], ["ids", "scores"])}


class Server:
    """Stands for a client of a server that has some models."""

    def __init__(self, error=None, **models):
        self.models = {name.replace("_", "-"): found for name, found in models.items()}
        self.error = error

    def signatures(self, model, version=None):
        if self.error is not None:
            raise self.error
        if model not in self.models:
            raise ServingError("no such model", "NOT_FOUND")
        return self.models[model]


def found(server, **options):
    return {each.kind: each for each in offers(server, AppOptions("here:1", **options))}


def test_what_is_there_can_be_asked():
    server = Server(
        av_parsing=functions(**PARSER, **FRONT_END, version=3),
        cross_modal_embedding=functions(**CATALOGUE, **FRONT_END),
        music_match=functions(**RANKER, **FRONT_END),
        ti_avc=functions(**MATCHER, **FRONT_END),
    )
    asked = found(server, tracks=Path("tracks"), weights=Path("weights"))
    assert [each.missing for each in asked.values()] == [""] * 5
    assert (asked["parse"].model, asked["parse"].version) == ("av-parsing", 3)
    assert asked["score"].themes == tuple(f"theme {number}" for number in range(7))
    assert asked["parse"].themes == ()


def test_themes_are_called_as_the_model_says():
    names = SignatureInfo(
        {"request": TensorInfo("int32", (None,))}, {"class_names": TensorInfo("string", (None, 7))}
    )
    score = functions(**MATCHER, **FRONT_END)
    server = Server(ti_avc=Signatures("ti-avc", 1, {**score, "class_names": names}))
    server.predict = lambda model, inputs, **_: {
        "class_names": np.array([[b"dog", b"cat", b"rain", b"sea", b"car", b"bell", b"drum"]])
    }
    themes = found(server)["score"].themes
    assert themes == ("dog", "cat", "rain", "sea", "car", "bell", "drum")


def test_an_empty_server_says_how_to_get_each():
    asked = found(Server())
    assert list(asked) == ["listen", "parse", "retrieve", "rank", "score"]
    assert all(each.missing and each.remedy for each in asked.values())
    assert asked["listen"].remedy == "kavc app --server here:1 --weights FOLDER"
    assert "kavc app --model NAME" in asked["parse"].remedy


@pytest.mark.parametrize(
    "kind, server, words",
    [
        ("parse", Server(av_parsing=functions(**PARSER)), ["features alone", "--front-end"]),
        ("retrieve", Server(cross_modal_embedding=functions(**EMBEDDING, **FRONT_END)),
         ["without an index", "--index INDEX"]),
        ("retrieve", Server(cross_modal_embedding=functions(**CATALOGUE)),
         ["features alone", "--front-end --index INDEX"]),
        ("rank", Server(music_match=functions(**RANKER, **FRONT_END)),
         ["No tracks", "--tracks FOLDER"]),
    ],
)  # fmt: skip
def test_what_is_missing_of_a_model_that_is_there(kind, server, words):
    offer = found(server)[kind]
    assert words[0] in offer.missing and words[1] in offer.remedy


def test_a_model_is_known_by_its_functions_not_by_its_name():
    server = Server(mine=functions(**PARSER, **FRONT_END), av_parsing=functions(**EMBEDDING))
    assert found(server)["parse"].missing
    asked = found(server, models=("mine",))["parse"]
    assert asked.model == "mine" and not asked.missing


def test_two_models_that_answer_the_same_are_both_asked():
    parser = functions(**PARSER, **FRONT_END)
    both = offers(Server(av_parsing=parser, mine=parser), AppOptions("here:1", models=("mine",)))
    assert [each.model for each in both if each.kind == "parse"] == ["av-parsing", "mine"]


def test_a_server_that_does_not_answer_is_no_empty_one():
    with pytest.raises(ServingError, match="gone"):
        found(Server(error=ServingError("gone", "UNAVAILABLE")))
