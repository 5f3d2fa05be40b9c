"""A network's signatures as one version of a served model: `MODELS_DIR/NAME/VERSION/`.

saved_model.pb, variables/   what TensorFlow Serving loads
assets/                      text files that belong to the answers, as the names of classes
assets.extra/                model_card.md; signatures.json: inputs and outputs explained; warm-up
                             requests, which a server runs on the version before it answers;
                             example_request.npz, to be asked for a try
"""

from __future__ import annotations

import contextlib
import keyword
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kavc import keras_settings, progress
from kavc.data.schema import Field
from kavc.errors import DataError, ExportError, ServingError
from kavc.export.example import write_example
from kavc.export.write_error import written
from kavc.files import write_json, write_text
from kavc.partials import new_folder
from kavc.serving import wire
from kavc.serving.client.cast import cast
from kavc.serving.inspection import inspect
from kavc.serving.server.graph import ServedGraph
from kavc.serving.signature import SignatureInfo, TensorInfo
from kavc.serving.versions import MAX_VERSION, is_version
from kavc.serving.warmup import read_warmup, write_warmup
from kavc.systems.base import Signature

DEFAULT_SIGNATURE = "serving_default"
SHOWN = 300  # characters of what a graph said
VARYING = 4  # steps of an example where a signature gives none
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def export(
    network: keras.Model,
    signatures: Mapping[str, Signature],
    target: str | os.PathLike,
    *,
    name: str,
    card: str,
    assets: Mapping[str, str] | None = None,
    version: int | None = None,
) -> Path:
    """Writes the next version of a served model, whole or not at all.

    Args:
        network: the built network that the signatures call.
        signatures: by name; "serving_default" must be among them.
        target: folder of served models; made if it isn't there.
        name: of the model, its folder's.
        card: Markdown, as `kavc.export.card.model_card` makes it.
        assets: file name to text, such as "labels.txt" with a name a line.
        version: a number that isn't there yet; by default one more than the highest.

    Returns:
        `target/name/version`.

    Raises:
        ExportError: the version exists, a name can't be served, a signature does not give what
            it declares or refuses its own example, or its graph holds an op that is refused.
            Nothing is left behind.
        WriteError: the folder can't be written; likewise.

    Example:
        signatures = system.signatures(network, config)
        export(network, signatures, "models", name="ti-avc", card=model_card(...))

    Reference:
        TensorFlow, `core/protobuf/saved_model.proto`.
    """
    keras_settings.check()
    assets = assets or {}
    _check_names(name, signatures, assets)
    version = next_version(target, name) if version is None else version
    if not 1 <= version <= MAX_VERSION:
        raise ExportError(f"version {version} is not a positive number up to {MAX_VERSION}")
    folder = Path(target) / name / str(version)
    with _new_folder(folder) as temporary:
        with _without_cudnn(network), progress.task("writing the graph"):
            _write(network, signatures, assets, temporary)
        with progress.task("checking the graph"):
            inspect(temporary)
        extra = temporary / "assets.extra"
        write_text(extra / "model_card.md", card)
        write_json(extra / "signatures.json", _explained(name, version, signatures, assets))
        examples = {k: _example(k, s) for k, s in signatures.items()}
        write_warmup(temporary, name, examples)
        request = write_example(temporary, examples[DEFAULT_SIGNATURE])
        with progress.task("asking the examples"):
            _run_examples(temporary, request)
    return folder


def next_version(target: str | os.PathLike, name: str) -> int:
    """Returns one more than the highest version of a model, 1 for a new one.

    Args:
        target: folder of served models.
        name: of the model.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as target:
        ...     Path(target, "ti-avc", "9").mkdir(parents=True)
        ...     next_version(target, "ti-avc"), next_version(target, "ms-vae")
        (10, 1)
    """
    folder = Path(target) / name
    there = folder.iterdir() if folder.is_dir() else ()
    return 1 + max((int(found.name) for found in there if is_version(found.name)), default=0)


