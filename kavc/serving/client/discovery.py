"""What a server says of a model: its functions with their tensors, and the states of its versions.

Nothing here sends: answers come in, plain values go out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kavc.errors import ConfigError, ServingError, unknown
from kavc.serving.client.cast import cast
from kavc.serving.signature import SignatureInfo, read_signature

if TYPE_CHECKING:
    from kavc.serving.protos import GetModelMetadataResponse, GetModelStatusResponse


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
        tensors = self.tensors()
        width = max((len(name) for _, _, name, _ in tensors), default=0)
        lines = [self.model if self.version is None else f"{self.model}, version {self.version}"]
        for function in self:
            lines.append(f"  {function}")
            lines += [
                f"    {kind:<6}  {name:<{width}}  {info}"
                for at, kind, name, info in tensors
                if at == function
            ]
        return "\n".join(lines)

    def tensors(self) -> list[tuple[str, str, str, str]]:
        """Returns (function, "input" or "output", name, dtype and shape) of every tensor."""
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
            inputs: input name to array or nested lists.
            outputs: names that are asked for; None for all.

        Raises:
            ConfigError: there is no such function or output.
            DataError: an input is missing, unknown, or of another dtype or shape.
        """
        if signature not in self:
            raise ConfigError(f"model {self.model!r}: {unknown('signature', signature, self)}")
        info = self[signature]
        for name in outputs or ():
            if name not in info.outputs:
                line = unknown("output", name, info.outputs)
                raise ConfigError(f"model {self.model!r}, signature {signature!r}: {line}")
        info.check_names(inputs)
        return {name: cast(value, info.inputs[name], name) for name, value in inputs.items()}


@dataclass(frozen=True)
class VersionStatus:
    """Where one version of a model stands.

    Args:
        state: "START", "LOADING", "AVAILABLE", "UNLOADING" or "END".
        code: "OK", or the name of the status with which it failed.
        message: why it failed; else empty.
    """

    state: str
    code: str = "OK"
    message: str = ""

    def __str__(self) -> str:
        failed = f" ({self.code}: {self.message})" if self.code != "OK" or self.message else ""
        return self.state + failed


def read_metadata(model: str, response: GetModelMetadataResponse, address: str) -> Signatures:
    """Returns what a metadata answer says.

    Args:
        model: name that was asked for.
        response: the answer.
        address: of the server, for the message.

    Raises:
        ServingError: the answer holds no signatures.
    """
    from kavc.serving.protos import SignatureDefMap

    definitions = SignatureDefMap()
    if not response.metadata["signature_def"].Unpack(definitions):
        raise ServingError(f"{address} sent no signatures of {model!r}", "INTERNAL")
    functions = {
        name: read_signature(definition)
        for name, definition in sorted(definitions.signature_def.items())
        if definition.method_name  # has none: __saved_model_init_op
    }
    return Signatures(model, answered_by(response), functions)


def read_status(response: GetModelStatusResponse) -> dict[int, VersionStatus]:
    """Returns what a status answer says, versions ascending."""
    versions = {
        one.version: VersionStatus(
            _name(one, "state"), _name(one.status, "error_code"), one.status.error_message
        )
        for one in response.model_version_status
    }
    return dict(sorted(versions.items()))


def answered_by(response: Any) -> int | None:
    """Returns the version that an answer comes from; None if it doesn't say."""
    spec = response.model_spec
    return spec.version.value if spec.HasField("version") else None


def _name(message: Any, field: str) -> str:
    """Returns the name of an enum field's value; its number if a newer server made it up."""
    number = getattr(message, field)
    value = message.DESCRIPTOR.fields_by_name[field].enum_type.values_by_number.get(number)
    return value.name if value else str(number)
