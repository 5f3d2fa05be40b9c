"""The published numbers of Ti-AVC. They belong to a corpus that is not at hand here."""

from __future__ import annotations

from kavc.systems.base import Paper

CORPUS = "KWAI-AD-AudVis"
TABLE_1 = {"Baseline-1": 55.58, "Baseline-2": 74.52, "Joint Ti-AVC": 77.88, "Ti-AVC": 78.73}
TABLE_2 = {"vision": 30.85, "audio": 58.78, "predicted theme": 4.52, "true theme": 5.86}

# Rows of Table 1, in its order: label to the config's variant.
VARIANT_OF_ROW = {
    "Baseline-1": "baseline-1",
    "Baseline-2": "baseline-2",
    "Joint Ti-AVC": "joint",
    "Ti-AVC": "ti-avc",
}

PAPER = Paper(
    title="Themes Informed Audio-Visual Correspondence Learning",
    authors="Su, Tao, Liu, Wei, Mei, Duan, Yuan, Liu and Xie",
    year=2020,
    url="https://arxiv.org/abs/2009.06573",
    corpus=CORPUS,
    tables={"Table 1, match AUC (%)": TABLE_1, "Table 2, contributions (%)": TABLE_2},
)
