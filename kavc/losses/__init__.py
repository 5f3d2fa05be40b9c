"""Keras losses and the functions they are made of, one file a family."""

from kavc.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, {"info_nce": ".contrastive"})
