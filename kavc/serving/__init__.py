"""Serving: any SavedModel over gRPC, in the layout and the words of TensorFlow Serving.

`serve` starts `tensorflow_model_server` if it is installed, else a local development server that
answers the same calls; `Client` asks either. Nothing here knows a system.
"""

from kavc.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Client": ".client",
        "LocalServer": ".server",
        "load_inputs": ".arrays",
        "save_outputs": ".arrays",
        "serve": ".launcher",
    },
)