@contextlib.contextmanager
def no_empty_parents(folder: Path) -> Iterator[None]:
    """Removes the folders above one that were made in a block which failed, if they are empty."""
    made = [parent for parent in folder.parents if not parent.exists()]
    try:
        yield
    except BaseException:
        for parent in made:
            with contextlib.suppress(OSError):
                parent.rmdir()
        raise


@contextlib.contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    """Yields a temporary sibling that TensorFlow Serving passes over, since it is no number."""
    with no_empty_parents(folder), written(folder):
        try:
            with new_folder(folder, alone=True) as temporary:
                yield temporary
                for path in temporary.rglob("*"):  # TensorFlow makes folders for its user alone
                    if path.is_dir():
                        path.chmod(temporary.stat().st_mode & 0o777)
        except FileExistsError as error:
            if folder.exists():
                raise ExportError(f"{folder} exists; a version is never overwritten") from None
            raise ExportError(
                f"{error.filename or folder.parent}: no folder; {folder} can't be made below it"
            ) from None


@contextlib.contextmanager
def _without_cudnn(network: keras.Model) -> Iterator[None]:
    """Makes recurrent layers trace to ops that a CPU server has, also on a GPU machine."""
    layers = [layer for layer in network._flatten_layers() if hasattr(layer, "use_cudnn")]
    before = [layer.use_cudnn for layer in layers]
    try:
        for layer in layers:
            layer.use_cudnn = False
        yield
    finally:
        for layer, setting in zip(layers, before, strict=True):
            layer.use_cudnn = setting


def _write(
    network: keras.Model,
    signatures: Mapping[str, Signature],
    assets: Mapping[str, str],
    folder: Path,
) -> None:
    # What endpoints use of Keras' layers is kept by itself; of those that are tracked, too, Keras
    # 3.15 writes every weight twice.
    archive = keras.export.ExportArchive()
    for key, signature in progress.track(signatures.items(), "tracing", unit="signatures"):
        for resource in signature.resources:
            if not isinstance(resource, keras.layers.Layer):
                archive.track(resource)
        try:
            _check_outputs(key, signature, _add_endpoint(archive, key, signature))
        except (ValueError, TypeError, KeyError, AttributeError, tf.errors.OpError) as error:
            raise ExportError(f"signature {key!r} can't be traced: {error}") from error
    with tempfile.TemporaryDirectory() as texts:
        archive._tf_trackable.assets = [
            tf.saved_model.Asset(_text_file(Path(texts) / file, text))
            for file, text in assets.items()
        ]
        try:
            archive.write_out(folder, verbose=False)
        except (ValueError, TypeError, AssertionError) as error:
            raise ExportError(f"the network can't be written: {error}") from error


