"""What is taken off an item's score because it is near to every query: the correction of hubs.

An item's bias is estimated on a bank of queries that are not its own: training videos of the other
modality (Bogolin et al., 2022). It belongs to the item alone, so that a search stays an inner
product, with one more coordinate.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from kavc.errors import ConfigError, DataError, unknown
from kavc.files import fingerprint, whole_folder, write_json, write_npy
from kavc.inputs.arrays import read_npy
from kavc.inputs.json_files import read_json
from kavc.inputs.records import record
from kavc.retrieval.checks import check_ids, unit_rows
from kavc.retrieval.hub_bias import csls_bias, inverted_softmax_bias
from kavc.retrieval.id_file import read_ids, write_ids

INVERTED_SOFTMAX, CSLS = "inverted-softmax", "csls"
KINDS = (INVERTED_SOFTMAX, CSLS)
MOST = 100_000  # rows of a bank
MAX_DIM = 65_536
FORMAT = 1
FACTS, BANK, WEIGHTS, IDS = "hubs.json", "bank.npy", "weights.npy", "ids.txt"
CONTENT = (BANK, WEIGHTS, IDS)
FILES = (FACTS, *CONTENT)


@dataclass(frozen=True)
class Settings:
    """What a correction does, but for its bank.

    Args:
        kind: "inverted-softmax" or "csls".
        strength: factor of the bias; 0 takes nothing off, CSLS as published has 0.5.
        beta: inverse temperature of the inverted softmax.
        neighbours: of CSLS, rows of the bank.

    Raises:
        ConfigError: an unknown kind, or a number out of range.

    Reference:
        Smith et al., 2017 (the inverted softmax); Conneau et al., 2018 (CSLS).

    Example:
        >>> str(Settings()), str(Settings("csls", neighbours=10))
        ('inverted-softmax (beta 20), strength 0.5', 'csls (10 neighbours), strength 0.5')
    """

    kind: str = INVERTED_SOFTMAX
    strength: float = 0.5
    beta: float = 20.0
    neighbours: int = 50

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigError(unknown("correction of hubs", self.kind, KINDS))
        ranges = {"strength": (0, 2), "beta": (0.01, 1000), "neighbours": (1, MOST)}
        for name, (low, high) in ranges.items():
            if not low <= getattr(self, name) <= high:
                raise ConfigError(f"{name} must lie in {low} to {high}; got {getattr(self, name)}")

    def __str__(self) -> str:
        inverted = self.kind == INVERTED_SOFTMAX
        how = f"beta {self.beta:g}" if inverted else f"{self.neighbours} neighbours"
        return f"{self.kind} ({how}), strength {self.strength:g}"

    def bias(
        self,
        items: np.ndarray,
        bank: np.ndarray,
        weights: np.ndarray | None = None,
        own: np.ndarray | None = None,
    ) -> np.ndarray:
        """Returns what is taken off each item's cosines: `(n,) float32`.

        Args:
            items, bank, weights, own: as of `kavc.retrieval.hub_bias.inverted_softmax_bias`; CSLS
                knows no weights.
        """
        if self.kind == CSLS:
            found = csls_bias(items, bank, self.neighbours, own=own)
        else:
            found = inverted_softmax_bias(items, bank, self.beta, weights=weights, own=own)
        return np.float32(self.strength) * found


@dataclass(frozen=True)
class Facts:
    """The content of `hubs.json`: the correction's settings and fields, and its files' digest."""

    format: int
    kind: str
    strength: float
    beta: float
    neighbours: int
    modality: str
    model: str
    dim: int
    count: int
    named: bool
    sha256: str


@dataclass(frozen=True, eq=False)
class HubCorrection:
    """A bank of queries, and how the bias of an item is taken of it.

    Args:
        settings: see `Settings`.
        bank: `(rows, dim) int8`; their directions count alone. At least 2, none of them zero.
        weights: `(rows,) float32`, positive: how many queries a row stands for.
        ids: whose queries they are, one each of the weight 1: an item's own one is left out of its
            bias. None where a row stands for several.
        modality: what the queries are, as "visual" for a gallery of sounds.
        model: fingerprint of the weights that made them, as `kavc.retrieval.Index` has it.

    Raises:
        DataError: the bank, its weights or its ids are not so.

    Example:
        >>> hubs = HubCorrection.of([[1, 0.0], [0.6, 0.8]], ids=["a", "b"])
        >>> hubs.bias(np.eye(2, dtype=np.float32), ["b", "c"]).round(2).tolist()
        [0.5, 0.3...]

    Reference:
        Bogolin et al., 2022 (a bank of training queries).
    """

    settings: Settings
    bank: np.ndarray
    weights: np.ndarray
    ids: Sequence[str] = ()
    modality: str = ""
    model: str = ""

    def __post_init__(self) -> None:
        bank = self.bank
        if bank.ndim != 2 or bank.dtype != np.int8 or not 1 <= bank.shape[-1] <= MAX_DIM:
            raise DataError(f"bank: expected int8 (rows, dim); got {bank.dtype} {bank.shape}")
        if not 2 <= len(bank) <= MOST:
            raise DataError(f"bank: {len(bank)} queries; expected 2 to {MOST}")
        if not bank.any(axis=1).all():
            raise DataError(f"bank: row {np.flatnonzero(~bank.any(axis=1))[0]} is all zero")
        weights = self.weights
        if weights.shape != bank.shape[:1] or weights.dtype != np.float32:
            raise DataError(f"bank: weights {weights.dtype} {weights.shape} for {len(bank)} rows")
        if not (np.isfinite(weights).all() and (weights > 0).all()):
            raise DataError("bank: a weight is not positive and finite")
        if len(check_ids(self.ids)) not in (0, len(bank)):
            raise DataError(f"bank: {len(self.ids)} ids for {len(bank)} queries")
        if self.ids and not (weights == 1).all():
            raise DataError("bank: a row with an id stands for one query, and has the weight 1")

    @classmethod
    def of(
        cls,
        queries: ArrayLike,
        settings: Settings | None = None,
        *,
        weights: ArrayLike | None = None,
        ids: Iterable[str] = (),
        modality: str = "",
        model: str = "",
    ) -> HubCorrection:
        """Makes a correction of embeddings, which are kept as int8.

        Args:
            queries: `(n, dim)` floats, n at least 2; their norms don't matter.
            weights: `(n,)`, one each by default.
            settings, ids, modality, model: as of the class.

        Raises:
            DataError: as the class, or a query that is zero or not finite.

        Example:
            >>> hubs = HubCorrection.of([[1, 0.0], [3.0, 4.0]], ids=["a", "b"], modality="visual")
            >>> hubs.bank.tolist(), str(hubs)
            ([[127, 0], [95, 127]], 'inverted-softmax (beta 20), strength 0.5, 2 visual queries')
        """
        given = np.asarray(queries)
        dim = given.shape[1] if given.ndim == 2 else 0
        units = unit_rows("bank", queries, dim)
        largest = np.abs(units).max(axis=1, keepdims=True)
        bank = np.rint(units * (127 / largest)).astype(np.int8)
        each = np.ones(len(bank)) if weights is None else np.asarray(weights)
        given_ids = list(ids)
        return cls(
            settings or Settings(), bank, each.astype(np.float32), given_ids, modality, model
        )

    def __len__(self) -> int:
        return len(self.bank)

    def __str__(self) -> str:
        what = "queries" if self.ids else "groups of queries"
        return f"{self.settings}, {len(self):,} {self.modality} {what}".replace("  ", " ")

    @property
    def dim(self) -> int:
        """Width of the bank."""
        return self.bank.shape[1]

    @cached_property
    def units(self) -> np.ndarray:
        """The bank as it is used: `(rows, dim) float32` of norm 1."""
        rows = self.bank.astype(np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    @cached_property
    def _row_of(self) -> dict[str, int]:
        return {each: row for row, each in enumerate(self.ids)}

    def bias(self, items: np.ndarray, ids: Sequence[str] = ()) -> np.ndarray:
        """Returns what is taken off the cosines of some items.

        Args:
            items: `(n, dim) float32` of norm 1.
            ids: one an item, or none where no item is of a video of the bank.

        Returns:
            `(n,) float32`.
        """
        known = self._row_of if len(ids) else {}
        own = np.array([known.get(each, -1) for each in ids]) if known else None
        return self.settings.bias(items, self.units, self.weights, own)

    def check(self, *, model: str, dim: int, items: str = "") -> None:
        """Raises unless the bank is of the network whose items are to be corrected.

        Args:
            model: fingerprint of the network's weights.
            dim: width of its embeddings.
            items: their modality, which is not that of the queries; "" if nobody needs to know.

        Raises:
            ConfigError: names what the bank has, and what was expected.

        Example:
            >>> HubCorrection.of([[1, 0.0], [3.0, 4.0]], model="abc").check(model="abc", dim=3)
            Traceback (most recent call last):
                ...
            kavc.errors.ConfigError: the bank of queries is 2 wide; expected 3
        """
        if self.model != model:
            raise ConfigError(
                f"the bank of queries was made by the model {self.model[:12] or '(unknown)'}, this "
                f"is {model[:12] or '(unknown)'}"
            )
        if self.dim != dim:
            raise ConfigError(f"the bank of queries is {self.dim} wide; expected {dim}")
        if items and items == self.modality:
            raise ConfigError(f"the bank of queries is of {items!r}, as the items are")

    def save(self, folder: str | os.PathLike) -> None:
        """Writes the correction into a new folder."""
        with whole_folder(folder) as temporary:
            write_npy(temporary / BANK, self.bank)
            write_npy(temporary / WEIGHTS, self.weights)
            write_ids(temporary / IDS, self.ids)
            digest = fingerprint([temporary / name for name in CONTENT])
            facts = Facts(
                FORMAT, **asdict(self.settings), modality=self.modality, model=self.model,
                dim=self.dim, count=len(self), named=bool(self.ids), sha256=digest,
            )  # fmt: skip
            write_json(temporary / FACTS, asdict(facts))

    @classmethod
    def load(cls, folder: str | os.PathLike) -> HubCorrection:
        """Reads what `save` wrote.

        Raises:
            DataError: a file is missing, damaged, or not what it must be.
        """
        folder = Path(folder)
        path = folder / FACTS
        facts = record(Facts, read_json(path), path)
        if facts.format != FORMAT:
            raise DataError(f'{path}: "format" is {facts.format}; expected {FORMAT}')
        if not (2 <= facts.count <= MOST and 1 <= facts.dim <= MAX_DIM):
            raise DataError(f"{path}: no bank of {facts.count} queries, {facts.dim} wide")
        bank = read_npy(folder / BANK, most=facts.count * facts.dim + 2**13)
        weights = read_npy(folder / WEIGHTS, most=4 * facts.count + 2**13)
        ids = read_ids(folder / IDS, facts.count if facts.named else 0)
        if fingerprint([folder / name for name in CONTENT]) != facts.sha256:
            raise DataError(f"{folder}: altered; it has not the SHA-256 of {FACTS}")
        if bank.shape != (facts.count, facts.dim):
            raise DataError(f"{folder / BANK}: {bank.shape}; expected {facts.count, facts.dim}")
        try:
            settings = Settings(facts.kind, facts.strength, facts.beta, facts.neighbours)
            return cls(settings, bank, weights, ids, facts.modality, facts.model)
        except (ConfigError, DataError) as error:
            raise DataError(f"{folder}: {error}") from None
