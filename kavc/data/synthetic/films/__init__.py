"""Short films with sound, and songs, drawn from a known world: real mp4 and m4a files.

Each theme has shapes, a palette, a background and an instrument. What is seen and heard in one film
shares more than its theme: mood, tempo, the melody's ups and downs, and impacts; by mood and tempo,
some songs fit a film better than others. It takes the extra `media`.
"""

from kavc.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Asked": ".corpus",
        "Film": ".world",
        "FilmSettings": ".world",
        "THEMES": ".themes",
        "Theme": ".themes",
        "film": ".world",
        "fit": ".judgements",
        "frames": ".picture",
        "judge": ".judgements",
        "samples": ".sound",
        "song": ".world",
        "write": ".corpus",
    },
)