def _add_endpoint(
    archive: keras.export.ExportArchive, key: str, signature: Signature
) -> tf.types.experimental.ConcreteFunction:
    """Adds a function whose arguments bear the inputs' names, which are the names on the wire."""
    specs = [
        tf.TensorSpec((None, *field.shape), field.dtype, name=name)
        for name, field in signature.inputs.items()
    ]

    def endpoint(*tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        named = dict(zip(signature.inputs, tensors, strict=True))
        return dict(signature.function(**named))

    return archive.add_endpoint(key, endpoint, specs).get_concrete_function()


def _check_outputs(
    key: str, signature: Signature, function: tf.types.experimental.ConcreteFunction
) -> None:
    given = function.structured_outputs
    if set(given) != set(signature.outputs):
        raise ExportError(
            f"signature {key!r} gives {sorted(given)}; it declares {sorted(signature.outputs)}"
        )
    for name, field in signature.outputs.items():
        declared = tf.TensorSpec((None, *field.shape), field.dtype)
        if not declared.is_compatible_with(given[name]):
            raise ExportError(
                f"signature {key!r}, output {name!r}: gives {given[name].dtype.name} "
                f"{given[name].shape}; it declares {field.dtype} {declared.shape}"
            )


def _checked_example(key: str, signature: Signature) -> Mapping[str, np.ndarray]:
    fields = {
        name: TensorInfo(field.dtype, (1, *field.shape)) for name, field in signature.inputs.items()
    }
    example = signature.example or {}
    try:
        SignatureInfo(fields, {}).check_names(example)
        for name, value in example.items():
            dtype = "string" if value.dtype == object else value.dtype.name
            fields[name].check(name, dtype, value.shape)
    except DataError as error:
        raise ExportError(f"signature {key!r}, example: {error}") from None
    return example


def _example(key: str, signature: Signature) -> Mapping[str, np.ndarray]:
    """Returns a signature's example, or zeros and empty strings."""
    if signature.example is not None:
        return _checked_example(key, signature)
    return {
        name: np.full(
            (1, *(VARYING if size is None else size for size in field.shape)),
            b"" if field.dtype == "string" else 0,
            object if field.dtype == "string" else field.dtype,
        )
        for name, field in signature.inputs.items()
    }


def _run_examples(folder: Path, request: Mapping[str, np.ndarray]) -> None:
    """Proves that a server, which refuses a version over one bad request, will take this one.

    Args:
        folder: of the version.
        request: the one that it brings for a try.
    """
    key = DEFAULT_SIGNATURE
    try:
        graph = ServedGraph(folder)
        try:
            for warmup in read_warmup(folder):
                key = warmup.model_spec.signature_name
                graph(key, {name: wire.to_array(p, name) for name, p in warmup.inputs.items()})
            key, info = DEFAULT_SIGNATURE, graph.signatures[DEFAULT_SIGNATURE]
            graph(
                key, {name: cast(value, info.inputs[name], name) for name, value in request.items()}
            )
        finally:
            graph.close()
    except tf.errors.OpError as error:
        told = " ".join((error.message or type(error).__name__).split())[:SHOWN]
        raise ExportError(
            f"signature {key!r} refuses its example, with which servers warm up: {told}"
        ) from error
    except ServingError as error:
        raise ExportError(str(error)) from error


def _check_names(name: str, signatures: Mapping[str, Signature], assets: Mapping[str, str]) -> None:
    if not NAME.fullmatch(name) or is_version(name):
        raise ExportError(
            f"{name!r} can't be a model's name; use letters, digits, '_', '-' and '.'"
        )
    if DEFAULT_SIGNATURE not in signatures:
        raise ExportError(f"no signature {DEFAULT_SIGNATURE!r} among {sorted(signatures)}")
    for key, signature in signatures.items():
        if not signature.inputs or not signature.outputs:
            raise ExportError(f"signature {key!r} needs an input and an output")
        for word in (key, *signature.inputs):
            if not word.isidentifier() or keyword.iskeyword(word) or word.startswith("_"):
                raise ExportError(f"signature {key!r}: {word!r} is not a plain name")
    for file in assets:
        if not NAME.fullmatch(file):
            raise ExportError(f"{file!r} is not a plain file name for an asset")


def _explained(
    name: str, version: int, signatures: Mapping[str, Signature], assets: Mapping[str, str]
) -> dict[str, Any]:
    return {
        "name": name,
        "version": version,
        "signatures": {
            key: {
                "meaning": signature.meaning,
                "inputs": {field: _field(spec) for field, spec in signature.inputs.items()},
                "outputs": {field: _field(spec) for field, spec in signature.outputs.items()},
            }
            for key, signature in signatures.items()
        },
        "assets": {file: text.splitlines() for file, text in assets.items()},
    }


def _field(field: Field) -> dict[str, Any]:
    return {"dtype": field.dtype, "shape": [None, *field.shape], "meaning": field.meaning}


def _text_file(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)
