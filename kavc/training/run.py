"""The run folder: what a training leaves, enough to repeat it, evaluate it and export it.

config.json  versions.json  data.json  splits-used.json  history.csv  tensorboard/  checkpoints/
artefacts/  model.keras  signatures.json  made.json  report.json  report.md  tables/  figures/
predictions.npz

Beside these a folder of what is fitted to the trained network, if its system fits something:
hubs/ (`kavc.systems.cross_modal_embedding.hubs`).

Each file of weights has its SHA-256 beside it, in NAME.sha256.

A preset that ships is the same in small, with model.weights.h5 for model.keras, and model_card.md.
"""

from __future__ import annotations

import contextlib
import csv
import fcntl
import importlib.metadata
import io
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kavc import keras_settings, progress
from kavc.data.source import Source
from kavc.errors import ConfigError, DataError, KavcError, unknown
from kavc.files import write_json, write_text
from kavc.inputs.json_files import read_json
from kavc.inputs.opening import read_text
from kavc.inputs.records import record
from kavc.presets.folders import folder as preset_folder
from kavc.systems.base import SourceInfo, Stage, System
from kavc.systems.registry import get
from kavc.training import shown
from kavc.training.data_facts import check_same, facts_in, facts_of, keep_splits, source_of

if TYPE_CHECKING:
    import keras
    import numpy as np
    from numpy.typing import ArrayLike

    from kavc.evaluation.report import Report
    from kavc.serving.signature import SignatureInfo
    from kavc.training.asking import Answers

CONFIG, DATA, VERSIONS, MODEL = "config.json", "data.json", "versions.json", "model.keras"
WEIGHTS, CARD = "model.weights.h5", "model_card.md"
REPORT, NO_REPORT = "report.json", "report_error.txt"  # of the latter two a finished run has one
MAX_CARD = 2**20
PRESET = "preset:"
PACKAGES = ("kavc", "tensorflow", "keras", "numpy")


@dataclass(frozen=True)
class RunConfig:
    """What decides a run, but for the data: enough to make its network again.

    Args:
        system: name of the system.
        preset: name of the preset that it began with.
        overrides: options that differ from the preset, by name.
        seed: of weights, pairs, order and dropout.
        options: every option's value, those that the data fix included.
    """

    system: str
    preset: str
    overrides: dict[str, Any]
    seed: int
    options: dict[str, Any]

    def __repr__(self) -> str:
        told = [self.system, f"preset {self.preset}", shown.options(self.overrides)]
        return f"RunConfig({', '.join(filter(None, told))}, seed {self.seed})"


