"""Indexes of what a run's network embeds: made, added to, searched."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from kavc.data.ids import shown
from kavc.data.pairing import distinct
from kavc.data.source import Source
from kavc.errors import ConfigError, DataError, unknown
from kavc.files import sweep_partials
from kavc.folders import check_new
from kavc.retrieval.faiss_search import check_backend
from kavc.retrieval.folder import read_header
from kavc.retrieval.index import CORRECTED, COSINE, Index
from kavc.serving.arrays import NO_FLOATS, is_no_float
from kavc.training.run import Run, lock

READ_AT_ONCE = 1024  # examples that are embedded at a time
Progress = Callable[[str], None]


def build_index(
    run: Run | str | os.PathLike,
    out: str | os.PathLike,
    *,
    modality: str,
    data: str | Source | None = None,
    splits: str | os.PathLike | None = None,
    split: str = "test",
    backend: str = "exact",
    hub_correction: bool = True,
    progress: Progress = lambda text: None,
) -> Index:
    """Embeds one modality of a split, and writes the index.

    Of equal ids the first is kept. From a catalogue of sounds, silent videos are left out: nobody
    looks for silence, and all of it has one vector.

    Args:
        run: a finished run, or its folder.
        out: folder to write; must be new.
        modality: what to embed, one of the system's `modalities`.
        data: source, as "youtube8m:PATH"; by default the one that the run was trained on.
        splits: optional splits file, when `data` is text; alone, for the run's own data.
        split: "train", "validation" or "test".
        backend: as `kavc.retrieval.Index` takes it.
        hub_correction: whether the index takes off what the run's correction of hubs says, if it
            has one.
        progress: called with a line of text on what was left out, and one on what scores will be.

    Returns:
        The index, as written.

    Raises:
        ConfigError: `out` exists, no run folder, training has not ended, the system embeds no such
            modality alone, or the backend is unknown.
        DataError: the data are damaged or don't fit the network.
    """
    out = Path(out)
    check_new(out)
    run = run if isinstance(run, Run) else Run(run)
    _check_modality(run, modality)
    check_backend(backend)
    ids, vectors = _embed_split(run, modality, run.source_for(data, splits), split, progress)
    hubs = run.system.hub_correction(run.network, modality) if hub_correction else None
    progress(f"scores: {COSINE}" if hubs is None else f"scores: {CORRECTED}, {hubs}")
    index = Index(
        vectors.shape[1], modality=modality, model=_model_of(run), backend=backend, hubs=hubs
    )
    index.add(ids, vectors)
    index.save(out)
    return index


def add_to_index(
    folder: str | os.PathLike,
    run: Run | str | os.PathLike,
    *,
    data: str | Source | None = None,
    splits: str | os.PathLike | None = None,
    split: str = "test",
    progress: Progress = lambda text: None,
) -> Index:
    """Embeds a split of some data with the network that made an index, and adds it to that.

    Args:
        folder: the index.
        run: the run that made it, or its folder.
        data, splits, split, progress: as `build_index`.

    Returns:
        The index, as written.

    Raises:
        ConfigError: as `build_index`; or another run made the index, or another process is
            changing it.
        DataError: as `build_index`; or the index is damaged, or holds one of the ids.
    """
    run = run if isinstance(run, Run) else Run(run)
    with _changing(folder) as index:
        index.check(model=_model_of(run))
        _check_modality(run, index.modality)
        source = run.source_for(data, splits)
        index.add(*_embed_split(run, index.modality, source, split, progress))
        index.save(folder)
    return index


def remove_from_index(folder: str | os.PathLike, ids: Iterable[str]) -> Index:
    """Removes vectors from an index by their ids; all or none.

    Raises:
        DataError: an id is not there, or the index is damaged.
        ConfigError: another process is changing the index.
    """
    with _changing(folder) as index:
        index.remove(ids)
        index.save(folder)
    return index


def retrieve(
    index: Index,
    run: Run | str | os.PathLike,
    inputs: Mapping[str, ArrayLike],
    k: int = 10,
    *,
    hub_correction: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    """Embeds queries of the other modality, and searches an index.

    Args:
        index: from that run.
        run: the run that made the index, or its folder.
        inputs: the other modality's name to features `(n, width)`, floats; nothing else. Lists may
            hold small whole numbers, as `kavc.serving.arrays.is_no_float` has it.
        k: how many to find.
        hub_correction: whether that of the index is used, if it has one.

    Returns:
        Ids `(n, k)` text and scores `(n, k) float32`, best first: cosines, or what `index.score`
        says.

    Raises:
        ConfigError: another run made the index, or `k` is larger than it.
        DataError: the inputs don't fit, or are quantised.
    """
    index.check_k(k)
    run = run if isinstance(run, Run) else Run(run)
    index.check(model=_model_of(run))
    _check_modality(run, index.modality)
    (other,) = (name for name in run.system.modalities if name != index.modality)
    if set(inputs) != {other}:
        raise DataError(
            f"expected the array {other!r} alone, since the index is of {index.modality!r}; got "
            f"{', '.join(map(repr, sorted(inputs)))}"
        )
    return index.search(_embed(run, other, inputs[other]), k, corrected=hub_correction)


def _model_of(run: Run) -> str:
    """Returns the fingerprint of a run's network."""
    from kavc.layers.fingerprint import weights_fingerprint

    return weights_fingerprint(run.network)


