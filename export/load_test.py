r"""Loads a server of TensorFlow Serving's interface, and says how long it took to answer.

    python export/load_test.py --server localhost:8500 --model ti-avc --clients 8 \
        --warmup models/ti-avc/1                      # closed loop: 8 callers, one request each
    python export/load_test.py --server localhost:8500 --model ti-avc --rate 100 \
        --input request.npz --batch 4 --out load      # open loop: 100 requests a second

A closed loop finds the throughput; an open loop the latency at a rate that callers set and the
server does not slow down: a request counts from when it was due. Exits 1 if a request failed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")

import numpy as np
from load_clients import OK, Load, Seen, channel, run

from kavc.errors import ConfigError, KavcError, ServingError, unknown

PERCENTILES = (50, 95, 99)
STEPS = 16  # of a drawn input whose length varies
BINS = 30


def main(words: Sequence[str] | None = None) -> int:
    """Runs one load, prints and writes what came of it; returns the exit code."""
    options = _parser().parse_args(words)
    try:
        load = _load(options)
        print(f"{_mode(load)} on {load.address}, {load.seconds:g} s ...", file=sys.stderr)
        seen = run(load)
        result = summary(load, seen, options)
    except (KavcError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return getattr(error, "exit_code", 1)
    if options.out is not None:
        from kavc.files import write_json

        write_json(options.out.with_suffix(".json"), result)
        draw(load, seen, result, options.out.with_suffix(".png"))
    print(json.dumps(result, indent=2))
    return 0 if set(result["codes"]) == {OK} else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--server", required=True, metavar="HOST:PORT")
    add("--model", required=True)
    add("--signature", default="serving_default")
    add("--version", type=int, help="latest by default")
    inputs = parser.add_mutually_exclusive_group()
    inputs.add_argument("--input", type=Path, help=".npz or .json with the inputs")
    inputs.add_argument("--warmup", type=Path, help="version folder, for its warm-up request")
    add("--batch", type=int, help="rows of a request; its rows are repeated")
    loops = parser.add_mutually_exclusive_group()
    loops.add_argument("--clients", type=int, default=1, help="closed loop")
    loops.add_argument("--rate", type=float, help="open loop: requests a second")
    add("--seconds", type=float, default=10.0)
    add("--warm-seconds", type=float, default=2.0, help="before, not counted")
    add("--timeout", type=float, default=10.0)
    add("--processes", type=int, default=1, help="that the callers are spread over")
    add("--seed", type=int, default=0, help="of the arrivals and of drawn inputs")
    add("--tls-ca", type=Path, help="PEM: who signs the server's certificate")
    add("--tls-key", type=Path, help="PEM: the client's key")
    add("--tls-cert", type=Path, help="PEM: the client's certificate")
    add("--out", type=Path, help="writes OUT.json and OUT.png")
    return parser


def _load(options: argparse.Namespace) -> Load:
    for name in ("clients", "rate", "seconds", "timeout", "processes", "batch"):
        value = getattr(options, name)
        if value is not None and not value > 0:
            raise ConfigError(f"--{name} is {value}; expected more than 0")
    if options.rate is None and options.clients < options.processes:
        raise ConfigError(f"--processes {options.processes} for {options.clients} clients")
    load = Load(
        address=options.server,
        seconds=options.seconds,
        warm_seconds=options.warm_seconds,
        clients=options.clients,
        rate=options.rate,
        timeout=options.timeout,
        processes=options.processes,
        ca=options.tls_ca,
        key=options.tls_key,
        cert=options.tls_cert,
        seed=options.seed,
    )
    return replace(load, request=request_bytes(options, load))


def request_bytes(options: argparse.Namespace, load: Load) -> bytes:
    """Returns the request that is sent again and again, as bytes."""
    from kavc.serving import wire
    from kavc.serving.protos import ModelSpec, PredictRequest

    spec = ModelSpec(name=options.model, signature_name=options.signature)
    if options.version is not None:
        spec.version.value = options.version
    inputs = {name: _rows(value, options.batch) for name, value in _inputs(options, load).items()}
    protos = {name: wire.to_proto(value) for name, value in inputs.items()}
    return PredictRequest(model_spec=spec, inputs=protos).SerializeToString()


def _rows(value: np.ndarray, batch: int | None) -> np.ndarray:
    return value if batch is None else np.resize(value, (batch, *value.shape[1:]))


def _inputs(options: argparse.Namespace, load: Load) -> dict[str, np.ndarray]:
    from kavc.serving import wire
    from kavc.serving.arrays import load_inputs
    from kavc.serving.warmup import read_warmup

    if options.input is not None:
        return load_inputs(options.input)
    if options.warmup is None:
        return _drawn(options, load)
    for request in read_warmup(options.warmup):
        if request.model_spec.signature_name == options.signature:
            return {name: wire.to_array(proto, name) for name, proto in request.inputs.items()}
    raise ConfigError(f"{options.warmup} has no warm-up request for {options.signature!r}")


def _drawn(options: argparse.Namespace, load: Load) -> dict[str, np.ndarray]:
    """Draws inputs of the shapes that the server names; integers are 1, which most checks take."""
    signature = _signature(options, load)
    rng = np.random.default_rng(options.seed)

    def draw(info: Any) -> np.ndarray:
        if info.shape is None:
            raise ConfigError("an input takes any rank; give --input")
        shape = [1, *(size or STEPS for size in info.shape[1:])]
        if info.dtype == "string":
            return np.full(shape, b"a", object)
        if info.dtype.startswith("float"):
            return rng.normal(size=shape).astype(info.dtype)
        return np.ones(shape, info.dtype)

    return {name: draw(info) for name, info in signature.inputs.items()}


def _signature(options: argparse.Namespace, load: Load) -> Any:
    """Asks the server what the function takes."""
    from kavc.serving.protos import (
        GetModelMetadataRequest,
        ModelSpec,
        PredictionServiceStub,
        SignatureDefMap,
        grpc,
    )
    from kavc.serving.signature import read_signature

    spec = ModelSpec(name=options.model)
    if options.version is not None:
        spec.version.value = options.version
    request = GetModelMetadataRequest(model_spec=spec, metadata_field=["signature_def"])
    try:
        with channel(load) as connection:
            stub = PredictionServiceStub(connection)
            answer = stub.GetModelMetadata(request, timeout=load.timeout)
    except grpc.RpcError as error:
        raise ServingError(f"{options.server}: {error.code().name}: {error.details()}") from None
    definitions = SignatureDefMap()
    answer.metadata["signature_def"].Unpack(definitions)
    if options.signature not in definitions.signature_def:
        raise ConfigError(unknown("signature", options.signature, definitions.signature_def))
    return read_signature(definitions.signature_def[options.signature])


def summary(load: Load, seen: Seen, options: argparse.Namespace) -> dict[str, Any]:
    """Returns the figures of a run; latencies in milliseconds, of the requests that succeeded."""
    answered = seen.seconds[seen.codes == OK] * 1e3
    if not len(answered):
        raise ServingError(f"no request was answered: {dict(Counter(seen.codes.tolist()))}")
    latency = {f"p{each}": float(np.percentile(answered, each)) for each in PERCENTILES}
    return {
        "mode": _mode(load),
        "model": options.model,
        "signature": options.signature,
        "batch": options.batch,
        "request_bytes": len(load.request),
        "seconds": load.seconds,
        "processes": load.processes,
        "requests": len(seen.due),
        "answered_per_second": len(answered) / load.seconds,
        "latency_ms": {**latency, "max": float(answered.max()), "mean": float(answered.mean())},
        # How late these callers sent what was due: if they can't keep up, use more processes.
        "sent_late_ms": {
            f"p{each}": float(np.percentile(seen.late, each) * 1e3) for each in (50, 99)
        },
        "codes": dict(sorted(Counter(seen.codes.tolist()).items())),
    }


def _mode(load: Load) -> str:
    if load.rate is None:
        return f"closed loop, {load.clients} clients"
    return f"open loop, {load.rate:g} requests a second"


def draw(load: Load, seen: Seen, result: dict[str, Any], path: Path) -> None:
    """Draws the percentiles over time, and the distribution."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter

    from kavc.evaluation.style import DARK, GREY, LIGHT, PALETTE, plain_axes
    from kavc.files import whole_file

    right = seen.codes == OK
    due, latency = seen.due[right], seen.seconds[right] * 1e3
    figure = Figure(figsize=(10, 4), layout="constrained")
    over_time, distribution = figure.subplots(1, 2)
    edges = np.linspace(0, load.seconds, BINS + 1)
    parts = np.digitize(due, edges[1:-1])
    bins = [latency[parts == number] for number in range(BINS)]
    middles = (edges[1:] + edges[:-1]) / 2
    for each, colour in zip(PERCENTILES, PALETTE, strict=False):
        heights = [np.percentile(part, each) if len(part) else np.nan for part in bins]
        value = result["latency_ms"][f"p{each}"]
        over_time.plot(middles, heights, color=colour)
        distribution.axvline(value, color=colour, label=f"p{each}  {_short(value)} ms")
    low, high = latency.min() * 0.9, latency.max() * 1.1
    distribution.hist(latency, np.geomspace(low, high, 60), color=GREY)
    over_time.set_ylim(bottom=0)
    figure.legend(loc="outside upper right", ncols=3, frameon=False, labelcolor=DARK, fontsize=9)
    distribution.tick_params(which="minor", labelsize=9, labelcolor=DARK, color=LIGHT)
    distribution.set_xscale("log")
    distribution.xaxis.set_major_formatter(FuncFormatter(_plain_number))
    distribution.xaxis.set_minor_formatter(FuncFormatter(_plain_number))
    plain_axes(over_time, "seconds since the start", "latency, ms", "Over time")
    plain_axes(distribution, "latency, ms (log)", "requests", "Distribution")
    figure.suptitle(
        f"{result['model']}, {result['mode']}: {result['answered_per_second']:.0f} answers/s",
        color=DARK,
        fontsize=11,
        x=0.01,
        ha="left",
    )
    with whole_file(path) as temporary:
        figure.savefig(temporary, dpi=150)


def _plain_number(value: float, _: int) -> str:
    """Returns "20" for 2e1; nothing where the first digit is not 1, 2 or 5, lest labels collide."""
    return f"{value:g}" if f"{value:.0e}"[0] in "125" else ""


def _short(value: float) -> str:
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


if __name__ == "__main__":
    sys.exit(main())
