"""SavedModels that did harm, each by another way, are refused with the place named."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import tensorflow as tf


def load_attacks():
    path = Path(__file__).with_name("attacks.py")
    spec = importlib.util.spec_from_file_location("attacks", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SAYS = {
    "reads_records": "the op RecordInput (RecordInput in function ",
    "fills_a_table_when_asked": (
        "signature 'serving_default' reaches the op InitializeTableFromTextFileV2 (fill)"
    ),
    "saves_when_loaded": "a collection 'legacy_init_op'",
    "prints_where_its_caller_says": "the op PrintV2 (print in function prints) is none of those",
    "calls_what_its_caller_says": "(inner in function calls) can't be served: its attribute f is a "
    "placeholder",
    "calls_a_gradient": "the graph maps functions to gradients ('plain')",
    "restores_another_model": "the op RestoreV2 (RestoreV2 in a function) restores variables from "
    "another file than the model's own, through StatefulPartitionedCall",
    "reads_a_descriptor": "the op DecodeProtoV2 (DecodeProtoV2 in function ",
}


@pytest.mark.parametrize("attack", load_attacks().ATTACKS, ids=lambda attack: attack.__name__)
def test_it_is_refused(graphs, refusal, tmp_path, attack):
    target = tmp_path / "target"
    if attack.__name__ == "reads_records":
        with tf.io.TFRecordWriter(str(target)) as records:
            records.write(b"secret")
    attack(graphs, tmp_path / "1", target)
    assert SAYS[attack.__name__] in refusal(tmp_path / "1")


def test_a_printing_function_is_refused_for_what_its_caller_hands_it(graphs, refusal, tmp_path):
    """Also where the operator allowed the op."""
    load_attacks().prints_where_its_caller_says(graphs, tmp_path / "1", tmp_path / "target")
    line = refusal(tmp_path / "1", allow_ops=["PrintV2"])
    assert "its attribute output_stream is a placeholder; expected string" in line


def test_a_gradient_is_refused_without_its_map(graphs, refusal, tmp_path):
    load_attacks().calls_a_gradient(graphs, tmp_path / "1", tmp_path / "target")
    line = refusal(tmp_path / "1", lambda found: found.graph_def.library.gradient.pop())
    assert "the op SymbolicGradient (call in the graph)" in line
