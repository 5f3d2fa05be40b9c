"""Music for video (Langlois, 2019): which of two tracks fits better, and which of many best?"""

from kavc.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "MusicMatch": ".networks",
        "MusicMatchConfig": ".config",
        "MusicMatchSystem": ".system",
        "Scored": ".scoring",
        "load_judgements": ".stages",
        "score": ".scoring",
    },
)
