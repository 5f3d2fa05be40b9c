"""What a server says of a model: its functions with their tensors, and the states of its versions.

Nothing here sends: answers come in, plain values go out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from kavc.errors import ConfigError, DataError, ServingError, unknown
from kavc.serving.client.cast import cast_all
from kavc.serving.signature import SignatureInfo, read_signature
from kavc.texts import listed, one_line, printable, quoted

MAX_FUNCTIONS = 1000  # of a model


@dataclass(frozen=True, eq=False)
class Signatures(Mapping[str, SignatureInfo]):
    """The functions of one version of a model, by name; as text a list of what they take and give.

    Args:
        model: its name.
        version: that the server told; None if it told none.
        functions: name to inputs and outputs.

    Example:
        >>> from kavc.serving.signature import TensorInfo
        >>> word = {"word": TensorInfo("string", (None,))}
        >>> print(Signatures("tiny", 2, {"echo": SignatureInfo(word, word)}))
        tiny, version 2
          echo
            input   word  string (?,)
            output  word  string (?,)
    """

    model: str
    version: int | None
    functions: Mapping[str, SignatureInfo]

    def __getitem__(self, name: str) -> SignatureInfo:
        return self.functions[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.functions)

    def __len__(self) -> int:
        return len(self.functions)

    def __str__(self) -> str:
        lines = [self.model if self.version is None else f"{self.model}, version {self.version}"]
        rows = [tuple(map(printable, row)) for row in self.tensors()]
        width = max((len(name) for _, _, name, _ in rows), default=0)
        tensors = iter(rows)
        for function, info in self.items():
            lines.append(f"  {printable(function)}")
            own = islice(tensors, len(info.inputs) + len(info.outputs))
            lines += [f"    {kind:<6}  {name:<{width}}  {tensor}" for _, kind, name, tensor in own]
        return "\n".join(lines)

    def tensors(self) -> list[tuple[str, str, str, str]]:
        """Returns (function, "input" or "output", name, dtype and shape) of every tensor.

        >>> from kavc.serving.signature import TensorInfo
        >>> word = {"word": TensorInfo("string", (None,))}
        >>> Signatures("tiny", 2, {"echo": SignatureInfo(word, {})}).tensors()
        [('echo', 'input', 'word', 'string (?,)')]
        """
        return [
            (function, kind, name, str(tensor))
            for function, info in self.items()
            for kind, side in (("input", info.inputs), ("output", info.outputs))
            for name, tensor in side.items()
        ]

    def fit(
        self, signature: str, inputs: Mapping[str, Any], outputs: Sequence[str] | None
    ) -> dict[str, np.ndarray]:
        """Returns the inputs as one function takes them.

        Args:
            signature: name of the function.
            inputs: input name to array or nested lists; lengths of whole sequences may be left
                out, see `kavc.serving.lengths.with_lengths`.
            outputs: names that are asked for; None for all.

        Raises:
            ConfigError: there is no such function or output.
            DataError: an input is missing, unknown, or of another dtype or shape.

        Example:
            >>> from kavc.serving.signature import TensorInfo
            >>> word = {"word": TensorInfo("string", (None,))}
            >>> known = Signatures("tiny", 2, {"echo": SignatureInfo(word, word)})
            >>> known.fit("echo", {"word": ["hallo"]}, None)["word"].tolist()
            [b'hallo']
            >>> known.fit("ecco", {"word": ["hallo"]}, None)
            Traceback (most recent call last):
                ...
            kavc.errors.ConfigError: model 'tiny': unknown signature 'ecco'; did you mean ...
        """
        if signature not in self:
            raise ConfigError(f"model {self.model!r}: {unknown('signature', signature, self)}")
        info = self[signature]
        for name in outputs or ():
            if name not in info.outputs:
                line = unknown("output", name, info.outputs)
                raise ConfigError(f"model {self.model!r}, signature {signature!r}: {line}")
        return cast_all(inputs, info)


@dataclass(frozen=True)
class VersionStatus:
    """Where one version of a model stands.

    Args:
        state: "START", "LOADING", "AVAILABLE", "UNLOADING" or "END".
        code: "OK", or the name of the status with which it failed.
        message: why it failed; else empty.

    Reference:
        TensorFlow Serving, `apis/get_model_status.proto`.

    Example:
        >>> VersionStatus("AVAILABLE")
        VersionStatus(state='AVAILABLE', code='OK', message='')
    """

    state: str
    code: str = "OK"
    message: str = ""

    def __str__(self) -> str:
        failed = f" ({self.code}: {self.message})" if self.code != "OK" or self.message else ""
        return self.state + failed


def read_metadata(response: Any, model: str, version: int | None, address: str) -> Signatures:
    """Returns what a metadata answer says.

    Args:
        response: the answer.
        model, version: that were asked for; None for the latest version.
        address: of the server, for the message.

    Raises:
        ServingError: INTERNAL: the answer holds no signatures, or such as can't be read, or it is
            of another model or version.

    Reference:
        TensorFlow Serving, `apis/get_model_metadata.proto`.

    Example:
        >>> from kavc.serving.messages import GetModelMetadataResponse
        >>> read_metadata(GetModelMetadataResponse(), "ti-avc", None, "gpu-7:8500")
        Traceback (most recent call last):
            ...
        kavc.errors.ServingError: gpu-7:8500 sent no signatures of 'ti-avc'
    """
    from google.protobuf.message import DecodeError

    from kavc.serving.messages import SignatureDefMap

    told = answered_by(response, model, version)
    definitions = SignatureDefMap()
    try:
        if not response.metadata["signature_def"].Unpack(definitions):
            raise ServingError(f"{address} sent no signatures of {model!r}", "INTERNAL")
        return Signatures(model, told, _functions(definitions.signature_def))
    except (DataError, DecodeError) as error:
        line = f"{address} sent a signature that can't be read: {one_line(str(error))}"
        raise ServingError(line, "INTERNAL") from None


def _functions(definitions: Mapping[str, Any]) -> dict[str, SignatureInfo]:
    if len(definitions) > MAX_FUNCTIONS:
        raise DataError(f"{len(definitions):,} functions; expected at most {MAX_FUNCTIONS:,}")
    functions = {}
    for name, definition in sorted(definitions.items()):
        if not definition.method_name:  # __saved_model_init_op
            continue
        try:
            functions[name] = read_signature(definition)
        except DataError as error:
            raise DataError(f"{quoted(name)}: {error}") from None
    return functions


def read_status(response: Any, model: str, version: int | None) -> dict[int, VersionStatus]:
    """Returns what a status answer says, versions ascending; messages as one printable line.

    Args:
        response: the answer.
        model, version: that were asked for; None for all versions.

    Raises:
        ServingError: INTERNAL: the answer tells of another version.

    Reference:
        TensorFlow Serving, `apis/get_model_status.proto`.

    Example:
        >>> from kavc.serving.messages import GetModelStatusResponse
        >>> answer = GetModelStatusResponse()
        >>> _ = answer.model_version_status.add(version=3, state=30)
        >>> read_status(answer, "ti-avc", None)
        {3: VersionStatus(state='AVAILABLE', code='OK', message='')}
    """
    versions = {
        one.version: VersionStatus(
            enum_name(one, "state"),
            enum_name(one.status, "error_code"),
            one_line(one.status.error_message),
        )
        for one in response.model_version_status
    }
    if version is not None and (others := versions.keys() - {version}):
        line = f"status of version {min(others)} of {model!r} came for version {version}"
        raise ServingError(line, "INTERNAL")
    return dict(sorted(versions.items()))


def told_versions(versions: Mapping[int, VersionStatus]) -> str:
    """Returns versions with their states as a message lists them.

    >>> told_versions({2: VersionStatus("END"), 3: VersionStatus("AVAILABLE")})
    '2 END, 3 AVAILABLE'
    """
    return listed([f"{version} {status.state}" for version, status in versions.items()])


def answered_by(response: Any, model: str, version: int | None) -> int | None:
    """Returns the version that an answer comes from; None if it doesn't say.

    Args:
        response: an answer to Predict or GetModelMetadata.
        model, version: that were asked for; None for any version.

    Raises:
        ServingError: INTERNAL: it comes from another model or version.

    Reference:
        TensorFlow Serving, `apis/model.proto`.

    Example:
        >>> from kavc.serving.messages import ModelSpec, PredictResponse
        >>> answer = PredictResponse(model_spec=ModelSpec(name="ti-avc"))
        >>> answer.model_spec.version.value = 3
        >>> answered_by(answer, "ti-avc", None)
        3
        >>> answered_by(answer, "ti-avc", 2)
        Traceback (most recent call last):
            ...
        kavc.errors.ServingError: version 3 of 'ti-avc' answered for version 2
    """
    spec = response.model_spec
    if spec.name not in ("", model):
        raise ServingError(f"model {quoted(spec.name)} answered for {model!r}", "INTERNAL")
    if not spec.HasField("version"):
        return None
    told = spec.version.value
    if version not in (None, told) or told < 0:
        asked = "the latest one" if version is None else f"version {version}"
        raise ServingError(f"version {told} of {model!r} answered for {asked}", "INTERNAL")
    return told


def enum_name(message: Any, field: str) -> str:
    """Returns the name of an enum field's value; its number if a newer server made it up.

    >>> from kavc.serving.messages import HealthCheckResponse
    >>> enum_name(HealthCheckResponse(status=1), "status")
    'SERVING'
    >>> enum_name(HealthCheckResponse(status=99), "status")
    '99'
    """
    number = getattr(message, field)
    value = message.DESCRIPTOR.fields_by_name[field].enum_type.values_by_number.get(number)
    return value.name if value else str(number)
