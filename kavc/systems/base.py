"""The interface that every system offers, and the few things that stand beside it.

examples  what one example holds          view      what is read of a source
describe  what the data fixes             adapt     ... put into the config
build     the network                     stages    the fits that train it
evaluate  a report                        signatures  what is served
search_space  what a sweep may change

A system's module, like its config and its paper, loads neither TensorFlow nor Keras: a list of the
systems and a mistake in a command need neither, and wait for neither. What does is imported by the
methods that use it.
"""

from __future__ import annotations

import abc
import importlib
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from kavc.data.layouts import View
from kavc.data.schema import ExampleSpec, Field
from kavc.errors import DataError
from kavc.systems.config import Config

if TYPE_CHECKING:
    import keras
    import numpy as np
    import tensorflow as tf

    from kavc.data.roster import Roster
    from kavc.data.source import Source
    from kavc.evaluation.report import Report
    from kavc.retrieval.hubs import HubCorrection


NEEDED = ("train", "validation", "test")  # the splits of a run


@dataclass(frozen=True)
class Paper:
    """A published system's origin and the numbers of its tables.

    Args:
        title, authors, year, url: as published.
        corpus: the data set that the numbers were measured on.
        tables: table name to {row label: value}, in the paper's unit.

    Example:
        >>> from kavc.systems.registry import get
        >>> get("ti-avc").paper.tables["Table 1, match AUC (%)"]["Ti-AVC"]
        78.73
    """

    title: str
    authors: str
    year: int
    url: str
    corpus: str
    tables: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class SourceInfo:
    """What a data source fixes about a run.

    Args:
        counts: split name to number of usable examples.
        widths: field name to feature width.
        classes: names of classes or themes, by index.
        fingerprint: hexadecimal digest that changes when the data does.
        notes: sentences on what was dropped and why, for the report.
        rosters: split name to who is in it; empty where a reader does not tell.
        extractors: array to what made it of media files, as `kavc.media.extractors` says it; empty
            where that isn't known.
        shapes: field name to the shape of a row, where a system may take rows that are no vectors,
            such as images.

    Example:
        >>> info = SourceInfo({"train": 80, "test": 20}, {"audio": 128}, ["dog", "rain"], "5f0c")
        >>> info.widths["audio"], info.splits
        (128, {})
    """

    counts: Mapping[str, int]
    widths: Mapping[str, int]
    classes: Sequence[str]
    fingerprint: str
    notes: Sequence[str] = ()
    rosters: Mapping[str, Roster] = field(default_factory=dict, repr=False, compare=False)
    extractors: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, compare=False)
    shapes: Mapping[str, Sequence[int]] = field(default_factory=dict, compare=False)

    @cached_property
    def splits(self) -> dict[str, str]:
        """Split name to a digest of who is in it and with which labels, by their names.

        Raises:
            DataError: a label has no name among `classes`.
        """
        return {name: roster.digest(self.classes) for name, roster in self.rosters.items()}


@dataclass(frozen=True)
class Signature:
    """One function of an exported network, with named, documented inputs and outputs.

    Args:
        function: takes one tensor an input, by name, each with a batch axis in front of the shape
            that its field gives, and returns a dict of tensors, likewise. Traced in graph mode.
        inputs, outputs: name to field; shapes without the batch axis.
        meaning: one line.
        example: a request that the function takes, batch 1, of a usual length; a server runs it
            on a new version before that answers. None for small zeros.
        resources: each `tf.Module` with variables that the function uses beside the network's, as
            a catalogue; an export keeps them.

    Example:
        >>> double = Signature(
        ...     lambda x: {"y": 2 * x},
        ...     {"x": Field((128,), "float32", "a vector")},
        ...     {"y": Field((128,), "float32", "twice as long")},
        ...     "Doubles.",
        ... )
        >>> double.inputs["x"].shape, double.example
        ((128,), None)
    """

    function: Callable[..., dict[str, tf.Tensor]]
    inputs: Mapping[str, Field]
    outputs: Mapping[str, Field]
    meaning: str
    example: Mapping[str, np.ndarray] | None = None
    resources: Sequence[Any] = ()


