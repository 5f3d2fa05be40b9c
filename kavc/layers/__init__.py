"""Keras layers on `keras.ops` alone: masks made from lengths, attention and pooling under them."""

from kavc.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "AdditiveAttentionPooling": ".attention",
        "AttentionBlock": ".attention_block",
        "AttentiveMMILPooling": ".mmil",
        "ContextAttention": ".segment_attention",
        "GaussianSampling": ".sampling",
        "GradientReversal": ".gradient_reversal",
        "GuidedAttention": ".guided_attention",
        "HybridAttention": ".segment_attention",
        "LengthMask": ".masking",
        "Linear": ".linear",
        "MaskedGlobalAveragePooling1D": ".pooling",
        "MaskedGlobalMaxPooling1D": ".pooling",
        "ModalityDiscriminator": ".modality_discriminator",
        "MultiHeadAttentionPooling": ".attention",
        "Offset": ".token_embedding",
        "PeakNorm": ".peak_norm",
        "PositionAndKind": ".token_embedding",
        "Projection": ".projection",
        "SegmentAttention": ".segment_attention",
        "SequenceAttentionPooling": ".attention",
        "UnbiasedBatchNormalization": ".batch_norm",
        "UnitNorm": ".unit_norm",
        "WeightedAttentionPooling": ".attention",
        "ZeroPadding": ".masking",
        "dot_product_attention": ".segment_attention",
        "masked_softmax": ".masking",
        "mmil_pooling": ".mmil",
        "peak_norm": ".peak_norm",
        "reversal_strength": ".gradient_reversal",
        "reverse_gradient": ".gradient_reversal",
    },
)
