"""`kavc predict`: ask a run or a server, and print or write the answers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kavc.cli.answers import Answers
from kavc.cli.media import (
    Media,
    RunFolder,
    WeightsOption,
    check_asked,
    features_of_run,
    served,
)
from kavc.cli.output import print_json, print_table, progress
from kavc.cli.train import AsJson
from kavc.errors import ConfigError, unknown

if TYPE_CHECKING:
    import numpy as np

    from kavc.serving.client.blocking import Client
    from kavc.serving.signature import SignatureInfo
    from kavc.training.run import Run


def predict(
    run: RunFolder = None,
    server: Annotated[
        str | None, typer.Option("--server", help="HOST:PORT of a server, in place of a run.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="Name of the model at the server.")
    ] = None,
    inputs: Annotated[
        Path | None, typer.Option("--input", help=".npz or .json with the inputs.")
    ] = None,
    media: Media = None,
    theme: Annotated[
        str | None, typer.Option("--theme", help="With --media: the theme, or its index.")
    ] = None,
    weights: WeightsOption = None,
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
    """Ask a run, or a server, about features or a clip; print or write the answers."""
    _check(run, server, model, inputs, media, theme, weights, version, listed)
    from kavc.serving.arrays import check_new, load_inputs, save_outputs
    from kavc.serving.classes import names_at

    if out is not None:
        check_new(out)
    values = load_inputs(inputs) if inputs is not None else {}
    wanted = [name.strip() for name in outputs.split(",")] if outputs else None
    if run is not None and listed:
        _list_run(run, as_json=as_json)
        return
    if run is not None:
        answers, classes = _of_run(run, signature, values, media, theme, weights, wanted)
    else:
        tls = (tls_ca, tls_key, tls_cert)
        with _client(str(server), timeout, *tls) as client:
            if listed:
                _list(client, str(model), version, as_json=as_json)
                return
            if media is not None:
                signature, values = served(client, str(model), signature, media, version)
            shown = as_json or out is None
            classes = names_at(client, str(model), version) if shown or media is not None else []
            if media is not None:
                info = client.signatures(str(model), version)[signature]
                values |= _theme(theme, info, classes)
            answers = client.predict(
                str(model), values, signature=signature, version=version, outputs=wanted
            )
    given = Answers(answers, classes)
    plain = given.to_json() if as_json else {}  # refused before anything is written
    if out is not None:
        save_outputs(out, answers)
        progress(f"answers: {out}")
    if as_json:
        print_json(plain)
    elif out is None:
        print_table(given.table(f"{model or run}, {signature}"))


def _check(
    run: str | None, server: str | None, model: str | None, inputs: Path | None,
    media: Path | None, theme: str | None, weights: object, version: int | None, listed: bool,
) -> None:  # fmt: skip
    """Raises unless what was typed makes sense together."""
    if listed and (inputs is not None or media is not None):
        raise ConfigError("expected --input, or --list to see what the model takes")
    what, more = "the inputs of a request, --input FILE", "; --list says what the model takes"
    check_asked(run, server, inputs, media, what, more, weights=weights, listed=listed)
    if server is not None and model is None:
        raise ConfigError("expected the name of the model at the server, --model NAME")
    if run is not None and (model is not None or version is not None):
        raise ConfigError("--model and --version are those of a server; leave them out with a run")
    if theme is not None and media is None:
        raise ConfigError("--theme goes with --media; with --input the theme is one of the inputs")


def _client(
    server: str, timeout: float, ca: Path | None, key: Path | None, cert: Path | None
) -> Client:
    from kavc.serving.client.blocking import Client
    from kavc.serving.client.channel import ClientTLS

    tls = ClientTLS(root_cert=ca, key=key, cert=cert) if any((ca, key, cert)) else None
    return Client(server, timeout=timeout, tls=tls)


def _of_run(
    path: str,
    signature: str,
    values: dict[str, np.ndarray],
    media: Path | None,
    theme: str | None,
    weights: list[str] | None,
    wanted: Sequence[str] | None,
) -> tuple[dict[str, np.ndarray], Sequence[str]]:
    """Asks a run's network, in this process; returns its answers and the names of its classes."""
    from kavc.serving.client.cast import cast_all
    from kavc.training import asked
    from kavc.training.run import Run

    run = Run(path)
    run.check_finished()
    offered = asked.told(run.path) or run.signatures
    if signature not in offered:
        raise ConfigError(f"{run.path}: {unknown('signature', signature, offered)}")
    info = offered[signature]
    outputs = _known(wanted, info.outputs)
    if media is None:
        cast_all(values, info)
    else:
        from kavc.extraction.one_clip import request

        others = _theme(theme, info, run.classes)  # before what takes long
        _check_made(run, signature, {*info.inputs} - {*others})
        features = features_of_run(run, media, weights, info.inputs)
        values = request(features.arrays, info) | others
    # What needs no network was asked for by now.
    found = run.predict(values, signature=signature)
    return {name: found[name] for name in outputs}, run.classes


