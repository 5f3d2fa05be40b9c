"""Models as they are served, with front ends, of networks as they were drawn: nothing is trained.

What features are made by needs no weights, so that a clip goes the whole way in no time.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kavc.export.class_names import class_signature
from kavc.export.front_end import media_signatures
from kavc.export.savedmodel import export
from kavc.extraction.asked import recipes
from kavc.layers.fingerprint import weights_fingerprint
from kavc.retrieval.index import Index
from kavc.systems.registry import get

SIZES = {"audio_dim": 128, "visual_dim": 96}  # of mel-statistics and colour-grid
THEMES = ["dog", "cat & <b>mouse</b>", "rain"]  # a name is nothing but text


def _exported(folder, system, config, network, assets, *, frames, called):
    made_by = ["audio=mel-statistics", "visual=colour-grid"]
    made = recipes(None, made_by, [f"visual.frames={frames}"])
    extractors = {name: recipe.load({}) for name, recipe in made.items()}
    signatures = system.signatures(network, config, assets)
    wanted = {name: base for name, base in system.media.items() if base in called}
    media = media_signatures(signatures, wanted, extractors)
    # JPEG is asked for nowhere here, and takes as long to trace as all else.
    media = {name: each for name, each in media.items() if not name.endswith("_jpeg")}
    names = {"serving_default", *called}
    kept = {name: each for name, each in signatures.items() if name in names}
    kept |= class_signature(THEMES, kept)
    export(network, kept | media, folder, name=system.name, card="# Card\n")


def parser(folder: Path) -> None:
    system = get("av-parsing")
    options = {"variant": "han", "visual_3d_dim": None, "visual_3d_array": None, "classes": 3,
               "dim": 8, "units": 8, "segments": 4, "gate": "none"}  # fmt: skip
    config = system.Config(**(SIZES | options))
    network = system.build(config)
    _exported(folder, system, config, network, {"classes": THEMES}, frames="rate:1",
              called=["parse"])  # fmt: skip


def embedding(folder: Path, index: Path) -> None:
    system = get("cross-modal-embedding")
    widths = ("audio_units_1_2", "audio_units_3_4", "visual_units_1_2", "visual_units_3_4")
    config = system.Config(
        **(SIZES | dict.fromkeys(widths, 8) | {"embedding_dim": 8, "classes": 3})
    )
    network = system.build(config)
    catalogue = Index(8, modality="audio", model=weights_fingerprint(network))
    vectors = np.random.default_rng(0).normal(size=(12, 8))
    catalogue.add([f"<i>song {number}</i>" for number in range(12)], vectors)
    catalogue.save(index)
    _exported(folder, system, config, network, {"index": index}, frames="uniform:4",
              called=["retrieve_audio"])  # fmt: skip


def music(folder: Path) -> None:
    system = get("music-match")
    options = {"variant": "visual", "visual_row": "96", "audio_row": "128", "units": 8,
               "head": "symmetric"}  # fmt: skip
    config = system.Config(**options)
    network = system.build(config)
    _exported(folder, system, config, network, None, frames="uniform:4",
              called=["rank", "embed_track"])  # fmt: skip


def matcher(folder: Path) -> None:
    system = get("ti-avc")
    options = {"themes": 3, "embedding_dim": 8, "units": 8, "filters": 8}
    config = system.Config(**(SIZES | options))
    network = system.build(config)
    _exported(folder, system, config, network, None, frames="uniform:4",
              called=["serving_default"])  # fmt: skip
