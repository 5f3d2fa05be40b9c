from __future__ import annotations

import io
import json

import numpy as np
import pandas as pd
import pytest

from kavc.errors import DataError
from kavc.evaluation.table import Column, Table, logged_unit

COLUMNS = (Column("system"), Column("AUC", ".2f", "%"), Column("pairs", ",d"))


@pytest.fixture
def table():
    return Table(
        "match-auc",
        COLUMNS,
        [
            ("Ti-AVC", 78.7312345678, 17086),
            ("a|b <i>\\`[x](http://y)", np.float32(0.5), np.int64(3)),
            (None, float("nan"), None),
            ("line\nbreak", float("inf"), 0),
        ],
        caption="Table 1.",
        source="synthetic KWAI-like corpus, world seed 0",
    )


def test_markdown(table):
    assert table.to_markdown() == (
        "**Table 1.**\n"
        "\n"
        "| system | AUC (%) | pairs |\n"
        "| :--- | ---: | ---: |\n"
        "| Ti-AVC | 78.73 | 17,086 |\n"
        "| a\\|b &lt;i>\\\\\\`[x]\\(http://y) | 0.50 | 3 |\n"
        "| – | – | – |\n"
        "| line break | inf | 0 |\n"
        "\n"
        "*Source: synthetic KWAI-like corpus, world seed 0*\n"
    )
    assert table._repr_markdown_() == table.to_markdown()


def test_bare_markdown():
    assert Table("t", ["a"], [["x"]]).to_markdown() == "| a |\n| :--- |\n| x |\n"


def test_csv_keeps_every_digit_and_the_source(table):
    frame = pd.read_csv(io.StringIO(table.to_csv()))
    assert list(frame) == ["system", "AUC (%)", "pairs", "source"]
    assert frame["AUC (%)"][0] == 78.7312345678
    assert frame["AUC (%)"].isna().sum() == 1
    assert frame["system"][1] == "a|b <i>\\`[x](http://y)" and frame["system"][3] == "line\nbreak"
    assert set(frame["source"]) == {table.source}
    assert "source" not in Table("t", ["a"], [["x"]]).to_csv()


def test_records(table):
    assert table.to_records()[0] == {"system": "Ti-AVC", "AUC": 78.7312345678, "pairs": 17086}
    assert table.to_records()[2] == {"system": None, "AUC": None, "pairs": None}


def test_frame(table):
    frame = table.to_frame()
    assert list(frame) == ["system", "AUC (%)", "pairs"]
    assert [str(kind) for kind in frame.dtypes] == ["string", "float64", "Int64"]
    assert frame["AUC (%)"].isna().tolist() == [False, False, True, False]
    assert frame["pairs"].sum() == 17089 and frame["system"].isna().sum() == 1
    assert frame.attrs["units"] == {"AUC (%)": "%"} and frame.attrs["source"] == table.source
    empty = Table("t", COLUMNS, []).to_frame()
    assert [str(kind) for kind in empty.dtypes] == ["string", "float64", "Int64"]


def test_repr(table):
    assert repr(table) == "Table('match-auc', 4 rows x 3 columns)"
    assert repr(Table("t", ["a"], [["x"]])) == "Table('t', 1 row x 1 column)"


def test_json_round_trip(table):
    text = json.dumps(table.to_json(), allow_nan=False)
    assert Table.from_json(json.loads(text)) == table


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("../x", COLUMNS, []), r"table name '../x'"),
        (("T", COLUMNS, []), "table name 'T'"),
        (("t", [], []), "expected distinct names"),
        (("t", ["a", "a"], []), "expected distinct names"),
        (("t", ["a"], [["x"], ["x", "y"]]), "row 1 has 2 values, expected 1"),
        (("t", ["a"], [[1.0]]), "row 0: column 'a' holds 1.0, expected text"),
        (("t", [Column("a", "d")], [[1.5]]), "holds 1.5, expected a number to show as 'd'"),
        (("t", [Column("a", ".2f")], [["1"]]), "holds '1', expected a number"),
        (("t", [Column("a", "d")], [[True]]), "holds True, expected a number"),
    ],
)
def test_refuses(arguments, message):
    with pytest.raises(DataError, match=message):
        Table(*arguments)


@pytest.mark.parametrize(
    "share", ["val_auc", "val_accuracy", "match_accuracy", "val_recall_at_10", "val_mrr", "auc"]
)
def test_logged_shares_are_fractions(share):
    assert logged_unit(share) == "fraction"


@pytest.mark.parametrize("other", ["val_loss", "loss", "val_median_rank", "val_aucs", "recall_at"])
def test_other_logged_numbers_have_no_unit(other):
    assert logged_unit(other) == ""


@pytest.mark.parametrize("format", [".999999f", "s", "{}", "x", "10d"])
def test_refuses_formats(format):
    with pytest.raises(DataError, match="expected '', 'd' or such as"):
        Column("a", format)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "../../etc"},
        {"name": 3},
        {"columns": [{"name": "a", "other": 1}]},
        {"columns": [{"name": None}]},
        {"columns": 3},
        {"rows": [[1]]},
        {"rows": [["x", "nan", 1]]},
        {"rows": [["x", {}, 1]]},
        {"rows": None},
    ],
)
def test_refuses_damaged_json(table, change):
    with pytest.raises(DataError, match="not a table"):
        Table.from_json({**table.to_json(), **change})
    with pytest.raises(DataError, match="not a table"):
        Table.from_json([])
