"""A small folder of judgements: a table, and the corpora of its videos and tracks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kavc.data.features.writer import write_corpus
from kavc.data.schema import Field
from kavc.data.source import Source

HEADER = "video,track_a,track_b,answer,rater,split"
ROWS = (
    "v0,t0,t1,a,r0,train", "v0,t0,t1,b,r1,train", "v0,t1,t0,a,r1,train", "v1,t2,t0,b,r0,train",
    "v2,t2,t3,a,r0,validation", "v3,t3,t2,b,r0,test", "v3,t0,t2,a,r0,test",
)  # fmt: skip


def videos(count: int):
    """Videos of 1 to 3 rows of "visual"; of "flow", a still picture has none."""
    rng = np.random.default_rng(0)
    for i in range(count):
        yield {
            "id": f"v{i}",
            "visual": rng.random((1 + i % 3, 4), np.float32) + 1,
            "flow": rng.random((i % 2, 3), np.float32) + 1,
        }


def tracks(count: int, silent: int | None = 3):
    rng = np.random.default_rng(1)
    for i in range(count):
        audio = rng.standard_normal((5, 2), np.float32) * (i != silent)
        yield {"id": f"t{i}", "audio": audio, "audio_times": np.arange(5, dtype=np.float32)}


FIELDS = {
    "visual": Field((None, 4), "float32", "pictures"),
    "flow": Field((None, 3), "float32", "movement"),
}


@pytest.fixture
def triples(tmp_path) -> Callable[..., Source]:
    """Writes a folder; tables and numbers of videos and tracks as they are given."""

    def write(*rows: str, header: str = HEADER, of: tuple[int, int] = (4, 4)) -> Source:
        folder = tmp_path / "triples"
        folder.mkdir()
        write_corpus(folder / "videos", videos(of[0]), fields=FIELDS)
        made_by = {"arrays": {"audio": {"extractor": {"name": "vggish"}}}}
        write_corpus(folder / "tracks", tracks(of[1]), provenance=made_by)
        return with_table(folder, *rows or ROWS, header=header)

    return write


def with_table(folder: Path, *rows: str, header: str = HEADER) -> Source:
    """Writes the table of a folder anew."""
    (folder / "triples.csv").write_text("\n".join([header, *rows]) + "\n")
    return Source("triples", folder)
