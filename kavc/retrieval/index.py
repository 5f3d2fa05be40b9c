"""A catalogue of embeddings with their ids, and its search."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from kavc.errors import ConfigError, DataError
from kavc.retrieval.checks import check_ids, check_labels, unit_rows
from kavc.retrieval.exact import exact_search
from kavc.retrieval.faiss_search import EXACT, FaissSearch, check_backend
from kavc.retrieval.folder import MAX_COUNT, MAX_DIM, Content, read_index, write_index
from kavc.retrieval.hits import Hits
from kavc.retrieval.hubs import HubCorrection

COSINE, CORRECTED = "cosine", "cosine less hub bias"  # what scores are
SHOWN = 12  # characters of a fingerprint in a message


class Index:
    """Vectors of one modality from one model, found by their cosine with a query.

    With a correction of hubs each vector has a bias that is taken off its cosines, so that scores
    are no cosines any more. What raises has changed nothing.

    Args:
        dim: width of the vectors; 1 to 65,536.
        modality: what they embed, as "audio"; "" if nobody needs to know.
        model: fingerprint of the weights that made them, as
            `kavc.layers.fingerprint.weights_fingerprint` gives it; "" likewise.
        backend: "exact", or "flat", "ivf" or "hnsw" of FAISS. "ivf" and "hnsw" may miss some of the
            nearest. Their structures are not saved: the first search after loading or `remove`
            makes them, from the vectors, so that a folder holds nothing that only one version of
            FAISS reads, and that FAISS would have to trust. FAISS keeps a copy of the vectors; two
            where an index with a correction is also searched without it.
        hubs: the correction of hubs, from the same model; None for none.

    Raises:
        ConfigError: an argument is out of range, the correction is of another model, or FAISS is
            needed and missing.

    Example:
        >>> index = Index(2, modality="audio")
        >>> index.add(["bark", "meow"], [[3.0, 4.0], [1.0, 0.0]])
        >>> ids, scores = index.search([[2.0, 0.0]], k=2)
        >>> ids.tolist(), scores.round(2).tolist()
        ([['meow', 'bark']], [[1.0, 0.6...]])
    """

    _searches: dict[bool, FaissSearch]  # with and without the bias, once one was asked for

    def __init__(
        self,
        dim: int,
        *,
        modality: str = "",
        model: str = "",
        backend: str = EXACT,
        hubs: HubCorrection | None = None,
    ):
        if not 1 <= dim <= MAX_DIM:
            raise ConfigError(f"dim is {dim}; expected 1 to {MAX_DIM}")
        check_backend(backend)
        if hubs is not None:
            hubs.check(model=model, dim=dim, items=modality)
        self.dim, self.modality, self.model, self.backend = dim, modality, model, backend
        self.hubs = hubs
        self._name = "the index"
        self._set([], np.empty((0, dim), np.float32), np.empty(0, np.float32), [])

    def __len__(self) -> int:
        return len(self._ids)

    def __repr__(self) -> str:
        what = " ".join(filter(None, [f"{len(self):,}", self.modality, "vectors"]))
        labelled = "" if self.labels is None else "labelled"
        told = [what, f"dim {self.dim}", self.backend, self.score, labelled]
        return f"Index({', '.join(filter(None, told))})"

    @property
    def ids(self) -> list[str]:
        """The ids, in the order of `vectors`."""
        return self._ids.tolist()

    @property
    def labels(self) -> list[tuple[str, ...]] | None:
        """Of each vector the names of its labels, () for none; None where no vector has any."""
        return self._labels.tolist() if self._labelled else None

    @property
    def vectors(self) -> np.ndarray:
        """`(len, dim) float32` of norm 1; can't be written to."""
        return self._vectors

    @property
    def bias(self) -> np.ndarray | None:
        """`(len,) float32`, what is taken off the cosines of each vector; None without `hubs`."""
        return None if self.hubs is None else self._bias

    @property
    def score(self) -> str:
        """What the scores of a search are: "cosine", or "cosine less hub bias"."""
        return COSINE if self.hubs is None else CORRECTED

    def add(
        self,
        ids: Iterable[str],
        vectors: ArrayLike,
        labels: Iterable[Sequence[str]] | None = None,
    ) -> None:
        """Adds vectors behind those that are there. One call for many is fastest.

        With `hubs` each gets its bias; the query of an id that the bank holds, too, is left out.

        Args:
            ids: text, each of 1 to 256 bytes in UTF-8 without control characters.
            vectors: `(n, dim)` floats; their norms don't matter. Lists may hold small whole
                numbers, too.
            labels: optional. Of each vector the names of its labels, at most 256, text as ids are.

        Raises:
            DataError: an id is unfit, given twice or there already; another number of ids, or of
                labels, than of vectors; an unfit label; another width; whole numbers as quantised
                vectors have them; or a vector that is zero or not finite.

        Example:
            >>> index = Index(2)
            >>> index.add(["bark"], [[3.0, 4.0]], [["dog", "street"]])
            >>> index.ids, index.labels, index.vectors.round(1).tolist()
            (['bark'], [('dog', 'street')], [[0.6..., 0.8...]])
            >>> index.add(["bark"], [[1.0, 0.0]])
            Traceback (most recent call last):
                ...
            kavc.errors.DataError: id 'bark' is in the index already; remove it first
        """
        units, new = unit_rows("vectors", vectors, self.dim), check_ids(ids)
        named = [()] * len(new) if labels is None else check_labels(labels)
        for count, what in ((len(new), "ids"), (len(named), "items with labels")):
            if count != len(units):
                raise DataError(f"{count} {what} for {len(units)} vectors; expected one each")
        there = set(self._ids)
        for each in new:
            if each in there:
                raise DataError(f"id {each!r} is in {self._name} already; remove it first")
        if len(self) + len(new) > MAX_COUNT:
            raise DataError(f"{self._name} would hold more than {MAX_COUNT} vectors")
        bias = np.zeros(len(new), np.float32) if self.hubs is None else self.hubs.bias(units, new)
        searches = self._searches
        self._set(
            self.ids + new,
            np.concatenate([self._vectors, units]),
            np.concatenate([self._bias, bias]),
            [*self._labels, *named],
        )
        for corrected, search in searches.items():
            search.add(self._vectors, self.bias if corrected else None)
        self._searches = searches

    def remove(self, ids: Iterable[str]) -> None:
        """Removes vectors; the others keep their order.

        Raises:
            DataError: an id is given twice or not there.

        Example:
            >>> index = Index(2)
            >>> index.add(["bark", "meow"], [[3.0, 4.0], [1.0, 0.0]])
            >>> index.remove(["bark"])
            >>> index.ids
            ['meow']
        """
        row_of = {each: row for row, each in enumerate(self._ids)}
        gone = check_ids(ids)
        for each in gone:
            if each not in row_of:
                raise DataError(f"id {each!r} is not in {self._name}; nothing was removed")
        kept = np.ones(len(self), bool)
        kept[[row_of[each] for each in gone]] = False
        labels = self._labels[kept].tolist()
        self._set(self._ids[kept].tolist(), self._vectors[kept], self._bias[kept], labels)

    def search(self, queries: ArrayLike, k: int, *, corrected: bool = True) -> Hits:
        """Finds the nearest of each query.

        Args:
            queries: `(n, dim)` floats; their norms don't matter. Lists may hold small whole
                numbers, too.
            k: how many, from 1 to the size of the index.
            corrected: whether the bias is taken off, where there is a correction of hubs.

        Returns:
            Ids `(n, k)` text and scores `(n, k) float32`, cosines or what `score` says, best
            first; with the backend "exact", of equal ones that which was added first. A pair, of
            which `labels` are an attribute.

        Raises:
            ConfigError: the index is empty, or `k` is out of range.
            DataError: another width, whole numbers as for `add`, no query, or one that is zero or
                not finite.

        Example:
            >>> index = Index(2)
            >>> index.add(["bark", "meow"], [[3.0, 4.0], [1.0, 0.0]], [["dog"], []])
            >>> hits = index.search([[0.0, 1.0], [1.0, 0.0]], k=1)
            >>> hits.ids.tolist(), hits.labels.tolist()
            ([['bark'], ['meow']], [[('dog',)], [()]])
        """
        self.check_k(k)
        units = unit_rows("queries", queries, self.dim)
        corrected = corrected and self.hubs is not None
        bias = self._bias if corrected else None
        if self.backend == EXACT:
            positions, scores = exact_search(units, self._vectors, k, bias=bias)
        else:
            if corrected not in self._searches:
                self._searches[corrected] = FaissSearch(self.backend, self._vectors, bias)
            positions, scores = self._searches[corrected].search(units, k)
        labels = self._labels[positions] if self._labelled else None
        return Hits(self._ids[positions].astype(str), scores, labels)

    def check(
        self, *, model: str | None = None, modality: str | None = None, dim: int | None = None
    ) -> None:
        """Raises unless the index fits what will search it or add to it.

        Args:
            model: fingerprint of a network's weights.
            modality: what the vectors must embed.
            dim: their width.

        Raises:
            ConfigError: names what the index has and what was expected.

        Example:
            >>> Index(2, modality="audio").check(modality="visual")
            Traceback (most recent call last):
                ...
            kavc.errors.ConfigError: the index has the modality 'audio'; expected 'visual'
        """
        if model is not None and model != self.model:
            raise ConfigError(
                f"{self._name} was made by the model {_short(self.model)}, this is "
                f"{_short(model)}: their vectors can't be compared; build the index again"
            )
        for what, has, wanted in (("modality", self.modality, modality), ("dim", self.dim, dim)):
            if wanted is not None and has != wanted:
                raise ConfigError(f"{self._name} has the {what} {has!r}; expected {wanted!r}")

    def check_k(self, k: int) -> None:
        """Raises unless so many can be found.

        Raises:
            ConfigError: the index is empty, or `k` is not between 1 and its size.
        """
        if not len(self):
            raise ConfigError(f"{self._name} is empty; add vectors first")
        if not isinstance(k, int | np.integer) or not 1 <= k <= len(self):
            raise ConfigError(f"k is {k}; expected 1 to {len(self)}, the size of {self._name}")

    def save(self, folder: str | os.PathLike) -> None:
        """Writes the index; if the folder holds one, that is replaced in one step.

        A reader sees the former index or this one, also when the writer is killed. Of two writers
        at a time the later wins.

        Args:
            folder: made if it isn't there.

        Raises:
            ConfigError: the folder exists and holds no index.
            DataError: it holds one that can't be read.
        """
        content = Content(
            self.dim, self.modality, self.model, self.backend, self.ids, self._vectors,
            self.hubs, self.bias, self.labels,
        )  # fmt: skip
        write_index(Path(folder), content)

    @classmethod
    def load(cls, folder: str | os.PathLike) -> Index:
        """Reads an index. The vectors are mapped: processes on one machine share their memory.

        Args:
            folder: what `save` wrote.

        Raises:
            DataError: there is none, or a file is missing, cut or altered.
            ConfigError: its backend is unknown, or FAISS is needed and missing.

        Example:
            >>> import tempfile
            >>> index = Index(2, modality="audio")
            >>> index.add(["bark"], [[3.0, 4.0]])
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     index.save(f"{folder}/sounds")
            ...     Index.load(f"{folder}/sounds")
            Index(1 audio vectors, dim 2, exact, cosine)
        """
        content = read_index(Path(folder))
        index = cls(
            content.dim, modality=content.modality, model=content.model, backend=content.backend,
            hubs=content.hubs,
        )  # fmt: skip
        index._name = os.fspath(folder)
        bias = np.zeros(len(content.ids), np.float32) if content.bias is None else content.bias
        labels = [()] * len(content.ids) if content.labels is None else content.labels
        index._set(content.ids, content.vectors, bias, labels)
        return index

    def _set(
        self,
        ids: list[str],
        vectors: np.ndarray,
        bias: np.ndarray,
        labels: Sequence[Sequence[str]],
    ) -> None:
        self._ids = np.array(ids, dtype=object)
        self._labels = np.fromiter(labels, dtype=object, count=len(ids))  # tuples, not an axis
        self._labelled = any(labels)
        self._vectors, self._bias = vectors, bias  # without a correction the bias is 0, and unused
        for array in (vectors, bias):
            array.flags.writeable = False
        self._searches = {}


def _short(fingerprint: str) -> str:
    return f"{fingerprint[:SHOWN]}…" if len(fingerprint) > SHOWN else repr(fingerprint)
