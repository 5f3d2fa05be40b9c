"""What is looked at before a version is loaded: its ops, its assets, and whether it is whole."""

from kavc.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Inspection": ".inspection",
        "check_variables": ".version_files",
        "inspect": ".inspection",
    },
)
