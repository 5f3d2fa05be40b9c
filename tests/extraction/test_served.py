"""What a server says that it takes: followed if it is fair, refused in one line if it isn't."""

from __future__ import annotations

import json
import tracemalloc

import numpy as np
import pytest

from kavc.errors import ConfigError, DataError
from kavc.extraction.served import decoded, inputs_of, served_request, what_to_send
from kavc.media.messages import to_json
from kavc.media.moments import At, Bursts, Key, Rate, Uniform
from kavc.media.sizes import Crop, Exactly
from kavc.media.windows import Heard, Seen
from kavc.serving.signature import SignatureInfo, TensorInfo

HEARD = to_json(Heard(16000, 400, 100))
SEEN = to_json(Seen(Rate(8.0), Crop(20, 16)))
LENGTH = TensorInfo("int32", (None,))
INFO = SignatureInfo(
    {
        "waveform": TensorInfo("float32", (None, None)), "waveform_length": LENGTH,
        "frames": TensorInfo("uint8", (None, None, 16, 16, 3)), "frames_length": LENGTH,
    },
    {},
)  # fmt: skip


class Server:
    """Stands for a client: answers whatever it is given."""

    def __init__(self, said, *, version=None, signatures=("ask", "ask_media", "front_end")):
        self.said, self.version, self.offered = said, version, dict.fromkeys(signatures, INFO)

    def signatures(self, model, version=None):
        assert version == self.version
        return self.offered

    def predict(self, model, inputs, *, signature, version=None):
        assert version == self.version and signature == "front_end"
        said = self.said
        if not isinstance(said, np.ndarray):
            said = np.array([said if isinstance(said, bytes) else json.dumps(said).encode()], "O")
        return {"recipe": said}


def fair(waveform=HEARD, frames=SEEN, **more):
    inputs = {"waveform": waveform, "frames": frames}
    return {"signatures": {"ask": "ask_media"}, "inputs": {"ask_media": inputs}} | more


def test_what_is_fair_is_followed():
    asked = what_to_send(Server(fair()), "m", "ask")
    assert asked.signature == "ask_media"
    assert asked.kinds["waveform"].rate == 16000
    assert asked.kinds["frames"].moments == Rate(8.0)
    assert asked.a_second() == {"waveform": 16000, "frames": 8.0}
    assert what_to_send(Server(fair(), version=3), "m", "ask_media", 3).signature == "ask_media"


@pytest.mark.parametrize("moments", [Uniform(8), Key(8), Bursts(1, 11, 25.0), Rate(2.0, 8, 4.0)])
@pytest.mark.parametrize("size", [Exactly(16, 16), Exactly(24, 32, 16), Crop(16)])
def test_all_that_extractors_take(moments, size):
    seen = to_json(Seen(moments, size))
    kind = what_to_send(Server(fair(frames=seen)), "m", "ask").kinds["frames"]
    assert (kind.moments, kind.size) == (moments, size)
    with pytest.raises(ConfigError, match="takes frames of a whole clip"):
        what_to_send(Server(fair(frames=seen)), "m", "ask").a_second()


def test_a_model_without_a_front_end():
    with pytest.raises(ConfigError, match="m: takes features alone; export it with --front-end"):
        what_to_send(Server(fair(), signatures=("ask",)), "m", "ask")
    with pytest.raises(ConfigError, match="unknown signature with a front end 'nosuch'"):
        what_to_send(Server(fair()), "m", "nosuch")


def test_a_clip_that_is_too_long_for_a_server(monkeypatch, film):
    from kavc.extraction import sendable

    monkeypatch.setattr(sendable, "MOST_FRAMES", 4)
    path = film("film.mkv").picture(np.zeros((10, 32, 48, 3), "uint8")).write()
    asked = what_to_send(Server(fair()), "m", "ask")
    kinds = {"frames": asked.kinds["frames"]}
    with pytest.raises(DataError, match="more than 4 frames would be taken; cut it"):
        decoded(type(asked)("ask", kinds, INFO), path)


