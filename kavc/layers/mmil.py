"""Attentive multimodal multiple-instance pooling: from segments of two streams to a video.

Every segment of either stream is an instance; the bag is the video. An attention over time picks
the segments of a stream that speak for a class, one over streams which of the two to believe.
"""

from __future__ import annotations

import keras
from keras import ops

from kavc.layers.linear import Linear


def mmil_pooling(probability, time_weights, stream_weights):
    """Pools probabilities of segments into those of a video, and of each stream by itself.

    Args:
        probability: `(batch, segments, 2, classes)` in [0, 1]; stream 0 is audio.
        time_weights: of the same shape; sum to 1 over segments.
        stream_weights: of the same shape; sum to 1 over streams.

    Returns:
        video `(batch, classes)` and streams `(batch, 2, classes)`. The weights of a video sum to 1
        if those of the streams do not vary over time, and else to less than 2: what is compared
        with a label must be clipped.

    Reference:
        Tian et al., ECCV 2020, equations 5 and 6.

    Example:
        >>> probability = ops.convert_to_tensor([[[[0.8], [0.2]], [[0.4], [0.0]]]])  # two segments
        >>> half = ops.full((1, 2, 2, 1), 0.5)
        >>> video, streams = mmil_pooling(probability, half, half)
        >>> round(float(video[0, 0]), 4), [round(float(each), 4) for each in streams[0, :, 0]]
        (0.35, [0.6, 0.1])
    """
    pooled = time_weights * probability
    return ops.sum(pooled * stream_weights, axis=(1, 2)), ops.sum(pooled, axis=1)


@keras.saving.register_keras_serializable(package="kavc")
class AttentiveMMILPooling(keras.layers.Layer):
    """Class probabilities of each segment, of each stream and of the video.

    The three heads of the paper, probability, attention over time and attention over streams, are
    one matrix product; they are shared by both streams, and their softmaxes are by class.

    Args:
        classes: int. Number of classes.

    Call arguments:
        x: `(batch, 2, segments, dim)`; stream 0 is audio.

    Returns:
        dict of "segment_probability" `(batch, segments, 2, classes)`, "video_probability",
        "audio_probability" and "visual_probability", `(batch, classes)`; see `mmil_pooling`.

    Weights:
        heads, dim to 3 * classes: probability, attention over time, attention over streams;
        threshold and gate_threshold (), not trained: the least probability of segments, and of what
        gates them, that is decided for; 0.5 until another is assigned, as one that is best on
        validation. No output depends on them.

    Reference:
        Tian et al., "Unified Multisensory Perception: Weakly-Supervised Audio-Visual Video
        Parsing", ECCV 2020, section 4.2.

    Example:
        >>> found = AttentiveMMILPooling(classes=25)(ops.ones((1, 2, 10, 8)))
        >>> tuple(found["segment_probability"].shape), tuple(found["video_probability"].shape)
        ((1, 10, 2, 25), (1, 25))
    """

    def __init__(self, classes=25, **kwargs):
        super().__init__(**kwargs)
        self.classes = classes
        self.heads = Linear(3 * classes, dtype=self.dtype_policy, name="heads")

    def build(self, x_shape):
        self.heads.build(x_shape)
        self.threshold, self.gate_threshold = (
            self.add_weight(
                shape=(),
                initializer=keras.initializers.Constant(0.5),
                trainable=False,
                autocast=False,
                name=name,
            )
            for name in ("threshold", "gate_threshold")
        )

    @property
    def thresholds(self):
        """What is decided by: least probability of segments, and of their gate; two floats."""
        return float(self.threshold), float(self.gate_threshold)

    def decide_by(self, threshold, gate_threshold):
        """Sets `thresholds`.

        Example:
            >>> pooling = AttentiveMMILPooling()
            >>> pooling.build((None, 2, 10, 8))
            >>> pooling.decide_by(0.25, 0.5)
            >>> pooling.thresholds
            (0.25, 0.5)
        """
        self.threshold.assign(threshold)
        self.gate_threshold.assign(gate_threshold)

    def call(self, x):
        probability, time_weights, stream_weights = self.parts(x)
        video, streams = mmil_pooling(probability, time_weights, stream_weights)
        return {
            "segment_probability": probability,
            "video_probability": video,
            "audio_probability": streams[:, 0],
            "visual_probability": streams[:, 1],
        }

    def parts(self, x):
        """Returns probability, weights over time and over streams, as `mmil_pooling` takes them.

        Reference:
            Tian et al., ECCV 2020, section 4.2.
        """
        logits = ops.swapaxes(self.heads(x), 1, 2)
        # Sums over segments in half precision would tell answers apart that are the same.
        logits = ops.cast(logits, keras.backend.result_type(logits.dtype, "float32"))
        probability, over_time, over_streams = ops.split(logits, 3, axis=-1)
        return (
            ops.sigmoid(probability),
            ops.softmax(over_time, axis=1),
            ops.softmax(over_streams, axis=2),
        )

    def compute_output_spec(self, x):
        batch, streams, segments, _ = x.shape
        shapes = {
            "segment_probability": (batch, segments, streams, self.classes),
            "video_probability": (batch, self.classes),
            "audio_probability": (batch, self.classes),
            "visual_probability": (batch, self.classes),
        }
        dtype = keras.backend.result_type(self.compute_dtype, "float32")
        return {name: keras.KerasTensor(shape, dtype=dtype) for name, shape in shapes.items()}

    def get_config(self):
        return {**super().get_config(), "classes": self.classes}
