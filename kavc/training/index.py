"""Indexes of what a run's network embeds: made, added to, searched."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from kavc import progress
from kavc.data.ids import shown
from kavc.data.pairing import distinct
from kavc.data.source import Source
from kavc.errors import DataError
from kavc.files import sweep_partials
from kavc.folders import check_new
from kavc.retrieval.checks import MAX_LABELS, line_text
from kavc.retrieval.faiss_search import check_backend
from kavc.retrieval.folder import read_header
from kavc.retrieval.hits import Hits
from kavc.retrieval.index import CORRECTED, COSINE, Index
from kavc.terminal import Verbose, showing
from kavc.training.run import Run, lock

if TYPE_CHECKING:
    from kavc.data.roster import Roster

READ_AT_ONCE = 1024  # examples that are embedded at a time


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
    verbose: Verbose = "auto",
) -> Index:
    """Embeds one modality of a split, and writes the index.

    Of equal ids the first is kept. From a catalogue of sounds, silent videos are left out: nobody
    looks for silence, and all of it has one vector. Names of labels are kept with the videos that
    the data give them to, and stand beside what a search finds.

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
        verbose: how progress is shown, as of `kavc.train`.

    Returns:
        The index, as written.

    Raises:
        ConfigError: `out` exists, no run folder, training has not ended, the system embeds no such
            modality alone, or the backend is unknown.
        DataError: the data are damaged or don't fit the network.

    Example:
        index = build_index("runs/embedding", "sounds", modality="audio")
        ids, scores = retrieve(index, "runs/embedding", {"visual": pictures}, k=5)
    """
    out = Path(out)
    check_new(out)
    run = run if isinstance(run, Run) else Run(run)
    run.check_embeds(modality)
    check_backend(backend)
    with showing(verbose):
        progress.announce(f"index of {modality}, {split} split, by {run.path}, into {out}")
        ids, vectors, labels = _embed_split(run, modality, run.source_for(data, splits), split)
        hubs = run.system.hub_correction(run.network, modality) if hub_correction else None
        progress.say(f"scores: {COSINE}" if hubs is None else f"scores: {CORRECTED}, {hubs}")
    index = Index(
        vectors.shape[1], modality=modality, model=_model_of(run), backend=backend, hubs=hubs
    )
    index.add(ids, vectors, labels)
    index.save(out)
    return index


def add_to_index(
    folder: str | os.PathLike,
    run: Run | str | os.PathLike,
    *,
    data: str | Source | None = None,
    splits: str | os.PathLike | None = None,
    split: str = "test",
    verbose: Verbose = "auto",
) -> Index:
    """Embeds a split of some data with the network that made an index, and adds it to that.

    Args:
        folder: the index.
        run: the run that made it, or its folder.
        data, splits, split, verbose: as `build_index`.

    Returns:
        The index, as written.

    Raises:
        ConfigError: as `build_index`; or another run made the index, or another process is
            changing it.
        DataError: as `build_index`; or the index is damaged, or holds one of the ids.

    Example:
        add_to_index("sounds", "runs/embedding", data="features:others", split="train")
    """
    run = run if isinstance(run, Run) else Run(run)
    with showing(verbose), _changing(folder) as index:
        progress.announce(f"adding to {folder}, {split} split, by {run.path}")
        index.check(model=_model_of(run))
        run.check_embeds(index.modality)
        source = run.source_for(data, splits)
        index.add(*_embed_split(run, index.modality, source, split))
        index.save(folder)
    return index


def remove_from_index(folder: str | os.PathLike, ids: Iterable[str]) -> Index:
    """Removes vectors from an index by their ids; all or none.

    Raises:
        DataError: an id is not there, or the index is damaged.
        ConfigError: another process is changing the index.

    Example:
        remove_from_index("sounds", ["video-1", "video-2"])
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
) -> Hits:
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
        says. Labels are an attribute of the pair.

    Raises:
        ConfigError: another run made the index, or `k` is larger than it.
        DataError: the inputs don't fit, or are quantised.

    Example:
        hits = retrieve(Index.load("sounds"), "runs/embedding", {"visual": pictures}, k=5)
        print(hits.ids[0], hits.scores[0], hits.labels)
    """
    index.check_k(k)
    run = run if isinstance(run, Run) else Run(run)
    index.check(model=_model_of(run))
    run.check_embeds(index.modality)
    (other,) = (name for name in run.system.modalities if name != index.modality)
    if set(inputs) != {other}:
        raise DataError(
            f"expected the array {other!r} alone, since the index is of {index.modality!r}; got "
            f"{', '.join(map(repr, sorted(inputs)))}"
        )
    return index.search(run.embed(other, inputs[other]), k, corrected=hub_correction)


def _model_of(run: Run) -> str:
    """Returns the fingerprint of a run's network."""
    from kavc.layers.fingerprint import weights_fingerprint

    return weights_fingerprint(run.network)