def test_a_request_is_a_batch_of_one(talkie):
    called, found = served_request(Server(fair()), "m", "ask", talkie)
    assert called == "ask_media"
    assert found["waveform"].shape == (1, 32000) and found["waveform_length"].tolist() == [32000]
    assert found["frames"].shape == (1, 16, 16, 16, 3) and found["frames_length"].tolist() == [16]
    assert list(inputs_of({"a": np.zeros(3)})) == ["a", "a_length"]


FLOW = to_json(Seen(Rate(8.0), Crop(20, 16), 3, 2, "pad", "dis-fast"))


def test_motion_is_found_here(film):
    textures = np.random.default_rng(0).integers(0, 255, (10, 32, 48, 3)).astype("uint8")
    path = film("film.mkv").picture(textures).write()
    asked = what_to_send(Server(fair(frames=FLOW)), "m", "ask")
    assert asked.kinds["frames"] == Seen(Rate(8.0), Crop(20, 16), 3, 2, "pad", "dis-fast")
    found = decoded(asked, path, ["frames"])
    from kavc.media.windows import windows

    expected = [came.values for _, came in windows(path, [asked.kinds["frames"]])
                if not isinstance(came, dict)]  # fmt: skip
    np.testing.assert_array_equal(found["frames"], np.concatenate(expected))
    assert found["frames"].shape == (4, 2, 16, 16, 2) and found["frames"].dtype == np.float32
    assert inputs_of(found)["frames_length"].tolist() == [4]
    with pytest.raises(ConfigError, match="takes motion of a whole clip, not by seconds"):
        asked.a_second()


def test_too_much_motion_for_a_server(monkeypatch, film):
    from kavc.extraction import served

    monkeypatch.setattr(served, "MOST_BYTES", 3 * 2 * 16 * 16 * 2 * 4)
    path = film("film.mkv").picture(np.zeros((10, 32, 48, 3), "uint8")).write()
    asked = what_to_send(Server(fair(frames=FLOW)), "m", "ask")
    with pytest.raises(DataError, match="more than 3 windows of motion would be sent; cut it"):
        decoded(asked, path, ["frames"])
    still = film("still.mkv").picture(np.zeros((1, 32, 48, 3), "uint8")).write()
    short = changed(FLOW, short="drop")
    asked = what_to_send(Server(fair(frames=short)), "m", "ask")
    with pytest.raises(DataError, match="frames are fewer than the 3"):
        decoded(asked, still, ["frames"])


def test_motion_that_cannot_be_found_here(monkeypatch, talkie):
    from kavc.media import flow

    monkeypatch.setattr(flow, "_library", object)
    asked = what_to_send(Server(fair(frames=changed(FLOW, flow="tvl1"))), "m", "ask")
    with pytest.raises(ConfigError, match="contributed modules"):
        decoded(asked, talkie)
    assert list(decoded(asked, talkie, ["waveform"])) == ["waveform"]


def changed(kind, **fields):
    ((name, body),) = kind.items()
    return {name: body | fields}


def moments(**fields):
    return changed(SEEN, moments={"kavc.media.moments:Bursts": fields})


