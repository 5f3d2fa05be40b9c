"""What TensorFlow prints as it loads and runs, and what is no trouble: kept off standard error.

Its libraries log of oneDNN, of drivers of a GPU that isn't there and of factories that are
registered twice; what fails raises an error all the same. And it warns of functions that are traced
again, which ours are by intent: a fit or an evaluation makes its graphs for shapes of its own.
"""

from __future__ import annotations

import logging
import os
import sys
from types import FrameType

VARIABLE = "TF_CPP_MIN_LOG_LEVEL"
ERRORS_TOO = "3"  # a factory that is registered twice is logged as an error
RETRACING = "triggered tf.function retracing"


def quieten() -> None:
    """Has TensorFlow print nothing of this, unless the user has set `TF_CPP_MIN_LOG_LEVEL`.

    Its libraries read that once, when they are loaded. What the user's own functions make it warn
    of is printed as ever.
    """
    os.environ.setdefault(VARIABLE, ERRORS_TOO)
    logging.getLogger("tensorflow").addFilter(is_not_of_ours)


def is_not_of_ours(record: logging.LogRecord) -> bool:
    """Tells whether a record is to be printed: no warning of a trace that this package asked for.

    Args:
        record: as loggers give it to a filter, in the thread that logs.
    """
    if RETRACING not in str(record.msg):
        return True
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if str(frame.f_globals.get("__name__")).startswith("kavc."):
            return False
        frame = frame.f_back
    return True