def _embed_split(
    run: Run, modality: str, source: Source, split: str, progress: Progress
) -> tuple[list[str], np.ndarray]:
    """Returns ids and embeddings, without duplicates and, among sounds, silent videos."""
    from kavc.data.damage import data_errors

    ids, vectors, silent = [], [], 0
    with data_errors():
        for batch in _batches(run, modality, source, split):
            kept = ~batch.pop("silent", np.zeros(len(batch["id"]), bool))
            silent += int(np.sum(~kept))
            if kept.any():
                ids.append(batch["id"][kept])
                vectors.append(_embed(run, modality, batch[modality][kept]))
    if not ids:
        raise DataError(f"{source}, split {split!r}: holds nothing to embed as {modality!r}")
    names, rows = np.concatenate(ids), np.concatenate(vectors)
    first = distinct(names)
    progress(f"{len(first)} embedded; left out {silent} silent, {len(names) - len(first)} twice")
    return [shown(name) for name in names[first]], rows[first]


def _batches(
    run: Run, modality: str, source: Source, split: str
) -> Iterator[dict[str, np.ndarray]]:
    """Yields "id", the modality, and for sounds "silent" where examples say that."""
    examples = run.system.read(source, split, run.config)
    names = {"id", modality} | ({"silent"} if modality == "audio" else set())
    names &= set(examples.element_spec)
    chosen = examples.map(lambda example: {name: example[name] for name in names})
    yield from chosen.batch(READ_AT_ONCE).prefetch(1).as_numpy_iterator()


def _embed(run: Run, modality: str, given: ArrayLike) -> np.ndarray:
    width, features = run.data["widths"][modality], np.asarray(given)
    what = f"{features.dtype} {features.shape}"
    if features.ndim != 2 or features.shape[1] != width or features.dtype.kind not in "biuf":
        raise DataError(
            f"{modality}: expected numbers (n, {width}), as the network reads them; got {what}"
        )
    if is_no_float(given):
        raise DataError(f"{modality}: got {what}; expected {NO_FLOATS}")
    features = features.astype(np.float32)
    if not len(features) or not np.isfinite(features).all():
        raise DataError(f"{modality}: holds no row, or values that are not finite")
    try:
        return run.system.embed(run.network, modality, features, run.config)
    except NotImplementedError as error:
        raise ConfigError(str(error)) from None


@contextlib.contextmanager
def _changing(folder: str | os.PathLike) -> Iterator[Index]:
    """Yields an index that no other command changes meanwhile."""
    folder = Path(folder)
    read_header(folder)  # `lock` would make a folder that isn't there
    with lock(folder):
        sweep_partials(folder)
        yield Index.load(folder)


def _check_modality(run: Run, modality: str) -> None:
    system = run.system
    if not system.modalities:
        raise ConfigError(f"{run.path}: {system.name} embeds no modality alone; it has no index")
    if modality not in system.modalities:
        raise ConfigError(unknown("modality", modality, system.modalities))
