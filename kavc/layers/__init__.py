"""Keras layers on `keras.ops` alone: masks made from lengths, attention and pooling under them."""

from kavc.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "AdditiveAttentionPooling": ".attention",
        "LengthMask": ".masking",
        "MaskedGlobalAveragePooling1D": ".pooling",
        "MaskedGlobalMaxPooling1D": ".pooling",
        "MultiHeadAttentionPooling": ".attention",
        "Projection": ".projection",
        "SequenceAttentionPooling": ".attention",
        "UnitNorm": ".unit_norm",
        "WeightedAttentionPooling": ".attention",
        "ZeroPadding": ".masking",
        "masked_softmax": ".masking",
    },
)