def _embed_split(
    run: Run, modality: str, source: Source, split: str
) -> tuple[list[str], np.ndarray, list[tuple[str, ...]] | None]:
    """Returns ids, embeddings and labels, without duplicates and, among sounds, silent videos."""
    from kavc.data.damage import data_errors

    named = _named(run, source, split)
    ids, vectors, silent = [], [], 0
    own = str(source.absolute()) == run.data["source"]
    told = progress.task(
        f"embedding {source}, {split}",
        unit="videos",
        total=run.data["counts"].get(split) if own else None,
    )
    with data_errors(), told as task:
        for batch in _batches(run, modality, source, split):
            task.advance(len(batch["id"]))
            kept = ~batch.pop("silent", np.zeros(len(batch["id"]), bool))
            silent += int(np.sum(~kept))
            if kept.any():
                ids.append(batch["id"][kept])
                vectors.append(run.embed(modality, batch[modality][kept]))
    if not ids:
        raise DataError(f"{source}, split {split!r}: holds nothing to embed as {modality!r}")
    names, rows = np.concatenate(ids), np.concatenate(vectors)
    first = distinct(names)
    twice = len(names) - len(first)
    progress.say(f"{len(first)} embedded; left out {silent} silent, {twice} twice")
    texts = [shown(name) for name in names[first]]
    labels = None if named is None else _labels_of(texts, *named)
    return texts, rows[first], labels


def _named(run: Run, source: Source, split: str) -> tuple[Roster, list[str]] | None:
    """Returns who has which labels, and their names as an index holds them; None without any."""
    try:
        info = run.look_through(source)
    except DataError as error:  # what is embedded needs no names, nor other splits
        progress.say(f"labels are left out: {error}")
        return None
    roster = info.rosters.get(split)
    if roster is None or not len(roster.labels):
        return None
    return roster, [line_text(name) for name in info.classes]


def _labels_of(ids: Sequence[str], roster: Roster, names: Sequence[str]) -> list[tuple[str, ...]]:
    """Returns the names of each video's labels."""
    ends = roster.label_splits.tolist()
    row_of = {shown(roster.ids[row]): row for row in reversed(range(len(roster)))}
    found = []
    for id_ in ids:
        row = row_of.get(id_)
        own = () if row is None else roster.labels[ends[row] : ends[row + 1]].tolist()
        found.append(tuple(filter(None, (names[label] for label in own[:MAX_LABELS]))))
    return found


def _batches(
    run: Run, modality: str, source: Source, split: str
) -> Iterator[dict[str, np.ndarray]]:
    """Yields "id", the modality, and for sounds "silent" where examples say that."""
    examples = run.system.read(source, split, run.config)
    names = {"id", modality} | ({"silent"} if modality == "audio" else set())
    names &= set(examples.element_spec)
    chosen = examples.map(lambda example: {name: example[name] for name in names})
    yield from chosen.batch(READ_AT_ONCE).prefetch(1).as_numpy_iterator()


@contextlib.contextmanager
def _changing(folder: str | os.PathLike) -> Iterator[Index]:
    """Yields an index that no other command changes meanwhile."""
    folder = Path(folder)
    read_header(folder)  # `lock` would make a folder that isn't there
    with lock(folder):
        sweep_partials(folder)
        yield Index.load(folder)
