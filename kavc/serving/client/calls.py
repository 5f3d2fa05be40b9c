"""What the two clients share: every call, with its deadline, retries and parts, but no waiting.

The calls are coroutines over a `Transport`, the one thing that differs: that of `blocking.py`
blocks, so that they run to their end in one step; that of `aio.py` awaits.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from kavc.errors import ConfigError, DataError, ServingError
from kavc.serving.client.discovery import (
    Signatures,
    VersionStatus,
    enum_name,
    read_metadata,
    read_status,
    told_versions,
)
from kavc.serving.client.parts import TOO_LARGE, Parts
from kavc.serving.client.retry import Deadline, Retry
from kavc.serving.interface import HEALTH_SERVICE, MODEL_SERVICE, PREDICTION_SERVICE
from kavc.serving.messages import (
    GetModelMetadataRequest,
    GetModelMetadataResponse,
    GetModelStatusRequest,
    GetModelStatusResponse,
    HealthCheckRequest,
    HealthCheckResponse,
    ModelSpec,
    PredictResponse,
    grpc,
)
from kavc.serving.versions import MAX_VERSION
from kavc.texts import one_line


@dataclass(frozen=True)
class Method:
    """A remote method.

    Args:
        path: "/SERVICE/METHOD".
        response: class of its answers. Requests travel as bytes.

    Example:
        >>> PREDICT.path, HEALTH.path
        ('/tensorflow.serving.PredictionService/Predict', '/grpc.health.v1.Health/Check')
    """

    path: str
    response: Any


PREDICT = Method(f"/{PREDICTION_SERVICE}/Predict", PredictResponse)
METADATA = Method(f"/{PREDICTION_SERVICE}/GetModelMetadata", GetModelMetadataResponse)
STATUS = Method(f"/{MODEL_SERVICE}/GetModelStatus", GetModelStatusResponse)
HEALTH = Method(f"/{HEALTH_SERVICE}/Check", HealthCheckResponse)

# What a server answers that is not there, and one that goes down to calls it has not looked at.
GONE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
# Refusals that remembered metadata may have caused: by now a newer version may be served.
OUTDATED = ("INVALID_ARGUMENT", "FAILED_PRECONDITION")
# RESOURCE_EXHAUSTED means this too: too many calls at a time, which smaller ones only make worse.
OVER_LIMIT = re.compile("(larger than|exceeds) max", re.IGNORECASE)


class Transport(Protocol):
    """Sends and waits."""

    async def call(self, method: Method, request: bytes, timeout: float) -> Any:
        """Returns the answer; raises `grpc.RpcError`."""

    async def sleep(self, seconds: float) -> None:
        """Waits."""

    async def together(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Runs one worker or several; all share what is to be done. Raises the first failure."""


@dataclass(frozen=True)
class Question:
    """The arguments of one `predict`, as `blocking.Client.predict` describes them."""

    model: str
    inputs: Mapping[str, Any]
    signature: str
    version: int | None
    outputs: Sequence[str] | None