class Run:
    """A run folder, opened for reading: what was trained, asked like a served model.

    Args:
        path: the folder, or "preset:NAME" for that of a trained network that ships.

    Attributes:
        path, settings, system, config, source: of the run; `settings` is a `RunConfig`.

    Raises:
        ConfigError: the folder is no run folder, or there is no such preset.

    Example:
        run = kavc.Run("runs/ti-avc")
        answers = run.predict(audio=sounds, visual=pictures, theme=themes)
        answers["match_score"]
    """

    def __init__(self, path: str | os.PathLike):
        keras_settings.check()
        text = os.fspath(path)
        preset = text.startswith(PRESET)
        self.path = preset_folder(text.removeprefix(PRESET)) if preset else Path(path)
        if not (self.path / CONFIG).is_file():
            raise ConfigError(f"{self.path}: no run folder (it holds no {CONFIG})")
        path = self.path / CONFIG
        found = read_json(path, error=ConfigError)
        self.settings = record(RunConfig, found, path, error=ConfigError)
        try:
            self.system: System = get(self.settings.system)
            self.config = self.system.Config().replace(**self.settings.options)
        except (TypeError, ConfigError) as error:
            raise ConfigError(f"{path}: not a run's settings ({error})") from None
        self._named = text

    def __repr__(self) -> str:
        settings = self.settings
        told = [settings.system, f"preset {settings.preset}", self._state]
        headline = shown.headline(shown.json_object(self.path / REPORT))
        return f"Run({', '.join(filter(None, [repr(self._named), *told, headline]))})"

    def _repr_html_(self) -> str:
        report, settings = shown.json_object(self.path / REPORT), self.settings
        rows = [
            ("system", settings.system),
            ("preset", settings.preset),
            ("options", shown.options(settings.overrides)),
            ("seed", str(settings.seed)),
            ("data", shown.data(shown.json_object(self.path / DATA))),
            ("training", self._state),
            ("headline", shown.headline(report)),
            ("figures", ", ".join(shown.figures(report))),
        ]
        return shown.page(f"Run {self._named}", rows)

    @property
    def _state(self) -> str:
        return "finished" if self.finished else "not finished"

    @property
    def finished(self) -> bool:
        """Whether training has ended and the network is there."""
        return (self.path / MODEL).is_file() or (self.path / WEIGHTS).is_file()

    def check_finished(self) -> None:
        """Raises unless training has ended.

        Raises:
            ConfigError: it has not.
        """
        if not self.finished:
            raise ConfigError(
                f"{self.path}: training has not ended; go on with `kavc train --resume`"
            )

    @property
    def data(self) -> dict[str, Any]:
        """Source, splits, counts and fingerprint of the data that the run was trained on."""
        return facts_in(read_json(self.path / DATA), self.path / DATA)

    @property
    def source(self) -> Source:
        """Where the training data were.

        Raises:
            ConfigError: they are those of a preset, which do not ship.
        """
        self._own_data()
        return source_of(self.path, self.data)

    def source_for(
        self, data: str | Source | None = None, splits: str | os.PathLike | None = None
    ) -> Source:
        """Returns the data that a user names; the run's own, if they still are, where none are.

        Args:
            data: source, as "youtube8m:PATH".
            splits: splits file, when `data` is text; alone, for the run's own data.

        Raises:
            ConfigError: as `source`.
            DataError: none are named, and the run's own are not there or not what they were.
        """
        if isinstance(data, Source):
            return data.settled()
        if data is not None or splits is not None:
            return Source.parse(self._own_data() if data is None else data, splits).settled()
        source = self.source.settled()
        check_same(self.path, self.data, self.facts_now(source), "trained")
        return source

    def facts_now(self, source: Source) -> dict[str, Any]:
        """Returns what would be kept of some data now, as this run reads them."""
        return facts_of(source, self.look_through(source))

    def look_through(self, source: Source) -> SourceInfo:
        """Returns what some data fix now, as this run reads them; tells how far it is."""
        with progress.task(f"looking through {source}", unit="videos"):
            return self.system.describe(source, self.config)

    def _own_data(self) -> str:
        text = self.data["source"]
        if (self.path / CARD).is_file():
            layout = text.partition(":")[0]
            raise ConfigError(
                f"{self.path}: a preset brings no data; name yours, --data {layout}:PATH"
            )
        return text

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, or themes, that answers are over, by index.

        >>> len(Run("preset:cross-modal-embedding/youtube8m").classes)
        3862
        """
        return tuple(self.data["classes"])

    @property
    def signatures(self) -> dict[str, SignatureInfo]:
        """What the network can be asked: signature name to what it takes and gives.

        The same as an export of the run serves, but for the names of its classes: `classes`.

        Raises:
            ConfigError: training has not ended.
        """
        return dict(self.answers.signatures)

    def predict(
        self,
        inputs: Mapping[str, ArrayLike] | None = None,
        /,
        *,
        signature: str = "serving_default",
        **named: ArrayLike,
    ) -> dict[str, np.ndarray]:
        """Asks the network, as a server is asked that has an export of it.

        Args:
            inputs: input name to array or nested lists, each with a batch in front. `signatures`
                says which there are. A NAME_length that is missing is that of the whole sequences.
            signature: name of the function.
            **named: inputs by keyword, in place of `inputs` or beside them.

        Returns:
            Output name to array, each with a batch in front; text as bytes.

        Example:
            run.predict(audio=sounds, visual=pictures, theme=[3, 5])["match_score"]
            run.predict({"audio": sounds}, signature="embed_audio")["embedding"]

        Raises:
            ConfigError: training has not ended, or there is no such signature.
            DataError: an input is missing, unknown, given twice, of another shape or dtype, or not
                finite.
        """
        if not isinstance(inputs, Mapping | None):
            raise DataError(
                f"got {type(inputs).__name__}; expected arrays by the names of inputs, as keywords "
                "or in one mapping (`run.signatures` says which)"
            )
        given = dict(inputs or {})
        for name in named:
            if name in given:
                raise DataError(
                    f"{name!r} is given twice, in the mapping and as a keyword; give it once"
                )
        return self.answers.predict(signature, given | named)

    def embed(self, modality: str, features: ArrayLike) -> np.ndarray:
        """Embeds one modality alone, in the space of all.

        Args:
            modality: one of the system's `modalities`, as "audio".
            features: `(n, width)` floats, an item a row, as the network reads them. Lists may hold
                small whole numbers, too.

        Returns:
            `(n, dim) float32` of norm 1: the product of two such matrices holds cosines.

        Example:
            cosines = run.embed("audio", sounds) @ run.embed("visual", pictures).T

        Raises:
            ConfigError: training has not ended, or the system embeds no such modality alone.
            DataError: another width, no row, whole numbers as quantised features have them, or
                values that are not finite.
        """
        from kavc.training.asking import rows_of

        self.check_embeds(modality)
        rows = rows_of(modality, features, self.data["widths"][modality])
        return self.system.embed(self.network, modality, rows, self.config)

    def check_embeds(self, modality: str) -> None:
        """Raises unless the system embeds a modality alone.

        Raises:
            ConfigError: it does not.

        Example:
            >>> Run("preset:cross-modal-embedding/youtube8m").check_embeds("text")
            Traceback (most recent call last):
                ...
            kavc.errors.ConfigError: ...: unknown modality 'text'...
        """
        system = self.system
        if not system.modalities:
            raise ConfigError(
                f"{self.path}: {system.name} embeds no modality alone; it has no index, and is "
                "asked by its signatures (`kavc predict --list`)"
            )
        if modality not in system.modalities:
            raise ConfigError(f"{self.path}: {unknown('modality', modality, system.modalities)}")

    @cached_property
    def answers(self) -> Answers:
        """The functions of the network, ready to be asked; `predict` and `signatures` use it."""
        from kavc.training.asking import Answers

        assets = {"classes": self.classes}
        return Answers(self.system.signatures(self.network, self.config, assets), self.path)

    @cached_property
    def network(self) -> keras.Model:
        """The trained network.

        Raises:
            ConfigError: training has not ended.
            DataError: a file is damaged.
        """
        network = self._loaded()
        if (place := self.calibration) is not None and place.exists():
            try:
                self.system.attach(network, place)
            except KavcError as error:
                ships = (self.path / CARD).is_file()
                made_again = f"remove {place}, and `kavc train --resume` makes it again"
                cure = f"bring back {place}, or remove it" if ships else made_again
                raise DataError(f"{error}; {cure}") from None
        return network

    @property
    def calibration(self) -> Path | None:
        """Where what is fitted to the trained network lies; None if its system fits nothing."""
        name = self.system.calibration(self.config)
        return None if name is None else self.path / name

    @property
    def unreported(self) -> bool:
        """Whether there is no report, or one of before the last evaluation, which failed."""
        return not (self.path / REPORT).exists() or (self.path / NO_REPORT).exists()

    @property
    def uncalibrated(self) -> bool:
        """Whether what is fitted to the trained network isn't there, as in older runs."""
        return self.calibration is not None and not self.calibration.exists()

    def calibrate(self, source: Source) -> None:
        """Fits what is fitted to the trained network, unless it is there.

        Args:
            source: the data that it was trained on.
        """
        if self.calibration is not None and self.uncalibrated:
            self.system.calibrate(self.network, source, self.config, self.calibration)

    def _loaded(self) -> keras.Model:
        from kavc.training.weights import load_network, load_weights

        self.check_finished()
        if not (self.path / MODEL).is_file():
            network = self.system.build(self.config)
            try:
                load_weights(network, self.path / WEIGHTS, kind="network")
            except DataError as error:
                raise DataError(f"{error}; bring it back") from None
            return network
        self.system.load_classes()
        try:
            return load_network(self.path / MODEL)
        except DataError as error:
            raise DataError(
                f"{error}; bring it back, or remove it and go on with `kavc train --resume`"
            ) from None

    @property
    def model_card(self) -> str:
        """What to know before using a preset, in Markdown.

        Raises:
            ConfigError: the run is no preset.

        Example:
            >>> Run("preset:cross-modal-embedding/youtube8m").model_card.splitlines()[0]
            '# cross-modal-embedding/youtube8m, version 1'
        """
        if not (self.path / CARD).is_file():
            raise ConfigError(f"{self.path}: no preset (it holds no {CARD}); export the run")
        return read_text(self.path / CARD, most=MAX_CARD)

    @property
    def report(self) -> Report:
        """The report that training wrote.

        Example:
            print(run.report.headline)
            run.report.table("recall").to_frame()
        """
        from kavc.evaluation.report import Report

        return Report.load(self.path)


