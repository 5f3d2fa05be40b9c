"""How the answers to a request are printed: as a table, or as JSON holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from kavc.errors import DataError
from kavc.texts import printable

if TYPE_CHECKING:
    import numpy as np

    from kavc.evaluation.table import Table

SHOWN = 20  # rows of a table of answers


@dataclass(frozen=True)
class Answers:
    """What a run or a server answered.

    Args:
        outputs: output name to array.
        classes: names of the classes that probabilities are of; none where nobody says them.
    """

    outputs: Mapping[str, np.ndarray]
    classes: Sequence[str]

    @cached_property
    def over_classes(self) -> list[str]:
        """Names of the outputs that are a probability of each class."""
        from kavc.serving.classes import over_classes

        count = len(self.classes)
        return [name for name, x in self.outputs.items() if over_classes(name, x.shape, count)]

    def to_json(self) -> dict[str, Any]:
        """Returns outputs as nested lists, and the names of the classes where one is over them.

        Raises:
            DataError: a number isn't finite.
        """
        from kavc.serving.classes import CLASS_NAMES

        found = {name: _plain(name, value) for name, value in self.outputs.items()}
        if self.over_classes:  # an output of that name, as of av-parsing's "parse", stays
            found.setdefault(CLASS_NAMES, list(self.classes))
        return found

    def table(self, caption: str) -> Table:
        """Returns the answers a row of the batch; an output a row where they have no batch."""
        from kavc.evaluation.table import Table

        shown = {
            name: self._named(value) if name in self.over_classes else value
            for name, value in self.outputs.items()
        }
        sizes = {value.shape[:1] for value in shown.values()}
        if len(sizes) != 1 or sizes == {()}:
            rows = [(name, _short(value)) for name, value in shown.items()]
            return Table("answers", ["output", "value"], rows, caption=caption)
        ((size,),) = sizes
        cut = f"{SHOWN} of {size} rows; --json and --out give all" if size > SHOWN else ""
        first = [[_short(row) for row in value[:SHOWN]] for value in shown.values()]
        return Table("answers", list(shown), zip(*first, strict=True), caption, cut)

    def _named(self, values: np.ndarray) -> np.ndarray:
        """Returns the best classes of each row with their shares, as "Cars 0.81, Food 0.10".

        Only of rows that are one probability a class: more of them would be no line to read.
        """
        import numpy as np

        from kavc.serving.classes import best

        if values.ndim != 2:
            return values
        words = [
            ", ".join(f"{printable(name)} {share:.2f}" for name, share in best(row, self.classes))
            for row in values
        ]
        return np.array([word.encode() for word in words], dtype=object)


def _plain(name: str, value: np.ndarray) -> Any:
    """Returns an output as JSON holds it; text as text."""
    import numpy as np

    if value.dtype == object:
        return _text(value).tolist()
    if not np.isfinite(value).all():
        raise DataError(
            f"output {name!r} is not finite, which JSON can't hold; write .npz with --out"
        )
    return value.tolist()


def _text(value: np.ndarray) -> np.ndarray:
    import numpy as np

    words = [word.decode(errors="backslashreplace") for word in value.ravel().tolist()]
    return np.array(words, dtype=object).reshape(value.shape)


def _short(value: Any) -> str:
    import numpy as np

    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    array = np.asarray(value)
    return np.array2string(
        _text(array) if array.dtype == object else array, precision=4, threshold=8
    )
