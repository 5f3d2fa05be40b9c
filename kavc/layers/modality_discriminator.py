"""Tells by a feature whether it was made of sound or of pictures."""

from __future__ import annotations

import keras
from keras import ops

from kavc.layers.batch_norm import UnbiasedBatchNormalization
from kavc.layers.linear import Linear


@keras.saving.register_keras_serializable(package="kavc")
class ModalityDiscriminator(keras.layers.Layer):
    """Dense layers, each normalised over the batch and rectified, and a logit.

    Args:
        units: widths of the hidden layers; 128 and 10 in the published code.

    Call arguments:
        x: `(rows, dim)`.

    Returns:
        Logits `(rows,)`: above 0 for pictures, below for sound.

    Reference:
        Lamba et al., "Cross-Modal learning for Audio-Visual Video Parsing", 2021, equation 2;
        published code.

    Example:
        >>> tuple(ModalityDiscriminator(units=(16, 4))(ops.ones((20, 512))).shape)
        (20,)
    """

    def __init__(self, units=(128, 10), **kwargs):
        super().__init__(**kwargs)
        self.units = tuple(units)
        policy = self.dtype_policy
        self.hidden = [
            Linear(width, dtype=policy, name=f"hidden_{at}") for at, width in enumerate(self.units)
        ]
        self.norms = [
            UnbiasedBatchNormalization(dtype=policy, name=f"norm_{at}")
            for at in range(len(self.units))
        ]
        self.logit = Linear(1, dtype=policy, name="logit")

    def build(self, x_shape):
        width = x_shape[-1]
        for hidden, norm in zip(self.hidden, self.norms, strict=True):
            hidden.build((None, width))
            width = hidden.units
            norm.build((None, width))
        self.logit.build((None, width))

    def call(self, x, training=None):
        for hidden, norm in zip(self.hidden, self.norms, strict=True):
            x = ops.relu(norm(hidden(x), training=training))
        return ops.squeeze(self.logit(x), -1)

    def compute_output_spec(self, x, training=None):
        return keras.KerasTensor((x.shape[0],), dtype=self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "units": list(self.units)}
