"""The published numbers of audio-visual video parsing, on the test split of LLP, in per cent."""

from __future__ import annotations

from kavc.systems.base import Paper

CORPUS = "LLP"
METRICS = ("audio", "visual", "audio_visual", "type_at_av", "event_at_av")

# Table 1, segment level, and Table 2, event level: audio, visual, audio-visual, Type@AV, Event@AV.
SEGMENT = {
    "HAN": (60.1, 52.9, 48.9, 54.0, 55.4),
    "Wu et al.": (60.3, 60.0, 55.1, 58.9, 57.9),
    "Base": (60.0, 52.6, 48.4, 53.7, 54.8),
    "Base + GCAA": (62.0, 53.4, 48.9, 54.8, 56.3),
    "Base + Adv+Skip": (61.5, 53.3, 48.8, 54.5, 56.0),
    "Base + Adv+Skip+GCAA": (61.6, 54.7, 50.3, 55.5, 56.1),
    "Pretrain (uni)": (59.8, 54.7, 49.4, 54.7, 56.2),
    "Pretrain (cross)": (60.3, 55.1, 49.9, 55.1, 56.4),
    "Pretrain (multi)": (60.8, 54.8, 50.0, 55.2, 56.2),
}
EVENT = {
    "HAN": (51.3, 48.9, 43.0, 47.7, 48.0),
    "Wu et al.": (53.6, 56.4, 49.0, 53.0, 50.6),
    "Base": (51.9, 48.5, 41.9, 47.4, 49.5),
    "Base + GCAA": (53.4, 48.9, 42.0, 48.1, 50.7),
    "Base + Adv+Skip": (53.4, 48.8, 42.0, 48.0, 50.5),
    "Base + Adv+Skip+GCAA": (53.7, 50.5, 43.5, 49.2, 50.9),
    "Pretrain (uni)": (50.8, 51.5, 42.9, 48.4, 49.3),
    "Pretrain (cross)": (52.3, 52.1, 43.9, 49.4, 50.4),
    "Pretrain (multi)": (53.4, 51.6, 44.3, 49.8, 51.2),
}
TYPE_AT_AV = METRICS.index("type_at_av")

# Rows that `kavc reproduce` trains: label to variant.
VARIANT_OF_ROW = {
    "HAN": "han",
    "Wu et al.": "refined",
    "Base": "base",
    "Base + GCAA": "base-gcaa",
    "Base + Adv+Skip": "base-adv-skip",
    "Base + Adv+Skip+GCAA": "base-adv-skip-gcaa",
    "Pretrain (uni)": "pretrain-uni",
    "Pretrain (cross)": "pretrain-cross",
    "Pretrain (multi)": "pretrain-multi",
}
IMPROVED = "improved (ours)"  # the row beside them

PAPER = Paper(
    title="Cross-Modal learning for Audio-Visual Video Parsing",
    authors="Lamba, Abhishek, Akula, Dabral, Jyothi and Ramakrishnan",
    year=2021,
    url="https://arxiv.org/abs/2104.04598",
    corpus=CORPUS,
    tables={
        f"Table {number}, {level} level, Type@AV (%)": {
            label: values[TYPE_AT_AV] for label, values in rows.items()
        }
        for number, level, rows in ((1, "segment", SEGMENT), (2, "event", EVENT))
    },
)
