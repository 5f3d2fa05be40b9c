"""The published numbers of music for video. They belong to a corpus that is not at hand here."""

from __future__ import annotations

from kavc.systems.base import Paper

CORPUS = "Flickr videos with Million Song samples"
TWO_STREAM, I3D, GUESSING = "Two-Stream ResNet50", "I3D", "Random Guessing"
TABLE_1 = {GUESSING: 50.0, TWO_STREAM: 53.2, I3D: 55.94}
MARGINS = {TWO_STREAM: 1.62, I3D: 1.61}  # what stands after ±; the report doesn't say what it is

PAPER = Paper(
    title="Learning audio-visual correspondences for music-video recommendation",
    authors="Langlois",
    year=2019,
    url="https://www2.eecs.berkeley.edu/Pubs/TechRpts/2019/EECS-2019-14.html",
    corpus=CORPUS,
    tables={"Table 1, test accuracy (%)": TABLE_1},
)
