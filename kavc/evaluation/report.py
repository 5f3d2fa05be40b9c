"""What an evaluation says: a headline, tables, figures, notes, and the predictions behind them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kavc.errors import DataError, unknown
from kavc.evaluation import html
from kavc.evaluation.figure import Figure, StoredFigure
from kavc.evaluation.headline import Headline
from kavc.evaluation.made import Made
from kavc.evaluation.predictions import check_predictions, read_predictions, write_predictions
from kavc.evaluation.table import Table, escape_markdown
from kavc.files import sweep_partials, whole_files, write_json, write_text
from kavc.folders import claim, settle
from kavc.inputs.json_files import read_json
from kavc.inputs.records import entries

FORMAT = 1
ENTRIES = {
    "format": int,
    "title": str,
    "headline": dict,
    "tables": list[dict],
    "figures": list[dict],
    "notes": list[str],
    "predictions": list[str],
}


@dataclass(frozen=True, eq=False)
class Report:
    """What an evaluation says.

    Args:
        title: such as "Ti-AVC on the test split".
        headline: the one number that it is judged by.
        tables, figures: in the order shown; names are distinct within each.
        notes: sentences on what was dropped, what differs from the paper, and the like.
        predictions: name to array: what the numbers were computed from, example by example.
        made: how it was made, which a report begins with; None where that isn't known, as of one of
            an earlier version.

    Raises:
        DataError: two tables or two figures share a name, or a prediction can't be stored.

    Example:
        >>> from kavc.evaluation.table import Column
        >>> table = Table("aucs", ["system", Column("AUC", ".1f", "%")], [["Ti-AVC", 78.73]])
        >>> Report("Ti-AVC", Headline("match AUC", 78.73, "max", unit="%"), [table])
        Report('Ti-AVC', match AUC 78.73 % (higher is better), 1 table, 0 figures)
    """

    title: str
    headline: Headline
    tables: Sequence[Table] = ()
    figures: Sequence[Figure | StoredFigure] = ()
    notes: Sequence[str] = ()
    predictions: Mapping[str, np.ndarray] = field(default_factory=dict)
    made: Made | None = None

    def __post_init__(self) -> None:
        for kind in ("tables", "figures"):
            names = [part.name for part in getattr(self, kind)]
            if len(set(names)) < len(names):
                raise DataError(
                    f"report {self.title!r} has {kind} {names}, expected distinct names"
                )
            object.__setattr__(self, kind, tuple(getattr(self, kind)))
        object.__setattr__(self, "notes", tuple(self.notes))
        object.__setattr__(self, "predictions", check_predictions(self.predictions))

    def __repr__(self) -> str:
        parts = {"table": len(self.tables), "figure": len(self.figures)}
        counts = ", ".join(f"{n} {part}{'' if n == 1 else 's'}" for part, n in parts.items())
        return f"Report({self.title!r}, {self.headline}, {counts})"

    def _repr_html_(self) -> str:  # what a notebook shows
        made = html.grid((), self.made.lines(self.notes)) if self.made else ""
        figures = ((one._repr_png_, one.caption or one.name, one.source) for one in self.figures)
        parts = [
            html.paragraph(self.title, html.TITLE),
            html.paragraph(str(self.headline), html.STRONG),
            html.folded("How this was made", made) if made else "",
            *(table._repr_html_() for table in self.tables),
            *(html.picture(*figure) for figure in figures),
            html.bullets("Notes", self.notes),
        ]
        return f'<div style="max-width:70em">{"".join(parts)}</div>'

    def table(self, name: str) -> Table:
        """Returns the table of that name.

        Raises:
            DataError: there is none.

        Example:
            >>> aucs = Table("aucs", ["system"], [])
            >>> report = Report("Empty", Headline("match AUC", 0.5, "max"), [aucs])
            >>> report.table("auc")
            Traceback (most recent call last):
                ...
            kavc.errors.DataError: report 'Empty': unknown table 'auc'; did you mean ...
        """
        for table in self.tables:
            if table.name == name:
                return table
        raise DataError(
            f"report {self.title!r}: {unknown('table', name, (one.name for one in self.tables))}"
        )

    def figure(self, name: str) -> Figure | StoredFigure:
        """Returns the figure of that name.

        Raises:
            DataError: there is none.
        """
        for figure in self.figures:
            if figure.name == name:
                return figure
        raise DataError(
            f"report {self.title!r}: {unknown('figure', name, (one.name for one in self.figures))}"
        )

    def to_json(self) -> dict[str, Any]:
        """Returns plain values: figures by file and caption, predictions by name, NaN as None.

        Two equal trainings differ in "made" alone.
        """
        return {
            "format": FORMAT,
            **({"made": self.made.to_json()} if self.made else {}),
            "title": self.title,
            "headline": self.headline.to_json(),
            "tables": [table.to_json() for table in self.tables],
            "figures": [
                {
                    "name": figure.name,
                    "file": f"figures/{figure.name}.png",
                    "caption": figure.caption,
                    "source": figure.source,
                }
                for figure in self.figures
            ],
            "notes": list(self.notes),
            "predictions": list(self.predictions),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any], folder: str | Path = ".") -> Report:
        """Returns the report that `to_json` gave, without its predictions.

        Args:
            value: as `to_json` gives.
            folder: where `figures/` lies.

        Raises:
            DataError: `value` is no report, or of a later format.
        """
        entries(value, ENTRIES, "report")
        if value["format"] != FORMAT:
            raise DataError(f"report format is {value['format']!r}, expected {FORMAT}")
        try:
            figures = [
                # The file's name follows from the figure's, which is checked; "file" is for others.
                StoredFigure(
                    figure["name"],
                    str(figure["caption"]),
                    Path(folder) / "figures" / f"{figure['name']}.png",
                    str(figure["source"]),
                )
                for figure in value["figures"]
            ]
            return cls(
                value["title"],
                Headline.from_json(value["headline"]),
                [Table.from_json(table) for table in value["tables"]],
                figures,
                value["notes"],
                made=Made.from_json(value["made"]) if value.get("made") else None,
            )
        except (TypeError, KeyError) as error:
            raise DataError(f"not a report: {error!r}; expected Report.to_json's") from None

    def to_markdown(self) -> str:
        """Returns title, headline, how it was made, tables, figures as images, and notes.

        >>> print(Report("Ti-AVC", Headline("match AUC", 78.73, "max", unit="%")).to_markdown())
        # Ti-AVC
        <BLANKLINE>
        **match AUC 78.73 % (higher is better)**
        """
        parts = [f"# {escape_markdown(self.title)}", f"**{escape_markdown(str(self.headline))}**"]
        if self.made:
            lines = (f"- {what}: {_said(what, text)}" for what, text in self.made.lines(self.notes))
            parts += ["## How this was made", "\n".join(lines), "## Results"]
        parts += [table.to_markdown().rstrip() for table in self.tables]
        for figure in self.figures:
            caption = escape_markdown(figure.caption or figure.name)
            source = f" *Source: {escape_markdown(figure.source)}*" if figure.source else ""
            alternative = caption.replace("[", "\\[").replace("]", "\\]")
            parts += [f"![{alternative}](figures/{figure.name}.png)", caption + source]
        if self.notes:
            parts.append("## Notes")
            parts.append("\n".join(f"- {escape_markdown(note)}" for note in self.notes))
        return "\n\n".join(parts) + "\n"

    def save(self, folder: str | Path) -> None:
        """Writes report.json, report.md, tables/, figures/ and predictions.npz.

        Args:
            folder: new, empty, or one that holds an earlier report, which is replaced.

        Raises:
            ConfigError: it holds something else, as a run or files of the user's.
        """
        new = not Path(folder).exists()
        claim(folder, "report")
        sweep_partials(folder)
        try:
            self.write_into(folder)
        except OSError:
            if new:
                shutil.rmtree(folder, ignore_errors=True)
            raise
        settle(folder)

    def write_into(self, folder: str | Path) -> None:
        """Writes what `save` does into a folder that is the caller's own, as a run's.

        All is made beside it first: a disk that is full leaves an earlier report as it was. The
        file report.json comes last: where it is, what it names is there too.
        """
        with whole_files(folder, last="report.json") as temporary:
            for table in self.tables:
                write_text(temporary / "tables" / f"{table.name}.csv", table.to_csv())
            for figure in self.figures:
                figure.save(temporary / "figures")
            if self.predictions:
                write_predictions(temporary / "predictions.npz", self.predictions)
            write_text(temporary / "report.md", self.to_markdown())
            write_json(temporary / "report.json", self.to_json())

    @classmethod
    def load(cls, folder: str | Path) -> Report:
        """Reads the report that `save` wrote.

        Raises:
            DataError: a file is missing or damaged.

        Example:
            >>> import tempfile
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     Report("Ti-AVC", Headline("match AUC", 78.73, "max", unit="%")).save(folder)
            ...     Report.load(folder).headline
            Headline('match AUC 78.73 % (higher is better)')
        """
        folder = Path(folder)
        value = read_json(folder / "report.json")
        try:
            report = cls.from_json(value, folder)
        except DataError as error:
            raise DataError(f"{folder / 'report.json'}: {error}") from None
        if value.get("predictions"):
            found = read_predictions(folder / "predictions.npz")
            object.__setattr__(report, "predictions", found)
        return report


def _said(heading: str, text: str) -> str:
    """Returns a text on how a report was made for Markdown, a command as code where it can be."""
    code = heading == "Command" and "`" not in text and text.isprintable()
    return f"`{text}`" if code else escape_markdown(text)
