"""Jobs that several processes work on, on this machine or on a cluster: all that knows Ray."""

from kavc.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__, {"Died": ".slots", "Ended": ".slots", "Slots": ".slots"}
)
