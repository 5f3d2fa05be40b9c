"""Files that came from a browser."""

from __future__ import annotations

import stat

import pytest

from kavc.app.uploads import Uploads
from kavc.errors import DataError


@pytest.fixture
def uploads():
    with Uploads() as made:
        yield made


def kept(uploads, content, name):
    path = uploads.new_path()
    path.write_bytes(content)
    return uploads.opened(path, name)


def test_a_clip_says_what_it_is_and_is_known_by_its_secret(uploads, films):
    film = kept(uploads, (films / "clips" / "v0000.mp4").read_bytes(), "holiday.mp4")
    song = kept(uploads, (films / "tracks" / "m0000.m4a").read_bytes(), "song.m4a")
    assert film.about == "5.0 s · 64 × 48 · with sound" and film.media_type == "video/mp4"
    assert "no picture" in song.about and song.media_type.startswith("audio/")
    assert uploads.of(film.secret) is film and uploads.of("nosuch") is None
    uploads.remove(film)
    assert uploads.of(film.secret) is None and not film.path.exists() and song.path.exists()


def test_a_name_is_shown_and_nothing_else_is_done_with_it(uploads, films):
    content = (films / "clips" / "v0000.mp4").read_bytes()
    clip = kept(uploads, content, "../../etc/passwd\x1b[2J" + "a" * 500)
    assert clip.path.parent == uploads.folder and ".." not in clip.path.name
    assert clip.name.isprintable() and len(clip.name) < 130


def test_what_is_no_clip_is_not_kept_and_told_under_its_own_name(uploads):
    with pytest.raises(DataError, match=r"^notes\.mp4: ") as raised:
        kept(uploads, b"no film", "notes.mp4")
    assert str(uploads.folder) not in str(raised.value)
    assert list(uploads.folder.iterdir()) == []


def test_nobody_else_reads_it_and_nothing_stays():
    with Uploads() as uploads:
        folder = uploads.folder
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        uploads.new_path().write_bytes(b"1")
    assert not folder.exists()