BAD_KINDS = [
    None, 7, "text", [], {}, {"kavc.media.windows:Heard": None}, {"kavc.media.windows:Heard": {}},
    {"os:system": {"command": "true"}}, {"path": "/etc/passwd"}, {"array": 0}, SEEN | HEARD,
    to_json(Crop(16)),
    changed(HEARD, rate=10**12), changed(HEARD, rate=0), changed(HEARD, rate=-1),
    changed(HEARD, rate="16000"), changed(HEARD, rate=16000.5), changed(HEARD, rate=True),
    changed(HEARD, rate=None), changed(HEARD, rate=10**9), changed(HEARD, track="\x1b[31m"),
    changed(HEARD, track=[0]), changed(HEARD, track=None), changed(HEARD, window=None),
    changed(HEARD, window=0), changed(HEARD, hop=0), changed(HEARD, hop=-1),
    changed(HEARD, short="long"), changed(HEARD, short=None),
]  # fmt: skip
BAD_FRAMES = [
    changed(SEEN, size=to_json(Crop(20, 16)) | {"x": 1}), changed(SEEN, size=10**9),
    changed(SEEN, size={"kavc.media.sizes:Crop": {"shorter": 10**9, "size": None}}),
    changed(SEEN, size={"kavc.media.sizes:Crop": {"shorter": 32768, "size": 16}}),
    changed(SEEN, size={"kavc.media.sizes:Crop": {"shorter": "20", "size": "16"}}),
    changed(SEEN, size={"kavc.media.sizes:Exactly": {"height": 1, "width": 10**9, "size": None}}),
    changed(SEEN, size={"kavc.media.sizes:Exactly": {"height": 16, "width": 32768, "size": 16}}),
    changed(SEEN, moments=to_json(At([0.0] * 10))), changed(SEEN, moments=to_json(Key(100_000))),
    changed(SEEN, moments=to_json(Uniform(4097))), changed(SEEN, moments=to_json(Rate(1e6))),
    changed(SEEN, moments={"kavc.media.moments:Rate": {"rate": {"float": "inf"}}}),
    changed(SEEN, moments={"kavc.media.moments:Rate": {"rate": 10**19}}),
    moments(count="a" * 100, frames=10**9, rate=1.0), moments(count=[0], frames=10**9, rate=1.0),
    changed(FLOW, flow="raft"), changed(FLOW, flow=3), changed(FLOW, short="long"),
    changed(FLOW, window=1), changed(FLOW, window=10**9), changed(FLOW, window=True),
    changed(FLOW, hop=0), changed(FLOW, hop=10**9), changed(FLOW, window=None),
    changed(FLOW, window=4000, size=to_json(Crop(512))),
    moments(count=10**9, frames=10**9, rate=1.0), moments(count=-1, frames=-1, rate=1.0),
]  # fmt: skip


@pytest.mark.parametrize("said", [
    *(fair(waveform=kind) for kind in BAD_KINDS), *(fair(frames=kind) for kind in BAD_FRAMES),
    b"", b"no json", b"{", b"[" * 100_000, b"\xff\xfe", b"null", b"3", b'"text"', b"NaN",
    b'{"signatures": {"ask": "ask_media"}}', fair(signatures=[]), fair(signatures={"ask": 3}),
    fair(signatures={"ask": ["ask_media"]}), fair(signatures={"ask": {}}), fair(inputs=[]),
    fair(inputs={"ask_media": []}), fair(inputs={"ask_media": {"elsewhere": HEARD}}),
    fair(inputs={}), fair(signatures={"ask": "gone"}), fair(signatures={}),
    b" " * (2**20 + 1), json.dumps(fair()).encode() + b" " * 2**20,
    np.array([10**9]), np.array([10**9], "O"), np.zeros(0, "O"), np.array(b"{}", "O"),
    np.array([["{}"]], "O"), np.array(["{}"], "O"), np.zeros(1),
])  # fmt: skip
def test_what_is_not_fair_is_refused_in_one_line(said):
    tracemalloc.start()
    try:
        with pytest.raises((DataError, ConfigError)) as caught:
            what_to_send(Server(said), "m", "ask")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    line = str(caught.value)
    assert line.startswith("m") and line.isprintable() and len(line) < 400
    assert peak < 2**25


def test_names_of_a_server_are_not_printed_as_they_are():
    said = fair(signatures={"\x1b[2Jask": "ask_media"})
    with pytest.raises(ConfigError) as caught:
        what_to_send(Server(said), "m", "nosuch")
    assert str(caught.value).isprintable()
    said = fair(inputs={"ask_media": {"\x1b[2J": HEARD}})
    with pytest.raises(DataError) as other:
        what_to_send(Server(said), "m", "ask")
    assert str(other.value).isprintable()
