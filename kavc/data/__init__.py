"""Examples: what they hold, where they come from, how they are stored and paired.

Readers take a `Source` and a split and give a `tf.data.Dataset` of dicts whose names, shapes and
dtypes `kavc.data.schema` describes.
"""

from kavc.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Field": ".schema",
        "Source": ".source",
        "VideoStore": ".store",
        "Vocabulary": ".vocabulary",
        "check_records": ".manifest",
        "convert": ".convert",
        "data_errors": ".damage",
        "derangement": ".pairing",
        "hash_split": ".splits",
        "kwai": ".kwai",
        "pairs": ".pairing",
        "read_records": ".tfrecord",
        "splits": ".splits",
        "synthetic": ".synthetic",
        "video_spec": ".schema",
        "vocabulary": ".vocabulary",
        "write_records": ".tfrecord",
        "youtube8m": ".youtube8m",
    },
)
