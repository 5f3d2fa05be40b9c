from __future__ import annotations

import numpy as np
import pytest
from google.protobuf import text_format

from kavc.errors import DataError
from kavc.evaluation.projector import write_projector

AUDIO, VISUAL = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
IDS = ["a", "b\tb", "č"]
LABELS = ["Piano", "Line\nbreak,\ttab\rand return", ""]


def test_the_projector_reads_what_is_written(tmp_path):
    from tensorboard.plugins.projector import projector_plugin
    from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

    write_projector(
        tmp_path, {"audio": AUDIO, "visual": VISUAL}, IDS, LABELS, name='a "name" of \\ two\nlines'
    )
    text = (tmp_path / projector_plugin.metadata.PROJECTOR_FILENAME).read_text()
    (points,) = text_format.Parse(text, ProjectorConfig()).embeddings
    assert points.tensor_name == 'a "name" of \\ two lines'
    vectors = projector_plugin._read_tensor_tsv_file(str(tmp_path / points.tensor_path))
    np.testing.assert_allclose(vectors, np.concatenate([AUDIO, VISUAL]), rtol=1e-5)
    metadata = (tmp_path / points.metadata_path).read_text(encoding="utf-8").split("\n")
    assert [line.split("\t") for line in metadata] == [
        ["id", "modality", "labels"],
        *(
            row
            for modality in ("audio", "visual")
            for row in (
                ["a", modality, "Piano"],
                ["b b", modality, "Line break, tab and return"],
                ["č", modality, "-"],
            )
        ),
        [""],
    ]


@pytest.mark.parametrize(
    ("embeddings", "ids", "message"),
    [
        ({}, IDS, "embeddings {}"),
        ({"audio": AUDIO, "visual": VISUAL[:, :2]}, IDS, "the same in each modality"),
        ({"audio": AUDIO[0]}, IDS, "the same in each modality"),
        ({"audio": AUDIO}, IDS[:2], "2 ids and 3 labels for 3 embeddings"),
        ({"audio": np.full((3, 2), np.nan)}, IDS, "not finite"),
    ],
)
def test_refused_and_nothing_written(tmp_path, embeddings, ids, message):
    with pytest.raises(DataError, match=message):
        write_projector(tmp_path, embeddings, ids, LABELS)
    assert not list(tmp_path.iterdir())
