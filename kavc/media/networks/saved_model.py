"""A SavedModel of others as a network: one input, one output, whatever its signature is called.

Its graph is checked before it runs, as one that is served is: stock ops alone, and none that reads
or writes files. Keras 3 takes no `hub.KerasLayer`, so that what is loaded is held by a module of
TensorFlow, which can be exported again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from kavc.errors import ConfigError, DataError, ExportError, unknown
from kavc.inputs.opening import named
from kavc.serving.inspection.inspection import check_graphs
from kavc.serving.inspection.version_files import check_variables, read_saved_model

DEFAULT, CALL = "serving_default", "__call__"
LONGEST = 300  # characters of what TensorFlow says
FAULTS = (tf.errors.OpError, ValueError, TypeError, KeyError, IndexError, AttributeError)


class Entry:
    """What is called of a SavedModel.

    Args:
        folder: of the SavedModel.
        signature: its name; "__call__" for what calls the object itself. None for
            serving_default, else the only one, else the object itself.
        input: name of the input, where there are several; the others must be switches, set to
            False.

    Attributes:
        given: `tf.TensorSpec` of the input.
        loaded: the SavedModel.

    Raises:
        DataError: it is damaged, or its graph holds an op that is refused.
        ConfigError: no such signature or input; lists them.
    """

    def __init__(self, folder: Path, *, signature: str | None = None, input: str | None = None):
        self._folder, self.loaded = folder, _loaded(folder)
        names = sorted(self.loaded.signatures)
        callable_too = bool(getattr(self.loaded, CALL, None))
        chosen = signature or _default(folder, names, callable_too)
        if chosen == CALL and callable_too:
            self._call: Callable[..., Any] = self.loaded
            inputs = _arguments(folder, self.loaded)
        elif chosen in names:
            function = self.loaded.signatures[chosen]
            self._call = function
            inputs = dict(function.structured_input_signature[1])
        else:
            known = [*names, CALL] if callable_too else names
            raise ConfigError(f"{named(folder)}: {unknown('signature', chosen, known)}")
        self._by_name = chosen != CALL
        self._name = self._chosen(inputs, input)
        self.given = inputs.pop(self._name)
        self._switches = self._others(inputs)

    def __call__(self, values: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns all outputs by name: "output" for the only one, "0", "1" for those of a list."""
        switches = {name: tf.constant(False) for name in self._switches}
        if self._by_name:
            return _named_outputs(self._call(**{self._name: values}, **switches))
        return _named_outputs(self._call(values, **switches))

    def _chosen(self, inputs: Mapping[str, tf.TensorSpec], name: str | None) -> str:
        if name is None and len(inputs) == 1:
            return next(iter(inputs))
        if name is None:
            raise ConfigError(
                f"{named(self._folder)}: it has {len(inputs)} inputs; choose one by input=NAME: "
                f"{_listed(inputs)}"
            )
        if name not in inputs:
            raise ConfigError(f"{named(self._folder)}: {unknown('input', name, inputs)}")
        return name

    def _others(self, inputs: Mapping[str, tf.TensorSpec]) -> list[str]:
        for name, spec in inputs.items():
            if spec.dtype != tf.bool or spec.shape.rank != 0:
                raise ConfigError(
                    f"{named(self._folder)}: beside {self._name!r} it wants {_listed({name: spec})}"
                    ", which no extractor gives; choose another signature"
                )
        return list(inputs)


