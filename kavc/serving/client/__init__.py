"""The client: asks any server that speaks TensorFlow Serving's gRPC, blocking or from asyncio."""

from kavc.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "AsyncClient": ".aio",
        "Client": ".blocking",
        "ClientTLS": ".channel",
        "Retry": ".retry",
        "Signatures": ".discovery",
        "VersionStatus": ".discovery",
        "load_inputs": "..arrays",
        "save_outputs": "..arrays",
    },
)
