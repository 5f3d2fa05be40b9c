"""The published numbers of the cross-modal embedding: recall in percent, Tables 1 and 2."""

from __future__ import annotations

from kavc.systems.base import Paper

CORPUS = "6,000 other YouTube-8M videos"
KS = (1, 5, 10)
GALLERIES = (256, 512, 1024)

# Direction to gallery to recall at each of `KS`.
RECALL = {
    "a2v": {256: (21.5, 52.0, 63.1), 512: (15.2, 39.5, 52.0), 1024: (9.8, 30.4, 39.6)},
    "v2a": {256: (22.3, 51.7, 64.4), 512: (14.7, 38.0, 51.5), 1024: (10.2, 29.1, 40.3)},
}


def _table(direction: str) -> dict[str, float]:
    return {
        f"gallery of {gallery}, R@{k}": value
        for gallery, values in RECALL[direction].items()
        for k, value in zip(KS, values, strict=True)
    }


PAPER = Paper(
    title="Cross-modal Embeddings for Video and Audio Retrieval",
    authors="Surís, Duarte, Salvador, Torres and Giró-i-Nieto",
    year=2018,
    url="https://arxiv.org/abs/1801.02200",
    corpus=CORPUS,
    tables={
        "Table 1, audio to video, recall (%)": _table("a2v"),
        "Table 2, video to audio, recall (%)": _table("v2a"),
    },
)
