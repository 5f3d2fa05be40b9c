"""A sweep that several processes share: a chief that proposes trials, workers that train them.

The sweep's folder is the chief's alone; a worker needs the data and the chief's address. Messages
are those of `messages`, not KerasTuner's: in these, a trial's reason, its record and a worker's
sign of life have no place, and any peer can change the search space.
"""

from kavc.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__, {"run_chief": ".lead", "run_shared": ".launcher", "work": ".worker"}
)
