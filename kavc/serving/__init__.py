"""Serving: any SavedModel over gRPC, in the layout and the words of TensorFlow Serving.

`serve` starts `tensorflow_model_server` if it is installed, else a local development server that
answers the same calls; `Client` asks either, and so does `AsyncClient` from an event loop. Nothing
here knows a system.
"""

from kavc.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "AsyncClient": ".client.aio",
        "Client": ".client.blocking",
        "ClientTLS": ".client.channel",
        "LocalServer": ".server.local",
        "Retry": ".client.retry",
        "load_inputs": ".arrays",
        "save_outputs": ".arrays",
        "serve": ".launcher",
    },
)
