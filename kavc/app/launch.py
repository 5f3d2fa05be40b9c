"""The server of the page."""

from __future__ import annotations

import contextlib
import errno
import signal
import socket
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from kavc.app.options import AppOptions
from kavc.errors import ConfigError
from kavc.evaluation.style import PALETTE

if TYPE_CHECKING:
    from kavc.app.questions import Questions
    from kavc.app.uploads import Uploads

GRACE = 3  # seconds for connections to end
HERE = ("localhost", "127.0.0.1", "::1")
ICON = (  # two circles that overlap: what is heard, and what is seen
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
    f'<circle cx="12" cy="16" r="9" fill="{PALETTE[0]}"/>'
    f'<circle cx="20" cy="16" r="9" fill="{PALETTE[1]}" fill-opacity=".8"/></svg>'
)


def start(options: AppOptions, *, tell: Callable[[str], None]) -> None:
    """Serves the page until it is interrupted, by Ctrl-C or SIGTERM; in the main thread.

    Args:
        options: of the page.
        tell: is called with the address of the page once it is served, and with warnings.

    Raises:
        ConfigError: the extra `app` is not installed, the address can't be used, or the folder of
            weights has none.
        DataError: the folder of tracks is none, or has none.
        ServingError: no server answers.

    Example:
        start(AppOptions("127.0.0.1:8500"), tell=print)
    """
    check_installed()
    from kavc.app.questions import Questions
    from kavc.app.uploads import Uploads

    with Questions(options) as questions, Uploads() as uploads:
        questions.offers()  # a wrong address is told now, not to the first visitor
        with _bound(options) as bound:
            if not options.is_local:
                tell(
                    f"warning: {options.host} is reached by other machines; whoever opens the page "
                    "can ask the models, without a password"
                )
            _serve(application(questions, uploads), bound, tell)


def check_installed() -> None:
    """Raises unless the packages are there that the page needs.

    Raises:
        ConfigError: they aren't.
    """
    for package, extra in (("nicegui", "app"), ("grpc", "serve"), ("av", "media")):
        if find_spec(package) is None:
            raise ConfigError(
                f"the page needs {package}, which is not installed; pip install 'kavc[{extra}]'"
            )


def application(questions: Questions, uploads: Uploads) -> Any:
    """Returns the ASGI application: the page and the clips, guarded.

    Args:
        questions: asks the server.
        uploads: keeps the clips.

    Example:
        with Questions(options) as questions, Uploads() as uploads:
            uvicorn.run(application(questions, uploads))
    """
    from fastapi import FastAPI, HTTPException
    from fastapi.responses import FileResponse
    from nicegui import ui

    from kavc.app.guard import Guard
    from kavc.app.page import Page

    options = questions.options
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    hosts = {*HERE, options.host} if options.is_local else None
    app.add_middleware(Guard, hosts=hosts, most=options.most_bytes)

    @app.get("/clip/{secret}", response_model=None)
    def clip(secret: str) -> FileResponse:
        found = uploads.of(secret)
        if found is None:
            raise HTTPException(404)
        headers = {"cache-control": "no-store"}
        return FileResponse(found.path, media_type=found.media_type, headers=headers)

    def root() -> None:
        Page(questions, uploads).build()

    ui.run_with(
        app, root=root, title="kavc", favicon=ICON, dark=None, language="en-GB",
        tailwind=False, show_welcome_message=False, binding_refresh_interval=None,
        reconnect_timeout=5,
    )  # fmt: skip
    return app


def _bound(options: AppOptions) -> socket.socket:
    """Returns a socket at which the page is served.

    Raises:
        ConfigError: there is none.
    """
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    bound = socket.socket(family)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((options.host, options.port))
    except OSError as error:
        bound.close()
        remedy = "give another --port" if error.errno == errno.EADDRINUSE else "see --host, --port"
        raise ConfigError(
            f"{options.host}:{options.port}: {error.strerror or error}; {remedy}"
        ) from None
    return bound


def _serve(app: Any, bound: socket.socket, tell: Callable[[str], None]) -> None:
    import uvicorn

    class Told(uvicorn.Server):
        """Says where it is once it answers."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            host, port = bound.getsockname()[:2]
            tell(f"http://{f'[{host}]' if ':' in host else host}:{port}")

    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=GRACE, ws="wsproto")
    with contextlib.suppress(KeyboardInterrupt):
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that clips are deleted
        Told(config).run(sockets=[bound])
