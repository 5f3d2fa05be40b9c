"""A table of a report: typed columns, rows of plain values, and where they come from.

What reports measure in has one rule. A share of what could be reached, as an AUC, a recall, an
accuracy, an nDCG or a contribution, is in per cent wherever a reader sees it: in tables, headlines,
sentences, figures and their legends; its column says "%", and differences of two are percentage
points. What is no share, as a rank, a loss or a number of pairs, stands in a column of its own.
Probabilities are fractions: p of a test, and what is measured on a model's probabilities, in a
table and a figure that hold nothing in per cent. A number by the name that Keras logged it under,
as "val_auc", is a fraction as it was logged, and its column says so, see `logged_unit`.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kavc.errors import DataError
from kavc.evaluation import html
from kavc.evaluation.plain import check_name, from_json_number, to_json_number

if TYPE_CHECKING:
    import pandas as pd

MISSING = "–"
FORMAT = re.compile(r"\+?,?(d|\.\d{1,2}[efg%])")
SHARE = re.compile(r"(\w+_)?(auc|accuracy|mrr|(recall|precision|ndcg)_at_\d+|(type|event)_at_av)")

Value = str | int | float | None


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Args:
        name: its heading, unique within the table.
        format: how a number is shown, "d" or ".2f" and the like (`+` and `,` may stand before);
            empty for text.
        unit: shown behind the name, such as "%" or "s".

    Raises:
        DataError: `format` is none of these.

    Example:
        >>> auc = Column("AUC", "+.1f", "%")
        >>> auc.label, auc.show(3.25), auc.show(None)
        ('AUC (%)', '+3.2', '–')
        >>> Column("AUC", "percent")
        Traceback (most recent call last):
            ...
        kavc.errors.DataError: column 'AUC': format 'percent', expected '', 'd' or such ...
    """

    name: str
    format: str = ""
    unit: str = ""

    def __post_init__(self) -> None:
        if not all(isinstance(text, str) for text in (self.name, self.format, self.unit)):
            raise DataError(f"column {self.name!r}: name, format and unit are to be text")
        if self.format and not FORMAT.fullmatch(self.format):
            raise DataError(
                f"column {self.name!r}: format {self.format!r}, expected '', 'd' or such as '.2f'"
            )

    @property
    def label(self) -> str:
        """Name and unit."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    @property
    def pandas_type(self) -> str:
        """What a data frame holds it as, a missing value included."""
        if not self.format:
            return "string"
        return "Int64" if self.format.endswith("d") else "float64"

    def check(self, value: Any) -> Value:
        """Returns `value` as the plain type that the column holds; None where it is missing.

        Raises:
            DataError: it has another type.

        Example:
            >>> pairs = Column("pairs", "d")
            >>> pairs.check(np.float64(3.0)), pairs.check(float("nan"))
            (3, None)
            >>> pairs.check(3.5)
            Traceback (most recent call last):
                ...
            kavc.errors.DataError: column 'pairs' holds 3.5, expected a number to show as 'd'
        """
        if isinstance(value, np.generic | np.ndarray) and value.ndim == 0:
            value = value.item()
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return None
        if not self.format and isinstance(value, str):
            return value
        if self.format and isinstance(value, int | float) and not isinstance(value, bool):
            if not self.format.endswith("d"):
                return float(value)
            if isinstance(value, int) or value.is_integer():
                return int(value)
        expected = f"a number to show as {self.format!r}" if self.format else "text"
        raise DataError(f"column {self.name!r} holds {value!r}, expected {expected}")

    def show(self, value: Value) -> str:
        """Returns a checked value as a reader sees it."""
        if value is None:
            return MISSING
        return format(value, self.format) if self.format else str(value)


@dataclass(frozen=True, init=False)
class Table:
    """Named, typed columns and rows of values.

    Args:
        name: also its file name: lower-case letters, digits, `-` and `_`.
        columns: what each column holds; a plain string is a column of text.
        rows: one sequence of values a row: text, numbers, or None (or NaN) where one is missing.
        caption: a sentence, shown above.
        source: where the numbers come from, such as "synthetic KWAI-like corpus, world seed 0";
            shown below, and in every row of the CSV.

    Raises:
        DataError: a name is unsafe or double, or a row doesn't fit the columns.

    Example:
        >>> rows = [["Ti-AVC", 78.73], ["untested", None]]
        >>> Table("aucs", ["system", Column("AUC", ".1f", "%")], rows)
        Table('aucs', 2 rows x 2 columns)
        >>> Table("aucs", ["system"], [["Ti-AVC", 78.73]])
        Traceback (most recent call last):
            ...
        kavc.errors.DataError: table 'aucs', row 0 has 2 values, expected 1
    """

    name: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]
    caption: str = ""
    source: str = ""

    def __init__(
        self,
        name: str,
        columns: Iterable[Column | str],
        rows: Iterable[Iterable[Any]],
        caption: str = "",
        source: str = "",
    ) -> None:
        checked = tuple(Column(one) if isinstance(one, str) else one for one in columns)
        names = [column.name for column in checked]
        if not names or len(set(names)) < len(names):
            raise DataError(f"table {name!r} has columns {names}, expected distinct names")
        values = {
            "name": check_name("table", name),
            "columns": checked,
            "rows": tuple(_check_row(name, checked, at, row) for at, row in enumerate(rows)),
            "caption": caption,
            "source": source,
        }
        for field, value in values.items():
            object.__setattr__(self, field, value)

    def __repr__(self) -> str:
        rows, columns = len(self.rows), len(self.columns)
        counts = f"{rows} row{'' if rows == 1 else 's'} x {columns} column"
        return f"Table({self.name!r}, {counts}{'' if columns == 1 else 's'})"

    def _repr_html_(self) -> str:  # what a notebook shows
        labels = [column.label for column in self.columns]
        right = [bool(column.format) for column in self.columns]
        return html.table(self.caption, labels, self.shown_rows(), right, self.source)

    def shown_rows(self) -> list[list[str]]:
        """Returns the rows as a reader sees them: formatted, a missing value as a dash."""
        return [
            [column.show(value) for column, value in zip(self.columns, row, strict=True)]
            for row in self.rows
        ]

    def to_records(self) -> list[dict[str, Value]]:
        """Returns a dict of column name to value for each row; None where one is missing.

        >>> Table("aucs", ["system", Column("AUC", ".1f", "%")], [["Ti-AVC", 78.73]]).to_records()
        [{'system': 'Ti-AVC', 'AUC': 78.73}]
        """
        names = [column.name for column in self.columns]
        return [dict(zip(names, row, strict=True)) for row in self.rows]

    def to_frame(self) -> pd.DataFrame:
        """Returns a data frame with numbers in full precision, and columns headed as in the CSV.

        Text is of type "string", whole numbers are "Int64" and others float64; a missing value is
        NA, of the last NaN. Its `attrs` hold "name", "caption" and "source" of the table, and
        "units": heading to unit, of the columns that have one.

        >>> frame = Table("t", ["system", Column("AUC", ".1f", "%")], [["a", 78.73]]).to_frame()
        >>> float(frame["AUC (%)"].max()), frame.attrs["units"]
        (78.73, {'AUC (%)': '%'})
        """
        import pandas as pd

        columns = {
            column.label: pd.Series([row[at] for row in self.rows], dtype=column.pandas_type)
            for at, column in enumerate(self.columns)
        }
        frame = pd.DataFrame(columns)
        frame.attrs = {
            "name": self.name,
            "caption": self.caption,
            "source": self.source,
            "units": {column.label: column.unit for column in self.columns if column.unit},
        }
        return frame

    def to_markdown(self) -> str:
        """Returns the caption, a pipe table with numbers to the right, and the source.

        >>> rows = [["Ti-AVC", 78.73], ["untested", None]]
        >>> print(Table("aucs", ["system", Column("AUC", ".1f", "%")], rows).to_markdown())
        | system | AUC (%) |
        | :--- | ---: |
        | Ti-AVC | 78.7 |
        | untested | – |
        """
        lines = [
            [column.label for column in self.columns],
            ["---:" if column.format else ":---" for column in self.columns],
            *self.shown_rows(),
        ]
        table = "\n".join(f"| {' | '.join(map(escape_markdown, line))} |" for line in lines)
        caption = f"**{escape_markdown(self.caption)}**" if self.caption else ""
        source = f"*Source: {escape_markdown(self.source)}*" if self.source else ""
        return "\n\n".join(part for part in (caption, table, source) if part) + "\n"

    _repr_markdown_ = to_markdown

    def to_csv(self) -> str:
        """Returns CSV with numbers in full precision, and the source as a last column.

        >>> print(Table("aucs", ["system", Column("AUC", ".1f", "%")], [["a", 78.73]]).to_csv())
        system,AUC (%)
        a,78.73
        """
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        source = [self.source] if self.source else []
        writer.writerow([column.label for column in self.columns] + ["source"] * len(source))
        writer.writerows([*row, *source] for row in self.rows)
        return stream.getvalue()

    def to_json(self) -> dict[str, Any]:
        """Returns what `from_json` reads: plain values, null where one is missing."""
        return {
            "name": self.name,
            "caption": self.caption,
            "source": self.source,
            "columns": [dict(vars(column)) for column in self.columns],
            "rows": [[to_json_number(value) for value in row] for row in self.rows],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Table:
        """Returns the table that `to_json` gave.

        Raises:
            DataError: `value` is no table.

        Example:
            >>> table = Table("aucs", ["system", Column("AUC", ".1f", "%")], [["Ti-AVC", 78.73]])
            >>> Table.from_json(table.to_json()) == table
            True
        """
        try:
            columns = [Column(**column) for column in value["columns"]]
            rows = [
                [from_json_number(cell) if column.format else cell for column, cell in pairs]
                for pairs in (zip(columns, row, strict=True) for row in value["rows"])
            ]
            return cls(value["name"], columns, rows, str(value["caption"]), str(value["source"]))
        except (TypeError, KeyError, ValueError, AttributeError) as error:
            raise DataError(f"not a table: {error!r}; expected what Table.to_json gives") from None


def logged_unit(name: str) -> str:
    """Returns "fraction" if Keras logs a share under this name, else "".

    >>> logged_unit("val_recall_at_10"), logged_unit("val_loss")
    ('fraction', '')
    """
    return "fraction" if SHARE.fullmatch(name) else ""


def escape_markdown(text: str) -> str:
    """Returns `text` so that a Markdown table shows it as it is: no new cell, line, tag or link."""
    text = " ".join(text.replace("\\", "\\\\").split())
    for mark, safe in (("|", "\\|"), ("<", "&lt;"), ("`", "\\`"), ("](", "]\\(")):
        text = text.replace(mark, safe)
    return text


def _check_row(
    table: str, columns: tuple[Column, ...], at: int, row: Iterable[Any]
) -> tuple[Value, ...]:
    values = tuple(row)
    if len(values) != len(columns):
        raise DataError(
            f"table {table!r}, row {at} has {len(values)} values, expected {len(columns)}"
        )
    try:
        return tuple(column.check(value) for column, value in zip(columns, values, strict=True))
    except DataError as error:
        raise DataError(f"table {table!r}, row {at}: {error}") from None
