"""Where the weights of extractors lie: named one by one, or in folders that are searched."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kavc.errors import ConfigError, unknown
from kavc.media.extractors.base import Recipe, Weights

VARIABLE = "KAVC_WEIGHTS"  # folders, with : between them


@dataclass(frozen=True)
class WeightFiles:
    """Files of weights.

    Args:
        named: name, as of `kavc.media.extractors.base.Weights`, to path or handle.
        folders: in which published names are looked for, in this order.

    Example:
        >>> weights = WeightFiles({"yamnet": Path("weights/yamnet.h5")})
        >>> weights.named["yamnet"].name
        'yamnet.h5'
    """

    named: Mapping[str, Path] = field(default_factory=dict)
    folders: tuple[Path, ...] = ()

    @classmethod
    def parse(cls, texts: Iterable[str] = ()) -> WeightFiles:
        """Reads what a user says: NAME=PATH, or a FOLDER; then the folders of `KAVC_WEIGHTS`.

        Those in which Keras keeps what it downloads come last.

        Raises:
            ConfigError: a folder isn't there, or a name is given twice.

        Example:
            >>> WeightFiles.parse(["yamnet=weights/yamnet.h5"]).named
            {'yamnet': PosixPath('weights/yamnet.h5')}
            >>> WeightFiles.parse(["weigths"])
            Traceback (most recent call last):
                ...
            kavc.errors.ConfigError: --weights weigths: expected NAME=PATH, or a folder
        """
        named: dict[str, Path] = {}
        folders: list[Path] = []
        for text in texts:
            name, equals, path = text.partition("=")
            if not equals:
                folders.append(Path(text).expanduser())
                if not folders[-1].is_dir():
                    raise ConfigError(f"--weights {text}: expected NAME=PATH, or a folder")
            elif name in named:
                raise ConfigError(f"--weights {name} is given twice")
            else:
                named[name] = Path(path) if "://" in path else Path(path).expanduser()
        said = filter(None, os.environ.get(VARIABLE, "").split(os.pathsep))
        folders += [Path(folder).expanduser() for folder in said]
        home = Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser()
        return cls(named, (*folders, home / "models"))

    def check_names(self, recipes: Iterable[Recipe]) -> None:
        """Raises if a name is given that none of the recipes knows.

        Raises:
            ConfigError: names the nearest one.

        Example:
            >>> from kavc.media.extractors.yamnet import YAMNet
            >>> WeightFiles({"yamnett": Path("yamnet.h5")}).check_names([YAMNet()])
            Traceback (most recent call last):
                ...
            kavc.errors.ConfigError: unknown weights 'yamnett'; did you mean 'yamnet'? Known: yamnet
        """
        known = {need.name for recipe in recipes for need in recipe.needs()}
        for name in self.named:
            if name not in known:
                raise ConfigError(unknown("weights", name, known))

    def of(self, recipe: Recipe) -> dict[str, Path]:
        """Returns the files that a recipe needs, by name.

        Raises:
            ConfigError: one isn't there; says what to fetch, and where to put it.
        """
        return self.needed(recipe.needs(), recipe.NAME)

    def needed(
        self, needs: Iterable[Weights], by: str, *, otherwise: str | None = None
    ) -> dict[str, Path]:
        """Returns files that are needed, by name.

        Args:
            needs: such as `kavc.media.backbone_weights.weights_of` says.
            by: the name of what needs them, for the message.
            otherwise: what else one can do, for the message; --weights NAME=PATH, if None.

        Raises:
            ConfigError: as `of`.

        Example:
            weights = WeightFiles.parse(["~/weights"])
            weights.needed(weights_of("vggish"), "backbone vggish")  # {"vggish": Path(...)}
        """
        return {
            need.name: self._find(need, by, otherwise or f"give --weights {need.name}=PATH")
            for need in needs
        }

    def _find(self, need: Weights, by: str, otherwise: str) -> Path:
        if need.name in self.named:
            path = self.named[need.name]
            if not (is_there(path) or "://" in str(path) or ":/" in str(path)):
                raise ConfigError(f"--weights {need.name}={path}: no such file")
            return path
        for folder in self.folders:
            for file in need.files:
                if is_there(folder / file):
                    return folder / file
        names = f"put {' or '.join(need.files)} of {need.page} into a folder that {VARIABLE} names"
        raise ConfigError(
            f"{by}: no weights {need.name!r}; {otherwise}" + (f", or {names}" if need.files else "")
        )


def is_there(path: Path) -> bool:
    """Whether there is a file or folder, or a checkpoint whose files' names begin with this."""
    return path.exists() or Path(f"{path}.index").exists()
