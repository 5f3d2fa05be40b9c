"""`kavc predict`: ask a server, and print or write its answers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kavc.cli.output import print_json, print_table, progress
from kavc.cli.train import AsJson
from kavc.errors import ConfigError, DataError

if TYPE_CHECKING:
    import numpy as np

    from kavc.evaluation.table import Table
    from kavc.serving.client.blocking import Client
    from kavc.serving.signature import SignatureInfo

SHOWN = 20  # rows of a table of answers


def predict(
    server: Annotated[str, typer.Option("--server", help="HOST:PORT.")],
    model: Annotated[str, typer.Option("--model", help="Name of the model.")],
    inputs: Annotated[
        Path | None, typer.Option("--input", help=".npz or .json with the inputs.")
    ] = None,
    signature: Annotated[str, typer.Option("--signature", help="Function to call.")] = (
        "serving_default"
    ),
    version: Annotated[int | None, typer.Option("--version", help="Latest by default.")] = None,
    outputs: Annotated[
        str | None, typer.Option("--outputs", help="NAME,NAME: those to ask for; all by default.")
    ] = None,
    listed: Annotated[
        bool, typer.Option("--list", help="Instead: print what the model takes and gives.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", help=".npz or .json to write; must be new.")
    ] = None,
    timeout: Annotated[float, typer.Option("--timeout", min=0.001, help="Seconds.")] = 10.0,
    tls_ca: Annotated[
        Path | None, typer.Option("--tls-ca", help="Use TLS; PEM that signs the server's.")
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option("--tls-cert", help="PEM of this client, with --tls-key.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option("--tls-key", help="PEM of its key.")] = None,
    as_json: AsJson = False,
) -> None:
    """Ask a server, and print or write its answers."""
    if listed == (inputs is not None):
        raise ConfigError("expected --input, or --list to see what the model takes")
    from kavc.serving.arrays import check_new, load_inputs, save_outputs
    from kavc.serving.client.blocking import Client
    from kavc.serving.client.channel import ClientTLS

    if out is not None:
        check_new(out)
    values = load_inputs(inputs) if inputs is not None else {}
    secure = any((tls_ca, tls_cert, tls_key))
    tls = ClientTLS(root_cert=tls_ca, key=tls_key, cert=tls_cert) if secure else None
    with Client(server, timeout=timeout, tls=tls) as client:
        if listed:
            _list(client, model, version, as_json=as_json)
            return
        wanted = [name.strip() for name in outputs.split(",")] if outputs else None
        answers = client.predict(
            model, values, signature=signature, version=version, outputs=wanted
        )
    plain = {name: _plain(name, value) for name, value in answers.items()} if as_json else {}
    if out is not None:
        save_outputs(out, answers)
        progress(f"answers: {out}")
    if as_json:
        print_json(plain)
    elif out is None:
        print_table(_table(answers, f"{model}, {signature}"))


def _list(client: Client, model: str, version: int | None, *, as_json: bool) -> None:
    """Prints a model's versions, and the functions of one of them."""
    from kavc.evaluation.table import Table

    versions = client.status(model)
    found = client.signatures(model, version)
    if as_json:
        states = {str(number): vars(status) for number, status in versions.items()}
        functions = {name: _tensors(info) for name, info in found.items()}
        about = {"model": model, "version": found.version, "versions": states}
        print_json(about | {"signatures": functions})
        return
    rows = [(str(number), str(status)) for number, status in versions.items()]
    print_table(Table("versions", ["version", "state"], rows, caption=f"versions of {model}"))
    caption = model if found.version is None else f"{model}, version {found.version}"
    columns = ["signature", "kind", "name", "tensor"]
    print_table(Table("signatures", columns, found.tensors(), caption=caption))


def _tensors(info: SignatureInfo) -> dict[str, Any]:
    return {
        "inputs": {name: vars(tensor) for name, tensor in info.inputs.items()},
        "outputs": {name: vars(tensor) for name, tensor in info.outputs.items()},
    }


def _plain(name: str, value: np.ndarray) -> Any:
    """Returns an output as JSON holds it; text as text.

    Raises:
        DataError: a number isn't finite.
    """
    import numpy as np

    if value.dtype == object:
        return _text(value).tolist()
    if not np.isfinite(value).all():
        raise DataError(
            f"output {name!r} is not finite, which JSON can't hold; write .npz with --out"
        )
    return value.tolist()


def _text(value: np.ndarray) -> np.ndarray:
    import numpy as np

    words = [word.decode(errors="backslashreplace") for word in value.ravel().tolist()]
    return np.array(words, dtype=object).reshape(value.shape)


def _table(answers: Mapping[str, np.ndarray], caption: str) -> Table:
    """Returns the answers a row of the batch; one output a row where they have no batch."""
    from kavc.evaluation.table import Table

    sizes = {value.shape[:1] for value in answers.values()}
    if len(sizes) != 1 or sizes == {()}:
        rows = [(name, _short(value)) for name, value in answers.items()]
        return Table("answers", ["output", "value"], rows, caption=caption)
    ((size,),) = sizes
    cut = f"{SHOWN} of {size} rows; --json and --out give all" if size > SHOWN else ""
    first = [[_short(row) for row in value[:SHOWN]] for value in answers.values()]
    return Table("answers", list(answers), zip(*first, strict=True), caption, cut)


def _short(value: Any) -> str:
    import numpy as np

    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    array = np.asarray(value)
    return np.array2string(
        _text(array) if array.dtype == object else array, precision=4, threshold=8
    )


COMMANDS = (predict,)