def _check_made(run: Run, signature: str, inputs: Collection[str]) -> None:
    """Raises if a signature takes what is not made of a clip, as vectors of tracks."""
    from kavc.serving.lengths import LENGTH

    made = run.data.get("extractors")
    if made is None:
        return
    arrays = {name.removesuffix(LENGTH) for name in inputs}
    if others := sorted(arrays - set(made)):
        raise ConfigError(
            f"signature {signature!r} also takes {', '.join(others)}, which no clip has; give "
            "--input, or ask another one (--list)"
        )


def _theme(theme: str | None, info: SignatureInfo, names: Sequence[str]) -> dict[str, Any]:
    """Returns the input `theme`, if a signature has one.

    Raises:
        ConfigError: it has one and none is given, or the reverse; or it is no theme.
    """
    import numpy as np

    if "theme" not in info.inputs:
        if theme is not None:
            raise ConfigError("--theme: this signature takes none; leave it out")
        return {}
    if theme is None:
        known = f": {', '.join(names)}" if names else ", by its index"
        raise ConfigError(f"expected the theme of the video, --theme THEME{known}")
    if theme in names:
        return {"theme": np.array([list(names).index(theme)], np.int32)}
    if not theme.isdecimal() or (names and int(theme) >= len(names)):
        no_names = f"--theme {theme}: expected its index, since the model says no names"
        raise ConfigError(unknown("theme", theme, names) if names else no_names)
    return {"theme": np.array([int(theme)], np.int32)}


def _known(wanted: Sequence[str] | None, answers: Mapping[str, Any]) -> Sequence[str]:
    for name in wanted or ():
        if name not in answers:
            raise ConfigError(unknown("output", name, answers))
    return wanted or list(answers)


def _list_run(path: str, *, as_json: bool) -> None:
    """Prints the functions of a run's network."""
    from kavc.evaluation.table import Table
    from kavc.training import asked
    from kavc.training.run import Run

    run = Run(path)
    run.check_finished()
    found = asked.told(run.path) or run.signatures
    if as_json:
        print_json({"signatures": {name: info.to_json() for name, info in found.items()}})
        return
    rows = [
        (name, kind, key, str(tensor))
        for name, info in found.items()
        for kind, tensors in (("input", info.inputs), ("output", info.outputs))
        for key, tensor in tensors.items()
    ]
    columns = ["signature", "kind", "name", "tensor"]
    print_table(Table("signatures", columns, rows, caption=path))


def _list(client: Client, model: str, version: int | None, *, as_json: bool) -> None:
    """Prints a model's versions, and the functions of one of them."""
    from kavc.evaluation.table import Table

    versions = client.status(model)
    found = client.signatures(model, version)
    if as_json:
        states = {str(number): vars(status) for number, status in versions.items()}
        functions = {name: info.to_json() for name, info in found.items()}
        about = {"model": model, "version": found.version, "versions": states}
        print_json(about | {"signatures": functions})
        return
    rows = [(str(number), str(status)) for number, status in versions.items()]
    print_table(Table("versions", ["version", "state"], rows, caption=f"versions of {model}"))
    caption = model if found.version is None else f"{model}, version {found.version}"
    columns = ["signature", "kind", "name", "tensor"]
    print_table(Table("signatures", columns, found.tensors(), caption=caption))


COMMANDS = (predict,)