@dataclass(frozen=True)
class Row:
    """One row of a paper's table: a variant of the system, and the published number.

    Args:
        label: the paper's name for it.
        overrides: config fields that make this variant.
        published: the paper's value, in the unit of the headline metric; None where it has none.

    Example:
        >>> from kavc.systems.registry import get
        >>> system = get("ti-avc")
        >>> system.rows(system.Config())[0]
        Row(label='Baseline-1', overrides={'variant': 'baseline-1'}, published=55.58)
    """

    label: str
    overrides: Mapping[str, Any]
    published: float | None = None


class Stage(abc.ABC):
    """One fit.

    A stage can be resumed at any epoch, since its data are a function of (examples, epoch, seed)
    and its state is what the checkpoint holds. If its optimizer averages weights (`use_ema`), what
    is validated and what the stage ends on are the averages; state that is not trained, such as
    BatchNormalization's, is the last one.

    Attributes:
        name: folder-safe name, unique within a system.
        start: whose weights it begins with: "previous", "fresh" or another stage's name.
        prepared_by: name of the stage with whose weights `prepare` is asked; None for those that
            the stage begins with.
        epochs: most epochs to run.
        monitor: name of the logged value that early stopping and the choice of weights follow.
        direction: "min" or "max".
        headline: logged value that is the system's headline metric on validation, and its
            direction: what a sweep compares trials by. None for the monitor. It must mean the same
            whatever a sweep varies, as a loss whose weights vary does not.
        patience: epochs without any improvement after which it stops; None for never.
        restore_best: whether the stage ends on its best epoch's weights or on its last one's.
        steps_per_execution: training steps per call of the compiled function.
        artefacts: names of what `prepare` leaves in the run folder.

    Example:
        class LastEpochs(Stage):
            name, epochs, patience, restore_best = "main", 12, None, False

            def trainee(self, network):
                return network

            def compile_arguments(self):
                return {"optimizer": keras.optimizers.Adam(3e-4), "loss": "mse"}

            def dataset(self, examples, epoch, seed):
                return examples.batch(32)
    """

    name: str
    start: str = "previous"
    prepared_by: str | None = None
    epochs: int
    monitor: str = "val_loss"
    direction: str = "min"
    headline: tuple[str, str] | None = None
    patience: int | None = 5
    restore_best: bool = True
    steps_per_execution: int = 1
    artefacts: Sequence[str] = ()

    @abc.abstractmethod
    def trainee(self, network: keras.Model) -> keras.Model:
        """Returns the model that `fit` trains: shares layers with `network`."""

    @abc.abstractmethod
    def compile_arguments(self) -> dict[str, Any]:
        """Returns the keyword arguments of `trainee.compile`, freshly made."""

    def load(self, examples: tf.data.Dataset) -> Any:
        """Reads one split, mostly into memory; stages and trials of a sweep share the result.

        So it must not depend on anything but the examples and the options that the system's
        `data_options` names, and nobody may change what it returned.

        Args:
            examples: one split, as `System.read` gives it.
        """
        return examples

    def prepare(self, network: keras.Model, load: Callable[[], Any], folder: Path) -> Any:
        """Does what must be done once for one split, before the fit; returns its examples.

        Args:
            network: with the weights that the stage starts from, or those of `prepared_by`.
            load: returns what `load` made of the split. Called only where that is needed: it may
                read for minutes.
            folder: that split's folder under `artefacts/`. What is left there, written whole,
                is found again by a run that resumes.
        """
        del network, folder
        return load()

    def callbacks(self, validation: Any) -> Sequence[keras.callbacks.Callback]:
        """Returns what `fit` is to call, freshly made.

        What these add to `logs` at an epoch's end can be `monitor` and is kept in the history.
        Where the optimizer averages weights, they see the averaged ones from validation on. A
        resumed fit makes them anew, so they must not remember earlier epochs.

        Args:
            validation: what `prepare` returned for the validation split.
        """
        del validation
        return []

    def finish(self, network: keras.Model, examples: Any) -> None:
        """Sets what is fitted, not trained, of what was trained; called once the fit has ended.

        Args:
            network: with the weights that the stage ends on.
            examples: what `prepare` returned for the training split.
        """
        del network, examples

    @abc.abstractmethod
    def dataset(self, examples: Any, epoch: tf.Tensor | int | None, seed: int) -> tf.data.Dataset:
        """Returns one epoch of batches: a function of these three alone.

        Args:
            examples: what `prepare` returned.
            epoch: from 0: an int, or a scalar tensor in graph mode; None for validation, which
                is the same in every epoch.
            seed: the run's seed.

        Returns:
            What `fit` takes, in dense tensors (batch, ...); for an int with a known cardinality,
            the same in every epoch. Several devices get truth values as 0 and 1.
        """