class ForeignModel(tf.Module):
    """A SavedModel as `kavc.media.extractors.base.Extractor` takes a network.

    Args:
        entry: what is called.
        example: a window, of which it gets zeros to see what it answers.
        alone: None where it takes windows together; else whether one window has an axis of 1
            before it, or none.
        output: name of the output, where there are several.

    Raises:
        DataError: it does not take such windows, or does not answer a row for each.
        ConfigError: no such output; lists them.

    Example:
        entry = Entry(Path("models/vggish"))
        network = ForeignModel(entry, tf.TensorSpec((15_600,), tf.float32), alone=False)
        network(tf.zeros((4, 15_600)))["embedding"]
    """

    def __init__(
        self,
        entry: Entry,
        example: tf.TensorSpec,
        *,
        alone: bool | None = None,
        output: str | None = None,
        source: str | Path = "",
    ):
        super().__init__(name="foreign_model")
        self._loaded, self._entry, self._alone, self._source = entry.loaded, entry, alone, source
        count = 2 if alone is None else 1
        given = tf.zeros((count, *example.shape), example.dtype)
        try:
            found = entry(given) if alone is None else entry(self._single(given[0]))
        except FAULTS as error:
            raise DataError(
                f"{named(source)}: it takes no input of the shape {tuple(example.shape)} "
                f"({_words(error)})"
            ) from None
        self._output = self._chosen(found, output)
        self._spec = self._checked(found[self._output], count)

    def __call__(self, inputs: tf.Tensor, training: bool = False) -> dict[str, tf.Tensor]:
        """Returns {"embedding": (windows, ...)}."""
        if self._alone is None:
            rows = self._entry(inputs)[self._output]
        else:
            rows = tf.map_fn(
                self._row, inputs, fn_output_signature=tf.TensorSpec(None, self._spec.dtype)
            )
        return {"embedding": tf.ensure_shape(rows, [None, *self._spec.shape])}

    def _single(self, window: tf.Tensor) -> tf.Tensor:
        return window[None] if self._alone else window

    def _row(self, window: tf.Tensor) -> tf.Tensor:
        row = self._entry(self._single(window))[self._output]
        return row[0] if self._alone else row

    def _chosen(self, found: Mapping[str, tf.Tensor], name: str | None) -> str:
        if name is None and len(found) == 1:
            return next(iter(found))
        if name is None:
            raise ConfigError(
                f"{named(self._source)}: it has {len(found)} outputs; choose one by output=NAME: "
                f"{_listed(found)}"
            )
        if name not in found:
            raise ConfigError(f"{named(self._source)}: {unknown('output', name, found)}")
        return name

    def _checked(self, rows: Any, count: int) -> tf.TensorSpec:
        if not (isinstance(rows, tf.Tensor) and rows.dtype.is_floating):
            raise DataError(f"{named(self._source)}: {self._output!r} is no array of floats")
        if self._alone is False:
            return tf.TensorSpec(rows.shape, rows.dtype)
        if not rows.shape.rank or rows.shape[0] != count:
            raise DataError(
                f"{named(self._source)}: {self._output!r} has the shape {tuple(rows.shape)} for "
                f"{count} windows; a row for each is expected"
            )
        return tf.TensorSpec(rows.shape[1:], rows.dtype)


def _loaded(folder: Path) -> Any:
    try:
        saved = read_saved_model(folder)
        check_graphs(saved, folder)
        needed = any(graph.saver_def.restore_op_name for graph in saved.meta_graphs)
        check_variables(folder, needed=needed)
    except ExportError as error:
        raise DataError(f"{named(folder)}: refused: {error}") from None
    try:
        # Former modules of TensorFlow Hub come in several variants; that without tags predicts.
        tags: list[str] | None = [] if (folder / "tfhub_module.pb").exists() else None
        return tf.saved_model.load(str(folder), tags=tags)
    except (*FAULTS, RuntimeError, OSError) as error:
        raise DataError(f"{named(folder)}: no SavedModel that loads ({_words(error)})") from None


def _default(folder: Path, names: list[str], callable_too: bool) -> str:
    if DEFAULT in names:
        return DEFAULT
    if len(names) == 1:
        return names[0]
    if not names and callable_too:
        return CALL
    if not names:
        raise DataError(f"{named(folder)}: it has no signature, and can't be called")
    raise ConfigError(
        f"{named(folder)}: it has {len(names)} signatures; choose one by signature=NAME: "
        f"{', '.join(names)}"
    )


def _arguments(folder: Path, loaded: Any) -> dict[str, tf.TensorSpec]:
    """Returns the first tensor that an object's call takes; its other arguments have defaults."""
    for function in getattr(loaded.__call__, "concrete_functions", ()):
        positional, _ = function.structured_input_signature
        for spec in positional:
            if isinstance(spec, tf.TensorSpec):
                return {spec.name or "input": spec}
    raise DataError(f"{named(folder)}: what calls it takes no tensor; choose a signature")


def _named_outputs(found: Any) -> dict[str, tf.Tensor]:
    if isinstance(found, Mapping):
        return {str(name): value for name, value in found.items()}
    if isinstance(found, list | tuple):
        return {str(number): value for number, value in enumerate(found)}
    return {"output": found}


def _listed(tensors: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_shape(each)}" for name, each in sorted(tensors.items()))


def _shape(tensor: Any) -> str:
    return str(getattr(tensor, "shape", ""))


def _words(error: BaseException) -> str:
    return " ".join(str(getattr(error, "message", None) or error).split())[:LONGEST]
