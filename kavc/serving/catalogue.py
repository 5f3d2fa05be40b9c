"""The models that are served: one loaded version, and all of them by name."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import tensorflow as tf

from kavc.errors import DataError, ServingError
from kavc.serving import wire
from kavc.serving.protos import (
    ModelSpec,
    PredictRequest,
    PredictResponse,
    SavedModel,
    SignatureDef,
)
from kavc.serving.signature import SignatureInfo, read_signature
from kavc.serving.versions import GRAPH, model_folders, version_folders

log = logging.getLogger(__name__)


class Model:
    """One loaded version of a model. Calls may come from many threads.

    Args:
        name: of the model.
        version: number of the version.
        folder: the SavedModel.

    Attributes:
        name, version: as given.
        definitions: signature name to `SignatureDef`, as the file has them.

    Raises:
        ServingError: the folder can't be loaded.
    """

    def __init__(self, name: str, version: int, folder: str | os.PathLike):
        self.name = name
        self.version = version
        self.definitions = _definitions(Path(folder) / GRAPH)
        try:
            # The signatures hold their variables weakly: keep the object.
            self._loaded = tf.saved_model.load(os.fspath(folder))
        except Exception as error:  # the loader lets anything through
            raise ServingError(f"{folder} can't be loaded: {_first_line(error)}") from error
        self._signatures: dict[str, SignatureInfo] = {
            key: read_signature(self.definitions[key])
            for key in self._loaded.signatures
            if key in self.definitions
        }

    def predict(self, request: PredictRequest, signature: str) -> PredictResponse:
        """Answers a request, whatever version it asks for.

        Args:
            request: with the inputs of the signature, and optionally an output filter.
            signature: name of the function.

        Raises:
            ServingError: FAILED_PRECONDITION for an unknown signature, INVALID_ARGUMENT for
                inputs or a filter that don't fit it: TensorFlow Serving's codes.
        """
        info = self._signatures.get(signature)
        if info is None:
            known = ", ".join(sorted(self._signatures))
            raise ServingError(
                f"Serving signature key {signature!r} not found in model {self.name!r}, "
                f"version {self.version}; known: {known}",
                "FAILED_PRECONDITION",
            )
        try:
            inputs = _inputs(info, request.inputs)
            wanted = _wanted(info, request.output_filter)
        except DataError as error:
            raise ServingError(str(error), "INVALID_ARGUMENT") from None
        outputs = self._loaded.signatures[signature](**inputs)
        response = PredictResponse(
            model_spec=ModelSpec(name=self.name, signature_name=signature),
            outputs={key: wire.to_proto(outputs[key].numpy()) for key in wanted},
        )
        response.model_spec.version.value = self.version
        return response


class Catalogue:
    """The models that a server answers for.

    Readers take no lock: a change replaces the table of versions as a whole. A version that is
    removed lives on until the requests that hold it are answered.

    Example:
        catalogue = Catalogue()
        catalogue.load("models")
        model = catalogue.get("ti-avc")
    """

    def __init__(self) -> None:
        self._models: Mapping[str, Mapping[int, Model]] = {}

    def load(self, models_dir: str | os.PathLike) -> None:
        """Loads the highest version of every model in a folder.

        Raises:
            ServingError: no model is there, or one can't be loaded.
        """
        for name, folder in model_folders(models_dir).items():
            version, path = list(version_folders(folder).items())[-1]
            self.add(Model(name, version, path))
            log.info("loaded %s, version %d", name, version)

    def add(self, model: Model) -> None:
        """Offers a version beside those that are there."""
        versions = {**self._models.get(model.name, {}), model.version: model}
        self._models = {**self._models, model.name: versions}

    def remove(self, name: str, version: int) -> None:
        """Offers a version no more; does nothing if it isn't there."""
        left = {key: model for key, model in self._models.get(name, {}).items() if key != version}
        models = {key: versions for key, versions in self._models.items() if key != name}
        self._models = {**models, name: left} if left else models

    def names(self) -> list[str]:
        """Returns the names of all models."""
        return sorted(self._models)

    def versions(self, name: str) -> list[int]:
        """Returns the versions of one model that can be asked, ascending; none if unknown."""
        return sorted(self._models.get(name, {}))

    def get(self, name: str, version: int | None = None) -> Model:
        """Returns a version of a model, the latest by default.

        Raises:
            ServingError: NOT_FOUND.
        """
        versions = self._models.get(name, {})
        model = versions.get(max(versions, default=0) if version is None else version)
        if model is None:
            which = f"Latest({name})" if version is None else f"Specific({name}, {version})"
            there = [f"{key} {self.versions(key)}" for key in self.names()]
            raise ServingError(
                f"Servable not found for request: {which}; served here: {', '.join(there)}",
                "NOT_FOUND",
            )
        return model


def _definitions(graph: Path) -> dict[str, SignatureDef]:
    try:
        saved = SavedModel.FromString(graph.read_bytes())
    except Exception as error:  # protobuf's DecodeError has no public home
        raise ServingError(f"{graph} can't be read: {_first_line(error)}") from error
    for meta_graph in saved.meta_graphs:
        if tf.saved_model.SERVING in meta_graph.meta_info_def.tags:
            return dict(meta_graph.signature_def)
    raise ServingError(f"{graph} has no graph with the tag {tf.saved_model.SERVING!r}")


def _inputs(info: SignatureInfo, protos: Mapping) -> dict[str, tf.Tensor]:
    """Unpacks the inputs only when all of them fit."""
    info.check_names(protos)
    for name, proto in protos.items():
        info.inputs[name].check(name, *wire.describe(proto, name))
    return {name: tf.constant(wire.to_array(proto, name)) for name, proto in protos.items()}


def _wanted(info: SignatureInfo, output_filter: Iterable[str]) -> list[str]:
    names = list(output_filter) or list(info.outputs)
    for name in names:
        if name not in info.outputs:
            raise DataError(
                f"output tensor alias not found in signature: {name}; "
                f"known: {', '.join(info.outputs)}"
            )
    if len(set(names)) != len(names):
        raise DataError(f"duplicate output tensor alias in {names}")
    return names


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