def load_run(path: str | os.PathLike) -> Run:
    """Opens a run folder: the same as `kavc.Run(path)`, in words.

    Args:
        path: what `kavc train --out` wrote, or "preset:NAME".

    Example:
        run = kavc.load_run("runs/ti-avc")
        run.network.summary()
        print(run.report.to_markdown())

    Raises:
        ConfigError: the folder is no run folder.
    """
    return Run(path)


def from_preset(name: str) -> Run:
    """Opens a trained network that ships: the same as `load_run("preset:NAME")`.

    Commands that take a run folder take "preset:NAME", too.

    Args:
        name: one of `kavc.presets.names()`, as "cross-modal-embedding/youtube8m".

    Example:
        preset = kavc.from_preset("cross-modal-embedding/youtube8m")
        print(preset.model_card)
        preset.network.summary()

    Raises:
        ConfigError: there is none of that name.
    """
    return Run(PRESET + name)


@contextlib.contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Holds a folder for one process; released by the system if the process dies.

    Raises:
        ConfigError: another process holds it.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder, lock(Path(folder)), lock(Path(folder)):
        ...     pass
        Traceback (most recent call last):
            ...
        kavc.errors.ConfigError: ...: another process is writing to this folder; wait...
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "a") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError(
                f"{folder}: another process is writing to this folder; wait for it or use another"
            ) from None
        yield


