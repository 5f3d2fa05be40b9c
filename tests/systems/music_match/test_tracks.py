"""Tracks that are sent to a server: cut as features are, told of where they can't be taken."""

from __future__ import annotations

import numpy as np
import pytest

from kavc.data.features import write_corpus
from kavc.errors import DataError, ServingError
from kavc.extraction.clips import Clip
from kavc.media.windows import Heard, Windows, windows
from kavc.systems.music_match import ranking, tracks
from kavc.systems.music_match.ranking import Track

from ...media.conftest import Film

RATE, WINDOW, HOP = 4000, 400, 250
LENGTHS = (1300, 400, 2000, 401)
SONGS = (("a", 2), ("b", 0), ("c", 1), ("a", 4))  # ids and rows


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    """Files of noise, at the rate at which they are taken."""
    folder = tmp_path_factory.mktemp("songs")
    rng = np.random.default_rng(0)
    for samples in LENGTHS:
        sound = rng.integers(-20000, 20000, (1, samples)).astype(np.int16)
        Film(folder / f"{samples}.mkv").sound(sound, rate=RATE).write()
    return [Clip(str(samples), folder / f"{samples}.mkv") for samples in LENGTHS]


class Server:
    """Cuts waveforms as a front end does; a vector is the mean of the windows."""

    def __init__(self, kind):
        self.kind, self.calls = kind, []

    def __call__(self, signature, inputs):
        assert signature == "embed_waveform"
        waves = inputs["waveform"]
        np.testing.assert_array_equal(inputs["waveform_length"], waves.shape[1])
        self.calls.append(waves.shape)
        return {"vector": np.stack([self.vector(wave) for wave in waves])}

    def vector(self, wave):
        starts, at = [], 0
        while at + WINDOW <= len(wave):
            starts.append(at)
            at += HOP
        covered = starts[-1] + WINDOW if starts else 0
        if self.kind.short == "pad" and covered < len(wave) and at < len(wave):
            starts.append(at)
        assert starts, "too short for a row"
        wave = np.pad(wave, (0, WINDOW + HOP))
        return np.mean([wave[at : at + WINDOW] for at in starts], axis=0, dtype="f4")


def in_process(songs, kind, seconds):
    """What `kavc rank RUN` makes of the same files."""
    found = []
    for song in songs:
        came = [each for _, each in windows(song.path, [kind]) if isinstance(each, Windows)]
        rows, times = (np.concatenate([getattr(each, name) for each in came])
                       for name in ("values", "times"))  # fmt: skip
        found.append(Track(song.id, rows, times))

    def ask(signature, inputs):
        lengths = inputs["audio_length"]
        valid = np.arange(inputs["audio"].shape[1]) < lengths[:, None]
        return {"vector": (inputs["audio"] * valid[..., None]).sum(1) / lengths[:, None]}

    return ranking.moments(ask, found, seconds)


def sent(server, songs, kind, seconds=None, tell=pytest.fail):
    return tracks.of_waveforms(
        server, "embed_waveform", "waveform", kind, songs, seconds=seconds, tell=tell
    )


@pytest.mark.parametrize("seconds", [None, 0.13, 0.2, 60.0])
@pytest.mark.parametrize("short", ["drop", "pad"])
def test_what_is_sent_has_the_moments_of_features(songs, short, seconds):
    kind = Heard(RATE, WINDOW, HOP, short=short)
    ids, found = sent(Server(kind), songs, kind, seconds)
    expected = in_process(songs, kind, seconds)
    assert ids == [song.id for song in songs]
    np.testing.assert_array_equal(found.of, expected.of)
    np.testing.assert_allclose(found.vectors, expected.vectors, atol=1e-6)
    np.testing.assert_allclose(found.spans, expected.spans, atol=1e-6)


def test_many_moments_are_sent_some_at_a_time(songs, monkeypatch):
    kind = Heard(RATE, WINDOW, HOP)
    whole = sent(Server(kind), songs, kind, 0.13)[1]
    monkeypatch.setattr(tracks, "SAMPLES_AT_ONCE", 3 * (WINDOW + HOP))
    server = Server(kind)
    _, few = sent(server, songs, kind, 0.13)
    assert max(count for count, _ in server.calls) == 3
    np.testing.assert_array_equal(few.vectors, whole.vectors)


def test_a_song_shorter_than_a_row_and_one_that_is_refused(songs):
    kind, told = Heard(RATE, 1000, HOP), []

    def server(signature, inputs):
        if inputs["waveform"].shape[1] == 2000:
            raise ServingError("it refused, INVALID_ARGUMENT: too long", "INVALID_ARGUMENT")
        return {"vector": np.ones((1, 3))}

    ids, found = sent(server, songs, kind, tell=told.append)
    assert ids == ["1300"] and found.of.tolist() == [0]
    assert "its sound of 0.10 s is shorter than the 0.25 s that a row of features takes" in told[0]
    assert told[1].startswith(f"error: {songs[2].path}: it refused") and len(told) == 3
    with pytest.raises(DataError, match="no track gave any sound"):
        sent(server, songs[1:], kind, tell=told.append)


def test_a_server_that_is_gone_is_not_asked_again(songs):
    asked = []

    def server(signature, inputs):
        asked.append(signature)
        raise ServingError("no server answers", "UNAVAILABLE")

    with pytest.raises(ServingError, match="no server answers"):
        sent(server, songs, Heard(RATE, WINDOW, HOP))
    assert len(asked) == 1


def test_the_array_of_a_corpus_that_a_server_knows_no_name_of(tmp_path):
    rows = np.ones((2, 3), "f4")
    write_corpus(tmp_path / "one", [{"id": "a", "sound": rows}])
    write_corpus(tmp_path / "two", [{"id": "a", "sound": rows, "other": rows}])
    assert tracks.only_array(tmp_path / "one") == "sound"
    assert tracks.only_array(tmp_path / "two") == "audio"
    with pytest.raises(DataError, match="no array 'audio', the sound of tracks; it has sound, oth"):
        tracks.of_corpus(tmp_path / "two", "audio", tell=print)


def test_a_track_that_comes_again_and_one_without_a_row(tmp_path):
    rng, told = np.random.default_rng(0), []
    songs = [(name, rng.normal(size=(rows, 3)).astype("f4")) for name, rows in SONGS]
    write_corpus(tmp_path / "tracks", [{"id": name, "audio": rows} for name, rows in songs])
    found = tracks.of_corpus(tmp_path / "tracks", "audio", tell=told.append)
    assert [track.id for track in found] == ["a", "c"] and found[0].times is None
    np.testing.assert_array_equal(found[0].rows, songs[0][1])
    assert told == ["error: track 'b': has no sound"]


def test_a_folder_of_something_else_is_no_corpus(tmp_path):
    (tmp_path / "corpus.json").write_text('{"kind": "films"}')
    with pytest.raises(DataError, match="not a corpus of features"):
        tracks.is_corpus(tmp_path)
    assert not tracks.is_corpus(tmp_path.parent)