class System(abc.ABC):
    """One published system, behind the words that tools and commands use.

    Attributes:
        name, summary, paper: what it is called, answers and comes from.
        limits: sentences on what it can't do, and must not be used for; model cards have them.
        Config: its settings.
        data_options: names of the config's options that decide what `describe`, `read` and the
            stages' `load` return. Under other values data are read again.
        assets: names of what `signatures` can take from outside the network, as "index".
        modalities: names of what `embed` embeds, as "audio"; each an array of an example.
        media: name of each signature that takes sound and frames, where an export has extractors,
            to the one that it calls with their features.
        class_file: file of an export that names the classes, by index.
        likenesses: layouts of real data whose videos a synthetic corpus can have, all but their
            features; `synthesise` then takes the folder as `like`.
        evaluated_on: names of the splits that `evaluate` reads and can't do without.

    Example:
        >>> from kavc.systems.registry import get
        >>> system = get("ti-avc")
        >>> system.summary
        'does this sound belong to these frames, given the theme?'
        >>> system.examples(system.Config(audio_dim=64))["audio"].shape
        (None, 64)
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    limits: ClassVar[Sequence[str]] = ()
    paper: ClassVar[Paper]
    Config: ClassVar[type[Config]]
    data_options: ClassVar[Sequence[str]] = ()
    assets: ClassVar[Sequence[str]] = ()
    modalities: ClassVar[Sequence[str]] = ()
    media: ClassVar[Mapping[str, str]] = {}
    class_file: ClassVar[str] = "labels.txt"
    likenesses: ClassVar[Sequence[str]] = ()
    evaluated_on: ClassVar[Sequence[str]] = ("test",)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name}: {self.summary})"

    @abc.abstractmethod
    def examples(self, config: Any) -> ExampleSpec:
        """Returns what one example holds."""

    def view(self, config: Any) -> View:
        """Returns what is read of each video, whatever the layout of the data.

        A system that reads otherwise has `describe` and `read` of its own.
        """
        raise NotImplementedError(f"{self.name} says not what it reads")

    def describe(self, source: Source, config: Any = None) -> SourceInfo:
        """Returns what the data fixes: splits and counts, widths, themes by name."""
        return SourceInfo(**source.describe(self.view(config or self.Config())))

    @abc.abstractmethod
    def adapt(self, config: Any, info: SourceInfo) -> Any:
        """Returns the config with what the data fixes put in."""

    def check(self, info: SourceInfo, config: Any, splits: Sequence[str] = NEEDED) -> None:
        """Raises if some data can't be trained on or evaluated, by who is in their splits.

        Asked before anything is written: a fit takes hours, and its report comes last.

        Args:
            info: as `describe` gives it; without rosters nothing is known, and nothing refused.
            config: adapted to the data.
            splits: which are needed: all three for a run, two for a trial of a sweep.

        Raises:
            DataError: a split is not there, or too few of its examples can be used.
        """
        for split in splits if info.rosters else ():
            if split not in info.rosters:
                raise DataError(
                    f"the data have no split {split!r}, which is needed; there are: "
                    f"{', '.join(info.rosters)}; a splits file (--splits) can make one"
                )
            self.check_split(split, info.rosters[split], config)

    def check_split(self, split: str, roster: Roster, config: Any) -> None:  # noqa: B027
        """Raises if a split can't be used as it must be (optional).

        Args:
            split: its name.
            roster: who is in it.
            config: adapted to the data.

        Raises:
            DataError: says how many examples can be used, and how many are needed.
        """

    def read(self, source: Source, split: str, config: Any) -> tf.data.Dataset:
        """Returns one split's examples, unbatched."""
        return source.read(split, self.view(config))

    @abc.abstractmethod
    def build(self, config: Any) -> keras.Model:
        """Returns the network that is kept, evaluated and exported."""

    def load_classes(self) -> None:
        """Has Keras know the classes that saved networks name: those of `networks`, beside this."""
        package = type(self).__module__.rpartition(".")[0]
        if package and importlib.util.find_spec(f"{package}.networks"):
            importlib.import_module(f"{package}.networks")

    @abc.abstractmethod
    def stages(self, config: Any) -> list[Stage]:
        """Returns the fits that train the network, in order."""

    @abc.abstractmethod
    def evaluate(self, network: keras.Model, source: Source, config: Any) -> Report:
        """Returns tables, figures and one headline metric with its direction."""

    @abc.abstractmethod
    def signatures(
        self, network: keras.Model, config: Any, assets: Any = None
    ) -> dict[str, Signature]:
        """Returns the in-graph functions that an export offers, by signature name.

        Args:
            network: trained.
            config: the config that it was built with.
            assets: name, one of the attribute `assets`, to path; and "classes" to the names of
                the classes, by index. None for none.
        """

    @abc.abstractmethod
    def rows(self, config: Any) -> list[Row]:
        """Returns the rows of the paper's main table that `kavc reproduce` trains."""

    def embed(
        self, network: keras.Model, modality: str, features: np.ndarray, config: Any
    ) -> np.ndarray:
        """Returns the embeddings of one modality alone, in the space of all (optional).

        Args:
            network: trained.
            modality: one of the attribute `modalities`.
            features: (n, width) float32, finite, as examples have them.
            config: the config that the network was built with.

        Returns:
            (n, dim) float32, of norm 1.
        """
        raise NotImplementedError(f"{self.name} embeds no modality alone")

    def calibration(self, config: Any) -> str | None:
        """Returns the name of the folder in a run for what `calibrate` makes; None for nothing."""
        del config
        return None

    def calibrate(self, network: keras.Model, source: Source, config: Any, folder: Path) -> None:  # noqa: B027
        """Fits to a trained network what is no weight of it, and attaches it (optional).

        Args:
            network: trained; its weights stay as they are.
            source: the data that it was trained on.
            config: the config that it was built with.
            folder: to write, whole or not at all; of the name that `calibration` gives.
        """

    def attach(self, network: keras.Model, folder: Path) -> None:  # noqa: B027
        """Reads what `calibrate` left, and attaches it to the network that it was fitted to.

        Raises:
            ConfigError: it was fitted to other weights.
            DataError: a file is missing or damaged.
        """

    def hub_correction(self, network: keras.Model, modality: str) -> HubCorrection | None:
        """Returns what an index of one modality takes off its scores; None for nothing (optional).

        Args:
            network: trained, with what `calibrate` made.
            modality: one of the attribute `modalities`, that of the items.
        """
        del network, modality
        return None

    def compare(self, reports: Mapping[str, Report]) -> Report:
        """Returns a report that sets several runs' reports side by side (optional)."""
        raise NotImplementedError(f"{self.name} has no comparison of runs")

    def summarise(
        self, reports: Mapping[str, Sequence[Report]], source: Source, config: Any
    ) -> Report:
        """Returns one report over the rows of `rows`, several seeds each (optional)."""
        raise NotImplementedError(f"{self.name} has no summary over seeds")

    def synthesise(
        self,
        out: Path,
        *,
        videos: int,
        seed: int,
        world_seed: int,
        knobs: str = "default",
        overrides: Mapping[str, Any] | None = None,
    ) -> Sequence[str] | None:
        """Writes a synthetic corpus in the layout of the real one (optional).

        Args:
            out: folder to write; must be new.
            videos: number of videos of all splits together.
            seed, world_seed: of the videos, and of what they have in common.
            knobs: name of a set of knobs.
            overrides: knobs that differ, by name.

        Returns:
            Sentences on what was made, such as what can be reached at best; None for none.
        """
        raise NotImplementedError(f"{self.name} has no synthetic corpus")

    def search_space(self, hp: Any, config: Any) -> Any:
        """Returns the config with what a sweep chose; its default point is `config` (optional).

        `kavc.systems.choices.Choices` asks for options by name and knows their defaults.

        Args:
            hp: `keras_tuner.HyperParameters`.
            config: the starting point.
        """
        raise NotImplementedError(f"{self.name} has no search space")


__all__ = ["Paper", "Row", "Signature", "SourceInfo", "Stage", "System"]