class Calls:
    """The calls of a client. Threads may share it: a memory that two write at once is right twice.

    Args:
        address: HOST:PORT, for messages.
        transport: sends and waits.
        timeout: seconds of a call that names none.
        retries: when a call is tried again.
        limit: bytes of a message.

    Attributes:
        closed: set when the connection is closed; further calls are refused.
    """

    def __init__(
        self, address: str, transport: Transport, *, timeout: float, retries: Retry, limit: int
    ):
        self._address = address
        self._transport = transport
        self._timeout = timeout
        self._retries = retries
        self._limit = limit
        self._memory: dict[tuple[str, int | None], Signatures] = {}
        self.closed = False
        self._deadline(None)  # the timeout is checked where it is given

    async def predict(
        self, question: Question, timeout: float | None = None
    ) -> dict[str, np.ndarray]:
        """See `kavc.serving.client.blocking.Client.predict`."""
        deadline = self._deadline(timeout)
        parts = await self._prepare(question, deadline)
        try:
            await self._ask(parts, deadline)
        except ServingError as error:
            again = await self._again(question, parts, error, deadline)
            if again is None:
                raise
            parts = again
            await self._ask(parts, deadline)
        return parts.joined()

    async def signatures(
        self, model: str, version: int | None = None, timeout: float | None = None
    ) -> Signatures:
        """See `kavc.serving.client.blocking.Client.signatures`."""
        return await self._discover(model, version, self._deadline(timeout))

    async def status(
        self, model: str, version: int | None = None, timeout: float | None = None
    ) -> dict[int, VersionStatus]:
        """See `kavc.serving.client.blocking.Client.status`."""
        return await self._status(model, version, self._deadline(timeout))

    async def health(self, service: str = "", timeout: float | None = None) -> str:
        """See `kavc.serving.client.blocking.Client.health`."""
        request = HealthCheckRequest(service=service).SerializeToString()
        response = await self._send(HEALTH, request, self._deadline(timeout))
        return enum_name(response, "status")

    async def _prepare(self, question: Question, deadline: Deadline) -> Parts:
        """Casts and checks the inputs by what is known of the model.

        A refusal by remembered metadata is no proof: the server may have a newer version by now.
        """
        known = self._memory.get((question.model, question.version))
        if known is not None:
            try:
                return self._parts(question, known)
            except (ConfigError, DataError):
                pass
        known = await self._discover(question.model, question.version, deadline)
        return self._parts(question, known)

    def _parts(self, question: Question, known: Signatures) -> Parts:
        return Parts(
            known,
            question.signature,
            known.fit(question.signature, question.inputs, question.outputs),
            version=question.version,
            outputs=question.outputs,
            limit=self._limit,
        )

    async def _again(
        self, question: Question, parts: Parts, error: ServingError, deadline: Deadline
    ) -> Parts | None:
        """Returns the call anew if the server has another version than we thought, else None.

        That is so if the version went away between two parts, or if one came between metadata and
        call, and what it takes is something else.
        """
        gone = error.code == "NOT_FOUND" and parts.pinned
        outdated = error.code in OUTDATED and not parts.pinned
        if question.version is not None or not (gone or outdated):
            return None
        self._memory.pop((question.model, question.version), None)
        try:
            again = await self._prepare(question, deadline)
        except ServingError:
            return None
        name = question.signature
        changed = again.known[name].inputs != parts.known[name].inputs
        return again if gone or changed else None

    async def _ask(self, parts: Parts, deadline: Deadline) -> None:
        """Sends all parts: the first one alone, since its answer pins the version of the others."""

        async def work() -> None:
            while (rows := parts.take()) is not None:
                await self._ask_rows(parts, *rows, deadline)

        try:
            first = parts.take()
            assert first is not None
            await self._ask_rows(parts, *first, deadline)
            if parts.left:
                await self._transport.together(work)
        except ServingError as error:
            raise parts.told(error) from None

    async def _ask_rows(self, parts: Parts, start: int, stop: int, deadline: Deadline) -> None:
        while start < stop:
            end = min(start + parts.most, stop)
            request = parts.encode(start, end)
            if len(request) > self._limit:
                parts.halve(end - start, len(request))
                continue
            try:
                response = await self._send(PREDICT, request, deadline)
            except ServingError as error:
                if error.code != TOO_LARGE or not OVER_LIMIT.search(str(error)):
                    raise
                parts.halve(end - start, len(request), str(error))
                continue
            await self._keep(parts, start, end, response, deadline)
            start = end

    async def _keep(
        self, parts: Parts, start: int, stop: int, response: Any, deadline: Deadline
    ) -> None:
        """Takes an answer, checked by the functions of the version that gives it.

        That may be another one than is remembered, since versions are swapped.
        """
        model, version = parts.known.model, parts.pin(response)
        if version not in (None, parts.known.version):
            known = replace(await self._metadata(model, version, deadline), version=version)
            self._memory[model, parts.asked] = known
            parts.renew(known)
        try:
            parts.keep(start, stop, response)
        except ServingError:  # the server may be right, and what is remembered outdated
            self._memory.pop((model, parts.asked), None)
            raise

    async def _discover(self, model: str, version: int | None, deadline: Deadline) -> Signatures:
        """Asks for a model's functions and remembers them."""
        known = await self._metadata(model, version, deadline)
        self._memory[model, version] = known
        return known

    async def _metadata(self, model: str, version: int | None, deadline: Deadline) -> Signatures:
        request = GetModelMetadataRequest(
            model_spec=_spec(model, version), metadata_field=["signature_def"]
        )
        try:
            response = await self._send(METADATA, request.SerializeToString(), deadline)
        except ServingError as error:
            if error.code != "NOT_FOUND" or version is None:
                raise
            raise await self._with_versions(error, model, deadline) from None
        return read_metadata(response, model, version, self._address)

    async def _with_versions(
        self, error: ServingError, model: str, deadline: Deadline
    ) -> ServingError:
        """Returns the refusal of a version with those that the model has."""
        try:
            versions = await self._status(model, None, deadline)
        except ServingError:  # there is no such model
            return error
        return ServingError(f"{error}; versions there: {told_versions(versions)}", error.code)

    async def _status(
        self, model: str, version: int | None, deadline: Deadline
    ) -> dict[int, VersionStatus]:
        request = GetModelStatusRequest(model_spec=_spec(model, version))
        response = await self._send(STATUS, request.SerializeToString(), deadline)
        return read_status(response, model, version)

    async def _send(self, method: Method, request: bytes, deadline: Deadline) -> Any:
        """Sends a request, again and again while the server is gone and time is left."""
        if self.closed:
            raise ServingError(f"the client of {self._address} is closed", "CANCELLED")
        waits = self._retries.waits()
        attempts = 0
        while True:
            attempts += 1
            try:
                return await self._transport.call(method, request, deadline.left())
            except grpc.RpcError as error:
                refusal = error
            wait = next(waits, None)
            gone = refusal.code() in GONE and not self.closed
            if not gone or wait is None or not deadline.allows(wait):
                raise self._told(refusal, deadline, attempts)
            await self._transport.sleep(wait)

    def _told(self, refusal: grpc.RpcError, deadline: Deadline, attempts: int) -> ServingError:
        code = refusal.code()
        told = one_line(refusal.details() or "")
        if code == grpc.StatusCode.DEADLINE_EXCEEDED:
            return deadline.passed()
        if code == grpc.StatusCode.UNAVAILABLE:
            tried = f", {attempts} attempts" if attempts > 1 else ""
            line = f"no server answers at {self._address} ({told}{tried}); "
            return ServingError(f"{line}is `kavc serve` running there?", code.name)
        return ServingError(f"{self._address} refused, {code.name}: {told}", code.name)

    def _deadline(self, timeout: float | None) -> Deadline:
        return Deadline(self._address, self._timeout if timeout is None else timeout)


def _spec(model: str, version: int | None) -> Any:
    spec = ModelSpec(name=model)
    if version is not None:
        if not 0 <= version <= MAX_VERSION:
            raise ConfigError(f"version is {version}; expected 0 to {MAX_VERSION}")
        spec.version.value = version
    return spec
