"""Small media files, made by the tests themselves."""

from ..media.conftest import film, talkie

__all__ = ["film", "talkie"]
