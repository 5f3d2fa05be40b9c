from __future__ import annotations

import numpy as np
import pytest

from kavc.systems.cross_modal_embedding.embeddings import Embedded
from kavc.systems.cross_modal_embedding.qualitative import label_names, qualitative_table


@pytest.fixture
def embedded(held):
    vectors = np.random.default_rng(0).normal(size=(2, len(held.test), 4)).astype(np.float32)
    return Embedded(*(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)))


@pytest.fixture
def make(held, embedded):
    labels = held.test.label_matrix(len(held.classes))

    def table(**options):
        return qualitative_table(
            embedded, embedded.ranks(), held.test.ids, labels, held.classes, "made up", **options
        )

    return table


def test_each_row_is_the_best_foreign_item(make, held, embedded):
    labels = held.test.label_matrix(5).toarray()
    place = {video.decode(): row for row, video in enumerate(held.test.ids)}
    found = make(queries=8).rows
    assert len(found) == 16
    for heading, query, _, other, _, shares, cosine, rank in found:
        asked, gallery = embedded.of(heading.lower())
        q, o = place[query], place[other]
        scores = gallery @ asked[q]
        assert o == max((item for item in range(300) if item != q), key=lambda item: scores[item])
        assert cosine == pytest.approx(scores[o], abs=1e-6)
        assert rank == 1 + np.sum(scores > scores[q])
        assert shares == ("yes" if (labels[q] & labels[o]).any() else "no")


def test_ids_that_are_no_text_are_shown_as_escapes(held, embedded):
    ids = np.array([b"\xff" + video for video in held.test.ids], object)
    labels = held.test.label_matrix(len(held.classes))
    table = qualitative_table(embedded, embedded.ranks(), ids, labels, held.classes, "made up")
    assert all(row[1].startswith("\\xff1-") and row[3].startswith("\\xff1-") for row in table.rows)


def test_the_seed_chooses_and_both_directions_have_the_same_queries(make):
    first, again, other = make(), make(), make(seed=1)
    assert first.rows == again.rows != other.rows
    assert [row[1] for row in first.rows[:6]] == [row[1] for row in first.rows[6:]]
    assert len(make(queries=1000).rows) == 600


def test_labels_by_name(held):
    labels = held.test.label_matrix(5)
    video = int(np.flatnonzero(labels.toarray()[:, 0] & labels.toarray()[:, 1])[0])
    assert label_names(labels, held.classes, video).startswith("Piano, class 1")
    none = int(np.flatnonzero(~labels.toarray().any(axis=1))[0])
    assert label_names(labels, held.classes, none) == ""


def test_markdown_keeps_its_columns(make):
    lines = make(queries=50).to_markdown().splitlines()
    table = [line.replace("\\|", "") for line in lines if line.startswith("|")]
    assert len({line.count("|") for line in table}) == 1