def begin(folder: Path, settings: RunConfig, source: Source, info: SourceInfo) -> None:
    """Writes what is known before training. `config.json` comes last: with it, the run exists."""
    write_json(folder / VERSIONS, versions())
    keep_splits(folder, source)
    write_json(folder / DATA, facts_of(source, info))
    write_json(folder / CONFIG, asdict(settings))


def check_resumable(folder: Path, settings: RunConfig, source: Source, info: SourceInfo) -> None:
    """Refuses to go on with a run under other settings or on other data.

    Raises:
        ConfigError: names the first setting that differs.
        DataError: the data are not those that the run began with, or in other splits.
    """
    run = Run(folder)
    begun = run.settings
    for name in ("system", "seed"):
        if getattr(begun, name) != getattr(settings, name):
            raise ConfigError(
                f"{folder} was begun with {name} {getattr(begun, name)!r}, not "
                f"{getattr(settings, name)!r}; resume it as it was or use another folder"
            )
    for name, value in settings.options.items():
        was = begun.options.get(name, getattr(run.config, name))  # an earlier version has fewer
        if was != value:
            raise ConfigError(
                f"{folder} was begun with {name}={was}, not {value}; resume it as it was or use "
                "another folder"
            )
    check_same(folder, run.data, facts_of(source, info), "begun")


def checkpoints_of(folder: Path, stage: Stage) -> Path:
    """Returns the folder of a stage's checkpoints in a run folder.

    >>> from types import SimpleNamespace
    >>> checkpoints_of(Path("runs/ti-avc"), SimpleNamespace(name="theme")).as_posix()
    'runs/ti-avc/checkpoints/theme'
    """
    return folder / "checkpoints" / stage.name


def write_history(folder: Path, histories: Mapping[str, Sequence[Mapping[str, float]]]) -> None:
    """Writes `history.csv`: one row an epoch, with every value that any stage logs.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_history(Path(folder), {"theme": [{"loss": 0.5}, {"loss": 0.4, "val_loss": 0.6}]})
    ...     print(Path(folder, "history.csv").read_text())
    stage,epoch,loss,val_loss
    theme,1,0.5,
    theme,2,0.4,0.6
    """
    names = list(dict.fromkeys(n for epochs in histories.values() for e in epochs for n in e))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["stage", "epoch", *names])
    for stage, epochs in histories.items():
        for number, logs in enumerate(epochs, 1):
            writer.writerow([stage, number, *(logs.get(name, "") for name in names)])
    write_text(folder / "history.csv", text.getvalue())


def versions() -> dict[str, str]:
    """Returns the versions of Python and of the packages that decide a run's numbers.

    >>> sorted(versions())
    ['kavc', 'keras', 'numpy', 'python', 'tensorflow']
    """
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    return found
