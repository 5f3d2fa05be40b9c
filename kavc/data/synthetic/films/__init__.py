"""Short films with sound, and songs, drawn from a known world: real mp4 and m4a files.

Each theme has shapes, a palette, a background and an instrument. What is seen and heard in one film
shares more than its theme: mood, tempo, the melody's ups and downs, and impacts. It takes the extra
`media`.
"""

from kavc.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Film": ".world",
        "FilmSettings": ".world",
        "THEMES": ".themes",
        "Theme": ".themes",
        "film": ".world",
        "frames": ".picture",
        "samples": ".sound",
        "song": ".world",
        "write": ".corpus",
    },
)
